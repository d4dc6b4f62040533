package dev.smalti.model;

import dev.smalti.data.Pixels;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Pictures of grids in the making. A cell that is still masked is grey; for the decoder, which looks beyond a cell's edge, it
 * takes the code of the nearest cell that is not.
 */
public record Preview(Painter model, TokenSpace space) {
    private static final byte GREY = (byte) 0xb4;

    /** @param grids [L] each, {@link TokenSpace#mask} where masked; one code at each place */
    public List<Pixels> of(List<long[]> grids) {
        int length = Math.toIntExact(space.length());
        long[] filled = new long[Math.multiplyExact(grids.size(), length)];
        for (int i = 0; i < grids.size(); i++) {
            System.arraycopy(fill(grids.get(i), space), 0, filled, i * length, length);
        }
        List<Pixels> pictures = new ArrayList<>();
        Decoding decoding =
                new Decoding(model, space, (number, image) -> pictures.add(hide(image, grids.get(number), space)));
        decoding.add(filled);
        decoding.finish();
        return pictures;
    }

    private static long[] fill(long[] grid, TokenSpace space) {
        long[] filled = new long[grid.length];
        for (int i = 0; i < grid.length; i++) {
            int nearest = Integer.MAX_VALUE;
            for (int j = 0; j < grid.length; j++) {
                int down = i / space.width() - j / space.width();
                int across = i % space.width() - j % space.width();
                int distance = down * down + across * across;
                if (grid[j] != space.mask() && distance < nearest) {
                    nearest = distance;
                    filled[i] = grid[j];
                }
            }
        }
        return filled;
    }

    private static Pixels hide(Pixels image, long[] grid, TokenSpace space) {
        byte[] rgb = image.rgb().clone();
        for (int y = 0; y < image.height(); y++) {
            for (int x = 0; x < image.width(); x++) {
                int cell = y * space.height() / image.height() * space.width() + x * space.width() / image.width();
                if (grid[cell] == space.mask()) {
                    Arrays.fill(rgb, 3 * (y * image.width() + x), 3 * (y * image.width() + x) + 3, GREY);
                }
            }
        }
        return new Pixels(image.width(), image.height(), rgb);
    }
}
