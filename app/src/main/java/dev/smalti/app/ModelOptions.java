package dev.smalti.app;

import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Which model is used, how it is opened, and what of its recipe is different this time. */
final class ModelOptions {
    @Parameters(paramLabel = "MODEL", description = "run folder of train-prior, or the name of a bundled model")
    private String name;

    @Option(
            names = "--set",
            paramLabel = "PATH=VALUE",
            description = "override a key of the model's recipe this time, such as prior.steps=100; repeatable")
    private List<String> overrides = new ArrayList<>();

    @Mixin
    private OpeningOptions how;

    String name() {
        return name;
    }

    Opening opening() {
        return how.opening();
    }

    List<String> overrides() {
        return overrides;
    }

    Model open() {
        return Model.open(name, how.opening(), overrides);
    }
}
