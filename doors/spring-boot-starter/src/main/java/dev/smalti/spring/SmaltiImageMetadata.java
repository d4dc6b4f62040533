package dev.smalti.spring;

import org.springframework.ai.image.ImageGenerationMetadata;

/**
 * From what an image grew.
 *
 * @param seed of its request
 * @param number of the image in its request, from 0
 */
public record SmaltiImageMetadata(long seed, int number) implements ImageGenerationMetadata {}
