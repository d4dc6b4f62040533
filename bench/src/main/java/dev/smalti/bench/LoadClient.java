package dev.smalti.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.Phrase;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

/** One of many clients, who asks again and again in one way, and tries again until it has what it asked for. */
final class LoadClient implements Runnable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String PATH = "/v1/images/generations";
    private static final long PATIENCE = TimeUnit.MINUTES.toNanos(3); // with one request, all tries together

    private final Kind kind;
    private final ServerProcess server;
    private final HttpClient http;
    private final LoadTable table;
    private final Tally tally;
    private final Random random;

    /** How a client behaves. */
    enum Kind {
        PLAIN,
        STREAMING,
        /** Goes away before the answer is there. */
        LEAVING,
        /** Sends and takes a few bytes at a time. */
        SLOW,
        /** Sends what is no request. */
        GARBAGE;

        /** Of 20 clients, 12 are plain, 3 stream, 2 leave, 2 are slow, 1 sends garbage. */
        static Kind of(int number) {
            int place = number % 20;
            return place < 12 ? PLAIN : place < 15 ? STREAMING : place < 17 ? LEAVING : place < 19 ? SLOW : GARBAGE;
        }
    }

    /** What came of the requests of all clients. */
    static final class Tally {
        final AtomicBoolean ending = new AtomicBoolean();
        final LongAdder answered = new LongAdder();
        final LongAdder refused = new LongAdder(); // 429 and 503, which were tried again
        final LongAdder cutOff = new LongAdder(); // connections that ended without an answer, likewise
        final LongAdder lost = new LongAdder();
        final LongAdder left = new LongAdder();
        final LongAdder garbage = new LongAdder();
        final Map<String, String> faults = new TreeMap<>(); // one of each kind, in words

        synchronized void fault(String kind, String words) {
            faults.putIfAbsent(kind, words);
        }

        synchronized Map<String, String> faults() {
            return new TreeMap<>(faults);
        }
    }

    LoadClient(int number, ServerProcess server, HttpClient http, LoadTable table, Tally tally) {
        this.kind = Kind.of(number);
        this.server = server;
        this.http = http;
        this.table = table;
        this.tally = tally;
        this.random = new Random(number);
    }

    @Override
    public void run() {
        try {
            while (!tally.ending.get()) {
                switch (kind) {
                    case LEAVING -> leave();
                    case GARBAGE -> garbage();
                    default -> persist(table.any(random), 1 + random.nextInt(LoadTable.MOST));
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            tally.lost.increment();
            tally.fault("client", e.toString());
        }
    }

    /** Until all images are there. */
    private void persist(LoadTable.Wish wish, int count) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE;
        while (System.nanoTime() - end < 0) {
            try {
                int wait =
                        switch (kind) {
                            case STREAMING -> stream(wish, count);
                            case SLOW -> slow(wish, count);
                            default -> plain(wish, count);
                        };
                if (wait == 0) {
                    tally.answered.increment();
                    return;
                }
                tally.refused.increment();
                TimeUnit.MILLISECONDS.sleep(200 + random.nextInt(1_000 * wait));
            } catch (IOException e) {
                tally.cutOff.increment();
                tally.fault("cut off", kind + ": " + e);
                TimeUnit.MILLISECONDS.sleep(100 + random.nextInt(400));
            }
        }
        tally.lost.increment();
    }

    private static String body(LoadTable.Wish wish, int count, boolean stream) {
        return Phrase.of("{\"prompt\": \"%s\", \"seed\": %d, \"n\": %d, \"num_inference_steps\": %d%s}")
                .with(
                        wish.label(),
                        wish.seed(),
                        count,
                        LoadTable.STEPS,
                        stream ? ", \"stream\": true, \"partial_images\": 1" : "");
    }

    private HttpRequest request(String body) {
        return HttpRequest.newBuilder(server.at(PATH))
                .timeout(Duration.ofMinutes(2))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
    }

    /** @return seconds after which to try again; 0 for done */
    private int plain(LoadTable.Wish wish, int count) throws IOException, InterruptedException {
        HttpResponse<String> answer =
                http.send(request(body(wish, count, false)), HttpResponse.BodyHandlers.ofString());
        int wait = wait(
                answer.statusCode(), answer.headers().firstValue("Retry-After").orElse(null), answer.body());
        if (wait == 0) {
            take(wish, count, JSON.readTree(answer.body()));
        }
        return wait;
    }

    private static int wait(int status, String after, String body) throws IOException {
        if (status == 200) {
            return 0;
        }
        if ((status == 429 || status == 503) && after != null) {
            return Math.max(1, Integer.parseInt(after));
        }
        throw new IOException("status " + status + ": " + body);
    }

    private void take(LoadTable.Wish wish, int count, JsonNode answer) throws IOException {
        JsonNode data = answer.get("data");
        if (data == null || data.size() != count) {
            throw new IOException("not " + count + " images: " + answer);
        }
        for (int i = 0; i < count; i++) {
            table.check(wish, i, png(data.get(i)));
        }
    }

    private static byte[] png(JsonNode image) {
        return Base64.getDecoder().decode(image.get("b64_json").asText());
    }

    private int stream(LoadTable.Wish wish, int count) throws IOException, InterruptedException {
        HttpResponse<Stream<String>> answer =
                http.send(request(body(wish, count, true)), HttpResponse.BodyHandlers.ofLines());
        int wait = wait(
                answer.statusCode(), answer.headers().firstValue("Retry-After").orElse(null), "a stream");
        if (wait > 0) {
            answer.body().close();
            return wait;
        }
        int done = 0;
        try (Stream<String> lines = answer.body()) {
            for (String line : (Iterable<String>) lines.filter(each -> each.startsWith("data: {"))::iterator) {
                JsonNode event = JSON.readTree(line.substring("data: ".length()));
                if (event.has("error")) {
                    throw new IOException(line);
                }
                if (event.get("type").asText().equals("image_generation.completed")) {
                    table.check(wish, event.get("index").asInt(), png(event));
                    done++;
                }
            }
        } catch (java.io.UncheckedIOException e) {
            throw e.getCause();
        }
        if (done != count) {
            throw new IOException("a stream ended after " + done + " of " + count + " images");
        }
        return 0;
    }

    private byte[] head(String body) {
        return ("POST " + PATH + " HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                        + body.length() + "\r\n\r\n" + body)
                .getBytes(StandardCharsets.US_ASCII);
    }

    private Socket connect() throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
        socket.setSoTimeout(120_000);
        return socket;
    }

    private int slow(LoadTable.Wish wish, int count) throws IOException, InterruptedException {
        try (Socket socket = connect()) {
            socket.setReceiveBufferSize(4_096);
            OutputStream out = socket.getOutputStream();
            byte[] request = head(body(wish, count, false));
            for (int from = 0; from < request.length; from += 32) {
                out.write(request, from, Math.min(32, request.length - from));
                TimeUnit.MILLISECONDS.sleep(20);
            }
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            InputStream in = socket.getInputStream();
            byte[] some = new byte[2_048];
            for (int read = in.read(some); read >= 0; read = in.read(some)) {
                all.write(some, 0, read);
                TimeUnit.MILLISECONDS.sleep(20);
            }
            String answer = all.toString(StandardCharsets.UTF_8);
            int end = answer.indexOf("\r\n\r\n");
            if (end < 0) {
                throw new IOException("no answer");
            }
            String after = answer.substring(0, end)
                    .lines()
                    .filter(line -> line.startsWith("Retry-After: "))
                    .map(line -> line.substring("Retry-After: ".length()))
                    .findFirst()
                    .orElse(null);
            int wait = wait(Integer.parseInt(answer.substring(9, 12)), after, answer.substring(end));
            if (wait == 0) {
                take(wish, count, JSON.readTree(answer.substring(end + 4)));
            }
            return wait;
        }
    }

    private void leave() throws InterruptedException {
        try (Socket socket = connect()) {
            socket.getOutputStream().write(head(body(table.any(random), 2, random.nextBoolean())));
            TimeUnit.MILLISECONDS.sleep(random.nextInt(4_000));
            tally.left.increment();
        } catch (IOException e) {
            TimeUnit.MILLISECONDS.sleep(200);
        }
    }

    private void garbage() throws InterruptedException {
        byte[] bytes = new byte[1 + random.nextInt(5_000)];
        random.nextBytes(bytes);
        byte[] sent = random.nextBoolean() ? bytes : head("{\"n\": " + random.nextInt() + ", \"x\": ");
        try (Socket socket = connect()) {
            socket.getOutputStream().write(sent);
            socket.shutdownOutput();
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (answer.startsWith("HTTP/1.1 2") || answer.startsWith("HTTP/1.1 5")) {
                tally.fault("garbage", answer);
            }
        } catch (IOException e) {
            // it was refused so
        }
        tally.garbage.increment();
        TimeUnit.MILLISECONDS.sleep(random.nextInt(200));
    }
}
