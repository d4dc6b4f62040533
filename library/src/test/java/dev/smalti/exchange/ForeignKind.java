package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;

/** A form of a third party, known by the name of one tensor. */
public final class ForeignKind implements PublishedKind {
    @Override
    public String name() {
        return "of-a-test";
    }

    @Override
    public String title() {
        return "a model of a test";
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has("a name that nobody else has");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        throw new UnsupportedOperationException();
    }
}
