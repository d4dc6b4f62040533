package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Animated GIFs, each frame with colours of its own. */
final class Gif {
    private static final String FORMAT = "javax_imageio_gif_image_1.0";

    private Gif() {}

    static void write(Path file, List<Pixels> frames, int millisPerFrame, int lastFrameMillis) {
        check(frames, millisPerFrame, lastFrameMillis);
        Atomic.write(file, temporary -> {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(); // as Pictures.writePng has it
            ImageWriter writer = ImageIO.getImageWritersByFormatName("gif").next();
            try (ImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
                writer.setOutput(out);
                writer.prepareWriteSequence(null);
                for (int i = 0; i < frames.size(); i++) {
                    Palette palette = Palette.of(frames.get(i));
                    BufferedImage image = indexed(frames.get(i), palette);
                    int millis = i == frames.size() - 1 ? lastFrameMillis : millisPerFrame;
                    IIOMetadata metadata = metadata(writer, image, palette.colors(), millis, i == 0);
                    writer.writeToSequence(new IIOImage(image, null, metadata), null);
                }
                writer.endWriteSequence();
            } finally {
                writer.dispose();
            }
            Files.write(temporary, bytes.toByteArray());
        });
    }

    private static void check(List<Pixels> frames, int millisPerFrame, int lastFrameMillis) {
        if (frames.isEmpty() || millisPerFrame < 1 || lastFrameMillis < 1) {
            throw new IllegalArgumentException(
                    Phrase.of("an animation needs frames and times of at least 1 ms, got %d, %d, %d")
                            .with(frames.size(), millisPerFrame, lastFrameMillis));
        }
        Pixels first = frames.get(0);
        for (Pixels frame : frames) {
            if (frame.width() != first.width()
                    || frame.height() != first.height()
                    || Math.max(frame.width(), frame.height()) > 65535) {
                throw new IllegalArgumentException(
                        Phrase.of("frames must have one size of at most 65535, got %s and %s")
                                .with(first, frame));
            }
        }
    }

    private static BufferedImage indexed(Pixels frame, Palette palette) {
        int[] colors = palette.colors();
        IndexColorModel model = new IndexColorModel(8, colors.length, colors, 0, false, -1, DataBuffer.TYPE_BYTE);
        BufferedImage image = new BufferedImage(frame.width(), frame.height(), BufferedImage.TYPE_BYTE_INDEXED, model);
        byte[] indices = palette.indices(frame);
        System.arraycopy(indices, 0, ((DataBufferByte) image.getRaster().getDataBuffer()).getData(), 0, indices.length);
        return image;
    }

    /** Colours, how long the frame stays, that the next one is drawn over it, and with the first, that all repeats for ever. */
    private static IIOMetadata metadata(
            ImageWriter writer, BufferedImage image, int[] colors, int millis, boolean first) throws IOException {
        IIOMetadata metadata = writer.getDefaultImageMetadata(ImageTypeSpecifier.createFromRenderedImage(image), null);
        IIOMetadataNode root = (IIOMetadataNode) metadata.getAsTree(FORMAT);
        child(root, "ImageDescriptor").setAttribute("interlaceFlag", "FALSE");
        fill(child(root, "LocalColorTable"), colors);
        IIOMetadataNode control = child(root, "GraphicControlExtension");
        control.setAttribute("disposalMethod", "doNotDispose");
        control.setAttribute("userInputFlag", "FALSE");
        control.setAttribute("transparentColorFlag", "FALSE");
        control.setAttribute("transparentColorIndex", "0");
        control.setAttribute("delayTime", Integer.toString(hundredths(millis)));
        if (first) {
            IIOMetadataNode repeat = new IIOMetadataNode("ApplicationExtension");
            repeat.setAttribute("applicationID", "NETSCAPE");
            repeat.setAttribute("authenticationCode", "2.0");
            repeat.setUserObject(new byte[] {1, 0, 0});
            child(root, "ApplicationExtensions").appendChild(repeat);
        }
        metadata.setFromTree(FORMAT, root);
        return metadata;
    }

    /** Without a table the writer takes colours of its own; with one it wants a power of two of them. */
    private static void fill(IIOMetadataNode table, int[] colors) {
        int size = 2;
        while (size < colors.length) {
            size *= 2;
        }
        table.setAttribute("sizeOfLocalColorTable", Integer.toString(size));
        table.setAttribute("sortFlag", "FALSE");
        while (table.hasChildNodes()) {
            table.removeChild(table.getFirstChild());
        }
        for (int i = 0; i < size; i++) {
            int color = i < colors.length ? colors[i] : 0;
            IIOMetadataNode entry = new IIOMetadataNode("ColorTableEntry");
            entry.setAttribute("index", Integer.toString(i));
            entry.setAttribute("red", Integer.toString(color >> 16 & 255));
            entry.setAttribute("green", Integer.toString(color >> 8 & 255));
            entry.setAttribute("blue", Integer.toString(color & 255));
            table.appendChild(entry);
        }
    }

    private static IIOMetadataNode child(IIOMetadataNode root, String name) {
        IIOMetadataNode found =
                (IIOMetadataNode) root.getElementsByTagName(name).item(0);
        if (found == null) {
            found = new IIOMetadataNode(name);
            root.appendChild(found);
        }
        return found;
    }

    /** At least 2: browsers slow shorter frames down to 10. */
    private static int hundredths(int millis) {
        return Math.max(2, Math.min(65535, (millis + 5) / 10));
    }
}
