package dev.smalti.app;

import dev.smalti.distributed.Group;
import dev.smalti.distributed.LostPeerException;
import dev.smalti.distributed.Rendezvous;
import dev.smalti.distributed.Threads;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Stopping;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.Run;
import dev.smalti.train.TrainingPhases;
import dev.smalti.train.Watcher;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What all trainings take and say. */
final class TrainingOptions {
    @Option(names = "--out", paramLabel = "RUN", required = true, description = "run folder")
    private Path out;

    @Option(names = "--resume", description = "go on with the run in --out from its newest checkpoint")
    private boolean resume;

    @Option(
            names = "--processes",
            paramLabel = "N",
            description =
                    "train in N processes of this machine that share each batch; with RANK, WORLD_SIZE, MASTER_ADDR"
                            + " and MASTER_PORT in the environment, as torchrun sets them, processes of several machines do"
                            + " (default: 1)")
    private int processes = 1;

    @Mixin
    private RecipeOptions of;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    /** Trains. */
    interface Work {
        Run run(List<Watcher> watchers, BooleanSupplier stop, Group group);
    }

    Path recipe() {
        return of.recipe();
    }

    Path out() {
        return out;
    }

    boolean resume() {
        return resume;
    }

    List<String> overrides() {
        return of.overrides();
    }

    Verb.Answer answer(Observer progress, Interruption interruption, Work work) {
        interruption.left("the training had not begun");
        Optional<Rendezvous> meeting = Rendezvous.of(System.getenv());
        boolean follows = meeting.filter(Rendezvous::here).isPresent();
        if (processes < 1 || processes > 1 && meeting.isPresent() && !follows) {
            throw new IllegalArgumentException(
                    processes < 1
                            ? "--processes must be at least 1, got " + processes
                            : "--processes starts processes of this machine, and WORLD_SIZE says that others have started"
                                    + " them: give one of the two");
        }
        if (processes > 1 && !follows) {
            return together(progress, interruption, work);
        }
        if (meeting.isEmpty()) {
            return trained(progress, interruption, work, Group.alone());
        }
        if (follows) {
            ProcessHandle.current().parent().ifPresent(first -> first.onExit().thenRun(() -> end(first.pid())));
        }
        return joined(progress, interruption, work, meeting.get());
    }

    /** Of this machine, and this process the first. */
    private Verb.Answer together(Observer progress, Interruption interruption, Work work) {
        List<String> arguments = spec.root().commandLine().getParseResult().originalArgs();
        if (System.getenv("OMP_NUM_THREADS") == null) {
            Threads.share(processes);
        }
        try (Processes others = Processes.start(processes, arguments)) {
            others.watch(reason -> {
                System.err.println("smalti: " + reason + left());
                others.destroy();
                others.close();
                Runtime.getRuntime().halt(Failure.FAILED); // whatever it is at
            });
            Runnable check = () -> {
                interruption.check();
                others.check();
            };
            try (Group group = Stopping.value(check, () -> others.meeting().join(lost -> {}))) {
                return trained(progress, interruption, work, group);
            } catch (LostPeerException e) {
                throw new LostPeerException(others.reason(e) + left());
            } catch (RuntimeException | Error e) {
                others.destroy();
                throw e;
            }
        }
    }

    /** One of several that others have started. */
    private Verb.Answer joined(Observer progress, Interruption interruption, Work work, Rendezvous meeting) {
        try (Group group = meeting.join(lost -> {
            System.err.println("smalti: " + lost + left());
            Runtime.getRuntime().halt(Failure.FAILED); // whatever it is at
        })) {
            if (group.writes()) {
                return trained(progress, interruption, work, group);
            }
            Run run = work.run(List.of(new TrainingPhases(progress)), interruption::asked, group);
            return new Verb.Answer(
                    Map.of("rank", group.rank(), "processes", group.size(), "steps", run.step()),
                    Phrase.of("process %d of %d: step %d of %d; process 0 has written %s")
                            .with(group.rank(), group.size(), run.step(), run.of(), out));
        } catch (LostPeerException e) {
            if (meeting.here()) { // the first one asks whose fault it was
                return new Verb.Answer(Failure.LOST, Map.of("lost", e.getMessage()), e.getMessage());
            }
            throw new LostPeerException(e.getMessage() + left());
        }
    }

    private static void end(long first) {
        System.err.println("smalti: process 0, number " + first + " of the system, has ended");
        Runtime.getRuntime().halt(Failure.FAILED);
    }

    /** What there is once a process has gone. */
    private String left() {
        return Checkpoints.latest(out)
                .map(path -> "; the training has ended, and the same command with --resume goes on from " + path)
                .orElse("; the training has ended, and there is no checkpoint yet");
    }

    private Verb.Answer trained(Observer progress, Interruption interruption, Work work, Group group) {
        Run run = work.run(List.of(new TrainingPhases(progress)), interruption::asked, group);
        boolean complete = run.complete() && !interruption.asked(); // or stopped in its last preview or measure
        Path checkpoint = Checkpoints.latest(out).orElse(null);
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("out", out);
        facts.put("kind", RunFolder.open(out).description().kind());
        facts.put("steps", run.step());
        facts.put("steps_planned", run.of());
        facts.put("complete", complete);
        facts.put("ended", run.ended());
        facts.put("checkpoint", checkpoint);
        facts.put("best_checkpoint", Checkpoints.best(out).orElse(null));
        facts.put("items", run.items());
        facts.put("seconds", run.seconds());
        facts.put("items_per_second", run.itemsPerSecond());
        facts.put("measures", run.measures());
        if (complete && run.ended() != null) {
            return new Verb.Answer(facts, ended(run));
        }
        if (complete) {
            String text = run.step() == run.begun()
                    ? Phrase.of("%s has all its %d steps already: nothing to do")
                            .with(out, run.of())
                    : String.format(
                            Locale.ROOT,
                            "%s: step %d of %d, %d steps in %s (%.3g items/s); weights in %s",
                            out,
                            run.step(),
                            run.of(),
                            run.step() - run.begun(),
                            Progress.time(run.seconds()),
                            run.itemsPerSecond(),
                            checkpoint);
            return new Verb.Answer(facts, text);
        }
        String text = checkpoint == null
                ? "stopped before the first step; there is no checkpoint"
                : Phrase.of(
                                "stopped at step %d of %d; the checkpoint is %s, and the same command with --resume goes on from it")
                        .with(run.step(), run.of(), checkpoint);
        return new Verb.Answer(Failure.STOPPED, facts, text);
    }

    /** What patience has ended: now, or before. */
    private String ended(Run run) {
        String best = Checkpoints.best(out)
                .map(each -> "; weights in " + each)
                .orElse("; the last weights are in " + Checkpoints.latest(out).orElseThrow());
        return run.step() == run.begun()
                ? Phrase.of(
                                "%s has ended at step %d of %d: %s; nothing to do: a larger training.patience goes on, or 0%s")
                        .with(out, run.step(), run.of(), run.ended(), best)
                : Phrase.of("%s: ended at step %d of %d after %s: %s%s")
                        .with(out, run.step(), run.of(), Progress.time(run.seconds()), run.ended(), best);
    }
}
