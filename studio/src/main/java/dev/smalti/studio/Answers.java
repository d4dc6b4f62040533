package dev.smalti.studio;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import io.javalin.http.Context;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;

/**
 * The answer to a request for images, as they come. While a client waits, blanks are sent, which JSON allows before an object and a
 * stream as a comment: writing is how it is noticed that a client went away.
 */
final class Answers {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long PATIENCE = 500; // milliseconds between blanks
    private static final int SILENCE = 3; // of these before the first, so that errors still have their status

    private final Context request;
    private final String model;
    private final long seed;
    private final Task task;

    Answers(Context request, String model, long seed, Task task) {
        this.request = request;
        this.model = model;
        this.seed = seed;
        this.task = task;
    }

    static byte[] bytes(Object value) {
        try {
            return JSON.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static void json(Context request, Object value) {
        request.contentType("application/json").result(bytes(value));
    }

    /** {@code {"error": {"message", "type", "param", "code"}}} */
    static void error(Context request, ApiException problem) {
        request.attribute("answered", true);
        request.status(problem.status());
        if (problem.retryAfter() > 0) {
            request.header("Retry-After", Integer.toString(problem.retryAfter()));
        }
        if (problem.status() == 401) {
            request.header("WWW-Authenticate", "Bearer");
        }
        json(request, Map.of("error", facts(problem)));
    }

    static Map<String, Object> facts(ApiException problem) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("message", problem.getMessage());
        facts.put("type", problem.type());
        facts.put("param", problem.parameter());
        facts.put("code", problem.code());
        return facts;
    }

    /** All images in one object. @throws ApiException if it comes to nothing before anything was sent */
    void whole() {
        Pixels[] images = new Pixels[task.wish().count()];
        boolean begun = false;
        int silent = 0;
        for (int missing = images.length; missing > 0; ) {
            Task.Event event = next();
            if (event instanceof Task.Done done) {
                images[done.number()] = done.image();
                missing--;
            } else if (event instanceof Task.Failed failed) {
                if (begun) {
                    abort(failed.cause());
                }
                throw failed.cause();
            } else if (event == null && ++silent > SILENCE) {
                if (!begun) {
                    request.contentType("application/json");
                    begun = true;
                }
                send(" ");
            }
        }
        List<Map<String, Object>> data = new ArrayList<>();
        for (Pixels image : images) {
            data.add(Map.of("b64_json", base64(image)));
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("created", System.currentTimeMillis() / 1000);
        answer.put("model", model);
        answer.put("seed", seed);
        answer.put("output_format", "png");
        answer.put("data", data);
        if (begun) {
            send(new String(bytes(answer), StandardCharsets.UTF_8));
        } else {
            json(request, answer);
        }
    }

    /** Events: steps where they are watched, images in the making, each image when it is there, and {@code [DONE]}. */
    void stream() {
        request.contentType("text/event-stream; charset=utf-8");
        request.header("X-Accel-Buffering", "no");
        String kind = task.wish() instanceof Wish.Retouch ? "image_edit" : "image_generation";
        int frames = 0;
        for (int missing = task.wish().count(); missing > 0; ) {
            Task.Event event = next();
            if (event instanceof Task.Frame frame) {
                Map<String, Object> facts = facts(kind + ".partial_image", frame.image(), frame.number());
                facts.put("partial_image_index", frames++);
                facts.put("step", frame.step());
                facts.put("steps", frame.of());
                event(kind + ".partial_image", facts);
            } else if (event instanceof Task.Step step) {
                event("studio.step", facts(step));
            } else if (event instanceof Task.Done done) {
                missing--;
                event(kind + ".completed", facts(kind + ".completed", done.image(), done.number()));
            } else if (event instanceof Task.Failed failed) {
                ApiException problem = failed.cause() instanceof ApiException known ? known : ApiException.internal();
                event("error", Map.of("error", facts(problem)));
                return;
            } else if (event == null) {
                send(": waiting\n\n");
            }
        }
        send("data: [DONE]\n\n");
    }

    private Map<String, Object> facts(String type, Pixels image, int number) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("type", type);
        facts.put("index", number);
        facts.put("b64_json", base64(image));
        facts.put("output_format", "png");
        facts.put("seed", seed);
        facts.put("model", model);
        facts.put("created_at", System.currentTimeMillis() / 1000);
        return facts;
    }

    private static Map<String, Object> facts(Task.Step step) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("type", "studio.step");
        facts.put("index", step.number());
        facts.put("step", step.step());
        facts.put("steps", step.of());
        facts.put("codes", step.codes());
        List<Object> entropies = new ArrayList<>();
        for (float each : step.entropies()) {
            entropies.add(Float.isNaN(each) ? null : Math.round(each * 100) / 100.0);
        }
        facts.put("entropies", entropies);
        return facts;
    }

    private void event(String name, Map<String, Object> facts) {
        send("event: " + name + "\ndata: " + new String(bytes(facts), StandardCharsets.UTF_8) + "\n\n");
    }

    private void send(String text) {
        try {
            OutputStream out = request.res().getOutputStream();
            out.write(text.getBytes(StandardCharsets.UTF_8));
            out.flush();
        } catch (IOException e) {
            task.cancel();
            throw new UncheckedIOException("the client went away", e);
        }
    }

    /** Ends an answer that has begun in a way that no client takes for a whole one. */
    private void abort(RuntimeException cause) {
        task.cancel();
        throw new UncheckedIOException("an answer that had begun came to nothing", new IOException(cause));
    }

    private Task.Event next() {
        try {
            return task.next(PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            task.cancel();
            throw new CancellationException("the server is closing down");
        }
    }

    static String base64(Pixels image) {
        return Base64.getEncoder().encodeToString(Pictures.png(image));
    }
}
