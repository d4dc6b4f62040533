package dev.smalti.draw;

/**
 * The model away from which {@link Autoguidance} leads, by name; {@code dev.smalti.model.Model} opens it.
 *
 * @param model run folder of {@code train-prior}, or the name of a bundled model; null for the very run that is drawn from
 * @param checkpoint with the weights of which step: {@code auto}, {@code best}, {@code last} or a step
 */
public record GuidingModel(String model, String checkpoint) {
    /** @throws IllegalArgumentException if it is the same run and no checkpoint of it is chosen */
    public GuidingModel {
        checkpoint = checkpoint == null ? "auto" : checkpoint;
        if (model == null && checkpoint.equals("auto")) {
            throw new IllegalArgumentException(
                    "guidance away from the same run needs another checkpoint of it: give a step");
        }
    }

    /** An earlier step of the run that is drawn from. */
    public static GuidingModel step(long step) {
        return new GuidingModel(null, Long.toString(step));
    }

    /** For results: {@code runs/small}, {@code runs/small at 400}, {@code step 400}. */
    public String named() {
        if (model == null) {
            return checkpoint.matches("\\d+") ? "step " + checkpoint : checkpoint;
        }
        return checkpoint.equals("auto") ? model : model + " at " + checkpoint;
    }
}
