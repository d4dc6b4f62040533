package dev.smalti.recipe;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** A recipe with one of everything that a recipe can hold. */
record ToyRecipe(
        String name,
        Path data,
        Training training,
        Prior prior,
        List<Prior> others,
        Map<String, Double> weights,
        Map<String, List<Integer>> sizes) {

    static final List<KindProvider> PROVIDERS = List.of(() -> List.of(
            new Kind(Prior.class, "absorbing", Absorbing.class), new Kind(Prior.class, "maskgit", MaskGit.class)));

    ToyRecipe {
        name = name == null ? "toy" : name;
        training = training == null ? new Training(100, 7, null, null, null, null, null, null) : training;
        Objects.requireNonNull(prior, "prior");
        others = others == null ? List.of() : others;
        weights = weights == null ? Map.of() : weights;
        sizes = sizes == null ? Map.of() : sizes;
    }

    enum Curve {
        LINEAR,
        COSINE,
        OFF
    }

    record Training(
            int steps,
            long seed,
            Integer batchSize,
            Double learningRate,
            Float clip,
            Boolean compile,
            Curve curve,
            List<Double> betas) {
        Training {
            if (steps < 1) {
                throw new IllegalArgumentException("steps must be at least 1, got " + steps);
            }
            batchSize = batchSize == null ? 32 : batchSize;
            learningRate = learningRate == null ? 3e-4 : learningRate;
            compile = compile == null ? Boolean.TRUE : compile;
            curve = curve == null ? Curve.LINEAR : curve;
            betas = betas == null ? List.of(0.9, 0.999) : betas;
        }
    }

    interface Prior {}

    record Absorbing(int layers, Double dropout) implements Prior {
        Absorbing {
            dropout = dropout == null ? 0.1 : dropout;
        }
    }

    record MaskGit(Integer layers, Curve schedule) implements Prior {}
}
