package dev.smalti.tokenizer.vqgan;

/**
 * The discriminator of a {@link Vqgan} and how much it counts.
 *
 * @param start training step from which the adversarial term counts, and the discriminator learns; at least 0
 * @param weight factor on the adaptive weight, 0.8 in taming, 0 for no adversarial term at all; at least 0; 1 if left out
 * @param maxWeight cap of the adaptive weight before that factor, 10,000 in taming; at least 0; 1, as Bond-Taylor et al.
 *     2022, section 3.4, if left out
 * @param channels channels of the discriminator's first layer; at least 1; 64 if left out
 * @param layers layers of the discriminator after the first; at least 1; 3 if left out
 * @param augment whether what the discriminator sees is augmented, differentiably; true if left out
 * @param loss what autoencoder and discriminator play for; {@code hinge} if left out
 */
public record AdversarialConfiguration(
        long start,
        Double weight,
        Double maxWeight,
        Integer channels,
        Integer layers,
        Boolean augment,
        AdversarialLoss loss) {
    public AdversarialConfiguration {
        weight = weight == null ? 1.0 : weight;
        maxWeight = maxWeight == null ? 1.0 : maxWeight;
        channels = channels == null ? 64 : channels;
        layers = layers == null ? 3 : layers;
        augment = augment == null || augment;
        loss = loss == null ? AdversarialLoss.HINGE : loss;
        if (start < 0) {
            throw new IllegalArgumentException("start must be at least 0, got " + start);
        }
        if (!(weight >= 0) || !(maxWeight >= 0)) {
            throw new IllegalArgumentException(
                    "weight and max_weight must be at least 0, got " + weight + " and " + maxWeight);
        }
        if (channels < 1 || layers < 1) {
            throw new IllegalArgumentException(
                    "channels and layers must be at least 1, got " + channels + " and " + layers);
        }
    }

    /** The paper's setting, for images of 64 pixels and more. */
    public static AdversarialConfiguration paper(int channels) {
        return new AdversarialConfiguration(30_001, null, null, channels, null, null, null);
    }

    /** Refuses images that are too small for the layers. */
    void check(int size) {
        int side = size >> layers; // all but two of the convolutions halve
        if (weight > 0 && side < 3) {
            throw new IllegalArgumentException("adversarial.layers is " + layers + ", too many for images of " + size
                    + " pixels: the last map would be empty; use " + Math.max(1, layers - 1) + " or fewer");
        }
    }
}
