package dev.smalti.evaluate;

import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Phrase;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The images that are compared with real ones. */
public sealed interface Fakes {
    /** The most that are drawn where no count is given. */
    int MOST_DRAWN = 10_000;

    Kind kind();

    /** What the user called them. */
    String name();

    /** What images come from. */
    enum Kind {
        /** A folder, a zip or another file of images, or nothing. */
        IMAGES,
        /** The run folder of a prior, or the name of a bundled model. */
        MODEL,
        /** The run folder of a tokenizer. */
        TOKENIZER,
        /** A token file. */
        TOKENS
    }

    /**
     * Images that are there already.
     *
     * @param path as {@link dev.smalti.data.ImageSet#open} reads it
     * @param count of them, evenly spread; 0 for all
     */
    record Stored(Path path, int count) implements Fakes {
        /** All of them. */
        public Stored(Path path) {
            this(path, 0);
        }

        @Override
        public Kind kind() {
            return Kind.IMAGES;
        }

        @Override
        public String name() {
            return path.toString();
        }
    }

    /**
     * Images that are drawn from a model and rounded to 8 bits as {@code generate} writes them, but kept in memory a
     * batch at a time. They follow from the seed of the evaluation, as those of {@code generate --seed} do.
     *
     * @param model that stays open; its {@code name} is what the user called it
     * @param count of images; 0 for as many as there are real ones, at most {@value #MOST_DRAWN}
     * @param labels names of classes in turn; empty for all classes evenly
     * @param sampling of the size of training
     */
    record Drawn(Model model, String name, int count, List<String> labels, Sampling sampling) implements Fakes {
        public Drawn {
            labels = List.copyOf(labels);
            if (count < 0) {
                throw new JobException(
                        "count must be at least 1 (or 0 for as many as there are real images), got " + count);
            }
            if (model.tokenizer() == null) {
                throw new JobException(name + " has no tokenizer, so it can draw tokens but not images: train the prior"
                        + " with --tokenizer");
            }
            labels.forEach(model::label); // refuses unknown ones
            if (sampling.canvas() != null) {
                throw new JobException("images to compare are drawn at the size of training: leave the canvas out");
            }
        }

        @Override
        public Kind kind() {
            return Kind.MODEL;
        }
    }

    /**
     * The real images themselves, encoded and decoded again, each beside its original.
     *
     * @param run folder of {@code train-tokenizer}, {@linkplain RunFolder#at at} the checkpoint that is measured
     * @param precision as {@link dev.smalti.tensor.Precision#of} has it
     */
    record Reconstructed(RunFolder run, String precision) implements Fakes {
        /** In the faster precision. */
        public Reconstructed(RunFolder run) {
            this(run, Opening.AUTO);
        }

        /** @throws JobException if the folder holds something else */
        public Reconstructed {
            if (!run.isTokenizer()) {
                throw new JobException(
                        Phrase.of("%s holds a %s, and a tokenizer is needed: give the --out of train-tokenizer")
                                .with(run.path(), run.description().kind()));
            }
        }

        @Override
        public Kind kind() {
            return Kind.TOKENIZER;
        }

        @Override
        public String name() {
            return run.path().toString();
        }
    }

    /**
     * Images that are decoded from tokens.
     *
     * @param model whose own tokens they are; stays open
     * @param count of grids, evenly spread; all if there are no more
     */
    record Decoded(Model model, Path tokens, int count) implements Fakes {
        @Override
        public Kind kind() {
            return Kind.TOKENS;
        }

        @Override
        public String name() {
            return tokens.toString();
        }
    }

    /**
     * What {@code pathOrName} stands for. What exists under that path comes before a bundled model of that name.
     *
     * @throws JobException if it is a run folder of another kind
     */
    static Kind kind(String pathOrName) {
        Path path = Path.of(pathOrName);
        boolean run = Files.exists(path.resolve("model.json"));
        if (!run && (Files.exists(path) || !RunFolder.bundled().contains(pathOrName))) {
            return Kind.IMAGES;
        }
        RunFolder folder = RunFolder.open(pathOrName);
        if (folder.isTokenizer()) {
            return Kind.TOKENIZER;
        }
        if (folder.isPrior()) {
            return Kind.MODEL;
        }
        throw new JobException(
                Phrase.of("%s holds another kind of model (%s): give images, a prior's run folder or a tokenizer's")
                        .with(pathOrName, folder.description().kind()));
    }
}
