package dev.smalti.data;

import java.io.IOException;

/**
 * The screen of a GIF (GIF 89a, section 18), and where its first frame lies. A frame that reaches beyond the screen widens it.
 */
record GifScreen(int width, int height, int left, int top) {
    /** @throws IOException if the first frame isn't there up to its end */
    static GifScreen parse(byte[] file) throws IOException {
        int at = 13 + table(at(file, 10));
        while (true) {
            switch (at(file, at)) {
                case 0x21 -> at = blocks(file, at + 2);
                case 0x2c -> {
                    blocks(file, at + 11 + table(at(file, at + 9)));
                    return around(file, at + 1);
                }
                default -> throw new IOException("it has no frame");
            }
        }
    }

    private static GifScreen around(byte[] file, int frame) {
        int left = Octets.u16Little(file, frame);
        int top = Octets.u16Little(file, frame + 2);
        int right = left + Octets.u16Little(file, frame + 4);
        int bottom = top + Octets.u16Little(file, frame + 6);
        return new GifScreen(
                Math.max(right, Octets.u16Little(file, 6)), Math.max(bottom, Octets.u16Little(file, 8)), left, top);
    }

    private static int table(int flags) {
        return (flags & 0x80) == 0 ? 0 : 3 << (flags & 7) + 1;
    }

    private static int blocks(byte[] file, int from) throws IOException {
        int at = from;
        for (int length = at(file, at); length != 0; length = at(file, at)) {
            at += 1 + length;
        }
        return at + 1;
    }

    private static int at(byte[] file, int at) throws IOException {
        if (at >= file.length) {
            throw new IOException("it was cut off: its first frame doesn't end");
        }
        return file[at] & 255;
    }
}
