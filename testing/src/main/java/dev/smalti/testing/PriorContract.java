package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.Remask;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.Known;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Looking;
import dev.smalti.draw.Order;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Steps;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Blueprint;
import dev.smalti.network.Denoiser;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** What every prior must do. The tests train a tiny one on a grid of 2×3 tokens, 5 codes and two classes. */
public abstract class PriorContract {
    protected static final TokenSpace SPACE = new TokenSpace(5, 2, 3);
    protected static final int CLASSES = 2;
    private static final int LENGTH = 6; // of a step

    private int size() {
        return (int) space().size();
    }

    /** What the prior is of. */
    protected TokenSpace space() {
        return SPACE;
    }

    /** Gives a new prior what it takes from a token file. */
    protected void prepare(Prior prior) {}

    /** A tiny prior of the method, conditional where there are classes, which a few hundred steps can train. */
    protected abstract PriorConfiguration configuration();

    /** The learning rate and the number of steps of batch 16 that train it to the two grids by heart. */
    protected abstract double learningRate();

    protected abstract int stepsByHeart();

    /** One grid a class. */
    private static final long[][] GRIDS = {{0, 1, 2, 3, 4, 0}, {4, 4, 1, 0, 2, 3}};

    /** The grid of a class; where there are several codes at a place, each step's are the ones before and one. */
    private long[] grid(long label) {
        return LongStream.range(0, size())
                .map(i -> (GRIDS[(int) label][(int) (i % LENGTH)] + i / LENGTH) % SPACE.codes())
                .toArray();
    }

    /** So that weights from elsewhere can be compared with a prior before it takes memory. */
    @Test
    void has_shapes_that_are_known_without_its_numbers() {
        Optional<Blueprint> sketch = Blueprint.sketch(nowhere -> {
            try (Prior prior = configuration().build(space(), CLASSES, new Seed(17), nowhere)) {
                return prior.parameters().blueprint();
            }
        });
        try (Prior prior = build(CLASSES)) {
            assertThat(sketch)
                    .get()
                    .asString()
                    .isEqualTo(prior.parameters().blueprint().toString());
        }
    }

    @Test
    void learns_one_batch_by_heart() {
        try (Prior prior = build(CLASSES)) {
            double before = bitsPerToken(prior);
            train(prior, stepsByHeart());
            assertThat(before).as("bits per token, untrained").isGreaterThan(1);
            assertThat(bitsPerToken(prior)).as("bits per token").isLessThan(0.15);
            long[] labels = LongStream.range(0, 40).map(i -> i % CLASSES).toArray();
            long[][] grids = sample(prior, Sampling.USUAL, labels, 1, 40);
            long right = LongStream.range(0, 40)
                    .filter(i -> Arrays.equals(grids[(int) i], grid(labels[(int) i])))
                    .count();
            assertThat(right).as("draws of 40 that are the grid of their class").isGreaterThan(34);
        }
    }

    @Test
    void keeps_the_handle_count_over_300_training_steps_and_10_draws() {
        try (Prior prior = build(CLASSES)) {
            OneBatch<TokenBatch> run = training(prior);
            run.steps(5);
            draw(prior);
            System.gc(); // what other tests left must not go in between
            long before = Pointer.totalCount();
            run.steps(300);
            System.gc();
            long trained = Pointer.totalCount();
            for (int i = 0; i < 10; i++) {
                draw(prior);
            }
            long drawn = Pointer.totalCount();
            run.close();
            assertThat(trained).as("after 300 training steps").isLessThanOrEqualTo(before);
            assertThat(drawn).as("after 10 draws").isLessThanOrEqualTo(trained);
        }
    }

    private void draw(Prior prior) {
        sample(prior, Sampling.USUAL.guidance(1), new long[] {0, 1, CLASSES}, 3, 3);
        bitsPerToken(prior);
    }

    @Test
    void seed_7_draws_the_same_again_and_seed_8_something_else() {
        try (Prior prior = build(CLASSES)) {
            long[] labels = {0, 1, 0, 1, 2, 2};
            long[][] first = sample(prior, Sampling.USUAL, labels, 7, 6);
            assertThat(sample(prior, Sampling.USUAL, labels, 7, 6)).isDeepEqualTo(first);
            assertThat(sample(prior, Sampling.USUAL, labels, 8, 6)).isNotEqualTo(first);
        }
    }

    @Test
    void draws_the_same_grids_in_batches_of_any_size() {
        try (Prior prior = build(CLASSES)) {
            train(prior, 20);
            long[] labels = LongStream.range(0, 12).map(i -> i % (CLASSES + 1)).toArray();
            Sampling sampling = Sampling.USUAL
                    .filter(new LogitFilter(0.9, 4, 0.95))
                    .guidance(new GuidanceSettings(1.5, GuidanceSchedule.LINEAR, Interval.ALL, null));
            long[][] together = sample(prior, sampling, labels, 21, 12);
            assertThat(sample(prior, sampling, labels, 21, 5)).isDeepEqualTo(together);
            assertThat(sample(prior, sampling, labels, 21, 1)).isDeepEqualTo(together);
        }
    }

    @Test
    void draws_codes_and_no_mask() {
        try (Prior prior = build(0)) {
            for (long[] grid : sample(prior, Sampling.USUAL, new long[50], 5, 50)) {
                assertThat(grid).hasSize(size());
                assertThat(LongStream.of(grid)).allMatch(code -> code >= 0 && code < SPACE.codes());
            }
        }
    }

    @Test
    void shows_the_watcher_every_step_and_at_last_what_it_returns() {
        try (Prior prior = build(0)) {
            RandomStreams draws = RandomStreams.of(seeds(5, 0, 3));

            List<Integer> steps = new ArrayList<>();
            List<long[]> seen = new ArrayList<>();
            Scope.free(() -> {
                Tensor codes = prior.sample(prior.draw(Sampling.USUAL, draws).watcher((done, of, xt) -> {
                    steps.add(done);
                    assertThat(of).isGreaterThanOrEqualTo(done);
                    seen.add(Tensors.toLongs(xt));
                }));
                assertThat(seen.get(seen.size() - 1)).isEqualTo(Tensors.toLongs(codes));
            });
            assertThat(steps).isEqualTo(steps.stream().sorted().distinct().toList());
            assertThat(steps.get(0)).isEqualTo(1);
        }
    }

    @Test
    void draws_in_few_steps_or_in_all_that_it_always_takes() {
        try (Prior prior = build(0)) {
            int usual = steps(prior, Sampling.USUAL);
            assertThat(steps(prior, Sampling.USUAL.steps(new Steps.AtMost(2))))
                    .as("two, one more for a method that reads tokens at the end, or the usual " + usual)
                    .isIn(2, 3, usual);
        }
    }

    /** How many a draw takes; what it draws are codes. */
    private int steps(Prior prior, Sampling sampling) {
        int[] steps = {0};
        Scope.free(() -> {
            RandomStreams draws = RandomStreams.of(seeds(5, 0, 3));
            Tensor codes = prior.sample(prior.draw(sampling, draws).watcher((done, of, xt) -> steps[0] = of));
            prior.space().check("the draws", codes);
        });
        return steps[0];
    }

    @Test
    void tells_a_listener_what_is_drawn_from_and_draws_the_same_with_it() {
        try (Prior prior = build(CLASSES)) {
            Scope.free(() -> {
                RandomStreams streams = RandomStreams.of(seeds(5, 0, 3));
                Tensor labels = Tensors.longs(0, 1, 2);
                long[] heard = {0};
                GridDraw.Listener listener = (at, logProbabilities, codes) -> {
                    assertThat(logProbabilities.size(0)).isEqualTo(at.numel()).isEqualTo(codes.numel());
                    assertThat(logProbabilities.size(1)).isBetween((long) SPACE.codes(), SPACE.codes() + 1L);
                    Tensor chosen = logProbabilities.gather(1, codes.unsqueeze(1));
                    assertThat(DoubleStream.of(Tensors.toDoubles(chosen)).allMatch(Double::isFinite))
                            .isTrue();
                    heard[0] += at.numel();
                };
                Tensor drawn = prior.sample(
                        prior.draw(Sampling.USUAL, streams).labels(labels).listener(listener));
                assertThat(heard[0]).isGreaterThanOrEqualTo(3);
                assertThat(Tensors.toLongs(drawn))
                        .isEqualTo(Tensors.toLongs(
                                prior.sample(prior.draw(Sampling.USUAL, streams).labels(labels))));
            });
        }
    }

    /** Every step has a cost that is a number, and all of them together cost something. */
    @Test
    protected void says_what_steps_cost_where_they_can_be_searched() {
        try (Prior prior = build(CLASSES)) {
            double[] shares = {0, 0.25, 0.5, 0.75, 1};
            if (!stepsCanBeSearched()) {
                if (prior instanceof SearchableSteps otherwise) { // as it is configured they can't be
                    Scope.free(() -> assertThatThrownBy(() -> otherwise.stepCosts(batch(64), shares, new Seed(1)))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("can't be searched"));
                }
                return;
            }
            assertThat(prior).isInstanceOf(SearchableSteps.class);
            train(prior, 20);
            Scope.free(() -> {
                double[][] costs = ((SearchableSteps) prior).stepCosts(batch(64), shares, new Seed(1));
                double small = costs[4][3] + costs[3][2] + costs[2][1] + costs[1][0];
                assertThat(small).isGreaterThan(0.1);
                for (int i = 1; i < 5; i++) {
                    for (int j = 0; j < i; j++) {
                        assertThat(costs[i][j]).as(i + " to " + j).isBetween(0.0, 1e4);
                    }
                }
            });
        }
    }

    /** Whether the method knows what its steps cost, so that the best times of a few can be looked for. */
    protected boolean stepsCanBeSearched() {
        return true;
    }

    @Test
    void keeps_known_tokens_and_draws_the_others_whatever_the_batches() {
        try (Prior prior = build(CLASSES)) {
            train(prior, 20);
            TokenSpace space = space();
            long[] labels = {0, 1, 2, 0, 1, 2};
            boolean[] open = lastRow();
            SplittableRandom random = new SplittableRandom(4);
            List<long[]> codes = new ArrayList<>();
            for (int i = 0; i < labels.length; i++) {
                codes.add(random.longs(size(), 0, space.codes()).toArray());
            }
            Known known = known(open, codes);
            for (Sampling sampling : List.of(Sampling.USUAL, Sampling.USUAL.guidance(1))) {
                long[][] drawn = sample(prior, sampling, known, labels, 9, 6);
                boolean other = false;
                for (int i = 0; i < labels.length; i++) {
                    for (int j = 0; j < size(); j++) {
                        if (open[j % open.length]) {
                            assertThat(drawn[i][j]).isBetween(0L, space.codes() - 1L);
                            other |= drawn[i][j] != codes.get(i)[j];
                        } else {
                            assertThat(drawn[i][j])
                                    .as("kept token %d of grid %d", j, i)
                                    .isEqualTo(codes.get(i)[j]);
                        }
                    }
                }
                assertThat(other).as("something is drawn").isTrue();
                assertThat(sample(prior, sampling, known, labels, 9, 4)).isDeepEqualTo(drawn);
            }
        }
    }

    /** Samplers that every prior draws by, or refuses by name. */
    private static final List<Sampling> SAMPLERS = List.of(
            Sampling.USUAL.unmasking(Unmasking.USUAL.reveal(Reveal.COUNTS)),
            Sampling.USUAL.unmasking(Unmasking.USUAL.reveal(Reveal.COINS)),
            Sampling.USUAL.order(Order.HALTON),
            Sampling.USUAL.order(Order.RASTER),
            Sampling.USUAL.extrapolation(new Extrapolation.Multistep(0.5)),
            Sampling.USUAL.steps(new Steps.AtMost(2)).extrapolation(new Extrapolation.Trapezoidal(0.5)),
            Sampling.USUAL.corrector(new Corrector.Gibbs(2, 1, When.END)),
            Sampling.USUAL.corrector(new Corrector.Gibbs(1, 2, When.BETWEEN)),
            Sampling.USUAL.order(Order.ENTROPY),
            Sampling.USUAL.order(Order.MARGIN),
            Sampling.USUAL.unmasking(Unmasking.USUAL.order(Order.MOMENT).noise(0.0)),
            Sampling.USUAL.order(Order.MOMENT).extrapolation(new Extrapolation.Multistep(0.25)),
            Sampling.USUAL.unmasking(Unmasking.USUAL.bound(2)),
            Sampling.USUAL.corrector(new Corrector.Psi(0.8)),
            Sampling.USUAL.corrector(new Corrector.Remask(Remask.Kind.CAP, 0.2)),
            Sampling.USUAL.corrector(new Corrector.Remask(Remask.Kind.RESCALE, 0.2)),
            Sampling.USUAL.corrector(new Corrector.Remask(Remask.Kind.LOOP, 0.2)));

    private static final int COMMON = 8; // of these, which whoever can do their kind at all can do

    /** What the method does of what not every method can. */
    protected Set<Wish> able() {
        return Set.of();
    }

    private static Wish wish(Sampling sampling) {
        return !sampling.unmasking().equals(Unmasking.USUAL)
                ? Wish.UNMASKING
                : sampling.corrector().equals(Corrector.NONE) ? Wish.EXTRAPOLATION : Wish.CORRECTOR;
    }

    /** Known tokens stay, a grid depends on its own seed alone, and no mask is left. */
    @Test
    void draws_by_every_sampler_or_says_by_name_why_it_does_not() {
        try (Prior prior = build(CLASSES)) {
            train(prior, 20);
            boolean[] open = lastRow();
            long[] labels = {0, 1, 2, 0};
            List<long[]> codes = new SplittableRandom(4)
                    .ints(labels.length)
                    .mapToObj(seed -> new SplittableRandom(seed)
                            .longs(size(), 0, space().codes())
                            .toArray())
                    .toList();
            for (int i = 0; i < SAMPLERS.size(); i++) {
                Sampling sampling = SAMPLERS.get(i).guidance(0.5);
                boolean must = i < COMMON && able().contains(wish(sampling));
                for (Known known : new Known[] {null, known(open, codes)}) {
                    drawsOrRefuses(prior, sampling, known, open, codes, labels, must);
                }
            }
        }
    }

    private void drawsOrRefuses(
            Prior prior,
            Sampling sampling,
            Known known,
            boolean[] open,
            List<long[]> codes,
            long[] labels,
            boolean must) {
        long[][] drawn;
        try {
            drawn = sample(prior, sampling, known, labels, 9, labels.length);
        } catch (UnsupportedSamplingException refusal) {
            assertThat(must)
                    .as("refuses " + sampling + ": " + refusal.getMessage())
                    .isFalse();
            assertThat(refusal).hasMessageMatching("(?s).*(order|extrapolat|correct|psi|remask).*");
            return;
        }
        assertThat(able()).as("does " + sampling).contains(wish(sampling));
        for (int i = 0; i < labels.length; i++) {
            for (int j = 0; j < size(); j++) {
                assertThat(drawn[i][j]).isBetween(0L, space().codes() - 1L);
                if (known != null && !open[j % open.length]) {
                    assertThat(drawn[i][j]).isEqualTo(codes.get(i)[j]);
                }
            }
        }
        assertThat(sample(prior, sampling, known, labels, 9, 3)).isDeepEqualTo(drawn);
    }

    private boolean[] lastRow() {
        TokenSpace space = space();
        boolean[] open = new boolean[Math.toIntExact(space.length())];
        Arrays.fill(open, open.length - space.width(), open.length, true);
        return open;
    }

    private Known known(boolean[] open, List<long[]> codes) {
        long[] noise = LongStream.rangeClosed(1, codes.size()).toArray();
        return new Known(space().height(), space().width(), open, codes, noise);
    }

    @Test
    void drawing_everything_anew_and_a_canvas_of_its_own_size_are_plain_draws() {
        try (Prior prior = build(CLASSES)) {
            TokenSpace space = space();
            long[] labels = {0, 1, 2};
            boolean[] open = new boolean[Math.toIntExact(space.length())];
            Arrays.fill(open, true);
            Known nothing = known(open, List.of(new long[size()]));
            Sampling all = Sampling.USUAL.canvas(new Canvas(space.height(), space.width()));
            assertThat(sample(prior, all, nothing, labels, 9, 3))
                    .isDeepEqualTo(sample(prior, Sampling.USUAL, labels, 9, 3));
        }
    }

    /** What is drawn on a canvas of two rows and one column more, or the reason why there is none. */
    @Test
    void draws_larger_canvases_or_says_why_it_does_not() {
        try (Prior prior = build(CLASSES)) {
            TokenSpace space = space();
            Canvas canvas = new Canvas(space.height() + 2, space.width() + 1);
            Scope.free(() -> {
                RandomStreams draws = RandomStreams.of(seeds(5, 0, 2));
                Tensor labels = Tensors.longs(0, 1);
                Sampling sampling = Sampling.USUAL.canvas(canvas).guidance(1);
                if (!growsBeyondTraining()) {
                    assertThatThrownBy(() ->
                                    prior.sample(prior.draw(sampling, draws).labels(labels)))
                            .isInstanceOf(UnsupportedSamplingException.class)
                            .hasMessageContaining("of its own size alone");
                    return;
                }
                Tensor drawn = prior.sample(prior.draw(sampling, draws).labels(labels));
                TokenSpace larger = new TokenSpace(space.codes(), canvas.height(), canvas.width(), space.depth());
                larger.check("the canvas", drawn);
                assertThat(drawn.size(-2)).isEqualTo(canvas.height());
                assertThat(drawn.size(-1)).isEqualTo(canvas.width());
                assertThat(drawn.numel()).isEqualTo(2 * larger.size());
                assertThat(Tensors.toLongs(
                                prior.sample(prior.draw(sampling, draws).labels(labels))))
                        .isEqualTo(Tensors.toLongs(drawn));
            });
        }
    }

    /** Whether the method draws canvases larger than the grids of training. */
    protected boolean growsBeyondTraining() {
        return true;
    }

    @Test
    void guidance_away_from_a_class_is_another_than_from_none() {
        try (Prior prior = build(CLASSES)) {
            train(prior, 100);
            long[] labels = new long[60];
            Arrays.fill(labels, CLASSES); // of both kinds, if nothing leads away from one
            Sampling usual = Sampling.USUAL.guidance(6);
            Sampling none = away((long) CLASSES);
            Sampling away = away(1L);
            long[][] plain = sample(prior, usual, labels, 3, 60);
            assertThat(sample(prior, none, labels, 3, 60)).isDeepEqualTo(plain);
            assertThat(sample(prior, away, labels, 3, 60)).isNotEqualTo(plain);
            Sampling beyond = away(CLASSES + 1L);
            assertThatThrownBy(() -> sample(prior, beyond, labels, 3, 60))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("the negative label must be in 0..2");
        }
    }

    /** Nothing to lead away from is left, so that no weight changes anything; away from another network it does. */
    @Test
    void guidance_away_from_itself_is_none_and_away_from_another_network_is_some() {
        for (int classes : new int[] {CLASSES, 0}) {
            try (Prior prior = build(classes);
                    Prior other = configuration().build(space(), classes, new Seed(18), Devices.cpu())) {
                prepare(other);
                other.parameters().training(true); // as training leaves it
                train(prior, 40);
                Tensor labels = classes == 0 ? null : Scope.hold(Tensors.longs(0, 1, CLASSES, 0, 1, CLASSES));
                if (!guidesOthers()) {
                    assertThatThrownBy(() -> away(prior, prior, 1, labels))
                            .isInstanceOf(UnsupportedSamplingException.class)
                            .hasMessageContaining("guide");
                    return;
                }
                long[] weak = away(prior, prior, 0.5, labels);
                assertThat(away(prior, prior, 4, labels)).isEqualTo(weak);
                try {
                    assertThat(away(prior, other, 4, labels)).isNotEqualTo(weak);
                } catch (UnsupportedSamplingException e) { // a method whose state is its own network's
                    assertThat(e).hasMessageContaining("has other embeddings than this one");
                }
            }
        }
    }

    private static long[] away(Prior prior, Prior guiding, double weight, Tensor labels) {
        Sampling bold = Sampling.USUAL.temperature(4).guidance(weight); // else a grid that is known by heart hides all
        return Scope.value(() -> Tensors.toLongs(prior.sample(
                prior.draw(bold, RandomStreams.of(seeds(4, 0, 6)), guiding).labels(labels))));
    }

    /** Whether draws of other priors of the method may be guided away from it. */
    protected boolean guidesOthers() {
        return true;
    }

    @Test
    void guidance_away_from_its_network_without_classes_is_classifier_free_guidance() {
        if (!guidesOthers()) {
            return;
        }
        try (Prior prior = build(CLASSES)) {
            train(prior, 40);
            Denoiser inner = prior.denoiser();
            Denoiser without =
                    (xt, time, label, at) -> inner.logits(xt, time, Tensors.filled(CLASSES, label.size(0)), at);
            for (Canvas canvas : growsBeyondTraining()
                    ? new Canvas[] {null, new Canvas(space().height() + 1, space().width() + 1)}
                    : new Canvas[] {null}) {
                for (Looking looking : Looking.values()) {
                    Sampling sampling =
                            Sampling.USUAL.guidance(1.5).canvas(canvas).looking(looking);
                    Scope.free(() -> {
                        Tensor labels = Tensors.longs(0, 1, 0, 1);
                        GridDraw draw = prior.draw(sampling, RandomStreams.of(seeds(4, 0, 4)))
                                .labels(labels)
                                .guiding(without);
                        if (!takesAnyNetwork()) {
                            assertThatThrownBy(() -> prior.sample(draw))
                                    .isInstanceOf(UnsupportedSamplingException.class)
                                    .hasMessageContaining("guided away from another such");
                            return;
                        }
                        long[] drawn = Tensors.toLongs(prior.sample(draw));
                        assertThat(drawn)
                                .isEqualTo(Tensors.toLongs(
                                        prior.sample(prior.draw(sampling, RandomStreams.of(seeds(4, 0, 4)))
                                                .labels(labels))));
                    });
                }
            }
        }
    }

    /** Whether any network that is asked in the same way may guide its draws, rather than one of a prior of its kind. */
    protected boolean takesAnyNetwork() {
        return true;
    }

    private static Sampling away(long label) {
        return Sampling.USUAL.guidance(new GuidanceSettings(6, GuidanceSchedule.CONSTANT, Interval.ALL, label));
    }

    @Test
    void refuses_known_tokens_of_another_size() {
        try (Prior prior = build(0)) {
            TokenSpace space = space();
            Scope.free(() -> {
                GridDraw draw = prior.draw(Sampling.USUAL, RandomStreams.of(seeds(5, 0, 1)));
                boolean[] wide = new boolean[space.height() * (space.width() + 1)];
                wide[0] = true;
                Known wider = new Known(
                        space.height(),
                        space.width() + 1,
                        wide,
                        List.of(new long[wide.length * space.depth()]),
                        new long[] {1});
                assertThatThrownBy(() -> draw.known(wider))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("known tokens must be those of grids of " + space.grid() + ", got ");
                long[] beyond = new long[size()];
                Arrays.fill(beyond, space.codes());
                assertThatThrownBy(() -> draw.known(known(lastRow(), List.of(beyond))))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("of the known tokens");
            });
        }
    }

    @Test
    void gives_a_finite_estimate_for_every_grid() {
        try (Prior prior = build(CLASSES)) {
            Scope.free(() -> {
                Tensor nats = negativeLogLikelihood(prior, batch(16).codes(), Tensors.filled(CLASSES, 16), new Seed(1));
                assertThat(DoubleStream.of(Tensors.toDoubles(nats)).boxed())
                        .hasSize(16)
                        .allMatch(each -> Double.isFinite(each) && each >= 0);
            });
        }
    }

    @Test
    void refuses_tokens_of_another_space() {
        try (Prior prior = build(CLASSES)) {
            Scope.free(() -> {
                Tensor labels = Tensors.filled(0, 1);
                long[] beyond = new long[size()];
                beyond[size() - 1] = 5;
                assertThatThrownBy(() -> negativeLogLikelihood(
                                prior, Tensors.longs(beyond).view(1, size()), labels, new Seed(1)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("codes must be below 5, got 5 at [0, " + (size() - 1) + "]");
                long[] negative = new long[size()];
                negative[1] = -1;
                assertThatThrownBy(() -> negativeLogLikelihood(
                                prior, Tensors.longs(negative).view(1, size()), labels, new Seed(1)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("codes must be 0 or more, got -1 at [0, 1]");
                assertThatThrownBy(() -> negativeLogLikelihood(
                                prior, Tensors.longs(0, 1, 2, 3).view(1, 4), labels, new Seed(1)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("codes must have shape [?, " + size() + "], got [1, 4]");
            });
        }
    }

    @Test
    void refuses_labels_that_are_not_classes() {
        try (Prior prior = build(CLASSES)) {
            Scope.free(() -> {
                Tensor codes = Tensors.filled(0, 2, size());
                for (Tensor bad : List.of(Tensors.longs(0, 3), Tensors.longs(1, -1))) {
                    assertThatThrownBy(() -> negativeLogLikelihood(prior, codes, bad, new Seed(1)))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("labels must be in 0..2")
                            .hasMessageContaining("got " + Tensors.toLongs(bad)[1] + " at [1]");
                    assertThatThrownBy(() -> sample(prior, Sampling.USUAL, Tensors.toLongs(bad), 1, 2))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("labels must be in 0..2");
                }
                assertThatThrownBy(() -> negativeLogLikelihood(prior, codes, Tensors.longs(0), new Seed(1)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("labels must have shape [2], got [1]");
                assertThatThrownBy(() -> negativeLogLikelihood(prior, codes, null, new Seed(1)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("labels are required");
            });
        }
    }

    @Test
    void refuses_guidance_and_labels_without_classes() {
        try (Prior prior = build(0)) {
            RandomStreams draws = RandomStreams.of(seeds(5, 0, 1));
            assertThatThrownBy(() -> prior.sample(prior.draw(Sampling.USUAL.guidance(2), draws)))
                    .isInstanceOf(UnsupportedSamplingException.class)
                    .hasMessageContaining("guidance")
                    .hasMessageContaining("classes");
            Scope.free(() -> assertThatThrownBy(
                            () -> prior.sample(prior.draw(Sampling.USUAL, draws).labels(Tensors.longs(0))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("labels"));
        }
    }

    protected final Prior build(int classes) {
        Prior prior = configuration().build(space(), classes, new Seed(17), Devices.cpu());
        prepare(prior);
        return prior;
    }

    private static Tensor negativeLogLikelihood(Prior prior, Tensor codes, Tensor labels, Seed seed) {
        Tensor noise = Tensors.longs(LongStream.range(0, codes.size(0)).toArray());
        return prior.negativeLogLikelihood(new TokenBatch(codes, labels, noise), seed);
    }

    /** Grids of both classes in turn. */
    private TokenBatch batch(int grids) {
        return batch(grids, 0);
    }

    private TokenBatch batch(int grids, long firstNoise) {
        long[] labels = LongStream.range(0, grids).map(i -> i % CLASSES).toArray();
        long[] codes =
                LongStream.of(labels).flatMap(i -> LongStream.of(grid(i))).toArray();
        return new TokenBatch(
                Tensors.longs(codes).view(grids, size()),
                Tensors.longs(labels),
                Tensors.longs(LongStream.range(firstNoise, firstNoise + grids).toArray()));
    }

    /** Mean over both classes and many estimates. */
    private double bitsPerToken(Prior prior) {
        return Scope.value(() -> {
            TokenBatch batch = batch(120);
            double nats = negativeLogLikelihood(prior, batch.codes(), batch.labels(), new Seed(99))
                    .mean()
                    .item_double();
            return nats / size() / Math.log(2);
        });
    }

    private void train(Prior prior, int steps) {
        try (OneBatch<TokenBatch> run = training(prior)) {
            run.steps(steps);
        }
    }

    private OneBatch<TokenBatch> training(Prior prior) {
        long[] noise = {1000}; // other than what is measured with, and other each time
        return new OneBatch<>(prior.objectives(), true, () -> batch(16, noise[0] += 16), 16, learningRate());
    }

    /** Grids with these labels, drawn so many at a time. */
    private long[][] sample(Prior prior, Sampling sampling, long[] labels, long seed, int atOnce) {
        return sample(prior, sampling, null, labels, seed, atOnce);
    }

    private long[][] sample(Prior prior, Sampling sampling, Known known, long[] labels, long seed, int atOnce) {
        long[][] grids = new long[labels.length][];
        for (int from = 0; from < labels.length; from += atOnce) {
            int begin = from;
            int end = Math.min(labels.length, from + atOnce);
            Scope.free(() -> {
                RandomStreams draws = RandomStreams.of(seeds(seed, begin, end));
                Tensor own = prior.classes() == 0 ? null : Tensors.longs(Arrays.copyOfRange(labels, begin, end));
                long[] codes = Tensors.toLongs(
                        prior.sample(prior.draw(sampling, draws).labels(own).known(known, begin)));
                for (int i = begin; i < end; i++) {
                    grids[i] = Arrays.copyOfRange(codes, (i - begin) * size(), (i - begin + 1) * size());
                }
            });
        }
        return grids;
    }

    private static List<Seed> seeds(long seed, int from, int to) {
        return LongStream.range(from, to).mapToObj(new Seed(seed)::child).toList();
    }
}
