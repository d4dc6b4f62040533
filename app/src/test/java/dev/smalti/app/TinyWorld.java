package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** Images, recipes and models so small that training takes a second. */
record TinyWorld(Path folder) {
    private static final String TOKENIZER = """
        seed: 1
        data: {held_out: 0.1}
        tokenizer:
          kind: vqgan
          size: 16
          patch: 2
          channels: 8
          multipliers: [1, 1]
          res_blocks: 1
          output_swish: true
          codebook: {codes: 16, dimension: 8, update: moving_average}
          adversarial: {start: 2, channels: 8, layers: 2}
          pixel_likelihood: true
        training: {steps: 6, batch: 4, learning_rate: 1.0e-3, precision: fp32, log_every: 2, checkpoint_every: 3}
        """;
    private static final String PRIOR = """
        seed: 2
        held_out: 0.1
        prior:
          kind: absorbing
          network: {layers: 1, width: 16, heads: 2}
        training: {steps: 6, batch: 4, learning_rate: 1.0e-3, precision: fp32, log_every: 2, checkpoint_every: 3}
        """;

    /** Twelve images of 16 x 16 in two classes. */
    Path images() {
        Path images = folder.resolve("images");
        for (String name : new String[] {"Red Stripe", "blue"}) {
            for (int i = 0; i < 6; i++) {
                Pictures.writePng(images.resolve(name).resolve(i + ".png"), image(name, i));
            }
        }
        return images;
    }

    static Pixels image(String name, int number) {
        SplittableRandom random = new SplittableRandom(name.hashCode() + number);
        byte[] rgb = new byte[3 * 16 * 16];
        for (int i = 0; i < rgb.length; i++) {
            boolean strong = i % 3 == (name.equals("blue") ? 2 : 0);
            rgb[i] = (byte) (strong ? 200 + random.nextInt(50) : random.nextInt(60));
        }
        return new Pixels(16, 16, rgb);
    }

    Path tokenizerRecipe() {
        return write("vqgan.yaml", TOKENIZER);
    }

    Path priorRecipe() {
        return write("absorbing.yaml", PRIOR);
    }

    Path write(String name, String text) {
        try {
            return Files.writeString(folder.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The run folder of a tokenizer. */
    Path tokenizer() {
        Path run = folder.resolve("tokenizer");
        done(Command.run("train-tokenizer", tokenizerRecipe(), "--data", images(), "--out", run));
        return run;
    }

    Path tokens(Path tokenizer) {
        Path tokens = folder.resolve("tokens.safetensors");
        done(Command.run("encode", tokenizer, "--data", folder.resolve("images"), "--out", tokens));
        return tokens;
    }

    /** The run folder of a prior, and further {@code --set} arguments. */
    Path prior(String name, Path tokens, String... settings) {
        Path run = folder.resolve(name);
        Object[] arguments = new Object[6 + 2 * settings.length];
        Object[] first = {"train-prior", priorRecipe(), "--tokens", tokens, "--out", run};
        System.arraycopy(first, 0, arguments, 0, first.length);
        for (int i = 0; i < settings.length; i++) {
            arguments[6 + 2 * i] = "--set";
            arguments[7 + 2 * i] = settings[i];
        }
        done(Command.run(arguments));
        return run;
    }

    private static void done(Command command) {
        assertThat(command.code()).as(command.err()).isZero();
    }
}
