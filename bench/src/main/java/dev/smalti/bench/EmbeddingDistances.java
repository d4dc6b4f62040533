package dev.smalti.bench;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.prior.Prior;
import dev.smalti.prior.lcmd.LcmdConfiguration;
import dev.smalti.prior.lcmd.LcmdConfiguration.Origin;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Figure 5 of Nguyen et al. 2024, arXiv:2410.14758: norms and distances of the vectors that a run of kind lcmd has learnt, at
 * its beginning and at each of its checkpoints, beside those of the codebook of its tokens.
 */
final class EmbeddingDistances {
    private EmbeddingDistances() {}

    /**
     * Writes a picture of each matrix of distances, {@code distances-<step>.png} and {@code distances-codebook.png}, to the
     * working directory: black for 0, white for the greatest. In the order of codes.
     *
     * @param run a run folder; with {@code training.keep} it has more checkpoints than the last two
     * @param tokens those that it was trained on, whose codebook is the pretrained one
     */
    static List<Map<String, Object>> of(Path run, Path tokens) throws IOException {
        List<Path> checkpoints;
        try (Stream<Path> files = Files.list(run)) {
            checkpoints = files.filter(each -> each.getFileName().toString().startsWith("checkpoint-"))
                    .sorted(Comparator.comparingLong(Checkpoints::step))
                    .toList();
        }
        PriorRecipe recipe = RecipeFile.read(run.resolve("recipe.yaml"), PriorRecipe.class, List.of());
        if (!(recipe.prior() instanceof LcmdConfiguration configuration)) {
            throw new IllegalArgumentException(run + " must be a run of kind lcmd, which has embeddings");
        }
        boolean normalised = configuration.embedding().origin() == Origin.NORMALISED;
        return Scope.value(() -> {
            List<Map<String, Object>> rows = new ArrayList<>();
            try (TokenFile file = TokenFile.read(tokens)) {
                Tensor codebook = file.codebook()
                        .orElseThrow(() -> new IllegalArgumentException(tokens + " has no codebook to compare with"))
                        .vectors()
                        .to(ScalarType.Double);
                rows.add(row("codebook", codebook, codebook));
                rows.add(row("0", as(normalised, untrained(recipe, file)), codebook));
                for (Path each : checkpoints) {
                    try (TensorFile weights = TensorFile.open(Checkpoints.weights(each))) {
                        Tensor vectors = weights.tensor("embedding.weight", ScalarType.Double);
                        rows.add(row(String.valueOf(Checkpoints.step(each)), as(normalised, vectors), codebook));
                    }
                }
            }
            return rows;
        });
    }

    /** The vectors that the run began with. */
    private static Tensor untrained(PriorRecipe recipe, TokenFile tokens) {
        Seed seed = new Seed(recipe.seed());
        try (Prior prior = recipe.prior().build(tokens.space(), tokens.classes(), seed, Devices.cpu())) {
            prior.prepare(tokens);
            return prior.core().parameters().all().get("embedding.weight").to(ScalarType.Double);
        }
    }

    /** At the norm √D, if they are used so. [K, D] -> [K, D] */
    private static Tensor as(boolean normalised, Tensor vectors) {
        Tensor norms = vectors.square().sum(1).sqrt().unsqueeze(1);
        return normalised ? vectors.div(norms).mul(new Scalar(Math.sqrt(vectors.size(1)))) : vectors;
    }

    private static Map<String, Object> row(String name, Tensor vectors, Tensor codebook) {
        Tensor distances = distances(vectors);
        double codes = vectors.size(0);
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("of", name);
        row.put("norm", vectors.square().sum(1).sqrt().mean().item_double());
        row.put("norm_deviation", vectors.square().sum(1).sqrt().std(true).item_double());
        row.put("distance", distances.sum().item_double() / codes / (codes - 1));
        row.put("correlation_with_codebook", correlation(pairs(distances), pairs(distances(codebook))));
        Pictures.writePng(Path.of("distances-" + name + ".png"), picture(distances));
        return row;
    }

    /** [K, D] -> [K, K] */
    private static Tensor distances(Tensor vectors) {
        return torch.cdist(vectors, vectors);
    }

    /** Those above the diagonal. [K, K] -> [K (K - 1) / 2] */
    private static Tensor pairs(Tensor distances) {
        return distances.masked_select(torch.ones_like(distances).triu(1).to(ScalarType.Bool));
    }

    private static double correlation(Tensor a, Tensor b) {
        Tensor left = a.sub(a.mean());
        Tensor right = b.sub(b.mean());
        return left.mul(right).sum().item_double()
                / Math.sqrt(
                        left.square().sum().item_double() * right.square().sum().item_double());
    }

    /** Small matrices with several pixels a pair. */
    private static Pixels picture(Tensor distances) {
        int codes = (int) distances.size(0);
        int side = Math.max(1, 256 / codes);
        double[] values = Tensors.toDoubles(distances.div(distances.max().clamp_min(new Scalar(1e-12))));
        byte[] rgb = new byte[3 * codes * side * codes * side];
        for (int i = 0; i < rgb.length; i++) {
            int row = i / 3 / (codes * side) / side;
            int column = i / 3 % (codes * side) / side;
            rgb[i] = (byte) Math.round(255 * values[row * codes + column]);
        }
        return new Pixels(codes * side, codes * side, rgb);
    }
}
