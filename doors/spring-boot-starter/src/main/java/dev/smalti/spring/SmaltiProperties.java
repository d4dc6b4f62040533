package dev.smalti.spring;

import dev.smalti.model.Opening;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Which model is opened, where, and how it draws as usual.
 *
 * @param model run folder of a prior, or name of a bundled model on the class path
 * @param device where it computes: auto, cpu, cuda or cuda:N
 * @param precision of the arithmetic: auto, fp32, bf16 or fp16
 * @param checkpoint whose weights are opened: auto, best, last or a step
 * @param image what requests have that don't say otherwise
 */
@ConfigurationProperties("smalti")
public record SmaltiProperties(
        String model,
        @DefaultValue("auto") String device,
        @DefaultValue("auto") String precision,
        @DefaultValue("auto") String checkpoint,
        @DefaultValue Draw image) {
    /**
     * A usual request.
     *
     * @param n images of a request
     * @param width of the images in pixels, with a height; that of training if left out
     * @param height of the images in pixels, with a width; that of training if left out
     * @param seed of all requests, so that the same one gives the same images; one of chance for each if left out
     * @param steps of a draw; 0 for the method's usual number
     * @param guidance weight with which draws are led to their class; 0 for none
     * @param temperature of the logits; 1 for the model as it is
     */
    public record Draw(
            @DefaultValue("1") int n,
            Integer width,
            Integer height,
            Long seed,
            @DefaultValue("0") int steps,
            @DefaultValue("0") double guidance,
            @DefaultValue("1") double temperature) {}

    Opening opening() {
        return new Opening(device, precision, checkpoint);
    }

    SmaltiImageOptions options() {
        return new SmaltiImageOptions(
                image.n, model, image.width, image.height, image.seed, image.steps, image.guidance, image.temperature);
    }
}
