package dev.smalti.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Whole processes of the command line, from the launcher's start to its end, with Java and the native libraries warm. */
final class Starts {
    private static final Path LAUNCHER = Path.of(System.getProperty("smalti.home", ""), "smalti");

    private Starts() {}

    /** Medians in seconds, after a start that isn't counted, which may build. */
    static Map<String, Object> measure(int times) throws IOException {
        seconds(List.of("--help"));
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("help_seconds", median(times, List.of("--help")));
        result.put("first_image_seconds", drawing(times, 1, List.of()));
        result.put("64_images_in_64_steps_seconds", drawing(times, 64, List.of("--steps", "64")));
        return result;
    }

    private static double drawing(int times, int count, List<String> options) throws IOException {
        return Folders.temporary(folder -> {
            List<String> arguments = new ArrayList<>(List.of("generate", "fruits-64-small", "--format", "png"));
            arguments.addAll(List.of("--count", Integer.toString(count)));
            arguments.addAll(options);
            arguments.add("--out");
            List<Double> seconds = new ArrayList<>();
            for (int i = 0; i < times; i++) {
                List<String> whole = new ArrayList<>(arguments);
                whole.add(folder.resolve(Integer.toString(i)).toString());
                seconds.add(seconds(whole));
            }
            return median(seconds);
        });
    }

    private static double median(int times, List<String> arguments) throws IOException {
        List<Double> seconds = new ArrayList<>();
        for (int i = 0; i < times; i++) {
            seconds.add(seconds(arguments));
        }
        return median(seconds);
    }

    static double median(List<Double> seconds) {
        return seconds.stream().sorted().toList().get(seconds.size() / 2);
    }

    /** Seconds of {@code ./smalti arguments}. */
    static double seconds(List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(LAUNCHER.toAbsolutePath().toString()));
        command.addAll(arguments);
        long start = System.nanoTime();
        Process process = new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            if (process.waitFor() != 0) {
                throw new IOException(command + " failed");
            }
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return (System.nanoTime() - start) / 1e9;
    }
}
