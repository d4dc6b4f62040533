package dev.smalti.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Steps;
import dev.smalti.network.Objective;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import dev.smalti.train.NotFiniteException;
import dev.smalti.train.Player;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What only a machine with a card can tell: whether each prior draws and learns on it as on the CPU, and how it tells of weights
 * that have diverged. One line of JSON for each check as it is made, so that nothing is lost of a run that is cut off. Arguments:
 * the device ({@code cuda}; {@code cpu} rehearses), then names of recipes under {@code recipes/toy}; all of the priors by default.
 */
public final class Card {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path RECIPES = Path.of(System.getProperty("smalti.home", ""), "recipes", "toy");
    private static final List<String> PRIORS = List.of(
            "absorbing",
            "autoregressive",
            "maskgit",
            "sedd-absorb",
            "sedd-uniform",
            "d3pm-uniform",
            "vqdiffusion",
            "lcmd",
            "rdpm");
    private static final int CODES = 64;
    private static final int SIDE = 8;
    private static final int CLASSES = 5;
    private static final int GRIDS = 16;
    private static final int STEPS = 16;
    private static final int TRAINED = 20;
    private static final double FEW = 0.05; // of the tokens, that rounding may turn

    private final String name;

    private Card(String name) {
        this.name = name;
    }

    /** A new one: a prior that is closed closes its own. */
    private Device device() {
        return Devices.of(name);
    }

    /** Exit code 0 if all is well. */
    public static void main(String[] arguments) throws IOException {
        String device = arguments.length == 0 ? "cuda" : arguments[0];
        List<String> names = arguments.length < 2 ? PRIORS : List.of(arguments).subList(1, arguments.length);
        Card card = new Card(device);
        boolean good = true;
        for (String name : names) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("prior", name);
            try {
                card.check(name, line);
            } catch (RuntimeException e) {
                line.put("good", false);
                line.put("error", e.toString().lines().findFirst().orElse(""));
            }
            good &= Boolean.TRUE.equals(line.get("good"));
            System.out.println(JSON.writeValueAsString(line));
        }
        System.exit(good ? 0 : 1);
    }

    private void check(String prior, Map<String, Object> line) {
        PriorRecipe recipe = RecipeFile.read(RECIPES.resolve(prior + ".yaml"), PriorRecipe.class, List.of());
        boolean steps = prior.equals("rdpm");
        TokenSpace space = new TokenSpace(CODES, SIDE, SIDE, steps ? 4 : 1);
        long[] here = drawn(recipe, space, Devices.cpu(), Precision.FP32);
        long[] there = drawn(recipe, space, device(), Precision.FP32);
        double other = (double) LongStream.range(0, here.length)
                        .filter(i -> here[(int) i] != there[(int) i])
                        .count()
                / here.length;
        line.put("tokens_that_differ", other);
        drawn(recipe, space, device(), Precision.BF16);
        long start = System.nanoTime();
        drawn(recipe, space, device(), Precision.BF16);
        line.put("bf16_seconds_a_step", (System.nanoTime() - start) / 1e9 / STEPS);
        double own = loss(recipe, space, Devices.cpu());
        double far = loss(recipe, space, device());
        line.put("loss_on_the_cpu", own);
        line.put("loss_on_the_device", far);
        boolean told = drawsOfFlawedWeights(recipe, space);
        boolean kept = keepsWeightsOfFlawedLoss(recipe, space);
        line.put("tells_of_flawed_weights", told);
        line.put("keeps_weights_of_a_flawed_step", kept);
        line.put("good", other <= FEW && Math.abs(own - far) <= 2e-3 * Math.abs(own) && told && kept);
    }

    private static Prior prior(PriorRecipe recipe, TokenSpace space, Device device) {
        return recipe.prior().build(space, CLASSES, new Seed(1), device);
    }

    /** Codes of untrained weights, as far as they are the same on both. */
    private static long[] drawn(PriorRecipe recipe, TokenSpace space, Device device, Precision precision) {
        try (Prior prior = prior(recipe, space, device)) {
            return Scope.value(() -> Tensors.toLongs(draw(prior, precision)));
        }
    }

    private static Tensor draw(Prior prior, Precision precision) {
        Device device = prior.parameters().device();
        List<Seed> seeds =
                LongStream.range(0, GRIDS).mapToObj(new Seed(2)::child).toList();
        Tensor labels = prior.classes() == 0 ? null : Tensors.filled(1, GRIDS);
        return precision.run(
                device,
                () -> prior.sample(
                        prior.draw(Sampling.USUAL.steps(new Steps.AtMost(STEPS)), RandomStreams.of(seeds, device))
                                .labels(labels)));
    }

    /** After some steps of training in float32. */
    private static double loss(PriorRecipe recipe, TokenSpace space, Device device) {
        try (Prior prior = prior(recipe, space, device)) {
            train(prior, device, TRAINED);
            return Scope.value(() -> {
                Objective<TokenBatch> objective = prior.objectives().get(0);
                prior.parameters().training(false);
                try (NoGradGuard guard = new NoGradGuard()) {
                    return objective
                            .loss(Priors.tokens(prior, GRIDS, TRAINED), TRAINED, new Seed(3))
                            .total()
                            .item_double();
                }
            });
        }
    }

    private static void train(Prior prior, Device device, int steps) {
        TrainingConfiguration training =
                TrainingConfiguration.of(steps, GRIDS, 1e-3, "fp32", device.is_cuda() ? "cuda" : "cpu");
        List<Player<TokenBatch>> players = List.of(Player.of(prior.objectives().get(0), training, true));
        try {
            new TrainLoop<>(
                            players,
                            number -> Priors.tokens(prior, GRIDS, number),
                            training,
                            new Seed(4),
                            device,
                            List.of(),
                            () -> false)
                    .run(0);
        } finally {
            players.forEach(Player::close);
        }
    }

    private static void spoil(Prior prior) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                prior.parameters().weights().values().forEach(weight -> weight.fill_(new Scalar(Double.NaN)));
            }
        });
    }

    private boolean drawsOfFlawedWeights(PriorRecipe recipe, TokenSpace space) {
        try (Prior prior = prior(recipe, space, device())) {
            spoil(prior);
            Scope.free(() -> draw(prior, Precision.FP32));
            return false;
        } catch (ArithmeticException e) {
            return true;
        }
    }

    /** One weight is no number, so the loss is none, and the others must stay as they were. */
    private boolean keepsWeightsOfFlawedLoss(PriorRecipe recipe, TokenSpace space) {
        try (Prior prior = prior(recipe, space, device())) {
            List<Tensor> weights = List.copyOf(prior.parameters().weights().values());
            Tensor last = weights.get(weights.size() - 1);
            Tensor first = weights.get(0);
            double before = sum(last);
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    first.fill_(new Scalar(Double.NaN));
                }
            });
            try {
                train(prior, device(), 1);
                return false;
            } catch (NotFiniteException e) {
                return sum(last) == before;
            }
        }
    }

    private static double sum(Tensor weight) {
        return Scope.value(() -> weight.detach().to(ScalarType.Double).sum().item_double());
    }
}
