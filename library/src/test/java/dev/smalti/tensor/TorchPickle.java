package dev.smalti.tensor;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The instructions that PyTorch writes, one method each. */
final class TorchPickle {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    TorchPickle() {
        op(0x80).op(2);
    }

    TorchPickle op(int code) {
        bytes.write(code);
        return this;
    }

    TorchPickle global(String module, String name) {
        op('c').bytes.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
        return this;
    }

    TorchPickle text(String text) {
        op('X').bytes.writeBytes(little(4).putInt(text.length()).array());
        bytes.writeBytes(text.getBytes(StandardCharsets.UTF_8));
        return this;
    }

    TorchPickle number(int number) {
        op('J').bytes.writeBytes(little(4).putInt(number).array());
        return this;
    }

    TorchPickle tuple(int... numbers) {
        op('(');
        for (int each : numbers) {
            number(each);
        }
        return op('t');
    }

    TorchPickle dictionary() {
        return global("collections", "OrderedDict").op(')').op('R').op('(');
    }

    /** Numbers that lie elsewhere. */
    TorchPickle storage(String type, String key, int count) {
        return op('(').text("storage")
                .global("torch", type)
                .text(key)
                .text("cpu")
                .number(count)
                .op('t')
                .op('Q');
    }

    /** Of a storage of six numbers. */
    TorchPickle tensor(String name, String type, int offset, int[] sizes, int[] strides) {
        text(name).global("torch._utils", "_rebuild_tensor_v2").op('(').storage(type, "7", 6);
        number(offset).tuple(sizes).tuple(strides).op(0x89);
        return global("collections", "OrderedDict").op(')').op('R').op('t').op('R');
    }

    /** With the state that PyTorch hangs on its dictionaries. */
    byte[] end() {
        op('u').op('}').op('q').op(0).text("_metadata").op('h').op(0).op('s').op('b');
        return stop();
    }

    byte[] stop() {
        return op('.').bytes.toByteArray();
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
