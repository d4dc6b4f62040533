package dev.smalti.data;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;

/** Animated GIFs through the JDK's writer; what it lacks is the choice of colours, see {@link Palette}. */
final class Gif {
    private static final String FORMAT = "javax_imageio_gif_image_1.0";

    private Gif() {}

    static void write(Path file, List<Pixels> frames, int millisPerFrame, int lastFrameMillis) {
        check(frames, millisPerFrame, lastFrameMillis);
        Atomic.write(file, temporary -> {
            ImageWriter writer = ImageIO.getImageWritersByFormatName("gif").next();
            try (ImageOutputStream out = ImageIO.createImageOutputStream(temporary.toFile())) {
                writer.setOutput(out);
                writer.prepareWriteSequence(null);
                for (int i = 0; i < frames.size(); i++) {
                    BufferedImage frame = Palette.of(frames.get(i)).apply(frames.get(i));
                    int millis = i + 1 < frames.size() ? millisPerFrame : lastFrameMillis;
                    writer.writeToSequence(new IIOImage(frame, null, metadata(writer, frame, millis, i == 0)), null);
                }
                writer.endWriteSequence();
            } finally {
                writer.dispose();
            }
        });
    }

    private static void check(List<Pixels> frames, int millisPerFrame, int lastFrameMillis) {
        if (frames.isEmpty() || millisPerFrame < 1 || lastFrameMillis < 1) {
            throw new IllegalArgumentException("an animation needs frames and times of at least 1 ms, got %d, %d, %d"
                    .formatted(frames.size(), millisPerFrame, lastFrameMillis));
        }
        for (Pixels frame : frames) {
            if (frame.width() != frames.get(0).width() || frame.height() != frames.get(0).height()) {
                throw new IllegalArgumentException(
                        "frames must have one size, got %s and %s".formatted(frames.get(0), frame));
            }
        }
    }

    private static IIOMetadata metadata(ImageWriter writer, BufferedImage frame, int millis, boolean first)
            throws IOException {
        IIOMetadata metadata = writer.getDefaultImageMetadata(ImageTypeSpecifier.createFromRenderedImage(frame), null);
        IIOMetadataNode root = new IIOMetadataNode(FORMAT);
        IIOMetadataNode control = new IIOMetadataNode("GraphicControlExtension");
        control.setAttribute("disposalMethod", "none");
        control.setAttribute("userInputFlag", "FALSE");
        control.setAttribute("transparentColorFlag", "FALSE");
        control.setAttribute("delayTime", Integer.toString(hundredths(millis)));
        control.setAttribute("transparentColorIndex", "0");
        root.appendChild(control);
        if (first) {
            IIOMetadataNode repeat = new IIOMetadataNode("ApplicationExtension");
            repeat.setAttribute("applicationID", "NETSCAPE");
            repeat.setAttribute("authenticationCode", "2.0");
            repeat.setUserObject(new byte[] {1, 0, 0}); // for ever
            IIOMetadataNode extensions = new IIOMetadataNode("ApplicationExtensions");
            extensions.appendChild(repeat);
            root.appendChild(extensions);
        }
        metadata.mergeTree(FORMAT, root);
        return metadata;
    }

    /** At least 2: browsers slow shorter frames down to 10. */
    private static int hundredths(int millis) {
        return Math.max(2, Math.min(65535, (millis + 5) / 10));
    }
}
