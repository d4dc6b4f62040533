package dev.smalti.data;

/** Numbers without a sign in the bytes of a file. */
final class Octets {
    private Octets() {}

    static int u16(byte[] file, int at) {
        return (file[at] & 255) << 8 | file[at + 1] & 255;
    }

    static long u32(byte[] file, int at) {
        return (long) u16(file, at) << 16 | u16(file, at + 2);
    }

    static int u16Little(byte[] file, int at) {
        return file[at] & 255 | (file[at + 1] & 255) << 8;
    }

    static int u24Little(byte[] file, int at) {
        return u16Little(file, at) | (file[at + 2] & 255) << 16;
    }

    static long u32Little(byte[] file, int at) {
        return u16Little(file, at) | (long) u16Little(file, at + 2) << 16;
    }

    /** Whether Latin letters stand at a place. */
    static boolean is(byte[] file, int at, String text) {
        if (at < 0 || at > file.length - text.length()) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            if ((file[at + i] & 255) != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }
}
