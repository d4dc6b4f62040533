package dev.smalti.testing;

import dev.smalti.data.Pixels;
import java.util.Random;

/** Images of 16×16 pixels: 2×2 cells of 8×8 pixels, each one of five known glyphs, under a {@link KnownJoint}. */
public final class TilesWorld {
    private static final int CELL = 8;
    private static final int[][] COLOURS = {{220, 40, 40}, {40, 160, 60}, {40, 70, 210}, {230, 200, 40}, {150, 60, 170}
    };

    private final KnownJoint joint = new KnownJoint();

    public KnownJoint joint() {
        return joint;
    }

    /** An image of a class. */
    public Pixels draw(int label, Random random) {
        int[] cells = KnownJoint.cells(joint.draw(label, random));
        byte[] rgb = new byte[3 * 4 * CELL * CELL];
        for (int y = 0; y < 2 * CELL; y++) {
            for (int x = 0; x < 2 * CELL; x++) {
                int glyph = cells[y / CELL * 2 + x / CELL];
                for (int c = 0; c < 3; c++) {
                    rgb[3 * (y * 2 * CELL + x) + c] = (byte) level(glyph, y % CELL, x % CELL, c);
                }
            }
        }
        return new Pixels(2 * CELL, 2 * CELL, rgb);
    }

    /** The state whose glyphs are nearest to the cells of an image. */
    public int read(Pixels image) {
        int[] cells = new int[4];
        for (int cell = 0; cell < 4; cell++) {
            double least = Double.MAX_VALUE;
            for (int glyph = 0; glyph < COLOURS.length; glyph++) {
                double distance = distance(image, cell, glyph);
                if (distance < least) {
                    least = distance;
                    cells[cell] = glyph;
                }
            }
        }
        return KnownJoint.state(cells[0], cells[1], cells[2], cells[3]);
    }

    private static double distance(Pixels image, int cell, int glyph) {
        double sum = 0;
        for (int y = 0; y < CELL; y++) {
            for (int x = 0; x < CELL; x++) {
                int at = 3 * ((cell / 2 * CELL + y) * 2 * CELL + cell % 2 * CELL + x);
                for (int c = 0; c < 3; c++) {
                    double difference = (image.rgb()[at + c] & 0xff) - level(glyph, y, x, c);
                    sum += difference * difference;
                }
            }
        }
        return sum;
    }

    /** A disc, a ring, a cross, a bar and a triangle, each in its colour on white. */
    private static int level(int glyph, int y, int x, int channel) {
        double dy = y - 3.5;
        double dx = x - 3.5;
        double r = Math.sqrt(dx * dx + dy * dy);
        boolean inside =
                switch (glyph) {
                    case 0 -> r < 3.2;
                    case 1 -> r > 1.8 && r < 3.6;
                    case 2 -> Math.abs(dx) < 1.1 || Math.abs(dy) < 1.1;
                    case 3 -> Math.abs(dy) < 2.1;
                    default -> dy > Math.abs(dx) * 1.6 - 3;
                };
        return inside ? COLOURS[glyph][channel] : 255;
    }
}
