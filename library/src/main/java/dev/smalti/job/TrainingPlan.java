package dev.smalti.job;

import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a recipe would take on this machine.
 *
 * @param recipe its file
 * @param kind tokenizer, prior or features
 * @param method vqgan, absorbing and so on; classifier for features
 * @param size H = W of the images; 0 for a prior
 * @param space the token grid; null for features
 * @param parameters trained numbers of each part of each network, by name
 * @param cost what its steps take
 * @param card what a card would have to hold; null but for priors of transformers
 * @param training what the recipe says of it
 * @param data what it would be trained on
 * @param pictures what was found in them; null without {@code --data}
 * @param machine where it was measured
 */
public record TrainingPlan(
        Path recipe,
        String kind,
        String method,
        int size,
        TokenSpace space,
        Map<String, Long> parameters,
        Cost cost,
        CardMemory card,
        Training training,
        Data data,
        PictureSurvey pictures,
        Machine machine) {
    private static final int FLOAT = 4;
    private static final int UNEVEN = 10;

    /**
     * What steps take.
     *
     * @param stretches of the training, first to last: at the beginning of each, something more joins
     * @param items of the steps that were measured
     * @param whole whether these were whole steps; else time and memory are multiplied from fewer items
     * @param memory resident, of the whole process, in bytes; 0 where the system doesn't say
     * @param most what the process could have, in bytes
     */
    public record Cost(List<Stretch> stretches, int items, boolean whole, long memory, long most) {
        /** Seconds of all steps. */
        double seconds() {
            return stretches.stream()
                    .mapToDouble(each -> (each.to - each.from) * each.seconds)
                    .sum();
        }
    }

    /**
     * A part of the training in which all steps are alike.
     *
     * @param from the first of its steps, from 0
     * @param to the one behind its last
     * @param measured steps that were timed, after a warm-up
     * @param seconds of a step, the median
     * @param least of the fastest
     * @param most of the slowest
     * @param processor seconds that the processors were at work in a step, all together
     * @param operations of a step on floating-point numbers, forwards and backwards, calculated from the layers
     */
    public record Stretch(
            long from,
            long to,
            int measured,
            double seconds,
            double least,
            double most,
            double processor,
            double operations) {}

    /**
     * What the recipe says.
     *
     * @param batch items of a step in one process
     * @param processes that take as many each
     * @param looks how often held-out data are measured
     * @param lookSeconds of one of these, by a batch that was measured
     * @param averaged numbers of which there is a moving average; 0 without
     * @param kept checkpoints that stay, at most
     */
    public record Training(
            long steps, int batch, int processes, long looks, double lookSeconds, long averaged, int kept) {}

    /**
     * What is trained on.
     *
     * @param items images or grids; 0 where random ones stood in for them
     * @param trained those that are not held out
     * @param classes what they are called; empty without
     * @param byClass how many there are of each
     */
    public record Data(long items, long trained, List<String> classes, List<Long> byClass) {
        static final Data UNKNOWN = new Data(0, 0, List.of(), List.of());
    }

    /**
     * Where it was measured.
     *
     * @param device cpu or cuda
     * @param precision of matrix products: fp32, tf32 or bf16
     * @param threads of a computation
     * @param load processes that wanted a processor in the last minute; below 0 where the system doesn't say
     */
    public record Machine(String device, String precision, int threads, int processors, double load) {}

    /** Trained numbers in all. */
    public long parameterCount() {
        return parameters.values().stream().mapToLong(each -> each).sum();
    }

    /** Bytes of weights, gradients, the optimizer's two averages and the average of the weights: calculated. */
    public long stateBytes() {
        return FLOAT * (4 * parameterCount() + training.averaged);
    }

    /** Bytes of a checkpoint, calculated: what is kept of these, without buffers and headers. */
    public long checkpointBytes() {
        return FLOAT * (3 * parameterCount() + training.averaged);
    }

    /** Bytes that each of several processes sends in a step, for gradients' sums around a ring: calculated. */
    public long sentBytes() {
        return 2 * FLOAT * parameterCount() * (training.processes - 1) / training.processes;
    }

    /** Seconds until the last step is done and all looks are taken; previews come on top. */
    public double seconds() {
        return cost.seconds() + training.looks * training.lookSeconds;
    }

    /** How often each training item is seen; 0 where the data are not known. */
    public double epochs() {
        return data.items == 0 ? 0 : (double) training.steps * training.batch * training.processes / data.trained;
    }

    /** What should be known before the training begins. */
    public List<String> notices() {
        List<String> notices = new ArrayList<>();
        if (!fits()) {
            notices.add(String.format(
                    Locale.ROOT,
                    "a step needs %.1f GB, and this process can have %.1f GB: a smaller training.batch, or the same in more"
                            + " parts (training.accumulation)",
                    cost.memory / 1e9,
                    cost.most / 1e9));
        }
        if (!cost.whole) {
            notices.add(Phrase.of(
                            "a whole step would take long, or much memory: steps of %d items were measured, and multiplied")
                    .with(cost.items));
        }
        if (machine.device.equals("cpu") && machine.load > machine.processors + 0.5) {
            notices.add(String.format(
                    Locale.ROOT,
                    "other programs are at work (%.1f processes want %d processors): an idle machine is faster",
                    machine.load,
                    machine.processors));
        }
        if (data.items > 0) {
            classes(notices);
        }
        return notices;
    }

    private void classes(List<String> notices) {
        if (epochs() < 1) {
            notices.add(Phrase.of("the training ends before each of the %d has been seen once")
                    .with(data.trained));
        }
        if (data.classes.isEmpty()) {
            return;
        }
        long single = data.byClass.stream().filter(count -> count == 1).count();
        long none = data.byClass.stream().filter(count -> count == 0).count();
        if (single > 0) {
            notices.add(Phrase.of("%d of %d classes have one picture each, from which nothing but that can be learnt")
                    .with(single, data.classes.size()));
        }
        if (none > 0) {
            notices.add(Phrase.of("%d of %d classes have no picture").with(none, data.classes.size()));
        }
        if (most() > UNEVEN * Math.max(1, least())) {
            notices.add(Phrase.of(
                            "the largest class has %d, the smallest %d: what is drawn without a class is of the large ones")
                    .with(most(), least()));
        }
    }

    /** Items of the largest class. */
    public long most() {
        return data.byClass.stream().mapToLong(each -> each).max().orElse(0);
    }

    /** Items of the smallest class. */
    public long least() {
        return data.byClass.stream().mapToLong(each -> each).min().orElse(0);
    }

    /** By name, for a JSON object. */
    public Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("recipe", recipe);
        facts.put("kind", kind);
        facts.put("method", method);
        if (size > 0) {
            facts.put("size", size);
        }
        if (space != null) {
            facts.put("grid", space.grid());
            facts.put("places", space.length());
            facts.put("codes", space.codes());
        }
        facts.put("parameters", parameterCount());
        facts.put("parameters_by_part", parameters);
        facts.put("step", step());
        facts.put("memory", memory());
        facts.put("checkpoint_bytes", checkpointBytes());
        facts.put("checkpoints_kept", training.kept);
        facts.put("training", trainingFacts());
        facts.put("data", dataFacts());
        facts.put("machine", machineFacts());
        facts.put("notices", notices());
        return facts;
    }

    private Map<String, Object> step() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("batch", training.batch);
        facts.put("processes", training.processes);
        facts.put("sent_bytes", sentBytes());
        facts.put("items_measured", cost.items);
        facts.put("whole", cost.whole);
        facts.put("seconds", cost.seconds() / training.steps);
        List<Map<String, Object>> stretches = new ArrayList<>();
        for (Stretch each : cost.stretches) {
            Map<String, Object> stretch = new LinkedHashMap<>();
            stretch.put("from", each.from);
            stretch.put("to", each.to);
            stretch.put("steps_measured", each.measured);
            stretch.put("seconds", each.seconds);
            stretch.put("seconds_least", each.least);
            stretch.put("seconds_most", each.most);
            stretch.put("processor_seconds", each.processor);
            stretch.put("operations", each.operations);
            stretches.add(stretch);
        }
        facts.put("stretches", stretches);
        return facts;
    }

    private Map<String, Object> memory() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("resident_bytes", cost.memory == 0 ? null : cost.memory);
        facts.put("measured", cost.whole && cost.memory > 0);
        facts.put("state_bytes", stateBytes());
        facts.put("fits", fits());
        if (card != null) {
            facts.put("card", card.facts());
        }
        return facts;
    }

    /** Whether a step fits into the memory that there is, as far as that is known. */
    public boolean fits() {
        return cost.memory <= cost.most;
    }

    private Map<String, Object> trainingFacts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("steps", training.steps);
        facts.put("seconds", seconds());
        facts.put("hours", seconds() / 3600);
        facts.put("held_out_measures", training.looks);
        facts.put("held_out_seconds", training.looks * training.lookSeconds);
        facts.put("epochs", data.items == 0 ? null : epochs());
        return facts;
    }

    private Map<String, Object> dataFacts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("known", data.items > 0);
        if (data.items > 0) {
            facts.put("items", data.items);
            facts.put("trained", data.trained);
            facts.put("held_out", data.items - data.trained);
            facts.put("classes", data.classes.size());
            Map<String, Long> counts = new LinkedHashMap<>();
            for (int i = 0; i < data.classes.size(); i++) {
                counts.put(data.classes.get(i), data.byClass.get(i));
            }
            facts.put("items_by_class", counts);
        }
        if (pictures != null) {
            facts.putAll(pictures.facts());
        }
        return facts;
    }

    private Map<String, Object> machineFacts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("device", machine.device);
        facts.put("precision", machine.precision);
        facts.put("threads", machine.threads);
        facts.put("processors", machine.processors);
        facts.put("load", machine.load < 0 ? null : machine.load);
        return facts;
    }
}
