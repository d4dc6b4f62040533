package dev.smalti.app;

import dev.smalti.job.TrainPrior;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "train-prior", description = "Trains a prior on a token file, or on images.")
final class TrainPriorVerb extends Verb {
    @Mixin
    private TrainingOptions training;

    @Option(
            names = "--tokens",
            paramLabel = "TOKENS",
            description = "token file, or a folder of them, as encode writes it")
    private Path tokens;

    @Option(
            names = "--held-out",
            paramLabel = "TOKENS",
            description =
                    "tokens that are measured and not trained on (default: a share of --tokens, held_out of the recipe)")
    private Path heldOut;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description =
                    "in place of --tokens: folder or zip of images, tar shards, IDX, CIFAR binaries, .npz; --tokenizer encodes them"
                            + " as they are trained on, in every epoch with other crops, flips and noise")
    private Path data;

    @Option(
            names = "--skip-bad",
            description = "with --data: leave broken images out, with a warning, instead of failing")
    private boolean skipBad;

    @Option(
            names = "--tokenizer",
            paramLabel = "RUN",
            description =
                    "run folder of the tokenizer, or bundled model (default: as the token file says; required with --data)")
    private Path tokenizer;

    @Option(
            names = "--teacher",
            paramLabel = "RUN",
            description =
                    "run folder or bundled model from which a student is distilled that draws in few steps, with a recipe"
                            + " that has a section distillation")
    private String teacher;

    @Option(
            names = "--from",
            paramLabel = "RUN",
            description =
                    "run folder or bundled model whose weights training begins from, of other classes too (default: new"
                            + " weights)")
    private String from;

    TrainPriorVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        TrainPrior.Data of = new TrainPrior.Data(tokens, heldOut, tokenizer, data, skipBad);
        TrainPrior job = new TrainPrior(
                training.recipe(), training.overrides(), of, training.out(), training.resume(), teacher, from);
        return training.answer(progress(), interruption, job::run);
    }
}
