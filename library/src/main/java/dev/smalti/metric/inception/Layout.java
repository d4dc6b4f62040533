package dev.smalti.metric.inception;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The names and shapes of the weights, as torch-fidelity's state dict has them. */
final class Layout {
    static final int CLASSES = 1008;
    static final int POOL = 2048;

    private static final List<String> NORMALIZATION = List.of("weight", "bias", "running_mean", "running_var");
    private static final String COUNTER = ".bn.num_batches_tracked"; // files of before 2018 lack it, and it isn't used

    private final Map<String, long[]> convolutions = new LinkedHashMap<>(); // name -> [out, in, height, width]

    Layout() {
        add("Conv2d_1a_3x3", 3, 32, 3, 3);
        add("Conv2d_2a_3x3", 32, 32, 3, 3);
        add("Conv2d_2b_3x3", 32, 64, 3, 3);
        add("Conv2d_3b_1x1", 64, 80, 1, 1);
        add("Conv2d_4a_3x3", 80, 192, 3, 3);
        a("Mixed_5b", 192, 32);
        a("Mixed_5c", 256, 64);
        a("Mixed_5d", 288, 64);
        b("Mixed_6a", 288);
        c("Mixed_6b", 768, 128);
        c("Mixed_6c", 768, 160);
        c("Mixed_6d", 768, 160);
        c("Mixed_6e", 768, 192);
        d("Mixed_7a", 768);
        e("Mixed_7b", 1280);
        e("Mixed_7c", 2048);
    }

    private void add(String name, long in, long out, long height, long width) {
        convolutions.put(name, new long[] {out, in, height, width});
    }

    private void a(String block, long in, long pool) {
        add(block + ".branch1x1", in, 64, 1, 1);
        add(block + ".branch5x5_1", in, 48, 1, 1);
        add(block + ".branch5x5_2", 48, 64, 5, 5);
        add(block + ".branch3x3dbl_1", in, 64, 1, 1);
        add(block + ".branch3x3dbl_2", 64, 96, 3, 3);
        add(block + ".branch3x3dbl_3", 96, 96, 3, 3);
        add(block + ".branch_pool", in, pool, 1, 1);
    }

    private void b(String block, long in) {
        add(block + ".branch3x3", in, 384, 3, 3);
        add(block + ".branch3x3dbl_1", in, 64, 1, 1);
        add(block + ".branch3x3dbl_2", 64, 96, 3, 3);
        add(block + ".branch3x3dbl_3", 96, 96, 3, 3);
    }

    private void c(String block, long in, long width) {
        add(block + ".branch1x1", in, 192, 1, 1);
        add(block + ".branch7x7_1", in, width, 1, 1);
        add(block + ".branch7x7_2", width, width, 1, 7);
        add(block + ".branch7x7_3", width, 192, 7, 1);
        add(block + ".branch7x7dbl_1", in, width, 1, 1);
        add(block + ".branch7x7dbl_2", width, width, 7, 1);
        add(block + ".branch7x7dbl_3", width, width, 1, 7);
        add(block + ".branch7x7dbl_4", width, width, 7, 1);
        add(block + ".branch7x7dbl_5", width, 192, 1, 7);
        add(block + ".branch_pool", in, 192, 1, 1);
    }

    private void d(String block, long in) {
        add(block + ".branch3x3_1", in, 192, 1, 1);
        add(block + ".branch3x3_2", 192, 320, 3, 3);
        add(block + ".branch7x7x3_1", in, 192, 1, 1);
        add(block + ".branch7x7x3_2", 192, 192, 1, 7);
        add(block + ".branch7x7x3_3", 192, 192, 7, 1);
        add(block + ".branch7x7x3_4", 192, 192, 3, 3);
    }

    private void e(String block, long in) {
        add(block + ".branch1x1", in, 320, 1, 1);
        add(block + ".branch3x3_1", in, 384, 1, 1);
        add(block + ".branch3x3_2a", 384, 384, 1, 3);
        add(block + ".branch3x3_2b", 384, 384, 3, 1);
        add(block + ".branch3x3dbl_1", in, 448, 1, 1);
        add(block + ".branch3x3dbl_2", 448, 384, 3, 3);
        add(block + ".branch3x3dbl_3a", 384, 384, 1, 3);
        add(block + ".branch3x3dbl_3b", 384, 384, 3, 1);
        add(block + ".branch_pool", in, 192, 1, 1);
    }

    /** The names of all convolutions; each has a {@code .conv.weight} and a batch normalisation {@code .bn}. */
    Set<String> convolutions() {
        return convolutions.keySet();
    }

    /** Every weight that there must be, with its shape. */
    Map<String, long[]> weights() {
        Map<String, long[]> weights = new LinkedHashMap<>();
        convolutions.forEach((name, shape) -> {
            weights.put(name + ".conv.weight", shape);
            NORMALIZATION.forEach(each -> weights.put(name + ".bn." + each, new long[] {shape[0]}));
        });
        weights.put("fc.weight", new long[] {CLASSES, POOL});
        weights.put("fc.bias", new long[] {CLASSES});
        return weights;
    }

    /** Whether a tensor of the file isn't used. */
    boolean spare(String name) {
        return name.endsWith(COUNTER) && convolutions.containsKey(name.substring(0, name.length() - COUNTER.length()));
    }
}
