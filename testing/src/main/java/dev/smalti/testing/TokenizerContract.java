package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Blueprint;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.TokenizerConfiguration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** What every tokenizer must do. The tests train a tiny one on four images of 16×16 pixels. */
public abstract class TokenizerContract {
    protected static final int SIZE = 16;

    /** A tiny tokenizer of {@link #SIZE} pixels, which a few hundred steps can train. */
    protected abstract TokenizerConfiguration configuration();

    /** The learning rate and the number of steps of four images that train it to them by heart. */
    protected abstract double learningRate();

    protected abstract int stepsByHeart();

    /** So that weights from elsewhere can be compared with a tokenizer before it takes memory. */
    @Test
    void has_shapes_that_are_known_without_its_numbers() {
        Optional<Blueprint> sketch = Blueprint.sketch(nowhere -> {
            try (Tokenizer tokenizer = configuration().build(new Seed(1), nowhere)) {
                return tokenizer.parameters().blueprint();
            }
        });
        try (Tokenizer tokenizer = build()) {
            assertThat(sketch)
                    .get()
                    .asString()
                    .isEqualTo(tokenizer.parameters().blueprint().toString());
        }
    }

    @Test
    void learns_one_batch_by_heart() {
        try (Tokenizer tokenizer = build();
                OneBatch<Tensor> run = training(tokenizer)) {
            double before = error(tokenizer);
            run.steps(stepsByHeart());
            assertThat(before).as("mean absolute error, untrained").isGreaterThan(0.3);
            assertThat(error(tokenizer)).as("mean absolute error").isLessThan(0.1);
        }
    }

    @Test
    void keeps_the_handle_count_over_60_training_steps_and_10_encodings() {
        try (Tokenizer tokenizer = build();
                OneBatch<Tensor> run = training(tokenizer)) {
            run.steps(5);
            error(tokenizer);
            System.gc(); // what other tests left must not go in between
            long before = Pointer.totalCount();
            run.steps(60);
            long trained = Pointer.totalCount();
            for (int i = 0; i < 10; i++) {
                error(tokenizer);
            }
            assertThat(trained).as("after 60 training steps").isLessThanOrEqualTo(before);
            assertThat(Pointer.totalCount()).as("after 10 encodings").isLessThanOrEqualTo(trained);
        }
    }

    @Test
    void turns_images_into_codes_of_its_space_and_back() {
        try (Tokenizer tokenizer = build()) {
            Scope.free(() -> {
                Tensor codes = tokenizer.encode(images());
                assertThat(codes.scalar_type().intern()).isEqualTo(ScalarType.Long);
                assertThat(Dims.of(codes)).containsExactly(Dims.of(grids(tokenizer, 4)));
                tokenizer.space().check("the tokenizer", codes);
                Tensor again = tokenizer.decode(codes);
                assertThat(Dims.of(again)).containsExactly(4, 3, SIZE, SIZE);
                assertThat(again.scalar_type().intern()).isEqualTo(ScalarType.Float);
                assertThat(Dims.of(tokenizer.codebook())[0])
                        .isEqualTo(tokenizer.space().codes());
                assertThat(tokenizer.imageSize()).isEqualTo(SIZE);
            });
        }
    }

    @Test
    void decodes_grids_of_any_size() {
        try (Tokenizer tokenizer = build()) {
            Scope.free(() -> {
                long factor = SIZE / tokenizer.space().height();
                int depth = tokenizer.space().depth();
                Tensor codes = depth == 1 ? Tensors.filled(1, 2, 3, 11) : Tensors.filled(1, 2, depth, 3, 11);
                assertThat(Dims.of(tokenizer.decode(codes))).containsExactly(2, 3, 3 * factor, 11 * factor);
            });
        }
    }

    @Test
    void decodes_grids_of_16_times_the_area_each_by_itself() {
        try (Tokenizer tokenizer = build()) {
            Scope.free(() -> {
                tokenizer.parameters().training(false);
                TokenSpace space = tokenizer.space();
                Tensor codes = Tensors.uniform(new Seed(5).generator(), 32 * space.size())
                        .mul(new Scalar((double) space.codes()))
                        .to(ScalarType.Long);
                Tensor grids = new TokenSpace(space.codes(), 4 * space.height(), 4 * space.width(), space.depth())
                        .grids(codes);
                Tensor images = tokenizer.decode(grids);
                assertThat(Dims.of(images)).containsExactly(2, 3, 4 * SIZE, 4 * SIZE);
                for (int i = 0; i < 2; i++) {
                    assertThat(Tensors.toDoubles(tokenizer.decode(grids.narrow(0, i, 1))))
                            .containsExactly(Tensors.toDoubles(images.narrow(0, i, 1)), within(1e-4));
                }
            });
        }
    }

    @Test
    void encodes_images_of_any_size_that_tiles() {
        try (Tokenizer tokenizer = build()) {
            Scope.free(() -> {
                long factor = tokenizer.factor();
                int depth = tokenizer.space().depth();
                Tensor codes = tokenizer.encode(Tensors.zeros(2, 3, 3 * factor, 11 * factor));
                long[] shape = depth == 1 ? new long[] {2, 3, 11} : new long[] {2, depth, 3, 11};
                assertThat(Dims.of(codes)).containsExactly(shape);
            });
        }
    }

    @Test
    void encodes_each_image_by_itself_and_without_changing_anything() {
        try (Tokenizer tokenizer = build()) {
            Scope.free(() -> {
                tokenizer.parameters().training(false);
                List<float[]> before = state(tokenizer);
                long[] together = Tensors.toLongs(tokenizer.encode(images()));
                int length = (int) tokenizer.space().size();
                for (int i = 0; i < 4; i++) {
                    assertThat(Tensors.toLongs(tokenizer.encode(images().narrow(0, i, 1), new long[] {i})))
                            .isEqualTo(Arrays.copyOfRange(together, i * length, (i + 1) * length));
                }
                tokenizer.decode(tokenizer.encode(images()));
                assertThat(state(tokenizer)).usingRecursiveComparison().isEqualTo(before);
            });
        }
    }

    private static Tensor grids(Tokenizer tokenizer, int count) {
        return tokenizer
                .space()
                .grids(Tensors.filled(0, count * tokenizer.space().size()));
    }

    private static List<float[]> state(Tokenizer tokenizer) {
        return tokenizer.parameters().all().values().stream()
                .map(Tensors::toFloats)
                .toList();
    }

    @Test
    void refuses_images_that_do_not_tile_and_flat_codes() {
        try (Tokenizer tokenizer = build()) {
            Scope.free(() -> {
                assertThatThrownBy(() -> tokenizer.encode(Tensors.zeros(1, 3, SIZE, SIZE + 1)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage(Phrase.of("images must have sides that are multiples of %d, got 16 x 17")
                                .with(tokenizer.factor()));
                assertThatThrownBy(() -> tokenizer.encode(Tensors.zeros(1, 1, SIZE, SIZE)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("images must have shape");
                assertThatThrownBy(() -> tokenizer.decode(Tensors.filled(0, 1, 16)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("codes must have shape");
            });
        }
    }

    private Tokenizer build() {
        return configuration().build(new Seed(23), Devices.cpu());
    }

    /** Four images of two colours each, one above or left of the other, in [-1, 1]. */
    protected static Tensor images() {
        return Scope.keep(() -> {
            float[] values = new float[4 * 3 * SIZE * SIZE];
            int at = 0;
            for (int i = 0; i < 4; i++) {
                for (int c = 0; c < 3; c++) {
                    for (int y = 0; y < SIZE; y++) {
                        for (int x = 0; x < SIZE; x++) {
                            boolean first = (i < 2 ? y : x) < SIZE / 2;
                            values[at++] = (i + c) % 2 == 0 == first ? 0.8f : -0.6f;
                        }
                    }
                }
            }
            return Tensors.floats(values).view(4, 3, SIZE, SIZE);
        });
    }

    private static double error(Tokenizer tokenizer) {
        tokenizer.parameters().training(false);
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor images = images();
                return tokenizer
                        .decode(tokenizer.encode(images))
                        .sub(images)
                        .abs()
                        .mean()
                        .item_double();
            }
        });
    }

    private OneBatch<Tensor> training(Tokenizer tokenizer) {
        return new OneBatch<>(tokenizer.objectives(), false, TokenizerContract::images, 4, learningRate());
    }
}
