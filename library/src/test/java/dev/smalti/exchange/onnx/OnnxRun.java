package dev.smalti.exchange.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Tensors;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A file of ONNX, run by ONNX Runtime as another program would. */
final class OnnxRun implements AutoCloseable {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;

    OnnxRun(Path file) {
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            session = environment.createSession(file.toString(), options);
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    Set<String> inputs() {
        return session.getInputNames();
    }

    /** The one output. */
    Tensor of(Map<String, Tensor> inputs) {
        Map<String, OnnxTensor> given = new HashMap<>();
        try {
            for (Map.Entry<String, Tensor> each : inputs.entrySet()) {
                given.put(each.getKey(), given(each.getValue()));
            }
            try (OrtSession.Result result = session.run(given)) {
                OnnxTensor out = (OnnxTensor) result.get(0);
                long[] shape = out.getInfo().getShape();
                return out.getInfo().type == ai.onnxruntime.OnnxJavaType.INT64
                        ? Tensors.longs(array(out.getLongBuffer())).view(shape)
                        : Tensors.floats(array(out.getFloatBuffer())).view(shape);
            }
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        } finally {
            given.values().forEach(OnnxTensor::close);
        }
    }

    private OnnxTensor given(Tensor tensor) throws OrtException {
        long[] shape = Dims.of(tensor);
        return tensor.scalar_type().intern() == ScalarType.Long
                ? OnnxTensor.createTensor(environment, LongBuffer.wrap(Tensors.toLongs(tensor)), shape)
                : OnnxTensor.createTensor(environment, FloatBuffer.wrap(Tensors.toFloats(tensor)), shape);
    }

    private static long[] array(LongBuffer buffer) {
        long[] values = new long[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    private static float[] array(FloatBuffer buffer) {
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    @Override
    public void close() {
        try {
            session.close();
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }
}
