package dev.smalti;

import java.nio.file.Path;

/** The toy recipes. */
public final class Toy {
    public static final Path FOLDER = Path.of("..", "recipes", "toy");

    private Toy() {}

    /** {@code recipes/toy/name.yaml} */
    public static Path recipe(String name) {
        return FOLDER.resolve(name + ".yaml");
    }
}
