package dev.smalti.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Canvas;
import dev.smalti.draw.Sampling;
import dev.smalti.job.EncodeImages;
import dev.smalti.model.Model;
import dev.smalti.network.Linear;
import dev.smalti.network.Parameters;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.network.Work;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Native;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import dev.smalti.train.Player;
import dev.smalti.train.Run;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import dev.smalti.train.Watcher;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Measures drawing, training steps, encoding, memory, metrics. Arguments name what to measure
 * ({@code peak start generate canvas prior priors cache paper paper-drawing paper-training paper-training-fp32 fruits tokenizer
 * tokenizer-256 encode memory scale cluster metrics}); none measures start, generate, canvas, prior, priors, cache, tokenizer, encode and memory, since the
 * others take long. {@code paper=64} draws and trains 64 grids at once, and {@code metrics=10000} has sets of that many images in place
 * of 50,000. The ablations, which take an hour
 * or more each, are {@code ablation-lcmd}, {@code ablation-lcmd-longer}, {@code ablation-lcmd-consistency}, {@code ablation-lcmd-steps},
 * {@code ablation-lcmd-dropping}, {@code ablation-lcmd-weights}, {@code ablation-lcmd-width}, {@code ablation-samplers} (with {@code =RECIPES} of recipes/toy behind it), {@code ablation-students} (with {@code =ROWS}, such as {@code "maskgit 1,maskgit 4"}), and with the folder of {@code fruits-train.zip} and
 * {@code fruits-valid.zip} {@code ablation-rdpm=DIR} (with {@code =ROW} behind it the rows alone whose names begin so) and {@code ablation-rdpm-sampling=DIR}. {@code lcmd-distances=RUN,TOKENS} draws
 * matrices of distances of embeddings. What stands behind {@code busy} is measured beside {@link OtherWork another process} that keeps a core busy.
 * {@code load [SECONDS [CLIENTS]]} stands alone, see {@link Load}.
 */
public final class Main {
    private static final Path HOME = Path.of(System.getProperty("smalti.home", ""));
    private static final Path RECIPES = HOME.resolve("recipes").resolve("fruits");
    private static final String MODEL = "fruits-64-small";

    private Main() {}

    public static void main(String[] arguments) throws IOException {
        if (arguments.length > 0 && arguments[0].equals("load")) {
            Load.main(List.of(arguments).subList(1, arguments.length));
            return;
        }
        List<String> asked = arguments.length == 0
                ? List.of("start", "generate", "canvas", "prior", "priors", "cache", "tokenizer", "encode", "memory")
                : List.of(arguments);
        Native.load(); // before anything else loads libtorch
        Map<String, Object> results = new LinkedHashMap<>();
        results.put("threads", torch.get_num_threads());
        results.put("peak_fp32_gflops", peak(Precision.FP32, Devices.cpu()));
        Device device = Devices.of("auto");
        Precision precision = Precision.of("auto", device);
        results.put("precision", precision.name().toLowerCase(Locale.ROOT));
        double peak = precision == Precision.FP32 ? (double) results.get("peak_fp32_gflops") : peak(precision, device);
        results.put("peak_gflops", peak);
        Map<Precision, Double> peaks = new LinkedHashMap<>();
        peaks.put(precision, peak);
        peaks.putIfAbsent(Precision.FP32, (double) results.get("peak_fp32_gflops"));
        Tokenizers tokenizers = new Tokenizers(HOME, peaks);
        Priors priors = new Priors(RECIPES, RunFolder.open(MODEL).description(), precision, peak);
        OtherWork other = null;
        try {
            for (String name : asked) {
                if (name.equals("busy")) {
                    other = other == null ? new OtherWork() : other;
                    continue;
                }
                String[] parts = name.split("=", 3);
                Object measured =
                        switch (parts[0]) {
                            case "peak" -> null; // is measured anyway
                            case "start" -> Starts.measure(5);
                            case "generate" -> generate(priors, peak);
                            case "canvas" -> canvas(peak);
                            case "prior" -> priors.training(priors.recipe("absorbing"), 60);
                            case "paper" -> paper(parts, precision).measure(true, true, device.is_cuda() ? 60 : 10, 1);
                            case "paper-drawing" -> paper(parts, precision).measure(true, false, 0, 1);
                            case "paper-training" -> paper(parts, precision).measure(false, true, 8, 3);
                            case "paper-training-fp32" ->
                                paper(parts, Precision.FP32).measure(false, true, 4, 3);
                            case "fruits" ->
                                Paper.fruits(List.of(Precision.FP32, Precision.BF16))
                                        .measure(true, true, 40, 3);
                            case "priors" -> priors.all();
                            case "cache" -> priors.cache();
                            case "tokenizer" -> tokenizers.measure("fruits/vqgan.yaml", 40);
                            case "tokenizer-256" -> tokenizers.measure("photos/256-vqgan.yaml", 8, Set.of(precision));
                            case "encode" -> encode(peak);
                            case "memory" -> memory();
                            case "scale" -> Scale.measure(RECIPES.resolve("absorbing.yaml"), 1, 2);
                            case "cluster" ->
                                Cluster.measure(RECIPES.resolve("..").resolve("papers"));
                            case "metrics" -> Metrics.of(parts.length > 1 ? Long.parseLong(parts[1]) : 50_000);
                            case "ablation-lcmd" -> LcmdAblation.table();
                            case "ablation-lcmd-longer" -> LcmdAblation.longer();
                            case "ablation-lcmd-consistency" -> LcmdAblation.consistency();
                            case "ablation-lcmd-steps" -> LcmdAblation.steps();
                            case "ablation-lcmd-dropping" -> LcmdAblation.dropping();
                            case "ablation-lcmd-weights" -> LcmdAblation.weights();
                            case "ablation-lcmd-width" -> LcmdAblation.width();
                            case "ablation-samplers" ->
                                SamplerAblation.table(
                                        HOME.resolve("recipes").resolve("toy"),
                                        parts.length > 1 ? List.of(parts[1].split(",")) : List.of());
                            case "ablation-students" ->
                                StudentAblation.table(
                                        HOME.resolve("recipes").resolve("toy"),
                                        parts.length > 1 ? List.of(parts[1].split(",")) : List.of());
                            case "lcmd-distances" -> distances(parts);
                            case "ablation-rdpm" -> RdpmAblation.table(folder(parts), parts.length > 2 ? parts[2] : "");
                            case "ablation-rdpm-sampling" -> RdpmAblation.sampling(folder(parts));
                            default ->
                                throw new IllegalArgumentException("unknown benchmark " + name
                                        + "; there are busy, peak, start, generate, canvas, prior, priors, cache, paper, paper-drawing,"
                                        + " paper-training, paper-training-fp32, fruits, tokenizer, tokenizer-256, encode, memory, scale, cluster,"
                                        + " metrics, ablation-lcmd, ablation-lcmd-longer, ablation-lcmd-consistency,"
                                        + " ablation-lcmd-steps, ablation-lcmd-dropping,"
                                        + " ablation-lcmd-weights, ablation-lcmd-width, ablation-samplers[=RECIPES], ablation-students[=ROWS], lcmd-distances=RUN,TOKENS, ablation-rdpm=DIR[=ROW]"
                                        + " and ablation-rdpm-sampling=DIR");
                        };
                if (measured != null) {
                    if (other != null) {
                        other.check();
                    }
                    results.put((other == null ? "" : "busy ") + name, measured);
                }
            }
        } finally {
            if (other != null) {
                other.close();
            }
        }
        System.out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(results));
    }

    private static Paper paper(String[] parts, Precision precision) {
        int batch = parts.length > 1 ? Integer.parseInt(parts[1]) : 8;
        return Paper.unleashing(batch, Devices.of("auto").is_cuda() ? "cuda" : "cpu", List.of(precision));
    }

    private static Object distances(String[] parts) throws IOException {
        String[] paths = parts.length < 2 ? new String[0] : parts[1].split(",");
        if (paths.length != 2) {
            throw new IllegalArgumentException("lcmd-distances must be told a run folder and the token file that it was"
                    + " trained on: lcmd-distances=RUN,TOKENS");
        }
        return EmbeddingDistances.of(Path.of(paths[0]), Path.of(paths[1]));
    }

    private static Path folder(String[] parts) {
        if (parts.length < 2) {
            throw new IllegalArgumentException(parts[0] + " must be told the folder of fruits-train.zip and"
                    + " fruits-valid.zip: " + parts[0] + "=DIR");
        }
        return Path.of(parts[1]);
    }

    /**
     * The best of some products of square matrices (1,536 rows on a CPU, 8,192 on a card), in GFLOP/s, by the plain product and by that
     * of the networks: in float32 one goes by OpenBLAS and the other by oneDNN.
     */
    static double peak(Precision precision, Device device) {
        ScalarType dtype = precision == Precision.BF16 ? ScalarType.BFloat16 : ScalarType.Float;
        int n = device.is_cuda() ? 8192 : 1536;
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard();
                    Parameters parameters = new Parameters(new Seed(0), device)) {
                Tensor x = torch.randn(n, n).to(device, ScalarType.Float);
                Tensor a = x.to(dtype);
                Linear linear = new Linear(parameters, n, n, false, 1);
                return Math.max(
                        best(n, () -> torch.mm(a, a)), best(n, () -> precision.run(device, () -> linear.forward(x))));
            }
        });
    }

    private static double best(int n, Supplier<Tensor> product) {
        double best = 0;
        for (int i = 0; i < 12; i++) {
            long start = System.nanoTime();
            Scope.free(() -> product.get().select(0, 0).select(0, 0).item_double()); // waits for the device
            best = Math.max(best, 2.0 * n * n * n / (System.nanoTime() - start));
        }
        return best;
    }

    /** 64 images in 64 steps with the bundled model, drawing and decoding, after one image to warm up. */
    private static Map<String, Object> generate(Priors priors, double peak) {
        Sampling sampling = Sampling.USUAL.steps(64);
        try (Model model = Model.open(MODEL)) {
            model.images(List.of(), 1, 0, Sampling.USUAL.steps(4));
            List<Double> seconds = new ArrayList<>();
            long before = Work.done();
            for (int i = 0; i < 3; i++) {
                long start = System.nanoTime();
                List<Pixels> images = model.images(List.of(), 64, i, sampling);
                seconds.add((System.nanoTime() - start) / 1e9);
                if (images.size() != 64) {
                    throw new IllegalStateException("drew " + images.size());
                }
            }
            double operations = (Work.done() - before) / 3.0;
            double median = seconds.stream().sorted().toList().get(1);
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("images", 64);
            result.put("steps", 64);
            result.put("seconds", seconds);
            result.put("images_per_second", 64 / median);
            result.put(
                    "forward_passes_per_image",
                    priors.drawing(priors.recipe("absorbing"), 64, sampling).get("forward_passes_per_image"));
            result.put("share_of_peak", operations / median / 1e9 / peak);
            return result;
        }
    }

    /** Two images of 1 to 16 times the area of training with the bundled model, one step a token, drawing and decoding. */
    private static List<Map<String, Object>> canvas(double peak) {
        int images = 2;
        List<Map<String, Object>> results = new ArrayList<>();
        try (Model model = Model.open(MODEL)) {
            TokenSpace trained = model.prior().space();
            model.images(List.of(), 1, 0, Sampling.USUAL.steps(4));
            for (int area = 1; area <= 16; area *= 2) {
                int down = area >= 4 ? (int) Math.sqrt(area) : 1;
                Canvas canvas = new Canvas(down * trained.height(), area / down * trained.width());
                long before = Work.done();
                long start = System.nanoTime();
                model.images(List.of(), images, area, Sampling.USUAL.canvas(canvas));
                double seconds = (System.nanoTime() - start) / 1e9 / images;
                double operations = (double) (Work.done() - before) / images;
                double tokens = canvas.height() * canvas.width();
                Map<String, Object> result = new LinkedHashMap<>();
                result.put("tokens", canvas.height() + "x" + canvas.width());
                result.put("areas", area);
                result.put("seconds_per_image", seconds);
                result.put("seconds_per_token", seconds / tokens);
                result.put("gflop_per_token", operations / tokens / 1e9);
                result.put("share_of_peak", operations / seconds / 1e9 / peak);
                result.put("most_resident_mb", Memory.megabytes("VmHWM"));
                results.add(result);
            }
        }
        return results;
    }

    /** 1,000 PNG files of 100×100 pixels, decoded, resized and encoded. */
    private static Map<String, Object> encode(double peak) throws IOException {
        return Folders.temporary(folder -> encode(peak, folder));
    }

    private static Map<String, Object> encode(double peak, Path folder) throws IOException {
        try (Model model = Model.open(MODEL)) {
            List<Pixels> images = model.images(List.of(), 50, 3, Sampling.USUAL.steps(8));
            for (int i = 0; i < 1000; i++) {
                Pictures.writePng(folder.resolve("images").resolve(i + ".png"), images.get(i % images.size()));
            }
            EncodeImages job = new EncodeImages(
                    MODEL, folder.resolve("images"), folder.resolve("tokens.safetensors"), 32, false, false, "cpu");
            long before = Work.done();
            EncodeImages.Result done = job.run(Observer.NONE);
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("images", done.images());
            result.put("images_per_second", done.images() / done.seconds());
            result.put("share_of_peak", (Work.done() - before) / done.seconds() / 1e9 / peak);
            return result;
        }
    }

    /** Growth of resident memory over 1,000 training steps of a small prior, from step 100 on. */
    private static Map<String, Object> memory() {
        TokenSpace space = new TokenSpace(256, 8, 8);
        AbsorbingConfiguration configuration =
                new AbsorbingConfiguration(new TransformerConfiguration(3, 96, 4, 0.0), null, null, null, null, null);
        TrainingConfiguration training = TrainingConfiguration.of(1100, 16, 1e-3, "fp32", "cpu");
        long[] at = new long[2];
        try (Prior prior = configuration.build(space, 10, new Seed(0), Devices.cpu())) {
            List<Player<TokenBatch>> players =
                    List.of(Player.of(prior.objectives().get(0), training, true));
            Watcher watcher = new Watcher() {
                @Override
                public void stepped(Run run) {
                    if (run.step() == 100) {
                        at[0] = Memory.megabytes("VmRSS");
                    }
                }
            };
            LongFunction<TokenBatch> batches = number -> Priors.tokens(space, 10, 16, number);
            new TrainLoop<>(players, batches, training, new Seed(1), Devices.cpu(), List.of(watcher), () -> false)
                    .run(0);
            at[1] = Memory.megabytes("VmRSS");
            players.forEach(Player::close);
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("steps", 1000);
        result.put("resident_mb_before", at[0]);
        result.put("resident_mb_after", at[1]);
        result.put("growth_mb", at[1] - at[0]);
        return result;
    }
}
