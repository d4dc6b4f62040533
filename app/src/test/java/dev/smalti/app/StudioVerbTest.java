package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StudioVerbTest {
    private static final Pattern ADDRESS = Pattern.compile("http://127\\.0\\.0\\.1:\\d+");

    private static final String FRUITS =
            Path.of("..", "models", "fruits-64-small").toString();

    @TempDir
    Path folder;

    @Test
    void serves_the_page_of_a_model_until_it_is_stopped() throws Exception {
        PipedInputStream said = new PipedInputStream();
        PipedOutputStream out = new PipedOutputStream(said);
        PrintStream err = new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
        CompletableFuture<Integer> code = new CompletableFuture<>();
        String[] args = {"studio", FRUITS, "--port", "0", "--no-open", "--runs", folder.toString()};
        Thread thread = new Thread(() -> code.complete(Main.run(args, out, err)));
        thread.start();
        String line = new BufferedReader(new InputStreamReader(said, StandardCharsets.UTF_8)).readLine();
        Matcher found = ADDRESS.matcher(line);
        assertThat(found.find()).as(line).isTrue();
        String address = found.group();
        HttpClient client = HttpClient.newHttpClient();
        HttpResponse<String> page = client.send(
                HttpRequest.newBuilder(URI.create(address + "/")).build(), HttpResponse.BodyHandlers.ofString());
        assertThat(page.body()).contains("<title>Smalti studio</title>");
        HttpResponse<String> models = client.send(
                HttpRequest.newBuilder(URI.create(address + "/v1/models")).build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(models.body()).contains("fruits-64-small");
        thread.interrupt();
        assertThat(code.get()).isZero();
    }

    @Test
    void refuses_what_is_no_folder_of_runs_and_no_data() {
        Command runs = Command.run("studio", FRUITS, "--port", "0", "--no-open", "--runs", folder.resolve("nowhere"));
        assertThat(runs.code()).isEqualTo(2);
        assertThat(runs.err()).contains("nowhere");
        Command data = Command.run("studio", FRUITS, "--port", "0", "--no-open", "--data", folder);
        assertThat(data.code()).isEqualTo(2);
        assertThat(data.err()).contains(folder.toString());
    }

    @Test
    void serves_its_page_with_data_and_runs_where_a_server_has_one() {
        Command runs = Command.run("serve", FRUITS, "--port", "0", "--studio", "--runs", folder.resolve("nowhere"));
        assertThat(runs.code()).isEqualTo(2);
        assertThat(runs.err()).contains("nowhere");
        Command data = Command.run("serve", FRUITS, "--port", "0", "--studio", "--data", folder);
        assertThat(data.code()).isEqualTo(2);
        assertThat(data.err()).contains(folder.toString());
        Command alone = Command.run("serve", FRUITS, "--port", "0", "--runs", folder);
        assertThat(alone.code()).isEqualTo(2);
        assertThat(alone.err()).contains("--runs", "--studio");
    }
}
