package dev.smalti.distributed;

import dev.smalti.distributed.SharedWorld.Started;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Fifty steps of one process and of several. Roundings differ, since sums are taken in another order, and where a vector is as near to one
 * code as to another they decide: so learning rates are small here.
 */
@DisabledOnOs(OS.WINDOWS)
@Tag("learning") // trainings in several processes
class SharedTrainingTest {
    private static final String[] USUAL = {"tokenizer", "absorbing", "maskgit"};
    private static final String[] OTHERS = {
        "tokenizer-even",
        "tokenizer-steps",
        "tokenizer-noisy",
        "features",
        "vqdiffusion",
        "d3pm",
        "sedd",
        "autoregressive",
        "lcmd",
        "rdpm",
        "student"
    };

    @TempDir
    private static Path folder;

    private static SharedWorld world;

    @BeforeAll
    static void trains_in_one_process() throws IOException {
        world = new SharedWorld(folder);
        world.write();
        alone("-1", USUAL);
    }

    private static void alone(String behind, String... names) {
        for (String each : names) {
            Member.train(folder, behind, each, List.of(), () -> false, Group.alone());
        }
    }

    @AfterEach
    void ends_all() {
        world.close();
    }

    @Test
    void two_processes_learn_what_one_does() throws Exception {
        for (Started each : world.meeting("127.0.0.1", port(), List.of(List.of(), List.of()), "-2", USUAL)) {
            each.done(300);
        }
        equal("-2", USUAL);
    }

    @Test
    void four_processes_learn_what_one_does_and_go_on_with_what_another_number_began() throws Exception {
        alone("-4", "absorbing:18");
        together(4, "-4", "tokenizer", "maskgit", "absorbing:33");
        alone("-4", "absorbing:50");
        equal("-4", USUAL);
    }

    @Test
    void whatever_is_trained_is_the_same_in_two_processes() throws Exception {
        alone("-1", OTHERS);
        together(2, "-all", OTHERS);
        equal("-all", OTHERS);
    }

    @Test
    void ends_soon_when_a_process_is_killed_and_goes_on_as_if_it_had_not() throws Exception {
        List<Started> started =
                world.meeting("127.0.0.1", port(), List.of(List.of(), List.of()), "-killed", "absorbing!30");
        started.get(1).says("halted", 180);
        started.get(1).process().destroyForcibly();
        started.get(0).misses(180);
        alone("-killed", "absorbing:50");
        equal("-killed", "absorbing");
    }

    private static int port() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            return free.getLocalPort();
        }
    }

    private static void together(int size, String behind, String... names) throws InterruptedException {
        for (Started each : world.together(size, behind + "-" + size, behind, names)) {
            each.done(300);
        }
    }

    private static void equal(String behind, String... names) throws IOException {
        for (String each : names) {
            world.same(each, "-1", behind);
        }
    }
}
