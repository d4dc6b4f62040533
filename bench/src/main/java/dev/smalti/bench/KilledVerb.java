package dev.smalti.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A command that is killed again and again, and given once more until it is done: is what it leaves what it leaves undisturbed? */
final class KilledVerb {
    private static final long POLL_MILLIS = 2;
    private static final long MOST_MINUTES = 10;

    private final String name;
    private final Path start; // what lies in the folder before; null for nothing
    private final List<String> arguments;
    private final Path undisturbed;
    private final long writing; // milliseconds from the first thing that it writes to its end
    private final List<String> faults = new ArrayList<>();
    private int kills;
    private int trials;
    private int good;
    private int leftBehind;

    /**
     * Gives the command once, undisturbed.
     *
     * @param start a folder of what there is before it; null for none
     * @param folder of its own, empty
     * @param arguments where {@code OUT} stands for the folder that it works in
     */
    KilledVerb(String name, Path start, Path folder, String... arguments) throws IOException, InterruptedException {
        this.name = name;
        this.start = start;
        this.arguments = List.of(arguments);
        this.undisturbed = begin(folder.resolve("undisturbed"));
        Set<Path> before = names(undisturbed);
        Process process = start(undisturbed);
        awaitChange(process, undisturbed, before);
        long begun = System.nanoTime();
        if (!process.waitFor(MOST_MINUTES, TimeUnit.MINUTES) || process.exitValue() != 0) {
            throw new IllegalStateException(name + " fails undisturbed: " + said(undisturbed));
        }
        this.writing = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
    }

    String name() {
        return name;
    }

    /** Kills it up to so many times, each after a random part of the time that it writes, and compares what comes at last. */
    void trial(Path folder, int most, Random random) throws IOException, InterruptedException {
        trials++;
        begin(folder);
        int before = faults.size();
        boolean ended = false;
        for (int i = 0; i < most && !ended; i++) {
            Set<Path> there = names(folder);
            Process process = start(folder);
            awaitChange(process, folder, there);
            process.waitFor(random.nextLong(Math.max(1, writing)), TimeUnit.MILLISECONDS);
            if (process.isAlive()) {
                process.destroyForcibly().waitFor();
                kills++;
                leftBehind += left(folder).isEmpty() ? 0 : 1;
            } else {
                ended = true;
                check(process, folder);
            }
        }
        if (!ended) {
            check(start(folder), folder);
        }
        faults.addAll(differences(folder));
        good += faults.size() == before ? 1 : 0;
    }

    private void check(Process process, Path folder) throws IOException, InterruptedException {
        boolean ended = process.waitFor(MOST_MINUTES, TimeUnit.MINUTES);
        boolean there = said(folder).matches(".*(is there already|is not empty).*"); // killed when all was done
        if (!ended || process.exitValue() != 0 && !there) {
            faults.add("fails when it is given again: " + said(folder));
        }
    }

    /** Kills, trials, trials that came to the same, and what was wrong in the others. */
    Map<String, Object> result() {
        Map<String, Object> result = new TreeMap<>();
        result.put("kills", kills);
        result.put("kills_that_left_something", leftBehind);
        result.put("trials", trials);
        result.put("trials_that_came_to_the_same", good);
        result.put("faults", faults);
        return result;
    }

    private Path begin(Path folder) throws IOException {
        Files.createDirectories(folder);
        if (start != null) {
            try (Stream<Path> all = Files.walk(start)) {
                for (Path each : all.skip(1).toList()) {
                    Files.copy(each, folder.resolve(start.relativize(each).toString()));
                }
            }
        }
        return folder;
    }

    private Process start(Path folder) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Djava.awt.headless=true",
                "-cp",
                System.getProperty("java.class.path"),
                "dev.smalti.app.Main"));
        arguments.forEach(each -> command.add(each.replace("OUT", folder.toString())));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("OMP_WAIT_POLICY", "passive");
        return builder.redirectOutput(log(folder).toFile()).start();
    }

    private static Path log(Path folder) {
        return folder.resolveSibling(folder.getFileName() + ".log");
    }

    private static String said(Path folder) throws IOException {
        List<String> lines = Files.readAllLines(log(folder), StandardCharsets.UTF_8);
        return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
    }

    private static void awaitChange(Process process, Path folder, Set<Path> before)
            throws IOException, InterruptedException {
        while (process.isAlive() && names(folder).equals(before)) {
            TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        }
    }

    private static Set<Path> names(Path folder) throws IOException {
        Set<Path> names = new TreeSet<>();
        for (String each : folder.toFile().list()) {
            names.add(folder.resolve(each));
        }
        for (Path each : List.copyOf(names)) {
            String[] inside = each.toFile().list();
            Arrays.stream(inside == null ? new String[0] : inside).forEach(name -> names.add(each.resolve(name)));
        }
        return names;
    }

    /** Names that the undisturbed command doesn't leave. */
    private List<String> left(Path folder) throws IOException {
        Set<String> left = new TreeSet<>(files(folder).keySet());
        left.removeAll(files(undisturbed).keySet());
        return List.copyOf(left);
    }

    private List<String> differences(Path folder) throws IOException {
        List<String> differences = new ArrayList<>();
        left(folder).forEach(each -> differences.add("left behind: " + each));
        Map<String, Path> there = files(folder);
        for (Map.Entry<String, Path> each : files(undisturbed).entrySet()) {
            Path other = there.get(each.getKey());
            if (other == null) {
                differences.add("missing: " + each.getKey());
            } else if (Files.isRegularFile(other)
                    && !timed(each.getKey())
                    && !Arrays.equals(content(each.getValue(), undisturbed), content(other, folder))) {
                differences.add("another: " + each.getKey());
            }
        }
        return differences;
    }

    private static Map<String, Path> files(Path folder) throws IOException {
        Map<String, Path> files = new TreeMap<>();
        try (Stream<Path> all = Files.walk(folder)) {
            all.forEach(each -> files.put(folder.relativize(each).toString(), each));
        }
        return files;
    }

    /** Pictures and tables with times, and when a run was begun. */
    private static boolean timed(String name) {
        return name.matches("(.*/)?(training\\.png|provenance\\.json|index\\.html|table\\.csv|plots/.*)");
    }

    private static byte[] content(Path file, Path folder) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (!file.toString().matches(".*\\.(json|jsonl|md)")) {
            return bytes;
        }
        String text = new String(bytes, StandardCharsets.UTF_8)
                .replace(folder.toString(), "OUT")
                .replaceAll("\"([a-z_]*second[a-z_]*|computed|cached)\"\\s*:\\s*[^,}\\n]*", "")
                .replaceAll("[0-9.]+ s\\b|, features from the cache", "");
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
