package dev.smalti.studio;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pixels;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Calls a server as other programs do. */
final class Client {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String address;
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    Client(String address) {
        this.address = address;
    }

    /** What came back. */
    record Answer(int status, String body, HttpResponse<?> response) {
        JsonNode json() {
            try {
                return JSON.readTree(body);
            } catch (IOException e) {
                throw new AssertionError(body, e);
            }
        }

        /** The error's message, of an answer with this status. */
        String error(int expected) {
            assertThat(status).as(body).isEqualTo(expected);
            return json().get("error").get("message").asText();
        }

        List<Pixels> images() {
            assertThat(status).as(body).isEqualTo(200);
            List<Pixels> images = new ArrayList<>();
            json().get("data").forEach(each -> images.add(image(each)));
            return images;
        }
    }

    static Pixels image(JsonNode object) {
        byte[] png = Base64.getDecoder().decode(object.get("b64_json").asText());
        return Pixels.decode(png, "answer");
    }

    Answer get(String path, String... headers) {
        return send(builder(path, headers).GET().build());
    }

    Answer post(String path, String json, String... headers) {
        return send(posted(path, json, headers));
    }

    CompletableFuture<Answer> later(String path, String json) {
        return http.sendAsync(posted(path, json), HttpResponse.BodyHandlers.ofString())
                .thenApply(each -> new Answer(each.statusCode(), each.body(), each));
    }

    private HttpRequest posted(String path, String json, String... headers) {
        return builder(path, headers)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json))
                .build();
    }

    /** @param files by name */
    Answer form(String path, Map<String, String> values, Map<String, byte[]> files) {
        String boundary = "----form-of-a-test";
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        values.forEach(
                (name, value) -> part(body, boundary, "name=\"" + name + "\"", value.getBytes(StandardCharsets.UTF_8)));
        files.forEach((name, bytes) ->
                part(body, boundary, "name=\"" + name + "\"; filename=\"../../" + name + ".png\"", bytes));
        body.writeBytes(("--" + boundary + "--\r\n").getBytes(StandardCharsets.US_ASCII));
        return send(builder(path)
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(HttpRequest.BodyPublishers.ofByteArray(body.toByteArray()))
                .build());
    }

    private static void part(ByteArrayOutputStream body, String boundary, String disposition, byte[] content) {
        body.writeBytes(("--" + boundary + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n")
                .getBytes(StandardCharsets.UTF_8));
        body.writeBytes(content);
        body.writeBytes("\r\n".getBytes(StandardCharsets.US_ASCII));
    }

    private HttpRequest.Builder builder(String path, String... headers) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(address + path));
        return headers.length == 0 ? builder : builder.headers(headers);
    }

    /** A number of the server's, with or without tags; 0 where it has none of that name yet. */
    double meter(String name) {
        Matcher line = Pattern.compile("(?m)^" + name + "(\\{[^}]*})? (\\S+)$")
                .matcher(get("/metrics").body());
        return line.find() ? Double.parseDouble(line.group(2)) : 0;
    }

    private Answer send(HttpRequest request) {
        try {
            HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
            return new Answer(response.statusCode(), response.body(), response);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
