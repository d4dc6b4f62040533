package dev.smalti.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.Native;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Many clients at once call a server in a process of its own, on this machine: plain ones, such as stream, go away, are slow or send
 * garbage. Then it is killed and started again, three times, while they go on.
 *
 * <p>{@code bench/run load [SECONDS [CLIENTS]]} prints one JSON object: whether each request came to its images, whether they are
 * those of their seeds, how much memory the server had, and how many images a second there were, beside drawing in one batch of 64.
 */
final class Load {
    private static final String MODEL = "fruits-64-small";
    private static final int WARMING = 10; // seconds that aren't measured
    private static final int KILLS = 3;
    private static final int BETWEEN = 8; // seconds between kills

    private final ServerProcess server;
    private final LoadTable table;
    private final LoadClient.Tally tally = new LoadClient.Tally();
    private final List<Thread> clients = new ArrayList<>();
    private final Map<String, Object> result = new LinkedHashMap<>();

    private double rate; // images a second that clients had
    private double drawnRate; // the same with those of clients that left

    private Load(ServerProcess server, LoadTable table) {
        this.server = server;
        this.table = table;
    }

    static void main(List<String> arguments) throws IOException {
        int seconds = arguments.size() > 0 ? Integer.parseInt(arguments.get(0)) : 180;
        int clients = arguments.size() > 1 ? Integer.parseInt(arguments.get(1)) : 100;
        Native.load();
        System.err.println("drawing what the server must answer");
        LoadTable table = new LoadTable(MODEL, 0);
        Map<String, Object> result = Folders.temporary(folder -> {
            Path log = folder.resolve("server.log");
            try (ServerProcess server = new ServerProcess(MODEL, log)) {
                return new Load(server, table).run(seconds, clients);
            } catch (InterruptedException e) {
                throw new IOException("interrupted", e);
            }
        });
        System.out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(result));
    }

    private Map<String, Object> run(int seconds, int count) throws IOException, InterruptedException {
        result.put("clients", count);
        result.put("seconds", seconds);
        System.err.println(count + " clients for " + seconds + " seconds");
        start(count);
        TimeUnit.SECONDS.sleep(WARMING);
        measure(seconds);
        long cutOff = tally.cutOff.sum();
        result.put("cut_off_before_kills", cutOff);
        for (int i = 0; i < KILLS; i++) {
            System.err.println("kill " + (i + 1) + " after " + table.images() + " images");
            server.killAndRestart();
            TimeUnit.SECONDS.sleep(BETWEEN);
        }
        finish();
        result.put("kills", KILLS);
        result.put("cut_off_by_kills", tally.cutOff.sum() - cutOff);
        result.put("requests_answered", tally.answered.sum());
        result.put("refused_and_tried_again", tally.refused.sum());
        result.put("lost", tally.lost.sum());
        result.put("left", tally.left.sum());
        result.put("garbage", tally.garbage.sum());
        result.put("images", table.images());
        result.put("images_of_other_bytes_than_before", table.changed());
        result.put("images_apart_from_the_library", table.wrong());
        result.put("most_levels_apart", table.apart());
        result.put("ended_when_told", server.end());
        compare();
        result.put("faults", tally.faults());
        return result;
    }

    private void start(int count) {
        HttpClient http =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(new LoadClient(i, server, http, table, tally), "client-" + i);
            thread.setDaemon(true);
            clients.add(thread);
            thread.start();
        }
    }

    private void measure(int seconds) throws IOException, InterruptedException {
        List<Double> megabytes = new ArrayList<>();
        long before = table.images();
        double drawnBefore = server.meter("smalti_images_total");
        double drawsBefore = server.meter("smalti_draw_seconds_count");
        double drawingBefore = server.meter("smalti_draw_seconds_sum");
        long started = System.nanoTime();
        for (int second = 1; second <= seconds; second++) {
            megabytes.add(server.megabytes());
            long until = started + TimeUnit.SECONDS.toNanos(second);
            TimeUnit.NANOSECONDS.sleep(Math.max(0, until - System.nanoTime()));
        }
        double took = (System.nanoTime() - started) / 1e9;
        rate = (table.images() - before) / took;
        double drawn = server.meter("smalti_images_total") - drawnBefore;
        result.put("images_per_second", rate);
        drawnRate = drawn / took;
        result.put("drawn_per_second", drawnRate);
        result.put("images_a_draw", drawn / (server.meter("smalti_draw_seconds_count") - drawsBefore));
        result.put("share_of_time_drawing", (server.meter("smalti_draw_seconds_sum") - drawingBefore) / took);
        double middle = mean(megabytes, 1);
        double last = mean(megabytes, 2);
        result.put("resident_mb_by_thirds", List.of(mean(megabytes, 0), middle, last));
        result.put("memory_is_flat", last <= 1.05 * middle);
    }

    /** With drawing in one batch, beforehand and now: other work on the machine comes and goes. */
    private void compare() {
        double now = LoadTable.inOneBatch(MODEL);
        double usual = (table.imagesPerSecond() + now) / 2;
        result.put("in_one_batch_per_second", List.of(table.imagesPerSecond(), now));
        result.put("share_of_one_batch", rate / usual);
        result.put("share_with_those_of_clients_that_left", drawnRate / usual);
    }

    private static double mean(List<Double> values, int third) {
        List<Double> some = values.subList(third * values.size() / 3, (third + 1) * values.size() / 3);
        return some.stream().mapToDouble(each -> each).average().orElse(-1);
    }

    /** Lets each client have what it asked for. */
    private void finish() throws InterruptedException {
        tally.ending.set(true);
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(4);
        for (Thread client : clients) {
            client.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())));
            if (client.isAlive()) {
                tally.lost.increment();
            }
        }
    }
}
