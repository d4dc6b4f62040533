package dev.smalti.app;

import dev.smalti.job.TrainPrior;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "train-prior", description = "Trains a prior on a token file.")
final class TrainPriorVerb extends Verb {
    @Mixin
    private TrainingOptions training;

    @Option(
            names = "--tokens",
            paramLabel = "TOKENS",
            required = true,
            description = "token file, or a folder of them, as encode writes it")
    private Path tokens;

    @Option(
            names = "--tokenizer",
            paramLabel = "RUN",
            description = "run folder of the tokenizer (default: as the token file says)")
    private Path tokenizer;

    TrainPriorVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        TrainPrior job = new TrainPrior(
                training.recipe(), training.overrides(), tokens, training.out(), training.resume(), tokenizer);
        return training.answer(progress(), interruption, job::run);
    }
}
