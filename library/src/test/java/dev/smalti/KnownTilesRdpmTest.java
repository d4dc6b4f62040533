package dev.smalti;

/** So do RDPM's diffusion tokenizer and its prior, with several codes at each place. */
class KnownTilesRdpmTest extends KnownTilesContract {
    @Override
    protected String tokenizer() {
        return "rdpm-tokenizer";
    }

    @Override
    protected String prior() {
        return "rdpm";
    }

    @Override
    protected double limit() {
        return 0.25;
    }
}
