package dev.smalti.app;

import dev.smalti.job.TrainFeatures;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "train-features",
        description = "Trains a classifier on labelled images, whose features evaluate and neighbours compare by.")
final class TrainFeaturesVerb extends Verb {
    @Mixin
    private TrainingOptions training;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            required = true,
            description =
                    "folder or zip of images, a class per folder; tar shards, IDX, CIFAR binaries, .npz with labels")
    private Path data;

    @Option(names = "--skip-bad", description = "leave broken images out, with a warning, instead of failing")
    private boolean skipBad;

    TrainFeaturesVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        TrainFeatures job = new TrainFeatures(
                training.recipe(), training.overrides(), data, training.out(), training.resume(), skipBad);
        return training.answer(progress(), interruption, job::run);
    }
}
