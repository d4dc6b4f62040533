package dev.smalti.train;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Precision;
import java.util.List;

/**
 * How something is trained.
 *
 * @param steps optimizer steps; at least 1
 * @param batch items of a step, over all {@code accumulation} parts; at least 1
 * @param learningRate learning rate of AdamW, at its highest; above 0
 * @param betas how slowly AdamW's two moving averages change; two in [0, 1); [0.9, 0.99] if left out
 * @param weightDecay weight decay of AdamW; at least 0; 0 if left out
 * @param warmUp steps over which the learning rate rises linearly from 0; at least 0; 0 if left out
 * @param schedule how the learning rate goes on after the warm-up; {@code constant} if left out
 * @param clip largest norm of the gradient of each network that is trained; at least 0, which is no limit; 1 if left out
 * @param averaging decay of the moving average of the weights, (1 + n) / (10 + n) at step n where that is smaller; [0, 1),
 *     where 0 is no average; 0.999 if left out
 * @param accumulation parts into which a batch is split, to need less memory; at least 1, a divisor of batch; 1 if left out
 * @param recompute whether a transformer's blocks keep no more than what goes into them and are computed again in the backward pass: the
 *     same numbers from the memory of one block's activations rather than of all, in a third more time; false if left out
 * @param precision precision of the arithmetic, with {@code auto} {@code bf16} where the machine multiplies it and {@code fp32} elsewhere;
 *     {@code fp32}, {@code tf32}, {@code bf16} or {@code auto}; {@code auto} if left out
 * @param device where to train, with {@code auto} a GPU if there is one; {@code cpu}, {@code cuda}, {@code cuda:N} or
 *     {@code auto}; {@code auto} if left out
 * @param logEvery steps between lines of metrics; at least 1; 50 if left out
 * @param validateEvery steps between measurements on held-out data, 0 for never; at least 0; a tenth of the steps if left
 *     out
 * @param heldOutItems held-out items that each measurement looks at, the same of each time, 0 for all; at least 0; a tenth of the
 *     items trained on between two measurements, and 64 at least, if left out
 * @param previewEvery steps between previews of up to 16 pictures, as many as can be made in a tenth of the time since the last
 *     preview or in 5 seconds, 0 for never; at least 0; a tenth of the steps if left out
 * @param checkpointEvery steps between checkpoints; at least 1; a tenth of the steps if left out
 * @param keep newest checkpoints that are kept; at least 1; 2 if left out
 * @param keepBest whether the checkpoint with the least held-out measure is kept besides, which then is the one that is opened;
 *     true with a patience, else false, if left out
 * @param patience held-out measures without a lesser one after which the training ends, 0 for never; at least 0; 0 if left out
 * @param tensorboard whether the run folder also gets event files of TensorBoard, with what {@code metrics.jsonl} has and the previews;
 *     false if left out
 */
public record TrainingConfiguration(
        long steps,
        int batch,
        double learningRate,
        List<Double> betas,
        Double weightDecay,
        Long warmUp,
        Schedule schedule,
        Double clip,
        Double averaging,
        Integer accumulation,
        Boolean recompute,
        String precision,
        String device,
        Long logEvery,
        Long validateEvery,
        Integer heldOutItems,
        Long previewEvery,
        Long checkpointEvery,
        Integer keep,
        Boolean keepBest,
        Integer patience,
        Boolean tensorboard) {
    private static final int LEAST_ITEMS = 64;

    /** Of the learning rate, after the warm-up. */
    public enum Schedule {
        /** It stays. */
        CONSTANT,
        /** Down to 0 at the last step along half a cosine. */
        COSINE
    }

    public TrainingConfiguration {
        if (steps < 1) {
            throw new IllegalArgumentException("steps must be at least 1, got " + steps);
        }
        if (batch < 1) {
            throw new IllegalArgumentException("batch must be at least 1, got " + batch);
        }
        if (!(learningRate > 0) || Double.isInfinite(learningRate)) {
            throw new IllegalArgumentException("learning_rate must be above 0, got " + learningRate);
        }
        betas = betas == null ? List.of(0.9, 0.99) : List.copyOf(betas);
        if (betas.size() != 2 || betas.stream().anyMatch(beta -> !(beta >= 0 && beta < 1))) {
            throw new IllegalArgumentException("betas must be two numbers in [0, 1), got " + betas);
        }
        weightDecay = weightDecay == null ? 0.0 : weightDecay;
        warmUp = warmUp == null ? 0L : warmUp;
        schedule = schedule == null ? Schedule.CONSTANT : schedule;
        clip = clip == null ? 1.0 : clip;
        averaging = averaging == null ? 0.999 : averaging;
        accumulation = accumulation == null ? 1 : accumulation;
        recompute = recompute != null && recompute;
        precision = precision == null ? "auto" : precision;
        device = device == null ? "auto" : device;
        if (!(weightDecay >= 0) || warmUp < 0 || !(clip >= 0)) {
            throw new IllegalArgumentException("weight_decay, warm_up and clip must be at least 0, got " + weightDecay
                    + ", " + warmUp + " and " + clip);
        }
        if (!(averaging >= 0 && averaging < 1)) {
            throw new IllegalArgumentException("averaging must be in [0, 1), got " + averaging);
        }
        if (accumulation < 1 || batch % accumulation != 0) {
            throw new IllegalArgumentException("accumulation must divide batch (" + batch + "), got " + accumulation);
        }
        Precision.checkToTrain(precision);
        long tenth = Math.max(1, steps / 10);
        logEvery = logEvery == null ? 50L : logEvery;
        validateEvery = validateEvery == null ? tenth : validateEvery;
        heldOutItems = heldOutItems == null ? items(validateEvery == 0 ? steps : validateEvery, batch) : heldOutItems;
        previewEvery = previewEvery == null ? tenth : previewEvery;
        checkpointEvery = checkpointEvery == null ? tenth : checkpointEvery;
        keep = keep == null ? 2 : keep;
        if (logEvery < 1 || checkpointEvery < 1 || keep < 1) {
            throw new IllegalArgumentException("log_every, checkpoint_every and keep must be at least 1, got "
                    + logEvery + ", " + checkpointEvery + " and " + keep);
        }
        patience = patience == null ? 0 : patience;
        keepBest = keepBest == null ? patience > 0 : keepBest;
        tensorboard = tensorboard != null && tensorboard;
        if (patience < 0) {
            throw new IllegalArgumentException("patience must be at least 0, got " + patience);
        }
        if (patience > 0 && validateEvery == 0) {
            throw new IllegalArgumentException(
                    "patience counts held-out measures, and validate_every is 0: set it to the steps between two of them");
        }
        if (validateEvery < 0 || previewEvery < 0 || heldOutItems < 0) {
            throw new IllegalArgumentException(
                    "validate_every, preview_every and held_out_items must be at least 0, got " + validateEvery + ", "
                            + previewEvery + " and " + heldOutItems);
        }
    }

    /**
     * Items of a part of a batch, of which there are {@link #accumulation}, that each of several processes takes.
     *
     * @throws IllegalArgumentException if they don't come out even
     */
    public int part(int processes) {
        int part = batch / accumulation;
        if (part % processes != 0) {
            throw new IllegalArgumentException(
                    Phrase.of("the processes must share training.batch / training.accumulation (%d / %d) evenly, got %d"
                                    + " processes: take a batch that is a multiple of %d, or other processes")
                            .with(batch, accumulation, processes, accumulation * processes));
        }
        return part / processes;
    }

    /** To measure an item takes a third of the time of training on it, or less: so a measurement takes a thirtieth of the time. */
    private static int items(long every, int batch) {
        return (int) Math.max(LEAST_ITEMS, Math.min(Integer.MAX_VALUE, (double) every * batch / 10));
    }

    /** Everything else as if it were left out. */
    public static TrainingConfiguration of(
            long steps, int batch, double learningRate, String precision, String device) {
        return new TrainingConfiguration(
                steps,
                batch,
                learningRate,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                precision,
                device,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null);
    }

    /** The learning rate of {@code step}, counted from 0. */
    public double rate(long step) {
        if (step < warmUp) {
            return learningRate * (step + 1) / warmUp;
        }
        return switch (schedule) {
            case CONSTANT -> learningRate;
            case COSINE -> {
                double progress = (double) (step - warmUp) / Math.max(1, steps - warmUp);
                yield learningRate * (1 + Math.cos(Math.PI * Math.min(1, progress))) / 2;
            }
        };
    }
}
