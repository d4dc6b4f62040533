package dev.smalti.metric.lpips;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The networks through which LPIPS looks, with torchvision's numbers of layers. */
public enum Net {
    /** AlexNet, Krizhevsky 2014, arXiv:1404.5997: the first choice for comparing images. */
    ALEX(
            "alexnet-owt-7be5be79.pth",
            3,
            31,
            List.of(
                    List.of(new Layer(0, 3, 64, 11, 4, 2)),
                    List.of(new Layer(3, 64, 192, 5, 1, 2)),
                    List.of(new Layer(6, 192, 384, 3, 1, 1)),
                    List.of(new Layer(8, 384, 256, 3, 1, 1)),
                    List.of(new Layer(10, 256, 256, 3, 1, 1))),
            2),
    /** VGG16, Simonyan and Zisserman 2015, arXiv:1409.1556: the usual choice for training. */
    VGG(
            "vgg16-397923af.pth",
            2,
            16,
            List.of(
                    List.of(three(0, 3, 64), three(2, 64, 64)),
                    List.of(three(5, 64, 128), three(7, 128, 128)),
                    List.of(three(10, 128, 256), three(12, 256, 256), three(14, 256, 256)),
                    List.of(three(17, 256, 512), three(19, 512, 512), three(21, 512, 512)),
                    List.of(three(24, 512, 512), three(26, 512, 512), three(28, 512, 512))),
            4);

    private static final String FEATURES = "features.";

    /** A convolution and the rectifier behind it; {@code number} is that in torchvision's list. */
    record Layer(int number, int in, int out, int kernel, int stride, int padding) {
        String weight() {
            return FEATURES + number + ".weight";
        }

        String bias() {
            return FEATURES + number + ".bias";
        }
    }

    private final String published;
    private final int window;
    private final int least;
    private final List<List<Layer>> slices;
    private final int pooled;

    /** @param pooled how many slices, from the second, begin with a maximum of window × window at every second place */
    Net(String published, int window, int least, List<List<Layer>> slices, int pooled) {
        this.published = published;
        this.window = window;
        this.least = least;
        this.slices = slices;
        this.pooled = pooled;
    }

    private static Layer three(int number, int in, int out) {
        return new Layer(number, in, out, 3, 1, 1);
    }

    /** {@code alex} */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The file in which torchvision publishes the network's weights; its name ends with the beginning of its SHA-256. */
    public String published() {
        return published;
    }

    /** The file in which PerceptualSimilarity publishes the weights of version 0.1 of the distance, {@code alex.pth}. */
    public String linear() {
        return label() + ".pth";
    }

    /** H and W that an image must at least have, so that no map is empty. */
    public int least() {
        return least;
    }

    int window() {
        return window;
    }

    /** What is computed between one compared map and the next. */
    List<List<Layer>> slices() {
        return slices;
    }

    boolean pools(int slice) {
        return slice > 0 && slice <= pooled;
    }

    /** The channels of each compared map. */
    List<Integer> channels() {
        return slices.stream().map(slice -> slice.get(slice.size() - 1).out()).toList();
    }

    /** Shapes of the network's weights under torchvision's names. */
    Map<String, long[]> backboneShapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        slices.forEach(slice -> slice.forEach(layer -> {
            shapes.put(layer.weight(), new long[] {layer.out(), layer.in(), layer.kernel(), layer.kernel()});
            shapes.put(layer.bias(), new long[] {layer.out()});
        }));
        return shapes;
    }

    /** torchvision's name of a tensor of its state dict or of LPIPS'; null for what LPIPS doesn't look through. */
    static String backboneName(String name) {
        if (name.matches("net\\.slice\\d\\.\\d+\\.(weight|bias)")) {
            return FEATURES + name.substring("net.slice1.".length());
        }
        boolean other = name.startsWith("classifier.") || name.startsWith("lin") || name.startsWith("scaling_layer.");
        return other ? null : name;
    }

    /** LPIPS' name of a weight of the distance; null for the rest of its state dict. */
    static String linearName(String name) {
        boolean other = name.startsWith("net.") || name.startsWith("lins.") || name.startsWith("scaling_layer.");
        return other ? null : name;
    }

    /** The name of the weights of map {@code i}. */
    static String linearName(int i) {
        return "lin" + i + ".model.1.weight";
    }

    /** Shapes of the distance's weights under LPIPS' names. */
    Map<String, long[]> linearShapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        List<Integer> channels = channels();
        for (int i = 0; i < channels.size(); i++) {
            shapes.put(linearName(i), new long[] {1, channels.get(i), 1, 1});
        }
        return shapes;
    }
}
