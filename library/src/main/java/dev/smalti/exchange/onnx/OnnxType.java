package dev.smalti.exchange.onnx;

/** Of the elements of a tensor, by ONNX's number. */
enum OnnxType {
    FLOAT(1, 4),
    INT64(7, 8);

    private final int code;
    private final int bytes;

    OnnxType(int code, int bytes) {
        this.code = code;
        this.bytes = bytes;
    }

    /** As TensorProto.DataType. */
    int code() {
        return code;
    }

    /** Of an element. */
    int bytes() {
        return bytes;
    }
}
