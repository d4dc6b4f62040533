package dev.smalti.data;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Pictures out: from tensors and back, as files, in grids, as animations. Files are there wholly or not at all. */
public final class Pictures {
    private Pictures() {}

    /** @throws DataException if {@code file} cannot be written; folders above it are made */
    public static void writePng(Path file, Pixels image) {
        Atomic.write(file, temporary -> Files.write(temporary, png(image)));
    }

    /** As the bytes of a PNG file. */
    public static byte[] png(Pixels image) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (PngRows rows = new PngRows(bytes, image.width(), image.height())) {
            byte[] rgb = image.rgb();
            int length = 3 * image.width();
            for (int from = 0; from < rgb.length; from += length) {
                rows.add(Arrays.copyOfRange(rgb, from, from + length));
            }
            rows.finish();
        } catch (IOException e) {
            throw new UncheckedIOException("memory can be written to", e);
        }
        return bytes.toByteArray();
    }

    /**
     * Values -> 8 bits, rounded half up and clamped; what is not a number becomes middle grey.
     *
     * @param images floats [B, 3, H, W] from -1 to 1, on any device
     */
    public static List<Pixels> fromTensor(Tensor images) {
        Dims.check("images", images, Dims.ANY, 3, Dims.ANY, Dims.ANY);
        int count = (int) images.size(0);
        int height = (int) images.size(2);
        int width = (int) images.size(3);
        byte[] all = Scope.value(() -> {
            Tensor bytes = images.detach()
                    .to(torch.ScalarType.Float)
                    .nan_to_num()
                    .mul(new Scalar(127.5f))
                    .add(new Scalar(128f))
                    .floor()
                    .clamp(new ScalarOptional(new Scalar(0f)), new ScalarOptional(new Scalar(255f)))
                    .to(torch.ScalarType.Byte)
                    .cpu()
                    .permute(0, 2, 3, 1)
                    .contiguous(); // [B, H, W, 3]
            byte[] copy = new byte[Math.toIntExact(bytes.numel())];
            bytes.data_ptr().capacity(copy.length).asByteBuffer().get(copy);
            return copy;
        });
        List<Pixels> pictures = new ArrayList<>(count);
        int each = 3 * width * height;
        for (int i = 0; i < count; i++) {
            pictures.add(new Pixels(width, height, Arrays.copyOfRange(all, i * each, (i + 1) * each)));
        }
        return pictures;
    }

    /** A picture as a batch of one for a model. -> float32 [1, 3, H, W], from -1 (black) to 1 */
    public static Tensor toTensor(Pixels image) {
        return Images.pixels(image.rgb(), 1, image.height(), image.width());
    }

    /**
     * Pictures in rows on white, {@code gap} pixels apart. Smaller ones stand at the top left of their cell.
     *
     * @throws IllegalArgumentException if there are none
     */
    public static Pixels grid(List<Pixels> images, int columns, int gap) {
        if (images.isEmpty() || columns < 1 || gap < 0) {
            throw new IllegalArgumentException(
                    Phrase.of("a grid needs pictures, columns and a gap of at least 0, got %d, %d, %d")
                            .with(images.size(), columns, gap));
        }
        int across = Math.min(columns, images.size());
        int down = (images.size() + across - 1) / across;
        int cellWidth = images.stream().mapToInt(Pixels::width).max().getAsInt();
        int cellHeight = images.stream().mapToInt(Pixels::height).max().getAsInt();
        int width = across * (cellWidth + gap) - gap;
        int height = down * (cellHeight + gap) - gap;
        byte[] rgb = new byte[Math.toIntExact(3L * width * height)];
        Arrays.fill(rgb, (byte) 255);
        for (int i = 0; i < images.size(); i++) {
            Pixels image = images.get(i);
            int left = i % across * (cellWidth + gap);
            int top = i / across * (cellHeight + gap);
            for (int y = 0; y < image.height(); y++) {
                int to = 3 * ((top + y) * width + left);
                System.arraycopy(image.rgb(), 3 * y * image.width(), rgb, to, 3 * image.width());
            }
        }
        return new Pixels(width, height, rgb);
    }

    /**
     * An animation that repeats for ever. Each frame has the 256 colours that suit it best, dithered.
     *
     * @param frames of one size
     * @param lastFrameMillis how long the last frame stays
     * @throws DataException if {@code file} cannot be written; folders above it are made
     */
    public static void writeGif(Path file, List<Pixels> frames, int millisPerFrame, int lastFrameMillis) {
        Gif.write(file, frames, millisPerFrame, lastFrameMillis);
    }
}
