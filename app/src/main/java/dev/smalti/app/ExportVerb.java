package dev.smalti.app;

import dev.smalti.job.ExportModel;
import dev.smalti.tensor.Phase;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "export", description = "Writes a model in a form that other programs read.")
final class ExportVerb extends Verb {
    @Parameters(
            paramLabel = "RUN",
            description = "run folder of train-prior or train-tokenizer, or a bundled model's name")
    private String model;

    @Option(
            names = "--to",
            paramLabel = "FORM",
            required = true,
            description =
                    "safetensors, all weights in one file; diffusers, the tokenizer as a VQModel; onnx, graphs of denoiser,"
                            + " encoder and decoder")
    private ExportModel.Form to;

    @Option(
            names = "--out",
            paramLabel = "PATH",
            required = true,
            description = "new file for safetensors, new folder for the others")
    private Path out;

    @Mixin
    private CheckpointOption checkpoint;

    @Option(
            names = "--dtype",
            paramLabel = "NAME",
            description = "of weights: fp32, bf16 or fp16; onnx is fp32 (default: fp32)")
    private String dtype;

    @Option(names = "--opset", paramLabel = "N", description = "set of operations for onnx, 17 to 22 (default: 17)")
    private Integer opset;

    ExportVerb(Console console) {
        super(console);
    }

    @Override
    Answer answer(Interruption interruption) {
        progress().see(Phase.of("exporting"));
        Map<String, Object> facts = new ExportModel(model, to, out, checkpoint.which(), dtype, opset).run();
        return new Answer(
                facts,
                String.format(
                        Locale.ROOT,
                        "%s: %s, %.1f MB: %s",
                        out,
                        facts.get("to"),
                        ((Long) facts.get("bytes")) / 1e6,
                        facts.get("files")));
    }
}
