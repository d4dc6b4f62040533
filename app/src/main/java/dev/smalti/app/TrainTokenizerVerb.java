package dev.smalti.app;

import dev.smalti.job.TrainTokenizer;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "train-tokenizer", description = "Trains a tokenizer on images.")
final class TrainTokenizerVerb extends Verb {
    @Mixin
    private TrainingOptions training;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            required = true,
            description = "folder or zip of images, tar shards, IDX, CIFAR binaries, .npz")
    private Path data;

    @Option(names = "--skip-bad", description = "leave broken images out, with a warning, instead of failing")
    private boolean skipBad;

    @Option(
            names = "--from",
            paramLabel = "RUN",
            description = "run whose tokenizer's weights training begins from, or bundled model (default: new weights)")
    private Path from;

    TrainTokenizerVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        TrainTokenizer job = new TrainTokenizer(
                training.recipe(), training.overrides(), data, training.out(), training.resume(), skipBad, from);
        return training.answer(progress(), interruption, job::run);
    }
}
