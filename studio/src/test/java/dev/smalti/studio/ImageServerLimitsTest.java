package dev.smalti.studio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Canvas;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the server refuses, and what it outlives. */
@Tag("learning") // waits for limits of time
class ImageServerLimitsTest {
    private static final String DRAW = "/v1/images/generations";
    private static final String EDIT = "/v1/images/edits";
    private static final String SLOW = "{\"num_inference_steps\": 64, \"size\": \"512x512\", \"n\": 2}";
    private static ImageServer server;
    private static Client client;

    @BeforeAll
    static void start() {
        server = ImageServer.start(serving(Duration.ofMinutes(5)));
        client = new Client(server.address());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static Serving serving(Duration deadline) {
        return new Serving(
                List.of("fruits-64-small"), "127.0.0.1", 0, null, Opening.USUAL, 1, 16, 4, 64, deadline, null, null);
    }

    @ParameterizedTest
    @ValueSource(strings = {"16384x16384", "99999x99999", "4096x4096", "64x99992", "0x0", "64x0", "2056x2048"})
    void refuses_sizes_that_no_draw_could_bear_at_once(String size) {
        assertThat(client.post(DRAW, "{\"size\": \"" + size + "\"}").error(400)).contains("size");
    }

    @Test
    void refuses_more_pixels_than_one_request_may_have() {
        assertThat(client.post(DRAW, "{\"size\": \"2048x2048\", \"n\": 9}").error(400))
                .contains("pixels together");
        assertThat(client.post(DRAW, "{\"size\": \"1024x1024\", \"n\": 8, \"stream\": true, \"partial_images\": 16}")
                        .error(400))
                .contains("partial_images");
    }

    @Test
    void says_405_with_what_a_path_answers_to() throws IOException {
        for (String method : List.of("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE", "BREW")) {
            String answer = raw(method + " " + DRAW + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            assertThat(answer).as(method).startsWith("HTTP/1.1 405");
            assertThat(answer).containsIgnoringCase("\r\nallow: POST");
            if (!method.equals("HEAD")) {
                assertThat(answer).contains("\"code\":\"method_not_allowed\"");
            }
        }
        assertThat(raw("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 200");
        assertThat(client.post("/v1/models", "{}").error(405)).contains("GET");
    }

    @Test
    void says_in_the_same_form_what_is_no_http() throws IOException {
        for (String request : List.of(
                "GARBAGE\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n",
                "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + "x".repeat(20_000) + "\r\n\r\n",
                "POST " + DRAW + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n{}",
                "POST " + DRAW + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")) {
            String answer = raw(request);
            assertThat(answer).as(request).matches("(?s)HTTP/1.1 4\\d\\d .*");
            String body = answer.substring(answer.indexOf("\r\n\r\n") + 4);
            assertThat(new ObjectMapper().readTree(body).at("/error/message").asText())
                    .as(answer)
                    .isNotEmpty();
        }
    }

    @Test
    void gives_each_request_a_number_which_clients_may_choose() {
        assertThat(number("mine-1.2_3")).isEqualTo("mine-1.2_3");
        assertThat(number("two words")).matches("[0-9a-f]{16}");
        assertThat(number("x".repeat(65))).matches("[0-9a-f]{16}");
        assertThat(client.get("/v1/models", "Accept", "image/png").status()).isEqualTo(200);
    }

    private static String number(String wished) {
        return client.get("/healthz", "X-Request-Id", wished)
                .response()
                .headers()
                .firstValue("X-Request-Id")
                .orElseThrow();
    }

    @Test
    void ends_requests_that_trickle() throws IOException {
        try (ImageServer own = ImageServer.start(serving(Duration.ofMinutes(1)), Duration.ofMillis(700))) {
            String head = "POST " + DRAW + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 100000\r\n\r\n{";
            String form = "POST " + EDIT + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data;"
                    + " boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n";
            assertThat(trickled(own, head)).as("a body").isLessThan(20);
            assertThat(trickled(own, form)).as("a form").isLessThan(20);
            assertThat(trickled(own, "GET /v1/models HTTP/1.1\r\nX-Slow: "))
                    .as("a header")
                    .isLessThan(20);
            assertThat(trickled(own, "")).as("nothing").isLessThan(20);
            assertThat(new Client(own.address()).get("/metrics").body())
                    .containsPattern("smalti_connections_slow_total 4\\.0");
        }
    }

    /** After how many seconds the server ends a connection on which a byte comes now and then. */
    private static double trickled(ImageServer own, String beginning) throws IOException {
        long started = System.nanoTime();
        try (Socket socket = new Socket("127.0.0.1", own.port())) {
            socket.setSoTimeout(20);
            socket.getOutputStream().write(beginning.getBytes(StandardCharsets.US_ASCII));
            while (System.nanoTime() - started < 30_000_000_000L) {
                try {
                    if (socket.getInputStream().read() < 0) {
                        break;
                    }
                } catch (SocketTimeoutException e) {
                    if (!beginning.isEmpty()) {
                        socket.getOutputStream().write(' ');
                    }
                }
            }
        } catch (SocketException e) {
            // ended so
        }
        return (System.nanoTime() - started) / 1e9;
    }

    @Test
    void refuses_forms_that_are_none() throws IOException {
        String part = "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n%s\r\n1\r\n";
        assertThat(form("c", part.formatted("n", "") + "--b--\r\n"))
                .as("another boundary")
                .startsWith("HTTP/1.1 400");
        assertThat(form("b", part.formatted("n", ""))).as("cut off").startsWith("HTTP/1.1 400");
        StringBuilder many = new StringBuilder();
        for (int i = 0; i < 20_000; i++) {
            many.append(part.formatted("n" + i, ""));
        }
        assertThat(form("b", many + "--b--\r\n")).as("many parts").startsWith("HTTP/1.1 4");
        String header = "X-Long: " + "x".repeat(1 << 20) + "\r\n";
        assertThat(form("b", part.formatted("n", header) + "--b--\r\n"))
                .as("a huge header")
                .startsWith("HTTP/1.1 4");
        assertThat(form("b", part.formatted("n", "") + part.formatted("n", "") + "--b--\r\n"))
                .as("a value twice")
                .startsWith("HTTP/1.1 400");
        assertThat(form("", "")).as("no boundary").startsWith("HTTP/1.1 4");
        assertThat(raw("POST " + EDIT
                        + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                        + "Content-Length: 3000000000\r\n\r\n--b\r\n"))
                .as("a huge form")
                .startsWith("HTTP/1.1 413");
        assertThat(client.get("/healthz").status()).isEqualTo(200);
    }

    private static String form(String boundary, String body) throws IOException {
        return raw("POST " + EDIT + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type:"
                + " multipart/form-data; boundary=" + boundary + "\r\nContent-Length: " + body.length() + "\r\n\r\n"
                + body);
    }

    @Test
    void refuses_small_files_that_decode_to_huge_pictures() throws IOException {
        byte[] huge = png(11_000, 10_000);
        Client.Answer answer = client.form(EDIT, Map.of("rectangle", "0,0,9,9"), Map.of("image", huge));
        assertThat(answer.error(400)).contains("image is too large", "11,000");
        byte[] small = Pictures.png(new Pixels(64, 64, new byte[64 * 64 * 3]));
        assertThat(client.form(EDIT, Map.of(), Map.of("image", small, "mask", huge))
                        .error(400))
                .contains("mask is too large");
        assertThat(client.form(EDIT, Map.of("extend", "right=65536,bottom=65536"), Map.of("image", small))
                        .error(400))
                .contains("at most");
        assertThat(client.form(EDIT, Map.of("extend", "right=32768", "n", "20"), Map.of("image", small))
                        .error(400))
                .contains("pixels together");
    }

    /** A PNG file that has all pixels that it says, all black. */
    private static byte[] png(int width, int height) throws IOException {
        ByteArrayOutputStream pixels = new ByteArrayOutputStream();
        Deflater deflater = new Deflater(Deflater.BEST_SPEED);
        try (OutputStream rows = new DeflaterOutputStream(pixels, deflater)) {
            byte[] row = new byte[1 + 3 * width];
            for (int y = 0; y < height; y++) {
                rows.write(row);
            }
        } finally {
            deflater.end();
        }
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(file);
        out.writeLong(0x89504e470d0a1a0aL);
        ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(height).put(new byte[] {8, 2, 0, 0, 0});
        chunk(out, "IHDR", header.array());
        chunk(out, "IDAT", pixels.toByteArray());
        chunk(out, "IEND", new byte[0]);
        return file.toByteArray();
    }

    private static void chunk(DataOutputStream out, String name, byte[] content) throws IOException {
        out.writeInt(content.length);
        CRC32 sum = new CRC32();
        sum.update(name.getBytes(StandardCharsets.US_ASCII));
        sum.update(content);
        out.writeBytes(name);
        out.write(content);
        out.writeInt((int) sum.getValue());
    }

    @Test
    void stops_what_nobody_waits_for_though_it_is_no_stream() throws Exception {
        try (ImageServer own = ImageServer.start(serving(Duration.ofMinutes(5)))) {
            Client caller = new Client(own.address());
            Socket drawn = post(own, SLOW);
            until(() -> caller.meter("smalti_draws_active") == 1);
            Socket waiting = post(own, "{\"num_inference_steps\": 2, \"n\": 3}");
            until(() -> caller.meter("smalti_queue_images") == 4); // and an image of the first
            waiting.close();
            until(() -> caller.meter("smalti_requests_aborted_total") == 1); // else its turn may come first
            drawn.close();
            until(() -> caller.meter("smalti_draws_active") == 0 && caller.meter("smalti_queue_images") == 0);
            assertThat(caller.meter("smalti_images_total"))
                    .as("images drawn to the end")
                    .isZero();
            until(() -> caller.meter("smalti_requests_aborted_total") == 2);
        }
    }

    @Test
    void breaks_an_answer_off_that_had_begun_and_is_late() {
        try (ImageServer own = ImageServer.start(serving(Duration.ofSeconds(4)))) {
            String larger = "{\"num_inference_steps\": 1024, \"size\": \"2048x2048\"}";
            CompletableFuture<Client.Answer> begun = new Client(own.address()).later(DRAW, larger);
            assertThatThrownBy(begun::join).hasCauseInstanceOf(IOException.class);
        }
    }

    @Test
    void tells_those_that_wait_of_the_deadline_while_others_are_drawn() throws Exception {
        try (Meters meters = new Meters();
                DrawingQueue queue = new DrawingQueue(
                        List.of(Model.open("fruits-64-small")), 100, 4, meters.of("fruits-64-small"))) {
            Sampling large = Sampling.USUAL.steps(4_096).canvas(new Canvas(64, 64, 0));
            Task other = queue.submit(
                    new Wish.Draw(1, new long[1], 1, large, 0, false), System.nanoTime() + 600_000_000_000L);
            Task hurried = queue.submit(wish(1, 2), System.nanoTime() + 100_000_000L);
            assertThat(((Task.Failed) hurried.next(60_000)).cause()).hasMessageContaining("deadline");
            assertThat(other.isToBeDropped(System.nanoTime())).isFalse();
            other.cancel();
        }
    }

    @Test
    void lets_draws_under_way_end_when_it_closes_and_tells_those_that_wait() throws Exception {
        CompletableFuture<Client.Answer> drawn;
        CompletableFuture<Client.Answer> waiting;
        try (ImageServer own = ImageServer.start(serving(Duration.ofMinutes(5)))) {
            Client caller = new Client(own.address());
            drawn = caller.later(DRAW, "{\"num_inference_steps\": 64, \"n\": 4}");
            until(() -> caller.meter("smalti_draws_active") == 1);
            waiting = caller.later(DRAW, "{\"num_inference_steps\": 2}");
            until(() -> caller.meter("smalti_queue_images") == 1);
        }
        assertThat(drawn.join().images()).hasSize(4);
        Client.Answer refused = waiting.join();
        assertThat(refused.error(503)).contains("closing");
        assertThat(refused.response().headers().firstValue("Retry-After")).isPresent();
    }

    @Test
    void lets_no_flood_of_one_kind_starve_another() throws Exception {
        try (Meters meters = new Meters();
                DrawingQueue queue = new DrawingQueue(
                        List.of(Model.open("fruits-64-small")), 100, 4, meters.of("fruits-64-small"))) {
            long later = System.nanoTime() + 600_000_000_000L;
            queue.submit(wish(4, 9), later); // keeps the worker busy
            queue.submit(wish(8, 2), later);
            Task other = queue.submit(wish(1, 3), later);
            Task flood = queue.submit(wish(40, 2), later);
            assertThat(other.next(60_000)).isInstanceOf(Task.Done.class);
            assertThat(queue.size()).as("of the flood, still waiting").isGreaterThan(20);
            flood.cancel();
        }
    }

    @Test
    void goes_on_after_a_draw_that_failed() throws Exception {
        try (Meters meters = new Meters();
                DrawingQueue queue = new DrawingQueue(
                        List.of(Model.open("fruits-64-small")), 100, 4, meters.of("fruits-64-small"))) {
            long later = System.nanoTime() + 600_000_000_000L;
            Sampling sampling = Sampling.USUAL.steps(2);
            Task none = queue.submit(new Wish.Draw(1, new long[] {10_000}, 1, sampling, 0, false), later);
            assertThat(((Task.Failed) none.next(60_000)).cause()).hasMessageContaining("log");
            Task small = queue.submit(
                    new Wish.Draw(1, new long[1], 1, sampling.canvas(new Canvas(2, 2, 0)), 0, false), later);
            assertThat(small.next(60_000)).isInstanceOf(Task.Failed.class);
            assertThat(queue.submit(wish(1, 2), later).next(60_000)).isInstanceOf(Task.Done.class);
        }
    }

    @Test
    void refuses_uploads_beyond_the_memory_for_them() throws IOException {
        List<Socket> all = new ArrayList<>();
        try {
            String answer = "";
            for (int i = 0; i < 4; i++) { // of 64 MiB each, in 256 MiB
                Socket socket = new Socket("127.0.0.1", server.port());
                all.add(socket);
                socket.setSoTimeout(20);
                socket.getOutputStream()
                        .write(("POST " + EDIT + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data;"
                                        + " boundary=b\r\nContent-Length: 67108864\r\n\r\n--b\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
            }
            byte[] some = new byte[200];
            for (int i = 0; answer.isEmpty() && i < 1_000; i++) {
                try {
                    int read = all.get(i % all.size()).getInputStream().read(some);
                    answer = new String(some, 0, read, StandardCharsets.UTF_8);
                } catch (SocketTimeoutException e) {
                    // this one has its place
                }
            }
            assertThat(answer).startsWith("HTTP/1.1 429");
        } finally {
            for (Socket each : all) {
                each.close();
            }
        }
    }

    private static Wish.Draw wish(int count, int steps) {
        return new Wish.Draw(count, new long[count], 1, Sampling.USUAL.steps(steps), 0, false);
    }

    @Test
    void measures_itself() {
        client.post(DRAW, "{\"num_inference_steps\": 1}").images();
        assertThat(client.get("/metrics").body())
                .contains(
                        "smalti_queue_images{",
                        "smalti_draws_active{",
                        "smalti_draw_images_max{",
                        "smalti_draw_seconds_sum{",
                        "smalti_images_total{",
                        "smalti_passes_total ",
                        "smalti_process_bytes ",
                        "smalti_requests_aborted_total ",
                        "smalti_connections ")
                .containsPattern("smalti_requests_seconds_count\\{route=\"/v1/images/generations\",status=\"200\"} ");
    }

    private static Socket post(ImageServer own, String json) throws IOException {
        Socket socket = new Socket("127.0.0.1", own.port());
        socket.getOutputStream()
                .write(("POST " + DRAW + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                + "Content-Length: " + json.length() + "\r\n\r\n" + json)
                        .getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    /** What comes back until the server ends the connection. */
    private static String raw(String request) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", server.port())) {
            socket.setSoTimeout(20_000);
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            try {
                socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
                socket.getInputStream().transferTo(answer);
            } catch (SocketException e) {
                // it was ended before all of the request was read; what came is there
                socket.getInputStream().transferTo(answer);
            }
            return answer.toString(StandardCharsets.UTF_8);
        }
    }

    private static void until(BooleanSupplier condition) {
        long end = System.nanoTime() + 60_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waited a minute").isLessThan(end);
            Thread.onSpinWait();
        }
    }
}
