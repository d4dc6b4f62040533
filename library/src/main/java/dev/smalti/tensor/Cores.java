package dev.smalti.tensor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.global.torch;

/**
 * As many threads as there are cores, where libtorch counts too few.
 *
 * <p>It asks the processor, whose answer in a virtual machine may be that of another: two cores of an AMD EPYC are one with two threads to it, and half of the machine stays idle. Linux
 * knows which of its processors share a core.
 */
final class Cores {
    private static final Path PROCESSORS = Path.of("/sys/devices/system/cpu");

    private Cores() {}

    /**
     * To be called once libtorch is loaded, unless its threads must be fewer.
     *
     * @param environment of the process; where it names a number of threads, that stays
     */
    static void use(Map<String, String> environment) {
        if (environment.containsKey("OMP_NUM_THREADS") || environment.containsKey("MKL_NUM_THREADS")) {
            return;
        }
        int cores =
                Math.min(count(PROCESSORS), Runtime.getRuntime().availableProcessors()); // which a container may limit
        if (cores > torch.get_num_threads()) {
            torch.set_num_threads(cores);
        }
    }

    /** Those of Linux's folder of processors; 0 if it can't be read. */
    static int count(Path processors) {
        Set<String> cores = new HashSet<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(processors, "cpu[0-9]*")) {
            for (Path each : all) {
                Path siblings = each.resolve("topology").resolve("thread_siblings_list");
                if (Files.exists(siblings)) { // not of one that is offline
                    cores.add(Files.readString(siblings, StandardCharsets.US_ASCII)
                            .strip());
                }
            }
            return cores.size();
        } catch (IOException e) {
            return 0;
        }
    }
}
