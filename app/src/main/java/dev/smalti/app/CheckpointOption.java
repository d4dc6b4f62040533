package dev.smalti.app;

import dev.smalti.model.Opening;
import picocli.CommandLine.Option;

/** With the weights of which step a run is opened. */
final class CheckpointOption {
    @Option(
            names = "--checkpoint",
            paramLabel = "WHICH",
            defaultValue = Opening.AUTO,
            description =
                    "auto, the best where training kept it and else the last; best, last, or a step that info lists"
                            + " (default: auto)")
    private String which;

    String which() {
        return which;
    }
}
