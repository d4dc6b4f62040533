package dev.smalti.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.network.Loss;
import dev.smalti.network.Loss.ByTime;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossByTimeTest {
    private static final Path RECIPES = Path.of("..", "recipes", "toy");

    @TempDir
    Path folder;

    @Test
    void sums_the_losses_of_each_tenth_of_the_times_and_counts_them() {
        double[] sums = Scope.value(() ->
                Tensors.toDoubles(new ByTime(Tensors.doubles(0, 0.1, 0.11, 0.35, 1), Tensors.floats(1, 2, 4, 8, 16))
                        .sums()
                        .flatten()));
        assertThat(sums).containsExactly(3, 4, 0, 8, 0, 0, 0, 0, 0, 16, 2, 1, 0, 1, 0, 0, 0, 0, 0, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {10, 20, 100, 1000})
    void every_part_has_as_many_of_the_steps(int steps) {
        double[] counts = Scope.value(() -> {
            Tensor t = Tensors.longs(LongStream.rangeClosed(1, steps).toArray());
            ByTime all = new ByTime(t.div(new Scalar((double) steps)), Tensors.ones(steps)); // t/T as methods have it
            return Tensors.toDoubles(all.sums().select(0, 1));
        });
        assertThat(counts).hasSize(10).containsOnly(steps / 10.0);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "absorbing",
                "d3pm-uniform",
                "vqdiffusion",
                "maskgit",
                "sedd-absorb",
                "sedd-uniform",
                "lcmd",
                "lcmd-consistency",
                "cdcd"
            })
    void a_method_with_times_gives_each_grid_its_part_of_the_loss(String recipe) {
        PriorConfiguration configuration = RecipeFile.read(
                        RECIPES.resolve(recipe + ".yaml"), PriorRecipe.class, List.of())
                .prior();
        try (Prior prior = configuration.build(new TokenSpace(5, 2, 3), 0, new Seed(2), Devices.cpu())) {
            Scope.free(() -> {
                Tensor codes = Tensors.uniform(new Seed(3).generator(), 40, 6).mul(new Scalar(5.0));
                TokenBatch batch = new TokenBatch(codes.to(ScalarType.Long), null);
                Loss loss = prior.objectives().get(0).loss(batch, 0, new Seed(4));
                ByTime own = loss.byTime();
                assertThat(own.share().size(0)).isEqualTo(40);
                assertThat(own.losses().size(0)).isEqualTo(40);
                assertThat(own.share().min().item_double()).isGreaterThanOrEqualTo(0);
                assertThat(own.share().max().item_double()).isBetween(0.5, 1.0);
                if (!recipe.equals("maskgit")) { // whose loss is a mean of tokens, not of grids
                    Tensor first = loss.measures().get("reconstruction"); // of lcmd, at time 0 whatever the time
                    double rest = first == null ? 0 : first.item_double();
                    assertThat(own.losses().mean().item_double())
                            .isCloseTo(loss.total().item_double() - rest, within(1e-5));
                }
            });
        }
    }

    @Test
    void a_line_of_metrics_has_their_means_over_all_parts_and_steps() throws IOException {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            Tensor weight = parameters.weight("w", Tensors.floats(1));
            Objective<Tensor> objective = new Objective<>() {
                @Override
                public String name() {
                    return "prior";
                }

                @Override
                public Parameters parameters() {
                    return parameters;
                }

                @Override
                public Loss loss(Tensor batch, long step, Seed seed) {
                    return new Loss(
                            weight.square().sum(), Map.of(), new ByTime(batch.select(0, 0), batch.select(0, 1)));
                }
            };
            TrainingConfiguration configuration = new TrainingConfiguration(
                    4, 4, 0.1, null, null, null, null, null, null, 2, null, "fp32", "cpu", 2L, 0L, null, 0L, null, null,
                    null, null, null);
            MetricsLog log = new MetricsLog(folder, configuration, new MeasureSums());
            try (Player<Tensor> player = Player.of(objective, configuration, false)) {
                new TrainLoop<>(
                                List.of(player),
                                // part n of the run: times 0.05 and 0.95 with losses n and 10
                                number ->
                                        Tensors.doubles(0.05, 0.95, number, 10).view(2, 2),
                                configuration,
                                new Seed(1),
                                Devices.cpu(),
                                List.of(log),
                                () -> false)
                        .run(0);
            }
        }
        List<String> lines = Files.readAllLines(folder.resolve("metrics.jsonl"));
        assertThat(lines).hasSize(2);
        JsonNode first = new ObjectMapper().readTree(lines.get(0)).path("prior.loss_by_time");
        assertThat(first.size()).isEqualTo(10);
        assertThat(first.get(0).asDouble()).isEqualTo((0 + 1 + 2 + 3) / 4.0);
        assertThat(first.get(5).isNull()).isTrue();
        assertThat(first.get(9).asDouble()).isEqualTo(10);
        assertThat(lines.get(1)).contains("\"prior.loss_by_time\":[5.5,null,").doesNotContain("loss_by_time.");
        assertThat(folder.resolve("training.png")).isNotEmptyFile();
    }
}
