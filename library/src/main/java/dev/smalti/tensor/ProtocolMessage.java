package dev.smalti.tensor;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * A message of protocol buffers, written field by field: a key, which is 8 · field + type, and then a number of seven bits a byte, four
 * or eight bytes, or a length and as many bytes. <a href="https://protobuf.dev/programming-guides/encoding/">Encoding</a>.
 */
public final class ProtocolMessage {
    private static final int NUMBER = 0;
    private static final int EIGHT_BYTES = 1;
    private static final int BYTES = 2;
    private static final int FOUR_BYTES = 5;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** int32, int64, an enumeration or a truth. */
    public ProtocolMessage number(int field, long value) {
        key(field, NUMBER);
        digits(value);
        return this;
    }

    /** float */
    public ProtocolMessage real(int field, float value) {
        key(field, FOUR_BYTES);
        little(Float.floatToIntBits(value), 4);
        return this;
    }

    /** double */
    public ProtocolMessage precise(int field, double value) {
        key(field, EIGHT_BYTES);
        little(Double.doubleToLongBits(value), 8);
        return this;
    }

    /** string */
    public ProtocolMessage text(int field, String value) {
        return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    /** A message inside this one. */
    public ProtocolMessage message(int field, ProtocolMessage value) {
        return bytes(field, value.toBytes());
    }

    /** bytes */
    public ProtocolMessage bytes(int field, byte[] value) {
        announce(field, value.length);
        out.writeBytes(value);
        return this;
    }

    /** Begins a field of so many bytes, which the caller writes behind this message. */
    public ProtocolMessage announce(int field, long length) {
        key(field, BYTES);
        digits(length);
        return this;
    }

    /** All that was written, one behind the other. */
    public byte[] toBytes() {
        return out.toByteArray();
    }

    /** In bytes. */
    public int length() {
        return out.size();
    }

    private void key(int field, int type) {
        digits((long) field << 3 | type);
    }

    private void little(long bits, int bytes) {
        for (int i = 0; i < bytes; i++) {
            out.write((int) (bits >>> 8 * i));
        }
    }

    private void digits(long value) {
        long rest = value;
        while ((rest & ~0x7fL) != 0) {
            out.write((int) (rest & 0x7f | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
    }
}
