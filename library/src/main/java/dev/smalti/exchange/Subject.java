package dev.smalti.exchange;

import dev.smalti.prior.PriorConfiguration;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.TokenizerConfiguration;

/** What published weights are of, said as a recipe says it. */
public sealed interface Subject {
    /** A tokenizer. */
    record OfTokenizer(TokenizerConfiguration configuration) implements Subject {}

    /**
     * A prior.
     *
     * @param space of its tokens
     * @param classes 0 without classes
     */
    record OfPrior(PriorConfiguration configuration, TokenSpace space, int classes) implements Subject {}
}
