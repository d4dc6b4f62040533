package dev.smalti.tensor;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/** The containers of weights, told by the first bytes of a file. */
enum WeightFormat {
    PYTORCH,
    SAFETENSORS,
    FLAX;

    private static final int READ = 512;
    private static final int SHORTEST = 10; // a safetensors file without tensors
    private static final byte[][] COMPRESSED = {
        {0x1f, (byte) 0x8b}, // gzip
        {'B', 'Z', 'h'},
        {(byte) 0xfd, '7', 'z', 'X', 'Z'},
        {'7', 'z', (byte) 0xbc, (byte) 0xaf},
        {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd}, // zstd
        {'R', 'a', 'r', '!'}
    };

    /**
     * The one that a file begins as; says nothing on whether it can be read.
     *
     * @throws BadFileException saying what it is, as far as that can be seen, if it is none
     */
    static WeightFormat of(Path file) {
        byte[] start = start(file);
        if (start.length == 0) {
            throw new BadFileException(file, "is empty; was it downloaded to its end?");
        }
        if (isSafetensors(start)) {
            return SAFETENSORS;
        }
        if (begins(start, TorchZip.MAGIC) || isLegacy(start)) {
            return PYTORCH;
        }
        String instead = instead(start);
        if (instead == null && isMap(start[0] & 0xff)) {
            return FLAX;
        }
        throw new BadFileException(
                file,
                instead == null
                        ? "must be weights in PyTorch's format, safetensors or msgpack of flax, and begins as none of them"
                        : instead);
    }

    private static byte[] start(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(READ);
        } catch (IOException e) {
            throw new BadFileException(file, "cannot be read: " + AtomicFile.reason(e), e);
        }
    }

    /** A length below 4 GiB, and JSON. */
    private static boolean isSafetensors(byte[] start) {
        return start.length > 8 && start[8] == '{' && (start[4] | start[5] | start[6] | start[7]) == 0;
    }

    /** PyTorch's magic number, of ten bytes, in a pickle of protocol 2 to 5; from 4 on there is a frame around it. */
    private static boolean isLegacy(byte[] start) {
        if (!isPickle(start)) {
            return false;
        }
        int at = (start[2] & 0xff) == 0x95 ? 11 : 2;
        return start.length > at + 2 && (start[at] & 0xff) == 0x8a && start[at + 1] == 10;
    }

    private static boolean isPickle(byte[] start) {
        return start.length > 2 && (start[0] & 0xff) == 0x80 && start[1] >= 2 && start[1] <= 5;
    }

    /** Whether it is the first byte of a map that isn't empty, in msgpack. */
    private static boolean isMap(int first) {
        return (first > 0x80 && first < 0x90) || first == 0xde || first == 0xdf;
    }

    private static boolean begins(byte[] start, byte... with) {
        return start.length >= with.length && Arrays.equals(Arrays.copyOf(start, with.length), with);
    }

    /** Null for what can't be told. */
    private static String instead(byte[] start) {
        String text = new String(start, StandardCharsets.ISO_8859_1).strip().toLowerCase(Locale.ROOT);
        if (text.startsWith("version https://git-lfs")) {
            return "is a pointer of Git LFS and not the weights themselves; fetch them with `git lfs pull`";
        }
        if (text.startsWith("<!doctype") || text.startsWith("<html") || text.startsWith("<?xml")) {
            return "is a page of the web and no weights: the download failed";
        }
        if (text.startsWith("{")) {
            return "is JSON and no weights; of weights in parts give the folder, or their index, *.index.json";
        }
        if (text.startsWith("ustar", 257)) {
            return "is a tar archive; unpack it and give the weights in it";
        }
        for (byte[] compressed : COMPRESSED) {
            if (begins(start, compressed)) {
                return "is compressed; unpack it and give the weights in it";
            }
        }
        if (isPickle(start)) {
            return "is a pickle that PyTorch didn't save; save it as safetensors";
        }
        if (begins(start, (byte) 0x89, (byte) 'H', (byte) 'D', (byte) 'F')) {
            return "is HDF5, which isn't read; save it as safetensors";
        }
        return start.length < SHORTEST
                ? Phrase.of("must hold weights, has %d bytes; was it cut off?").with(start.length)
                : null;
    }
}
