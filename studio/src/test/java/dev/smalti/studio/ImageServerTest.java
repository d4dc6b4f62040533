package dev.smalti.studio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.run.JobException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The server as other programs call it, with the bundled model in few steps. */
class ImageServerTest {
    private static final String DRAW = "/v1/images/generations";
    private static final String EDIT = "/v1/images/edits";
    private static ImageServer server;
    private static Client client;

    @BeforeAll
    static void start() {
        server = ImageServer.start(Serving.of(List.of("fruits-64-small"), 0));
        client = new Client(server.address());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String wish(String prompt, int n, long seed, int steps) {
        return """
                {"prompt": "%s", "n": %d, "seed": %d, "num_inference_steps": %d}""".formatted(prompt, n, seed, steps);
    }

    /** Last bits may differ with how many images are decoded at once. */
    private static void alike(List<Pixels> some, List<Pixels> others) {
        assertThat(some).hasSameSizeAs(others);
        for (int i = 0; i < some.size(); i++) {
            byte[] one = some.get(i).rgb();
            byte[] other = others.get(i).rgb();
            assertThat(one).hasSameSizeAs(other);
            int most = 0;
            for (int j = 0; j < one.length; j++) {
                most = Math.max(most, Math.abs((one[j] & 255) - (other[j] & 255)));
            }
            assertThat(most).as("the largest difference of image %d", i).isLessThanOrEqualTo(1);
        }
    }

    @Test
    void draws_what_the_library_draws_of_the_same_seed() {
        List<Pixels> drawn = client.post(DRAW, wish("cherry-1", 3, 7, 3)).images();
        try (Model model = Model.open("fruits-64-small")) {
            alike(drawn, model.images(List.of("cherry-1"), 3, 7, Sampling.USUAL.steps(3)));
        }
    }

    @Test
    void draws_an_image_alike_whatever_is_drawn_beside_it() {
        List<Pixels> alone = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            alone.addAll(client.post(DRAW, wish("", 1, i, 3)).images());
        }
        List<CompletableFuture<Client.Answer>> many = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            many.add(client.later(DRAW, wish("", 1, i % 4, 3)));
        }
        for (int i = 0; i < many.size(); i++) {
            assertThat(many.get(i).join().images()).containsExactly(alone.get(i % 4));
        }
        assertThat(meter("smalti_draw_images_max")).as("images drawn at once").isGreaterThan(1);
    }

    @Test
    void gives_a_seed_of_chance_back_with_which_the_same_is_drawn_again() {
        Client.Answer first = client.post(DRAW, "{\"num_inference_steps\": 2}");
        long seed = first.json().get("seed").asLong();
        assertThat(client.post(DRAW, wish("", 1, seed, 2)).images()).isEqualTo(first.images());
    }

    @Test
    void draws_other_sizes() {
        Client.Answer answer = client.post(DRAW, "{\"size\": \"96x64\", \"num_inference_steps\": 2, \"seed\": 1}");
        assertThat(answer.images().get(0).width()).isEqualTo(96);
        assertThat(answer.images().get(0).height()).isEqualTo(64);
        assertThat(client.post(DRAW, "{\"size\": \"65x64\"}").error(400)).contains("65");
        assertThat(client.post(DRAW, "{\"size\": \"large\"}").error(400)).contains("WIDTHxHEIGHT");
    }

    @Test
    void says_what_is_wrong_in_the_form_that_clients_know() {
        Client.Answer unknown = client.post(DRAW, "{\"prompt\": \"chery-1\"}");
        assertThat(unknown.error(400)).contains("chery-1", "did you mean");
        assertThat(unknown.json().get("error").get("type").asText()).isEqualTo("invalid_request_error");
        assertThat(unknown.json().get("error").get("param").asText()).isEqualTo("prompt");
        assertThat(client.post(DRAW, "{\"num_steps\": 3}").error(400)).contains("num_steps");
        assertThat(client.post(DRAW, "{\"n\": 65}").error(400)).contains("n must be", "65");
        assertThat(client.post(DRAW, "{\"n\": 1.5}").error(400)).contains("whole");
        assertThat(client.post(DRAW, "{\"n\": [1]}").error(400)).contains("plain");
        assertThat(client.post(DRAW, "{\"n\": 1").error(400)).contains("JSON");
        assertThat(client.post(DRAW, "{\"n\": 1, \"n\": 2}").error(400)).contains("JSON");
        assertThat(client.post(DRAW, "[".repeat(10_000)).error(400)).contains("JSON");
        assertThat(client.post(DRAW, "").error(400)).contains("JSON");
        assertThat(client.post(DRAW, "{\"guidance_scale\": 0.5}").error(400)).contains("guidance_scale");
        assertThat(client.post(DRAW, "{\"temperature\": \"NaN\"}").error(400)).contains("temperature");
        assertThat(client.post(DRAW, "{\"partial_images\": 2}").error(400)).contains("stream");
        assertThat(client.post(DRAW, "{\"response_format\": \"url\"}").error(400))
                .contains("b64_json");
        assertThat(client.post(DRAW, "{\"model\": \"fruit-64\"}").error(404)).contains("fruits-64-small");
        assertThat(client.post(DRAW, "{\"prompt\": \"" + "x".repeat(2 << 20) + "\"}")
                        .error(413))
                .contains("bytes");
        assertThat(client.get("/v1/nothing").error(404)).contains("/v1/nothing");
        assertThat(client.post(DRAW, "{}", "Origin", "http://other.example").error(403))
                .contains("other sites");
    }

    @Test
    void ignores_what_other_servers_know_and_nothing_here_depends_on() {
        String body = "{\"quality\": \"high\", \"user\": \"x\", \"style\": null, \"num_inference_steps\": 1}";
        assertThat(client.post(DRAW, body).images()).hasSize(1);
    }

    @Test
    void lists_its_models_and_tells_of_itself() {
        JsonNode models = client.get("/v1/models").json().get("data");
        assertThat(models).hasSize(1);
        assertThat(models.get(0).get("id").asText()).isEqualTo("fruits-64-small");
        assertThat(models.get(0).get("classes").size()).isGreaterThan(10);
        assertThat(client.get("/v1/models/fruits-64-small").json().get("size").asText())
                .isEqualTo("64x64");
        assertThat(client.get("/healthz").body()).isEqualTo("ok\n");
        assertThat(client.get("/readyz").body()).isEqualTo("ready\n");
        assertThat(client.get("/metrics").body())
                .contains("smalti_queue_images", "smalti_requests_seconds_count", "smalti_passes_total");
        assertThat(client.get("/healthz").response().headers().firstValue("Content-Security-Policy"))
                .hasValueSatisfying(policy -> assertThat(policy).contains("default-src 'none'"));
    }

    @Test
    void streams_images_as_they_come_to_be() throws IOException {
        String body = "{\"stream\": true, \"partial_images\": 2, \"seed\": 5, \"num_inference_steps\": 4, \"n\": 2}";
        Client.Answer answer = client.post(DRAW, body);
        assertThat(answer.status()).isEqualTo(200);
        List<JsonNode> partial = new ArrayList<>();
        Pixels[] done = new Pixels[2];
        for (String line :
                answer.body().lines().filter(each -> each.startsWith("data: {")).toList()) {
            JsonNode event = new ObjectMapper().readTree(line.substring("data: ".length()));
            if (event.get("type").asText().equals("image_generation.partial_image")) {
                partial.add(event);
            } else {
                done[event.get("index").asInt()] = Client.image(event);
            }
        }
        assertThat(partial).hasSize(4);
        assertThat(Client.image(partial.get(0)).width()).isEqualTo(64);
        assertThat(done)
                .containsExactlyElementsOf(client.post(DRAW, "{\"seed\": 5, \"num_inference_steps\": 4, \"n\": 2}")
                        .images());
        assertThat(answer.body().strip()).endsWith("data: [DONE]");
    }

    @Test
    void edits_an_image() {
        Pixels image = client.post(DRAW, wish("", 1, 3, 4)).images().get(0);
        Map<String, byte[]> file = Map.of("image", Pictures.png(image));
        Map<String, String> half =
                Map.of("rectangle", "32,0,32,64", "n", "2", "seed", "4", "num_inference_steps", "3", "feather", "0");
        List<Pixels> edited = client.form(EDIT, half, file).images();
        assertThat(edited).hasSize(2);
        for (Pixels each : edited) {
            for (int y = 0; y < 64; y++) {
                for (int x = 0; x < 3 * 32; x++) {
                    assertThat(each.rgb()[y * 64 * 3 + x]).isEqualTo(image.rgb()[y * 64 * 3 + x]);
                }
            }
        }
        assertThat(edited.get(0)).isNotEqualTo(edited.get(1));
        Map<String, String> wider = Map.of("extend", "right=32", "seed", "4", "num_inference_steps", "2");
        assertThat(client.form(EDIT, wider, file).images().get(0).width()).isEqualTo(96);
    }

    @Test
    void refuses_edits_that_can_not_be() {
        Pixels image = new Pixels(64, 64, new byte[64 * 64 * 3]);
        Map<String, byte[]> file = Map.of("image", Pictures.png(image));
        assertThat(client.form(EDIT, Map.of(), file).error(400)).contains("nothing to draw");
        assertThat(client.form(EDIT, Map.of("rectangle", "60,0,9,9"), file).error(400))
                .contains("rectangle");
        assertThat(client.form(EDIT, Map.of("rectangle", "0,0,9,9"), Map.of()).error(400))
                .contains("image");
        assertThat(client.form(EDIT, Map.of("rectangle", "a half"), file).error(400))
                .contains("x,y,width,height", "a half");
        Map<String, byte[]> small =
                Map.of("image", Pictures.png(image), "mask", Pictures.png(new Pixels(8, 8, new byte[8 * 8 * 3])));
        Client.Answer unfit = client.form(EDIT, Map.of(), small);
        assertThat(unfit.error(400)).contains("64 x 64", "8 x 8");
        assertThat(unfit.json().get("error").get("param").asText()).isEqualTo("mask");
        byte[] noise = new byte[2_000];
        new Random(1).nextBytes(noise);
        assertThat(client.form(EDIT, Map.of("rectangle", "0,0,9,9"), Map.of("image", noise))
                        .error(400))
                .contains("image");
        assertThat(client.form(EDIT, Map.of("extend", "right=5"), file).error(400))
                .contains("5");
        assertThat(client.post(EDIT, "{}").error(415)).contains("multipart");
    }

    @Test
    void answers_429_when_too_many_wait_and_stops_what_nobody_waits_for() throws Exception {
        Serving small = new Serving(
                List.of("fruits-64-small"),
                "127.0.0.1",
                0,
                null,
                Opening.USUAL,
                1,
                2,
                2,
                2,
                Duration.ofMinutes(5),
                null,
                null);
        try (ImageServer own = ImageServer.start(small)) {
            Client caller = new Client(own.address());
            String slow = "{\"stream\": true, \"num_inference_steps\": 64, \"size\": \"256x256\"}";
            Socket gone = stream(own, slow);
            gone.getInputStream().read(); // it is being answered
            until(() -> meter(caller, "smalti_queue_images"), 0);
            CompletableFuture<Client.Answer> waiting = caller.later(DRAW, wish("", 2, 1, 1));
            until(() -> meter(caller, "smalti_queue_images"), 2);
            Client.Answer refused = caller.post(DRAW, wish("", 1, 1, 1));
            assertThat(refused.error(429)).contains("waiting");
            assertThat(Integer.parseInt(refused.response()
                            .headers()
                            .firstValue("Retry-After")
                            .orElseThrow()))
                    .isPositive();
            gone.close();
            assertThat(waiting.join().images()).hasSize(2);
            assertThat(meter(caller, "smalti_images_total"))
                    .as("images drawn to the end")
                    .isEqualTo(2);
        }
    }

    @Test
    void answers_504_past_the_deadline() {
        Serving hurried = new Serving(
                List.of("fruits-64-small"),
                "127.0.0.1",
                0,
                null,
                Opening.USUAL,
                1,
                9,
                4,
                4,
                Duration.ofMillis(1),
                null,
                null);
        try (ImageServer own = ImageServer.start(hurried)) {
            assertThat(new Client(own.address()).post(DRAW, wish("", 1, 1, 64)).error(504))
                    .contains("deadline");
        }
    }

    @Test
    void wants_the_token_where_there_is_one() {
        String token = "a token that nobody guesses";
        Serving guarded = new Serving(
                List.of("fruits-64-small"),
                "127.0.0.1",
                0,
                token,
                Opening.USUAL,
                1,
                9,
                4,
                4,
                Duration.ofMinutes(1),
                null,
                null);
        try (ImageServer own = ImageServer.start(guarded)) {
            Client caller = new Client(own.address());
            assertThat(caller.get("/v1/models").error(401)).contains("Bearer");
            assertThat(caller.get("/v1/models", "Authorization", "Bearer no").error(401))
                    .contains("Bearer");
            assertThat(caller.get("/v1/models", "Authorization", "Bearer " + token)
                            .status())
                    .isEqualTo(200);
            assertThat(caller.get("/healthz").status()).isEqualTo(200);
        }
        assertThatThrownBy(() -> new Serving(
                        List.of("fruits-64-small"),
                        "0.0.0.0",
                        0,
                        null,
                        Opening.USUAL,
                        1,
                        9,
                        4,
                        4,
                        Duration.ofMinutes(1),
                        null,
                        null))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("token");
    }

    @Test
    void stays_up_whatever_is_sent() throws IOException {
        Random random = new Random(3);
        for (int i = 0; i < 50; i++) {
            try (Socket socket = new Socket("127.0.0.1", server.port())) {
                byte[] garbage = new byte[random.nextInt(3_000)];
                random.nextBytes(garbage);
                socket.getOutputStream().write(garbage);
            }
            try (Socket socket = new Socket("127.0.0.1", server.port())) {
                String head = "POST " + DRAW + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 100\r\n\r\n{\"n\":";
                socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            }
        }
        try (Socket socket = new Socket("127.0.0.1", server.port())) {
            socket.getOutputStream()
                    .write("GET /v1/models HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                    .contains(" 403 ");
        }
        assertThat(client.get("/healthz").status()).isEqualTo(200);
    }

    @Test
    void refuses_a_port_that_is_taken() {
        assertThatThrownBy(() -> ImageServer.start(Serving.of(List.of("fruits-64-small"), server.port())))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("taken");
    }

    /** A request for images, whose answer nobody reads. */
    static Socket stream(ImageServer own, String json) throws IOException {
        Socket socket = new Socket("127.0.0.1", own.port());
        OutputStream out = socket.getOutputStream();
        out.write(("POST " + DRAW + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                        + json.length() + "\r\n\r\n" + json)
                .getBytes(StandardCharsets.US_ASCII));
        out.flush();
        return socket;
    }

    /** Waits until a number of the server's is this. */
    private static void until(java.util.function.DoubleSupplier number, double wanted) throws InterruptedException {
        long end = System.nanoTime() + 60_000_000_000L;
        while (number.getAsDouble() != wanted) {
            assertThat(System.nanoTime()).as("waited a minute for %s", wanted).isLessThan(end);
            Thread.onSpinWait();
        }
    }

    private static double meter(String name) {
        return meter(client, name);
    }

    private static double meter(Client caller, String name) {
        Matcher line = Pattern.compile("(?m)^" + name + "\\{[^}]*} (\\S+)$")
                .matcher(caller.get("/metrics").body());
        assertThat(line.find()).as(name).isTrue();
        return Double.parseDouble(line.group(1));
    }
}
