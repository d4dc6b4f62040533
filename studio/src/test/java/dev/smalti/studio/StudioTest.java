package dev.smalti.studio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Corrector;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the page calls. */
class StudioTest {
    private static final String RECIPE = "tokenizer:\n  kind: vqgan\ntraining:\n  steps: 100\n  batch: 8\n";

    @TempDir
    static Path folder;

    private static ImageServer server;
    private static Client client;

    /** A run that has come to step 20 of 100. */
    static Path run(Path runs, String name) throws IOException {
        Path run = Files.createDirectories(runs.resolve(name));
        Files.writeString(run.resolve("recipe.yaml"), RECIPE);
        Files.writeString(run.resolve("metrics.jsonl"), line(10, 0.9) + line(20, 0.7));
        Pictures.writePng(run.resolve("preview-20.png"), plain(128));
        return run;
    }

    static String line(int step, double loss) {
        return "{\"step\": %d, \"autoencoder.loss\": %s, \"autoencoder.perplexity\": 31.5, \"items_per_second\": 8.0, \"seconds\": %d}%n"
                .formatted(step, loss, step);
    }

    static Pixels plain(int grey) {
        byte[] rgb = new byte[64 * 64 * 3];
        java.util.Arrays.fill(rgb, (byte) grey);
        return new Pixels(64, 64, rgb);
    }

    @BeforeAll
    static void start() throws IOException {
        Path data = Files.createDirectories(folder.resolve("data"));
        for (int grey = 0; grey < 256; grey += 50) {
            Pictures.writePng(data.resolve(grey + ".png"), plain(grey));
        }
        Path runs = Files.createDirectories(folder.resolve("runs"));
        run(runs, "first");
        run(folder, "outside");
        server = ImageServer.start(Serving.of(List.of("fruits-64-small"), 0).withPage(data, runs));
        client = new Client(server.address());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static List<JsonNode> events(Client.Answer answer) throws IOException {
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        List<JsonNode> events = new ArrayList<>();
        for (String line : answer.body().lines().toList()) {
            if (line.startsWith("data: {")) {
                events.add(new ObjectMapper().readTree(line.substring("data: ".length())));
            }
        }
        return events;
    }

    @Test
    void tells_each_step_with_its_tokens_and_how_unsure_the_model_was() throws IOException {
        String wish = "\"prompt\": \"cherry-1\", \"n\": 2, \"seed\": 7, \"num_inference_steps\": 4";
        List<JsonNode> events =
                events(client.post("/studio/draw", "{" + wish + ", \"stream\": true, \"frames\": 100}"));
        List<JsonNode> steps = events.stream()
                .filter(each -> each.get("type").asText().equals("studio.step"))
                .toList();
        assertThat(steps).hasSize(2 * 4);
        int before = 0;
        for (JsonNode step : steps) {
            if (step.get("index").asInt() == 0) {
                int revealed = 0;
                for (JsonNode code : step.get("codes")) {
                    revealed += code.asInt() >= 0 ? 1 : 0;
                }
                assertThat(revealed).isGreaterThanOrEqualTo(before);
                before = revealed;
                assertThat(step.get("entropies")).hasSize(64);
                for (JsonNode bits : step.get("entropies")) {
                    assertThat(bits.isNull() || bits.asDouble() >= 0 && bits.asDouble() <= 10)
                            .as("%s bits of 1024 codes", bits)
                            .isTrue();
                }
            }
        }
        assertThat(before).isEqualTo(64);
        List<Pixels> drawn = events.stream()
                .filter(each -> each.get("type").asText().equals("image_generation.completed"))
                .map(Client::image)
                .toList();
        assertThat(drawn)
                .containsExactlyInAnyOrderElementsOf(
                        client.post("/v1/images/generations", "{" + wish + "}").images());
    }

    @Test
    void says_what_a_model_can_do() {
        JsonNode model = client.get("/studio/models").json().get("models").get(0);
        JsonNode can = model.get("abilities");
        assertThat(model.get("opened").get(0).asText()).isEqualTo("fruits-64-small");
        assertThat(can.get("steps").asInt()).isEqualTo(64);
        assertThat(can.get("guidance").asBoolean()).isTrue();
        assertThat(can.get("canvas").asBoolean()).isTrue();
        assertThat(can.get("orders").toString()).contains("usual", "confidence", "halton");
        assertThat(can.get("entropyBound").asBoolean()).isTrue();
        assertThat(can.get("trapezoidal").asBoolean()).isTrue();
        assertThat(can.get("correctors").toString())
                .isEqualTo("[\"none\",\"gibbs\",\"psi\",\"remask-cap\",\"remask-rescale\",\"remask-loop\"]");
    }

    @Test
    void says_what_a_model_can_do_while_it_draws() throws IOException {
        try (ImageServer own = ImageServer.start(
                        Serving.of(List.of("fruits-64-small"), 0).withPage(null, null));
                Socket draw = ImageServerTest.stream(own, "{\"n\": 64, \"seed\": 1}")) {
            Client caller = new Client(own.address());
            while (caller.meter("smalti_draws_active") == 0) {
                assertThat(draw.isClosed()).isFalse();
            }
            assertThat(caller.get("/studio/models").status()).isEqualTo(200);
            assertThat(caller.meter("smalti_images_total"))
                    .as("images drawn meanwhile")
                    .isZero();
        }
    }

    @Test
    void draws_by_every_sampler_as_the_library_does() {
        Unmasking bounded = Unmasking.USUAL.bound(8).order(Order.MARGIN);
        Sampling four = Sampling.USUAL.steps(4);
        Map<String, Sampling> samplings = Map.of(
                "\"entropy_bound\": 8, \"order\": \"margin\"",
                Sampling.USUAL.unmasking(bounded),
                "\"num_inference_steps\": 4, \"extrapolate\": 0.5",
                four.extrapolation(new Extrapolation.Multistep(0.5)),
                "\"num_inference_steps\": 4, \"trapezoidal\": 0.4",
                four.extrapolation(new Extrapolation.Trapezoidal(0.4)),
                "\"num_inference_steps\": 4, \"corrector\": \"gibbs\", \"corrector_sweeps\": 2, \"corrector_places\": 3,"
                        + " \"corrector_when\": \"between\"",
                four.corrector(new Corrector.Gibbs(2, 3, Corrector.When.BETWEEN)),
                "\"num_inference_steps\": 4, \"corrector\": \"psi\", \"corrector_kappa\": 0.5",
                four.corrector(new Corrector.Psi(0.5)),
                "\"num_inference_steps\": 4, \"corrector\": \"remask-rescale\"",
                four.corrector(new Corrector.Remask(Corrector.Remask.Kind.RESCALE, 0.02)));
        try (Model model = Model.open("fruits-64-small")) {
            samplings.forEach((words, sampling) -> assertThat(
                            client.post("/v1/images/generations", "{\"seed\": 3, " + words + "}")
                                    .images())
                    .as(words)
                    .isEqualTo(model.images(List.of(), 1, 3, sampling)));
        }
    }

    @Test
    void refuses_samplers_that_exclude_each_other_or_that_there_are_not() {
        for (Map.Entry<String, String> each : Map.of(
                        "\"entropy_bound\": 1, \"num_inference_steps\": 4", "entropy_bound",
                        "\"extrapolate\": 0.5, \"trapezoidal\": 0.5", "trapezoidal",
                        "\"trapezoidal\": 1", "trapezoidal must be above 0 and below 1",
                        "\"corrector\": \"gibs\"", "none, gibbs, psi",
                        "\"corrector\": \"psi\", \"corrector_eta\": 0.5", "eta of a corrector belongs to remask",
                        "\"corrector_sweeps\": 2", "sweeps of a corrector belongs to gibbs",
                        "\"corrector\": \"psi\", \"order\": \"entropy\"", "psi")
                .entrySet()) {
            assertThat(client.post("/v1/images/generations", "{" + each.getKey() + "}")
                            .error(400))
                    .contains(each.getValue());
        }
    }

    @Test
    void tells_the_steps_of_grids_that_have_numbers_of_their_own() throws IOException {
        List<JsonNode> events = events(
                client.post("/studio/draw", "{\"seed\": 7, \"entropy_bound\": 8, \"stream\": true, \"frames\": 0}"));
        JsonNode last = events.get(events.size() - 2);
        assertThat(last.get("type").asText()).isEqualTo("studio.step");
        assertThat(last.get("step").asInt()).isEqualTo(last.get("steps").asInt());
        last.get("codes").forEach(code -> assertThat(code.asInt()).isNotNegative());
        assertThat(events.get(events.size() - 1).get("type").asText()).isEqualTo("image_generation.completed");
    }

    @Test
    void draws_in_another_order() {
        String json = "{\"seed\": 1, \"num_inference_steps\": 4%s}";
        List<Pixels> usual =
                client.post("/v1/images/generations", json.formatted("")).images();
        assertThat(client.post("/v1/images/generations", json.formatted(", \"order\": \"confidence\""))
                        .images())
                .isNotEqualTo(usual);
        assertThat(client.post("/v1/images/generations", json.formatted(", \"order\": \"best\""))
                        .error(400))
                .contains("order", "confidence", "best");
        assertThat(client.post(
                                "/v1/images/generations",
                                json.formatted(", \"reveal\": \"coins\", \"order\": \"halton\""))
                        .error(400))
                .contains("coins");
    }

    @Test
    void shows_an_image_as_its_tokens() {
        Client.Answer answer = client.form(
                "/studio/tokens", Map.of("model", "fruits-64-small"), Map.of("image", Pictures.png(plain(200))));
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        assertThat(answer.json().get("codes")).hasSize(64);
        assertThat(answer.json().get("psnr").asDouble()).isGreaterThan(15);
        assertThat(client.form("/studio/tokens", Map.of(), Map.of("image", new byte[] {1, 2, 3}))
                        .error(400))
                .contains("image");
    }

    @Test
    void finds_the_nearest_images_of_the_data() {
        JsonNode found = null;
        do { // they are read in the background
            found = client.form("/studio/neighbours", Map.of(), Map.of("image", Pictures.png(plain(149))))
                    .json();
        } while (found.get("compared").asInt() < 6);
        JsonNode nearest = found.get("neighbours").get(0);
        assertThat(nearest.get("name").asText()).contains("150.png");
        assertThat(nearest.get("distance").asDouble()).isBetween(0.003, 0.005);
    }

    @Test
    void watches_runs_directly_in_the_folder_and_no_others() throws IOException {
        assertThat(client.get("/studio/runs").json().get("runs").findValuesAsText("name"))
                .contains("first")
                .doesNotContain("outside");
        JsonNode run = client.get("/studio/runs/first").json();
        assertThat(run.get("step").asInt()).isEqualTo(20);
        assertThat(run.get("steps_per_second").asDouble()).isEqualTo(1);
        assertThat(run.get("seconds_left").asDouble()).isEqualTo(80);
        assertThat(run.get("curves").get("autoencoder.loss").toString()).isEqualTo("[[10.0,0.9],[20.0,0.7]]");
        assertThat(client.get("/studio/runs/first/previews/20").status()).isEqualTo(200);
        assertThat(client.get("/studio/runs/first/previews/21").error(404)).contains("21");
        for (String name : List.of("outside", "..%2Foutside", "%2e%2e", "first%2F..%2F..%2Foutside")) {
            assertThat(client.get("/studio/runs/" + name).status()).as(name).isIn(400, 404);
        }
    }

    @Test
    void tells_of_a_run_again_only_when_it_has_written_more() throws IOException {
        Path run = run(folder.resolve("runs"), "growing");
        String tag = client.get("/studio/runs/growing")
                .response()
                .headers()
                .firstValue("ETag")
                .orElseThrow();
        assertThat(client.get("/studio/runs/growing", "If-None-Match", tag).status())
                .isEqualTo(304);
        Files.writeString(run.resolve("metrics.jsonl"), line(30, 0.6), StandardOpenOption.APPEND);
        assertThat(client.get("/studio/runs/growing", "If-None-Match", tag)
                        .json()
                        .get("step")
                        .asInt())
                .isEqualTo(30);
    }

    @Test
    void serves_files_of_the_page_by_name_and_nothing_else() {
        Client.Answer page = client.get("/");
        assertThat(page.body()).contains("<!doctype html>");
        String tag = page.response().headers().firstValue("ETag").orElseThrow();
        assertThat(client.get("/", "If-None-Match", tag).status()).isEqualTo(304);
        assertThat(client.get("/page/app.js").response().headers().firstValue("Content-Type"))
                .hasValueSatisfying(type -> assertThat(type).startsWith("text/javascript"));
        assertThat(client.get("/page/../Studio.class").status()).isIn(400, 404);
        assertThat(client.get("/page/%2e%2e%2fStudio.class").status()).isIn(400, 404);
    }

    @Test
    void has_no_page_unless_it_is_asked_for() {
        try (ImageServer plain = ImageServer.start(Serving.of(List.of("fruits-64-small"), 0))) {
            Client caller = new Client(plain.address());
            assertThat(caller.get("/").status()).isEqualTo(404);
            assertThat(caller.get("/studio/models").status()).isEqualTo(404);
        }
    }

    @Test
    void refuses_a_folder_of_runs_that_is_none() {
        Serving serving = Serving.of(List.of("fruits-64-small"), 0);
        assertThatThrownBy(() -> serving.withPage(null, folder.resolve("nowhere")))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("nowhere");
    }
}
