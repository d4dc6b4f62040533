package dev.smalti.spring;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.job.PromptedImages;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.springframework.ai.image.Image;
import org.springframework.ai.image.ImageGeneration;
import org.springframework.ai.image.ImageMessage;
import org.springframework.ai.image.ImageModel;
import org.springframework.ai.image.ImagePrompt;
import org.springframework.ai.image.ImageResponse;

/**
 * Draws images of a model's classes: a prompt is the name of a class, and a blank one stands for all classes. Images come as PNG in base64,
 * each with a {@link SmaltiImageMetadata}. Threads may share it: they draw in turn.
 */
public final class SmaltiImageModel implements ImageModel {
    private final Model model;
    private final SmaltiImageOptions usual;

    /**
     * @param model that is open, and which whoever opened it closes
     * @param usual what a request has that doesn't say otherwise
     */
    public SmaltiImageModel(Model model, SmaltiImageOptions usual) {
        this.model = model;
        this.usual = usual;
    }

    /**
     * @throws JobException naming the nearest class if there is none of the prompt's name, or saying what of the options can't be
     * @throws IllegalArgumentException if an option is outside its range
     */
    @Override
    public ImageResponse call(ImagePrompt prompt) {
        SmaltiImageOptions options = SmaltiImageOptions.of(prompt.getOptions()).over(usual);
        requireOwn(options);
        long seed = options.seed() == null ? PromptedImages.seedOfChance() : options.seed();
        int count = options.n() == null ? 1 : options.n();
        PromptedImages wish = new PromptedImages(text(prompt), count, options.size(), seed, options.sampling());
        List<Pixels> drawn = wish.draw(model);
        List<ImageGeneration> results = new ArrayList<>();
        for (int number = 0; number < drawn.size(); number++) {
            String png = Base64.getEncoder().encodeToString(Pictures.png(drawn.get(number)));
            results.add(new ImageGeneration(new Image(null, png), new SmaltiImageMetadata(seed, number)));
        }
        return new ImageResponse(results);
    }

    private void requireOwn(SmaltiImageOptions options) {
        if (options.model() != null && !options.model().equals(usual.model())) {
            throw new JobException("model must be " + usual.model() + ", which this bean draws with, or left out, got "
                    + options.model());
        }
    }

    private static String text(ImagePrompt prompt) {
        List<ImageMessage> messages = prompt.getInstructions();
        if (messages.size() != 1) {
            throw new JobException("a prompt must be one message with the name of a class, got " + messages.size());
        }
        if (!messages.get(0).getMedia().isEmpty()) {
            throw new JobException("a prompt must be the name of a class alone, got "
                    + messages.get(0).getMedia().size()
                    + " media with it: an image is edited by Edit, with the bean Model");
        }
        Float weight = messages.get(0).getWeight();
        if (weight != null && weight != 1) {
            throw new JobException(
                    "weight of a message must be left out or 1, since nothing is beside it: how strongly a draw is led to"
                            + " its class is the option guidance; got " + weight);
        }
        return messages.get(0).getText();
    }
}
