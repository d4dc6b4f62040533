package dev.smalti.job;

import dev.smalti.exchange.DiffusersExport;
import dev.smalti.exchange.SafetensorsExport;
import dev.smalti.exchange.onnx.OnnxExport;
import dev.smalti.model.Encoding;
import dev.smalti.model.Opening;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Writes a model in a form that other programs read.
 *
 * @param model run folder, or name of a bundled model
 * @param to the form
 * @param out new file of safetensors, or new folder of the others
 * @param checkpoint {@code auto}, {@code best}, {@code last} or a step, as {@link Opening} has it
 * @param dtype {@code fp32}, {@code bf16} or {@code fp16}; {@code fp32}, the one that ONNX takes, if null
 * @param opset the set of operations of ONNX, 17 to 22; 17 if null, and null for the other forms
 */
public record ExportModel(String model, Form to, Path out, String checkpoint, String dtype, Integer opset) {
    /** What is written. */
    public enum Form {
        /** All weights of the model itself in one file, by our names. */
        SAFETENSORS,
        /** The tokenizer as a {@code VQModel} of diffusers, a folder. */
        DIFFUSERS,
        /** Denoiser, encoder and decoder as graphs that are run without this library, a folder. */
        ONNX
    }

    /** @throws IllegalArgumentException naming an option that the form doesn't take, or whose value is none that it knows */
    public ExportModel {
        checkpoint = checkpoint == null ? Opening.AUTO : checkpoint;
        dtype = dtype == null ? "fp32" : dtype;
        if (!List.of("fp32", "bf16", "fp16").contains(dtype)) {
            throw new IllegalArgumentException("dtype must be fp32, bf16 or fp16, got " + dtype);
        }
        if (to == Form.ONNX && !dtype.equals("fp32")) {
            throw new IllegalArgumentException("dtype must be fp32 or left out for onnx, got " + dtype);
        }
        if (to != Form.ONNX && opset != null) {
            throw new IllegalArgumentException("opset must be left out for "
                    + to.name().toLowerCase(Locale.ROOT) + ", which has no operations, got " + opset);
        }
        opset = to == Form.ONNX && opset == null ? Integer.valueOf(OnnxExport.usualOpset()) : opset;
    }

    /** The best checkpoint where training kept one, else the newest; in fp32. */
    public ExportModel(String model, Form to, Path out) {
        this(model, to, out, null, null, null);
    }

    /** Facts by name: {@code out}, {@code to}, {@code files}, {@code bytes}. */
    public Map<String, Object> run() {
        RunFolder run = RunFolder.open(model).at(checkpoint);
        checkOut();
        try {
            Outputs.makeFolder("--out", out.toAbsolutePath().getParent());
            List<String> files;
            try (Claim claim = Claim.beside(out)) {
                checkOut(); // another process may have filled it meanwhile
                files = written(run);
            }
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("out", out.toString());
            facts.put("to", to.name().toLowerCase(Locale.ROOT));
            facts.put("files", files);
            facts.put("bytes", bytes());
            return facts;
        } catch (IllegalArgumentException e) {
            throw new JobException(e.getMessage(), e);
        }
    }

    private void checkOut() {
        if (to != Form.SAFETENSORS) {
            Outputs.emptyFolder("--out", out);
        } else if (Files.exists(out)) {
            throw new JobException(
                    "--out " + out + " is there already, and nothing is overwritten: choose another --out");
        }
    }

    private List<String> written(RunFolder run) {
        switch (to) {
            case SAFETENSORS -> new SafetensorsExport(run).write(out, type());
            case DIFFUSERS -> new DiffusersExport(Encoding.tokenizerOf(run)).write(out, type());
            case ONNX -> {
                return new OnnxExport(run, opset).write(out);
            }
        }
        return List.of(String.valueOf(out.getFileName()));
    }

    private ScalarType type() {
        return switch (dtype) {
            case "bf16" -> ScalarType.BFloat16;
            case "fp16" -> ScalarType.Half;
            default -> ScalarType.Float;
        };
    }

    private long bytes() {
        try (Stream<Path> files = Files.walk(out)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        } catch (IOException e) {
            throw Outputs.failure(out, e);
        }
    }
}
