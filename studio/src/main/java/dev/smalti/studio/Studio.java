package dev.smalti.studio;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Sampling;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The page, and what it calls beyond the form that other clients know. */
final class Studio implements AutoCloseable {
    private static final int NEIGHBOURS = 6;
    private static final int MOST_SIDE = 64; // at which neighbours are compared
    private static final long MOST_WATCHED =
            1 << 21; // tokens of all steps of a request, 16 MiB of them and their entropies
    private static final long MOST_FRAME_BYTES = 96L << 20; // of all images in the making of a request

    private final ImageServer server;
    private final int mostImages;
    private final PageFiles files = new PageFiles();
    private final Neighbourhood neighbourhood; // null without data
    private final WatchedRuns runs; // null without a folder of runs

    Studio(ImageServer server, Serving serving) {
        this.server = server;
        this.mostImages = serving.mostImages();
        this.runs = serving.runs() == null ? null : new WatchedRuns(serving.runs());
        this.neighbourhood = serving.data() == null ? null : new Neighbourhood(serving.data(), side());
    }

    /** The largest power of two that isn't more than a side of the first model's images, within bounds. */
    private int side() {
        Served first = server.allServed().get(0);
        if (first.model().tokenizer() == null) {
            return MOST_SIDE;
        }
        return Math.max(
                8,
                Math.min(
                        MOST_SIDE,
                        Integer.highestOneBit(first.model().tokenizer().imageSize())));
    }

    /** The page has no secret; what it calls has. */
    Set<String> openPaths() {
        return files.paths();
    }

    void route(JavalinConfig config) {
        files.route(config);
        config.routes.get("/studio/models", this::models);
        config.routes.post("/studio/draw", this::draw);
        config.routes.post("/studio/tokens", this::tokens);
        config.routes.post("/studio/neighbours", this::neighbours);
        config.routes.get("/studio/runs", this::runs);
        config.routes.get("/studio/runs/{name}", this::run);
        config.routes.get("/studio/runs/{name}/previews/{step}", this::preview);
    }

    private void models(Context request) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("models", server.allServed().stream().map(Served::studioFacts).toList());
        facts.put("most_images", mostImages);
        facts.put("neighbours", neighbourhood == null ? 0 : neighbourhood.size());
        facts.put("runs", runs != null);
        Answers.json(request, facts);
    }

    /** Events of each step, of {@code frames} images in the making, and of each image when it is there. */
    private void draw(Context request) {
        ImageServer.requireType(request, "application/json");
        Parameters parameters = Parameters.ofJson(ImageServer.body(request));
        ImageRequest wished = ImageRequest.read(parameters, Set.of("frames"), mostImages);
        int frames = (int) parameters.whole("frames", 0, 0, 10_000);
        if (!wished.stream()) {
            throw ApiException.bad("stream", "stream must be true: this is answered with events");
        }
        Served served = server.served(wished.model());
        served.requireImages();
        long seed = wished.seedOrChance();
        Wish.Draw plain = wished.draw(served.model(), seed, false);
        long places = served.model().space(plain.sampling()).length();
        long tokens = places * mostSteps(served, plain.sampling(), places) * wished.n();
        boolean watched = tokens <= MOST_WATCHED;
        long pixels = places * served.model().patch() * served.model().patch();
        int mostFrames = (int) (MOST_FRAME_BYTES / (3 * pixels * wished.n()));
        Wish wish = new Wish.Draw(
                plain.count(), plain.labels(), seed, plain.sampling(), Math.min(frames, mostFrames), watched);
        server.answer(request, wished, served, wish, seed);
    }

    /** Of a draw of so many places, those that are told of. */
    private static long mostSteps(Served served, Sampling sampling, long places) {
        if (sampling.unmasking().bound() > 0) {
            return places;
        }
        long larger = Math.max(1, places / served.model().prior().space().length()); // usual steps grow with the canvas
        long steps = sampling.steps().count() > 0 ? sampling.steps().count() : larger * served.usualSteps();
        return sampling.extrapolation() instanceof Extrapolation.Trapezoidal ? 2 * steps : steps; // both parts
    }

    private void tokens(Context request) {
        Uploaded uploaded = uploaded(request);
        Served served = uploaded.served();
        TokenView view = TokenView.of(served.model(), uploaded.image());
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("codes", view.codes());
        facts.put("grid", List.of(view.height(), view.width()));
        facts.put("codes_a_place", view.depth());
        facts.put("codebook", served.model().prior().space().codes());
        facts.put("image", Answers.base64(view.image()));
        facts.put("reconstruction", Answers.base64(view.reconstruction()));
        facts.put("psnr", view.decibels());
        Answers.json(request, facts);
    }

    /** A picture that was sent, and the model that is asked about it. */
    private record Uploaded(Served served, Pixels image) {}

    private Uploaded uploaded(Context request) {
        ImageServer.requireType(request, "multipart/form-data");
        return server.upload(request, parameters -> {
            parameters.requireKnown(new TreeSet<>(Set.of("model")));
            Served served = server.served(parameters.text("model", null));
            served.requireImages();
            return new Uploaded(served, Pixels.decode(ImageServer.file(request, "image", true), "image"));
        });
    }

    private void neighbours(Context request) {
        if (neighbourhood == null) {
            throw ApiException.bad(null, "there are no images to look among: start the studio with --data PATH");
        }
        Pixels image = uploaded(request).image();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("compared", neighbourhood.compared());
        facts.put("size", neighbourhood.size());
        facts.put("all", neighbourhood.all());
        facts.put(
                "neighbours",
                neighbourhood.nearest(image, NEIGHBOURS).stream()
                        .map(each -> Map.of(
                                "name", each.name(),
                                "distance", each.distance(),
                                "image", Answers.base64(each.image())))
                        .toList());
        Answers.json(request, facts);
    }

    private WatchedRuns watched() {
        if (runs == null) {
            throw ApiException.bad(null, "there are no runs to watch: start the studio with --runs DIR");
        }
        return runs;
    }

    private void runs(Context request) {
        Answers.json(request, Map.of("runs", watched().list()));
    }

    private void run(Context request) {
        String name = request.pathParam("name");
        String tag = watched().tag(name);
        request.header("Cache-Control", "no-cache");
        request.header("ETag", tag);
        if (tag.equals(request.header("If-None-Match"))) {
            request.status(304);
            return;
        }
        Answers.json(request, watched().facts(name));
    }

    private void preview(Context request) {
        byte[] png = watched().preview(request.pathParam("name"), request.pathParam("step"));
        request.contentType("image/png").result(png);
    }

    @Override
    public void close() {
        if (neighbourhood != null) {
            neighbourhood.close();
        }
    }
}
