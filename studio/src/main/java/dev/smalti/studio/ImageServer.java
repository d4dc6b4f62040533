package dev.smalti.studio;

import dev.smalti.data.DataException;
import dev.smalti.data.Mask;
import dev.smalti.data.Pixels;
import dev.smalti.job.Edit;
import dev.smalti.job.Extension;
import dev.smalti.recipe.Nearest;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.config.SizeUnit;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
import io.javalin.http.UploadedFile;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.Part;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves models over HTTP, in the form in which image clients call others: {@code POST /v1/images/generations}, {@code POST
 * /v1/images/edits}, {@code GET /v1/models}; and {@code /healthz}, {@code /readyz}, {@code /metrics}. With a {@linkplain Serving#page
 * page}, that is at {@code /}, and what only it calls below {@code /studio}.
 *
 * <pre>{@code
 * try (ImageServer server = ImageServer.start(Serving.of(List.of("fruits-64"), 8080))) {
 *     server.join();
 * }
 * }</pre>
 */
public final class ImageServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ImageServer.class);
    private static final int THREADS = 100; // beside one for each request that waits
    private static final int MOST_THREADS = 2_000;
    private static final Duration ARRIVING = Duration.ofMinutes(2); // of a request, however slowly it trickles
    private static final Duration QUIET = Duration.ofSeconds(5); // for answers under way, when the server closes down
    private static final int JSON_BYTES = 1 << 20;
    private static final long SKIPPED_BYTES = 8 << 20;
    private static final int BODY_BYTES = 64 << 20; // an image and a mask
    private static final int IDLE_MILLIS = 30_000; // of a client that sends or takes nothing
    private static final Set<String> OF_EDITS = Set.of("rectangle", "extend", "feather");
    private static final String POLICY =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
                    + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private final Serving serving;
    private final Map<String, Served> models = new LinkedHashMap<>();
    private final Meters meters = new Meters();
    private final Guard guard;
    private final Uploads uploads = new Uploads();
    private final Doorway doorway;
    private final Studio studio; // null without the page
    private final Javalin http;
    private volatile boolean closing;

    private ImageServer(Serving serving, Duration arriving) {
        this.serving = serving;
        this.doorway = new Doorway(meters, arriving, serving.deadline().plus(arriving));
        Studio page = null;
        try {
            for (String each : serving.models()) {
                String name = name(each);
                models.put(name, new Served(name, each, serving, meters));
            }
            page = serving.page() ? new Studio(this, serving) : null;
            this.studio = page;
            Set<String> open = new TreeSet<>(Set.of("/healthz", "/readyz"));
            if (page != null) {
                open.addAll(page.openPaths());
            }
            this.guard = new Guard(serving.host(), serving.token(), open);
            this.http = Javalin.create(this::configure).start();
        } catch (RuntimeException e) {
            if (page != null) {
                page.close();
            }
            models.values().forEach(Served::close);
            meters.close();
            throw e;
        }
    }

    /**
     * Opens the models and listens.
     *
     * @throws JobException if there is no such model, or the port is taken
     */
    public static ImageServer start(Serving serving) {
        return start(serving, ARRIVING);
    }

    /** @param arriving within which a request must have come */
    static ImageServer start(Serving serving, Duration arriving) {
        try {
            return new ImageServer(serving, arriving);
        } catch (io.javalin.util.JavalinBindException e) {
            throw new JobException(
                    Phrase.of("port %d of %s is taken: choose another with --port, or 0 for any that is free")
                            .with(serving.port(), serving.host()),
                    e);
        }
    }

    /** The last name of a path, or the name of a bundled model; a number behind it where two are alike. */
    private String name(String pathOrName) {
        Path last = Path.of(pathOrName).getFileName();
        String name = last == null ? "model" : last.toString();
        for (int number = 2; models.containsKey(name); number++) {
            name = last + "-" + number;
        }
        return name;
    }

    private void configure(JavalinConfig config) {
        config.startup.showJavalinBanner = false;
        config.startup.startupWatcherEnabled = false;
        configureJetty(config);
        config.jetty.multipartConfig.maxFileSize(BODY_BYTES, SizeUnit.BYTES);
        config.jetty.multipartConfig.maxTotalRequestSize(BODY_BYTES, SizeUnit.BYTES);
        config.jetty.multipartConfig.maxInMemoryFileSize(BODY_BYTES, SizeUnit.BYTES); // nothing is written to a disk
        config.http.maxRequestSize = BODY_BYTES;
        config.http.prefer405over404 = true;
        config.http.compressionStrategy = CompressionStrategy.NONE; // images are compressed already
        config.routes.before(this::before);
        config.routes.get("/healthz", request -> request.result("ok\n"));
        config.routes.get("/readyz", this::ready);
        config.routes.get("/metrics", request -> request.contentType("text/plain; version=0.0.4; charset=utf-8")
                .result(meters.text()));
        config.routes.get("/v1/models", this::list);
        config.routes.get(
                "/v1/models/{model}",
                request ->
                        Answers.json(request, served(request.pathParam("model")).facts()));
        config.routes.post("/v1/images/generations", this::generations);
        config.routes.post("/v1/images/edits", this::edits);
        if (studio != null) {
            studio.route(config);
        }
        config.routes.exception(Exception.class, this::failed);
        config.routes.exception(HttpResponseException.class, ImageServer::refused); // else Javalin answers in its form
        config.routes.error(404, request -> {
            if (request.attribute("answered") == null) {
                Answers.error(
                        request,
                        ApiException.unknown(null, "unknown_url", "there is nothing at " + Excerpt.of(request.path())));
            }
        });
    }

    private void configureJetty(JavalinConfig config) {
        long answers = (long) serving.models().size() * (serving.queue() + (long) serving.batch() * serving.workers());
        int threads = (int) Math.min(MOST_THREADS, THREADS + answers);
        config.jetty.threadPool = new QueuedThreadPool(threads, 4, 60_000);
        config.jetty.modifyHttpConfiguration(settings -> {
            settings.setSendServerVersion(false);
            settings.setIdleTimeout(IDLE_MILLIS);
        });
        config.jetty.modifyServer(server -> {
            server.setHandler(doorway);
            server.setErrorHandler(new ErrorAnswers());
        });
        config.jetty.modifyServletContextHandler(context -> context.setErrorHandler(new ErrorAnswers()));
        config.jetty.addConnector((server, http) -> {
            ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(http));
            connector.setHost(serving.host());
            connector.setPort(serving.port());
            connector.setIdleTimeout(IDLE_MILLIS);
            connector.addEventListener(doorway);
            server.addBean(new NetworkConnectionLimit(2 * threads, connector));
            return connector;
        });
    }

    private void before(Context request) {
        request.header("X-Request-Id", String.valueOf(core(request).getAttribute(Doorway.NUMBER)));
        request.header("X-Content-Type-Options", "nosniff");
        request.header("Content-Security-Policy", POLICY);
        request.header("Referrer-Policy", "no-referrer");
        request.header("Cache-Control", "no-store");
        guard.check(request);
    }

    private static Request core(Context request) {
        return ServletContextRequest.getServletContextRequest(request.req());
    }

    private void failed(Exception problem, Context request) {
        if (problem instanceof ApiException known) {
            Answers.error(request, known);
        } else if (problem instanceof DataException known) {
            Answers.error(request, ApiException.bad("image", known.getMessage()));
        } else if (problem instanceof UncheckedIOException) {
            LOG.debug("{} {}: {}", request.method(), request.path(), problem.getMessage());
            core(request)
                    .getConnectionMetaData()
                    .getConnection()
                    .getEndPoint()
                    .close(); // else it looks like a whole answer
        } else {
            LOG.error("{} {} failed", request.method(), request.path(), problem);
            Answers.error(request, ApiException.internal());
        }
    }

    private static void refused(HttpResponseException problem, Context request) {
        switch (problem.getStatus()) {
            case 404 ->
                Answers.error(
                        request,
                        ApiException.unknown(null, "unknown_url", "there is nothing at " + Excerpt.of(request.path())));
            case 405 -> {
                String allowed = problem.getDetails().getOrDefault("availableMethods", "");
                request.header("Allow", allowed);
                Answers.error(
                        request,
                        ApiException.notAllowed(Excerpt.of(request.path()) + " answers to " + allowed + ", got "
                                + Excerpt.of(request.req().getMethod())));
            }
            case 413 ->
                Answers.error(request, ApiException.tooLarge("the body must have at most " + BODY_BYTES + " bytes"));
            default ->
                Answers.error(
                        request,
                        problem.getStatus() < 500
                                ? ApiException.of(problem.getStatus(), Excerpt.of(problem.getMessage()))
                                : ApiException.internal());
        }
    }

    private void ready(Context request) {
        if (closing) {
            throw ApiException.closing();
        }
        request.result("ready\n");
    }

    private void list(Context request) {
        Map<String, Object> list = new LinkedHashMap<>();
        list.put("object", "list");
        list.put("data", models.values().stream().map(Served::facts).toList());
        Answers.json(request, list);
    }

    /** All of them, the usual one first. */
    List<Served> allServed() {
        return List.copyOf(models.values());
    }

    /** @param name null for the first @throws ApiException if there is none of that name */
    Served served(String name) {
        if (name == null) {
            return models.values().iterator().next();
        }
        Served served = models.get(name);
        if (served == null) {
            throw ApiException.unknown(
                    "model",
                    "model_not_found",
                    "there is no model " + Excerpt.of(name)
                            + Nearest.name(Excerpt.of(name), models.keySet())
                                    .map(near -> "; did you mean " + near + "?")
                                    .orElse("; there are " + String.join(", ", models.keySet())));
        }
        return served;
    }

    private void generations(Context request) {
        requireType(request, "application/json");
        Parameters parameters = Parameters.ofJson(body(request));
        ImageRequest wished = ImageRequest.read(parameters, Set.of(), serving.mostImages());
        Served served = served(wished.model());
        served.requireImages();
        long seed = wished.seedOrChance();
        Wish wish = wished.draw(served.model(), seed, false);
        answer(request, wished, served, wish, seed);
    }

    private void edits(Context request) {
        requireType(request, "multipart/form-data");
        Edits wished = upload(request, parameters -> edits(request, parameters));
        answer(request, wished.request(), wished.served(), wished.wish(), wished.seed());
    }

    /** What is to be edited, and of which model. */
    private record Edits(ImageRequest request, Served served, Wish wish, long seed) {}

    /** Reads a form and decodes its pictures, within what all uploads may take together. */
    <T> T upload(Context request, Function<Parameters, T> reading) {
        return uploads.read(request.req().getContentLengthLong(), BODY_BYTES, () -> {
            try {
                Parameters parameters = Parameters.ofForm(form(request));
                return uploads.decode(() -> reading.apply(parameters));
            } finally {
                forget(request);
            }
        });
    }

    /** Frees the parts of a form, which the request would hold until it is answered. */
    private static void forget(Context request) {
        try {
            for (Part part : request.req().getParts()) {
                part.delete();
            }
        } catch (IOException | ServletException | RuntimeException e) {
            LOG.debug("the parts of a form can't be freed", e);
        }
    }

    /** The values of a form. @throws ApiException if it is none */
    private static Map<String, List<String>> form(Context request) {
        try {
            return request.formParamMap();
        } catch (ApiException | HttpResponseException e) {
            throw e;
        } catch (Exception e) { // Kotlin throws checked ones without saying so
            LOG.debug("a form cannot be read", e);
            throw ApiException.bad(null, "the form cannot be read: " + Excerpt.of(String.valueOf(e.getMessage())));
        }
    }

    private Edits edits(Context request, Parameters parameters) {
        ImageRequest wished = ImageRequest.read(parameters, OF_EDITS, serving.mostImages());
        if (wished.width() > 0) {
            throw ApiException.bad(
                    "size", "size must be auto: an edit has the size of its image; extend makes it larger");
        }
        if (wished.partialImages() > 0) {
            throw ApiException.bad("partial_images", "partial_images must be 0: an edit is shown when it is there");
        }
        Served served = served(wished.model());
        long seed = wished.seedOrChance();
        if (served.model().tokenizer() == null) {
            throw ApiException.bad("model", served.name() + " draws tokens and no images: it has no tokenizer");
        }
        try {
            Edit edit = edit(request, parameters, wished, served, seed);
            wished.requirePixels(edit.size().height(), edit.size().width());
            return new Edits(wished, served, new Wish.Retouch(wished.n(), edit), seed);
        } catch (JobException | DataException e) {
            throw ApiException.bad(null, e.getMessage());
        }
    }

    private Edit edit(Context request, Parameters parameters, ImageRequest wished, Served served, long seed) {
        Pixels image = Pixels.decode(file(request, "image", true), "image");
        byte[] maskBytes = file(request, "mask", false);
        String rectangle = parameters.text("rectangle", null);
        if (maskBytes != null && rectangle != null) {
            throw ApiException.bad("rectangle", "what is drawn anew must be given once, as a mask or as a rectangle");
        }
        Mask mask = maskBytes == null ? null : Mask.decode(maskBytes, "mask");
        if (rectangle != null) {
            mask = rectangle(image, rectangle);
        }
        String extend = parameters.text("extend", null);
        Extension extension = extend == null ? Extension.NONE : Extension.parse(extend);
        int feather = (int) parameters.whole("feather", 2, 0, 1_000);
        String label = wished.prompt().isEmpty() ? null : wished.prompt();
        return Edit.of(
                served.model(),
                content(image, mask, extension, feather),
                new Edit.Variations(wished.n(), label, seed, wished.sampling(served.model()), 0));
    }

    private static Edit.Content content(Pixels image, Mask mask, Extension extension, int feather) {
        try {
            return new Edit.Content("image", image, "mask", mask, extension, feather, false);
        } catch (JobException e) {
            throw ApiException.bad("mask", e.getMessage());
        }
    }

    private static Mask rectangle(Pixels image, String text) {
        try {
            return Mask.rectangle(image.width(), image.height(), text);
        } catch (IllegalArgumentException e) {
            throw ApiException.bad("rectangle", "rectangle " + e.getMessage());
        }
    }

    /** Null if there is none and none is needed. */
    static byte[] file(Context request, String name, boolean needed) {
        List<UploadedFile> files = new ArrayList<>(request.uploadedFiles(name));
        files.addAll(request.uploadedFiles(name + "[]"));
        if (files.size() > 1 || needed && files.isEmpty()) {
            throw ApiException.bad(name, name + " must be one file, got " + files.size());
        }
        if (files.isEmpty()) {
            return null;
        }
        if (files.get(0).size() > Pixels.MOST_BYTES) {
            throw ApiException.tooLarge(Phrase.of("%s must have at most %d bytes, got %d")
                    .with(name, Pixels.MOST_BYTES, files.get(0).size()));
        }
        try (InputStream content = files.get(0).content()) {
            return content.readAllBytes();
        } catch (IOException e) {
            throw ApiException.bad(name, name + " cannot be read");
        }
    }

    static void requireType(Context request, String type) {
        String given = request.contentType();
        if (given == null || !given.split(";", 2)[0].strip().equalsIgnoreCase(type)) {
            throw ApiException.unsupported(
                    "Content-Type must be " + type + ", got " + Excerpt.of(String.valueOf(given)));
        }
    }

    static byte[] body(Context request) {
        try (InputStream stream = request.bodyInputStream()) {
            boolean large = request.req().getContentLengthLong() > JSON_BYTES;
            byte[] body = large ? new byte[0] : stream.readNBytes(JSON_BYTES + 1);
            if (large || body.length > JSON_BYTES) {
                stream.skip(SKIPPED_BYTES); // else the client, still sending, may not see the answer
                throw ApiException.tooLarge("the body must have at most " + JSON_BYTES + " bytes");
            }
            return body;
        } catch (IOException e) {
            throw ApiException.bad(null, "the body cannot be read");
        }
    }

    void answer(Context request, ImageRequest wished, Served served, Wish wish, long seed) {
        Task task = served.queue()
                .submit(wish, System.nanoTime() + serving.deadline().toNanos());
        Answers answers = new Answers(request, served.name(), seed, task);
        try {
            if (wished.stream()) {
                answers.stream();
            } else {
                answers.whole();
            }
        } finally {
            served.queue().leave(task);
        }
    }

    /** The port that is listened at. */
    public int port() {
        return http.port();
    }

    /** {@code http://127.0.0.1:8080} */
    public String address() {
        String host = serving.host().contains(":") ? "[" + serving.host() + "]" : serving.host();
        return "http://" + host + ":" + port();
    }

    /** The names of what is served, as clients call them. */
    public List<String> models() {
        return List.copyOf(models.keySet());
    }

    /** Waits until the server is closed, or this thread is interrupted. */
    public void join() throws InterruptedException {
        http.jettyServer().server().join();
    }

    /** Is no longer ready, lets draws under way end, tells those that wait, and frees the models. */
    @Override
    public void close() {
        closing = true;
        if (studio != null) {
            studio.close();
        }
        models.values().forEach(Served::close);
        doorway.quiet(QUIET);
        http.stop();
        meters.close();
    }
}
