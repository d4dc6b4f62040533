package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.smalti.distributed.SharedWorld.Started;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Network namespaces stand in for machines; who has no right to make them skips this. */
@EnabledOnOs(OS.LINUX)
class SharedHostsTest {
    private static final String MARK = "smalti" + ProcessHandle.current().pid() % 10_000;
    private static final String FIRST = MARK + "a";
    private static final String SECOND = MARK + "b";
    private static final String ADDRESS = "10.213.7.1";
    private static final int PORT = 29_517; // each namespace has all ports

    @TempDir
    private Path folder;

    private SharedWorld world;

    @BeforeEach
    void joins_two_machines_by_a_cable() throws Exception {
        assumeThat(ip("netns add " + FIRST)
                        && ip("netns add " + SECOND)
                        && ip("link add " + FIRST + " netns " + FIRST + " type veth peer name " + SECOND + " netns "
                                + SECOND)
                        && up(FIRST, ADDRESS)
                        && up(SECOND, "10.213.7.2"))
                .as("namespaces can be made")
                .isTrue();
        world = new SharedWorld(folder);
        world.write();
    }

    @AfterEach
    void removes_them() throws Exception {
        if (world != null) {
            world.close();
        }
        ip("netns del " + FIRST);
        ip("netns del " + SECOND);
    }

    private static boolean up(String name, String address) throws Exception {
        return ip("-n " + name + " address add " + address + "/24 dev " + name)
                && ip("-n " + name + " link set " + name + " up")
                && ip("-n " + name + " link set lo up");
    }

    private static boolean ip(String arguments) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(("ip " + arguments).split(" "))
                    .redirectErrorStream(true)
                    .start();
            process.getInputStream().readAllBytes();
            return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private List<Started> start(String behind, String name) {
        return world.meeting(
                ADDRESS,
                PORT,
                List.of(List.of("ip", "netns", "exec", FIRST), List.of("ip", "netns", "exec", SECOND)),
                behind,
                name);
    }

    @Test
    @Tag("learning")
    void two_machines_learn_what_one_does() throws Exception {
        List<Started> started = start("-2", "maskgit");
        Member.train(folder, "-1", "maskgit", List.of(), () -> false, Group.alone());
        for (Started each : started) {
            each.done(180);
        }
        world.same("maskgit", "-1", "-2");
    }

    @Test
    @Tag("learning")
    void a_machine_that_closes_nothing_is_missed_within_half_a_minute() throws Exception {
        List<Started> started = start("-cut", "maskgit!10");
        started.get(1).says("halted", 180);
        assertThat(ip("-n " + SECOND + " link set " + SECOND + " down")).isTrue();
        started.get(0).misses(120);
        assertThat(started.get(0).text()).contains("process 1 of 2 has not been heard of for");
    }

    @Test
    @Tag("learning")
    void the_first_machine_is_missed_by_those_that_are_at_something_else() throws Exception {
        List<Started> started = start("-first", "maskgit!10");
        started.get(1).says("halted", 180);
        assertThat(ip("-n " + FIRST + " link set " + FIRST + " down")).isTrue();
        started.get(1).says("heartbeat: process 0 of 2, at " + ADDRESS + ", has not answered for 20 s", 120);
    }
}
