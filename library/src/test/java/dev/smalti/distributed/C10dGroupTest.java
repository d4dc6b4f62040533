package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.smalti.tensor.Cuda;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class C10dGroupTest {
    private static final long SECONDS = 120;
    private static final String LOOPBACK = "127.0.1.1";

    @TempDir
    private Path folder;

    private <R> List<Future<R>> members(int size, Function<Group, R> body) throws InterruptedException {
        Rendezvous first = Rendezvous.here(size, folder.resolve("store"));
        ExecutorService threads = Executors.newFixedThreadPool(size);
        List<Future<R>> futures = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            Rendezvous own = Rendezvous.of(first.environment(rank)).orElseThrow();
            futures.add(threads.submit(() -> {
                try (Group group = own.join(lost -> {})) {
                    return body.apply(group);
                }
            }));
        }
        threads.shutdown();
        assertThat(threads.awaitTermination(SECONDS, TimeUnit.SECONDS)).isTrue();
        return futures;
    }

    @Test
    void all_refuse_what_one_of_them_has_otherwise() throws Exception {
        List<Future<Integer>> members = members(3, group -> {
            group.requireSame("seed", "7");
            group.requireSame("recipe", group.rank() == 1 ? "another" : "one");
            return group.rank();
        });
        for (int rank = 0; rank < members.size(); rank++) {
            Future<Integer> each = members.get(rank);
            assertThatThrownBy(each::get)
                    .isInstanceOf(ExecutionException.class)
                    .hasRootCauseInstanceOf(IllegalArgumentException.class)
                    .hasRootCauseMessage((rank == 1 ? "process 1 of 3" : "one of the 3 processes")
                            + " has another recipe than process 0: give all the same");
        }
    }

    /** Not through one another's buckets, nor the memory that was kept of an earlier one. */
    @Test
    void sums_many_tensors_of_several_types_exactly() throws Exception {
        long large = (1L << 60) + 1; // more digits than a float has
        List<Future<String>> members = members(
                2,
                group -> Scope.value(() -> {
                    List<Tensor> tensors = new ArrayList<>();
                    for (int i = 0; i < 5; i++) {
                        tensors.add(Tensors.floats(i + 0.5f, group.rank(), 2, 3)
                                .view(2, 2)
                                .t());
                        tensors.add(Tensors.longs(large + i, group.rank(), 7, 8)
                                .view(2, 2)
                                .t());
                    }
                    group.sum(tensors);
                    StringBuilder found = new StringBuilder();
                    for (int i = 0; i < 5; i++) {
                        float[] floats = Tensors.toFloats(tensors.get(2 * i).contiguous());
                        long[] longs = Tensors.toLongs(tensors.get(2 * i + 1).contiguous());
                        boolean right = floats[0] == 2 * i + 1
                                && floats[1] == 4
                                && floats[2] == 1
                                && longs[0] == 2 * (large + i)
                                && longs[1] == 14
                                && longs[2] == 1
                                && longs[3] == 16;
                        found.append(right ? "right " : Arrays.toString(floats) + Arrays.toString(longs));
                    }
                    return found.toString();
                }));
        for (Future<String> each : members) {
            assertThat(each.get()).isEqualTo("right ".repeat(5));
        }
    }

    @Test
    void keeps_in_mind_that_a_process_has_gone() throws Exception {
        List<Future<Boolean>> members = members(2, group -> {
            boolean before = group.lost().isPresent();
            if (group.rank() == 0) {
                assertThatThrownBy(() -> Scope.free(() -> group.sum(List.of(Tensors.longs(1)))))
                        .isInstanceOf(LostPeerException.class);
                assertThat(group.lost()).isPresent();
            }
            return before;
        });
        for (Future<Boolean> each : members) {
            assertThat(each.get()).isFalse();
        }
    }

    @Test
    void refuses_a_backend_that_is_none_or_is_not_there() {
        assertThat(Nccl.asked(Map.of())).isFalse();
        assertThat(Nccl.asked(Map.of("SMALTI_BACKEND", "gloo"))).isFalse();
        assertThatThrownBy(() -> Nccl.asked(Map.of("SMALTI_BACKEND", "mpi")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("SMALTI_BACKEND must be gloo or nccl, got mpi");
        assumeThat(Cuda.problem()).as("natives for the CPU").isPresent();
        assertThatThrownBy(() -> Nccl.asked(Map.of("SMALTI_BACKEND", "nccl")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("SMALTI_BACKEND is nccl, which needs a GPU and natives that bind it")
                .hasMessageEndingWith("Or leave it out: Gloo sums through the processor's memory");
    }

    @Test
    void refuses_a_machine_that_is_not_known() {
        Rendezvous nowhere = new Rendezvous(1, 2, 0, "no-such-machine.invalid", 29500, null);
        assertThatThrownBy(() -> nowhere.join(lost -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("MASTER_ADDR must name a machine that this one knows, got no-such-machine.invalid: give the"
                        + " name or the address of that of RANK 0");
    }

    @Test
    void a_name_that_means_the_loopback_leads_to_the_one_other_interface() throws Exception {
        InetAddress loopback = InetAddress.getByName(LOOPBACK);
        InetAddress wire = InetAddress.getByName("10.0.0.1");
        assertThat(Interfaces.instead("node-0", loopback, Map.of())).isEqualTo(loopback);
        assertThat(Interfaces.instead("node-0", loopback, Map.of("eth0", wire))).isEqualTo(wire);
        assertThatThrownBy(
                        () -> Interfaces.instead("node-0", loopback, new TreeMap<>(Map.of("eth0", wire, "eth1", wire))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("MASTER_ADDR must lead to this machine by its network, and node-0 is 127.0.1.1 here, the"
                        + " loopback: set GLOO_SOCKET_IFNAME to one of eth0, eth1, or give MASTER_ADDR as an address");
    }
}
