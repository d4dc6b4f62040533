///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS com.microsoft.onnxruntime:onnxruntime:1.29.0

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/**
 * Draws with what {@code smalti export fruits-64 --to onnx --out FOLDER} wrote, by ONNX Runtime and without Smalti:
 * {@code jbang OnnxDraw.java FOLDER fruits.png 8 cherry-1 absorbing}, or {@code confidence} for the last.
 */
class OnnxDraw implements AutoCloseable {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession denoiser;
    private final OrtSession decoder;
    private final Map<String, String> model;
    private final int height;
    private final int width;
    private final int length; // L, tokens of a grid
    private final long mask;

    OnnxDraw(Path folder) throws OrtException {
        denoiser = environment.createSession(folder.resolve("denoiser.onnx").toString());
        decoder = environment.createSession(folder.resolve("decoder.onnx").toString());
        model = denoiser.getMetadata().getCustomMetadata();
        height = Integer.parseInt(model.get("height"));
        width = Integer.parseInt(model.get("width"));
        length = height * width;
        mask = Long.parseLong(model.get("mask"));
    }

    public static void main(String[] arguments) throws Exception {
        try (OnnxDraw model = new OnnxDraw(Path.of(arguments[0]))) {
            long[] labels = model.labels(Integer.parseInt(arguments[2]), arguments[3]);
            long[][] tokens = arguments[4].equals("confidence")
                    ? model.byConfidence(labels, 12, new Random(42))
                    : model.absorbing(labels, new Random(42));
            ImageIO.write(row(model.images(tokens)), "png", Path.of(arguments[1]).toFile());
        }
    }

    private long[] labels(int count, String name) {
        long[] labels = new long[count];
        Arrays.fill(labels, List.of(model.get("class_names").split("\n")).indexOf(name));
        return labels;
    }

    private long[][] masks(int count) {
        long[][] xt = new long[count][length];
        for (long[] grid : xt) {
            Arrays.fill(grid, mask);
        }
        return xt;
    }

    /** At time t of L, each masked token is revealed with probability 1/t. Bond-Taylor et al. 2022. */
    long[][] absorbing(long[] labels, Random random) throws OrtException {
        long[][] xt = masks(labels.length); // [B, L]
        for (int t = length; t > 0; t--) {
            float[][][] logits = logits(xt, labels); // [B, L, K]
            for (int b = 0; b < xt.length; b++) {
                for (int i = 0; i < length; i++) {
                    if (xt[b][i] == mask && random.nextInt(t) == 0) {
                        xt[b][i] = draw(logits[b][i], random);
                    }
                }
            }
        }
        return xt;
    }

    /**
     * All masked tokens are drawn in each of T steps, and the surest stay: after step t, a share of cos(π/2 · t/T) is masked. Chang et
     * al. 2022.
     */
    long[][] byConfidence(long[] labels, int steps, Random random) throws OrtException {
        long[][] xt = masks(labels.length); // [B, L]
        for (int t = 1; t <= steps; t++) {
            float[][][] logits = logits(xt, labels); // [B, L, K]
            int left = (int) (length * Math.cos(Math.PI / 2 * t / steps)); // masked after this step
            double temperature = 4.5 * (1 - (double) t / steps);
            for (int b = 0; b < xt.length; b++) {
                long[] drawn = xt[b].clone();
                double[] sureness = new double[length];
                for (int i = 0; i < length; i++) {
                    sureness[i] = Double.POSITIVE_INFINITY; // what is known stays known
                    if (xt[b][i] == mask) {
                        drawn[i] = draw(logits[b][i], random);
                        double gumbel = -Math.log(-Math.log(random.nextDouble()));
                        sureness[i] = logProbability(logits[b][i], (int) drawn[i]) + temperature * gumbel;
                    }
                }
                IntStream.range(0, length)
                        .boxed()
                        .sorted(Comparator.comparingDouble(i -> sureness[i]))
                        .limit(left)
                        .forEach(i -> drawn[i] = mask);
                xt[b] = drawn;
            }
        }
        return xt;
    }

    private float[][][] logits(long[][] xt, long[] labels) throws OrtException {
        Map<String, OnnxTensor> inputs = new HashMap<>();
        try (OnnxTensor tokens = OnnxTensor.createTensor(environment, xt);
                OnnxTensor classes = OnnxTensor.createTensor(environment, labels)) {
            inputs.put("xt", tokens);
            if (denoiser.getInputNames().contains("label")) {
                inputs.put("label", classes);
            }
            try (OrtSession.Result result = denoiser.run(inputs)) {
                return (float[][][]) result.get(0).getValue();
            }
        }
    }

    /** A code with the probability that softmax gives it: the largest of logits with Gumbel's noise. */
    private static long draw(float[] logits, Random random) {
        int best = 0;
        double largest = Double.NEGATIVE_INFINITY;
        for (int k = 0; k < logits.length; k++) {
            double noisy = logits[k] - Math.log(-Math.log(random.nextDouble()));
            if (noisy > largest) {
                largest = noisy;
                best = k;
            }
        }
        return best;
    }

    private static double logProbability(float[] logits, int code) {
        double sum = 0;
        for (float each : logits) {
            sum += Math.exp(each - logits[code]);
        }
        return -Math.log(sum);
    }

    /** [B, L] -> [B, 3, H, W] in about [-1, 1] */
    float[][][][] images(long[][] tokens) throws OrtException {
        long[][][] grids = new long[tokens.length][height][width];
        for (int b = 0; b < tokens.length; b++) {
            for (int i = 0; i < length; i++) {
                grids[b][i / width][i % width] = tokens[b][i];
            }
        }
        try (OnnxTensor codes = OnnxTensor.createTensor(environment, grids);
                OrtSession.Result result = decoder.run(Map.of("codes", codes))) {
            return (float[][][][]) result.get(0).getValue();
        }
    }

    private static BufferedImage row(float[][][][] images) {
        int side = images[0][0].length;
        BufferedImage row = new BufferedImage(images.length * side, side, BufferedImage.TYPE_INT_RGB);
        for (int b = 0; b < images.length; b++) {
            for (int y = 0; y < side; y++) {
                for (int x = 0; x < side; x++) {
                    int rgb = 0;
                    for (int c = 0; c < 3; c++) {
                        float value = (images[b][c][y][x] + 1) / 2;
                        rgb = rgb << 8 | Math.round(255 * Math.max(0, Math.min(1, value)));
                    }
                    row.setRGB(b * side + x, y, rgb);
                }
            }
        }
        return row;
    }

    @Override
    public void close() throws OrtException {
        denoiser.close();
        decoder.close();
    }
}
