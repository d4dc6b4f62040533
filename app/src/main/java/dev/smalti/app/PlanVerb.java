package dev.smalti.app;

import dev.smalti.job.CardMemory;
import dev.smalti.job.PictureSurvey;
import dev.smalti.job.PlanTraining;
import dev.smalti.job.TrainingPlan;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "plan",
        description = {
            "Says what a training would take on this machine, before it: parameters, memory and seconds of a step, hours, and"
                    + " what is wrong with the data. Some steps are taken for it, and nothing is written."
        })
final class PlanVerb extends Verb {
    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "folder or zip of images, tar shards, IDX, CIFAR binaries, .npz (default: random images)")
    private Path data;

    @Option(
            names = "--tokens",
            paramLabel = "TOKENS",
            description = "of a prior: token file, or a folder of them (default: random tokens)")
    private Path tokens;

    @Option(
            names = "--tokenizer",
            paramLabel = "RUN",
            description =
                    "of a prior without --tokens: recipe or run folder of the tokenizer that would make them (default:"
                            + " 16x16 tokens of 1024 codes)")
    private String tokenizer;

    @Option(
            names = "--processes",
            paramLabel = "N",
            description =
                    "plan one of N processes that share each batch, each on a machine like this (default: ${DEFAULT-VALUE})")
    private int processes = 1;

    @Mixin
    private RecipeOptions of;

    PlanVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        TrainingPlan plan =
                new PlanTraining(of.recipe(), of.overrides(), data, tokens, tokenizer, processes).run(progress());
        return new Answer(plan.facts(), text(plan));
    }

    private static String text(TrainingPlan plan) {
        TrainingPlan.Training training = plan.training();
        TrainingPlan.Machine machine = plan.machine();
        List<String> lines = new ArrayList<>();
        lines.add(Phrase.of("%s: %s %s%s%s")
                .with(
                        plan.recipe(),
                        plan.kind(),
                        plan.method(),
                        plan.size() == 0
                                ? ""
                                : Phrase.of(", images of %1$dx%1$d").with(plan.size()),
                        plan.space() == null ? "" : ", " + plan.space().text()));
        lines.add(line("parameters", "%s (%s)", number(plan.parameterCount()), parts(plan.parameters())));
        plan.cost().stretches().forEach(stretch -> lines.add(step(training.batch(), stretch)));
        if (training.processes() > 1) {
            lines.add(line(
                    "processes",
                    "%d, %d items in all, each on a machine like this; it sends %s in a step, which takes time on top",
                    training.processes(),
                    training.processes() * training.batch(),
                    bytes(plan.sentBytes())));
        }
        String looks = training.looks() == 0
                ? ""
                : Phrase.of(", %d looks at held-out data (%s) among it")
                        .with(training.looks(), Progress.time(training.looks() * training.lookSeconds()));
        lines.add(line(
                "in all",
                "%d steps, %s%s; previews, a tenth at most, on top",
                training.steps(),
                Progress.time(plan.seconds()),
                looks));
        lines.add(line(
                "memory",
                "%s; weights, gradients, averages alone are %s",
                plan.cost().memory() == 0 ? "not known here" : bytes(plan.cost().memory()) + " resident at most",
                bytes(plan.stateBytes())));
        if (plan.card() != null) {
            card(plan.card(), lines);
        }
        lines.add(line("checkpoint", "%s; at most %d stay", bytes(plan.checkpointBytes()), training.kept()));
        data(plan, lines);
        lines.add(line(
                "measured",
                "seconds and %s, on %s in %s by %d threads; all else is calculated",
                plan.cost().whole()
                        ? "memory"
                        : Phrase.of("memory of %d items (and multiplied)")
                                .with(plan.cost().items()),
                machine.device(),
                machine.precision(),
                machine.threads()));
        plan.notices().forEach(notice -> lines.add(line("note", "%s", notice)));
        return String.join(System.lineSeparator(), lines);
    }

    private static void card(CardMemory card, List<String> lines) {
        lines.add(line(
                "on a card",
                "%s in bf16 with accumulation %d%s: %s, and %s a grid of a part, %s with recompute",
                bytes(card.bytes()),
                card.parts(),
                card.recompute() ? " and recompute" : "",
                bytes(card.fixed()),
                bytes(card.grid()),
                bytes(card.recomputed())));
        lines.add(line(
                "",
                "the least accumulation, and with recompute: %s",
                CardMemory.CARDS.stream()
                        .map(size -> Phrase.of("%d GB %s, %s")
                                .with(size, parts(card.parts(size, false)), parts(card.parts(size, true))))
                        .collect(Collectors.joining("; "))));
    }

    private static String parts(OptionalInt parts) {
        return parts.isPresent() ? Integer.toString(parts.getAsInt()) : "none";
    }

    private static String step(int batch, TrainingPlan.Stretch stretch) {
        return line(
                stretch.from() == 0 ? "a step" : "from " + stretch.from(),
                "%d items in %s (%s to %s in %d steps); %s of processor time, %s operations",
                batch,
                seconds(stretch.seconds()),
                seconds(stretch.least()),
                seconds(stretch.most()),
                stretch.measured(),
                seconds(stretch.processor()),
                number((long) stretch.operations()));
    }

    private static void data(TrainingPlan plan, List<String> lines) {
        TrainingPlan.Data data = plan.data();
        if (data.items() == 0) {
            lines.add(line("data", "random ones, since there is neither --data nor --tokens"));
            return;
        }
        lines.add(line(
                "data",
                "%d %s, %d of them held out; %s epochs",
                data.items(),
                plan.pictures() == null ? "grids" : "pictures",
                data.items() - data.trained(),
                String.format(Locale.ROOT, "%.3g", plan.epochs())));
        if (!data.classes().isEmpty()) {
            lines.add(line("", "%d classes of %d to %d each", data.classes().size(), plan.least(), plan.most()));
        }
        if (plan.pictures() != null) {
            pictures(plan.pictures(), lines);
        }
    }

    private static void pictures(PictureSurvey survey, List<String> lines) {
        if (survey.smaller() > 0) {
            lines.add(line(
                    "",
                    "%d are smaller than the recipe's size and would be enlarged, up to %s times",
                    survey.smaller(),
                    String.format(Locale.ROOT, "%.2g", survey.enlargement())));
        }
        if (survey.cut() > 0) {
            lines.add(line("", "%d would lose more than half to the crop (crop: none squeezes instead)", survey.cut()));
        }
        lines.add(line(
                "",
                "%d broken%s%s",
                survey.broken(),
                survey.decoded() == survey.pictures()
                        ? ""
                        : Phrase.of(" (%d were decoded; of the others the headers were read)")
                                .with(survey.decoded()),
                survey.broken() == 0 ? "" : ": training stops at them, but leaves them out with --skip-bad"));
        survey.messages().forEach(message -> lines.add(line("", "  %s", message)));
    }

    private static String parts(Map<String, Long> parameters) {
        return parameters.entrySet().stream()
                .map(each -> each.getKey() + " " + number(each.getValue()))
                .collect(Collectors.joining(", "));
    }

    private static String line(String name, String format, Object... values) {
        return Phrase.of("%-12s").with(name) + String.format(Locale.ROOT, format, values);
    }

    /** {@code 812}, {@code 2.31 M}, {@code 45.2 G} */
    private static String number(long count) {
        if (count < 1000) {
            return Long.toString(count);
        }
        int power = (int) Math.min(5, Math.log10(count) / 3);
        return String.format(Locale.ROOT, "%.3g %s", count / Math.pow(1000, power), "kMGTP".charAt(power - 1));
    }

    private static String bytes(long bytes) {
        return number(bytes) + "B";
    }

    private static String seconds(double seconds) {
        return seconds < 60 ? String.format(Locale.ROOT, "%.3g s", seconds) : Progress.time(seconds);
    }
}
