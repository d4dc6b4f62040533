package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class ScopeTest {
    private record Pair(Tensor first, List<Tensor> rest, String name) {}

    @Test
    void frees_all_but_what_it_keeps() {
        List<Tensor> made = new ArrayList<>();
        Tensor kept = Scope.keep(() -> {
            made.add(Tensors.floats(1));
            return made.get(0).add(made.get(0));
        });
        assertThat(Tensors.toFloats(kept)).containsExactly(2);
        assertThat(made.get(0).isNull()).isTrue();
    }

    @Test
    void keeps_the_tensors_of_a_record() {
        Pair pair =
                Scope.keep(() -> new Pair(Tensors.floats(1), List.of(Tensors.floats(2), Tensors.floats(3)), "pair"));
        assertThat(Tensors.toFloats(pair.first)).containsExactly(1);
        assertThat(Tensors.toFloats(pair.rest.get(1))).containsExactly(3);
    }

    @Test
    void keeps_the_tensors_of_a_record_of_which_one_is_missing() {
        Pair pair = Scope.keep(() -> new Pair(null, List.of(Tensors.floats(2)), null));
        assertThat(Tensors.toFloats(pair.rest.get(0))).containsExactly(2);
    }

    @Test
    void adopts_what_another_thread_has_kept() {
        Pair pair = CompletableFuture.supplyAsync(() -> Scope.keep(
                        () -> new Pair(Tensors.floats(1).add(Tensors.floats(1)), List.of(Tensors.floats(3)), "pair")))
                .join();
        Scope.free(() -> {
            assertThat(Scope.adopt(pair)).isSameAs(pair);
            assertThat(Tensors.toFloats(pair.first)).containsExactly(2);
        });
        assertThat(pair.first.isNull()).isTrue();
        assertThat(pair.rest.get(0).isNull()).isTrue();
    }

    private record Measured(Path file, Tensor tensor) {}

    @Test
    void keeps_the_tensors_of_a_record_with_a_path() {
        Measured measured = Scope.keep(() -> new Measured(Path.of("folder", "file"), Tensors.floats(4)));
        assertThat(Tensors.toFloats(measured.tensor)).containsExactly(4);
    }

    @Test
    void keeps_the_tensors_of_lists_maps_arrays_and_optionals() {
        Map<String, Object> kept = Scope.keep(() -> {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("list", List.of(Tensors.floats(1)));
            map.put("array", new Tensor[] {Tensors.floats(2)});
            map.put("optional", Optional.of(Tensors.floats(3)));
            map.put("map", Map.of("x", Tensors.floats(4)));
            map.put("number", 5);
            return map;
        });
        assertThat(((Tensor) ((List<?>) kept.get("list")).get(0)).item_float()).isEqualTo(1);
        assertThat(((Tensor[]) kept.get("array"))[0].item_float()).isEqualTo(2);
        assertThat(((Tensor) ((Optional<?>) kept.get("optional")).get()).item_float())
                .isEqualTo(3);
        assertThat(((Tensor) ((Map<?, ?>) kept.get("map")).get("x")).item_float())
                .isEqualTo(4);
    }

    @Test
    void keeps_nothing() {
        assertThat(Scope.<Tensor>keep(() -> null)).isNull();
        assertThat(Scope.<Optional<Tensor>>keep(Optional::empty)).isEmpty();
    }

    @Test
    void passes_what_it_keeps_to_the_scope_around_it() {
        List<Tensor> seen = new ArrayList<>();
        Tensor outer = Scope.keep(() -> {
            Tensor inner = Scope.keep(() -> Tensors.floats(1));
            seen.add(inner);
            assertThat(inner.isNull()).isFalse();
            return inner.add(inner);
        });
        assertThat(seen.get(0).isNull()).isTrue();
        assertThat(Tensors.toFloats(outer)).containsExactly(2);
    }

    @Test
    void keeps_a_tensor_that_is_returned_twice_only_as_long_as_one() {
        List<Tensor> seen = new ArrayList<>();
        Scope.free(() -> {
            Tensor tensor = Tensors.floats(1);
            seen.addAll(Scope.keep(() -> List.of(tensor, tensor)));
            assertThat(tensor.isNull()).isFalse();
        });
        assertThat(seen.get(0).isNull()).isTrue();
    }

    @Test
    void leaves_a_tensor_from_outside_alone() {
        Scope.free(() -> {
            Tensor outside = Tensors.floats(1);
            Scope.free(() -> outside.add(outside));
            Tensor same = Scope.keep(() -> outside);
            assertThat(Tensors.toFloats(same)).containsExactly(1);
        });
    }

    @Test
    void frees_everything_when_the_body_fails() {
        List<Tensor> made = new ArrayList<>();
        assertThatThrownBy(() -> Scope.keep(() -> {
                    made.add(Tensors.floats(1));
                    throw new IllegalStateException("failed");
                }))
                .hasMessage("failed");
        assertThat(made.get(0).isNull()).isTrue();
    }

    @Test
    void returns_a_value_and_frees_its_tensors() {
        List<Tensor> made = new ArrayList<>();
        float value = Scope.value(() -> {
            made.add(Tensors.floats(3));
            return made.get(0).item_float();
        });
        assertThat(value).isEqualTo(3);
        assertThat(made.get(0).isNull()).isTrue();
    }

    @Test
    void holds_a_tensor_past_its_scope_until_it_is_released() {
        List<Tensor> made = new ArrayList<>();
        Scope.free(() -> made.add(Scope.hold(Tensors.floats(1))));
        assertThat(Tensors.toFloats(made.get(0))).containsExactly(1);
        Scope.release(made.get(0));
        assertThat(made.get(0).isNull()).isTrue();
    }

    @Test
    void leaves_as_many_handles_as_there_were() {
        Scope.free(() -> {
            Tensor weight = Tensors.ones(4, 4);
            round(weight);
            long before = Pointer.totalCount();
            for (int i = 0; i < 1000; i++) {
                round(weight);
            }
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
        });
    }

    private static void round(Tensor weight) {
        Scope.free(() -> {
            Pair pair = Scope.keep(() -> {
                Tensor inner = Scope.keep(() -> weight.add(weight).mul(weight));
                return new Pair(inner, List.of(inner.t(), inner), "round");
            });
            Scope.value(() -> pair.first.sum().item_float());
        });
    }
}
