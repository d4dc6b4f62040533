package dev.smalti;

/** VQGAN and absorbing diffusion recover a world of images that is known exactly. */
class KnownTilesTest extends KnownTilesContract {
    @Override
    protected String tokenizer() {
        return "vqgan";
    }

    @Override
    protected String prior() {
        return "absorbing";
    }

    @Override
    protected double limit() {
        return 0.2;
    }
}
