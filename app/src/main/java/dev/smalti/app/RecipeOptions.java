package dev.smalti.app;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The recipe of a training, and changes to it. */
final class RecipeOptions {
    @Parameters(paramLabel = "RECIPE", description = "YAML file, see recipes/")
    private Path recipe;

    @Option(
            names = "--set",
            paramLabel = "PATH=VALUE",
            description = "override a key of the recipe, such as training.steps=100; repeatable")
    private List<String> overrides = new ArrayList<>();

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            description = "auto, cpu, cuda or cuda:N (default: as the recipe says)")
    private String device;

    Path recipe() {
        return recipe;
    }

    List<String> overrides() {
        List<String> all = new ArrayList<>(overrides);
        if (device != null) {
            all.add("training.device=" + device);
        }
        return all;
    }
}
