package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class GlooGroupTest {
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
