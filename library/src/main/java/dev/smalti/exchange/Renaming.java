package dev.smalti.exchange;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;

/** Their names of our tensors: by the first rule whose pattern is all of our name, else the same name. */
final class Renaming implements Function<String, Origin> {
    private record Rule(Pattern ours, Function<Matcher, Origin> origin) {}

    private final List<Rule> rules = new ArrayList<>();

    /** @param theirs with {@code $1} for the first group of the pattern */
    Renaming rule(String ours, String theirs) {
        return rule(ours, theirs, UnaryOperator.identity());
    }

    Renaming rule(String ours, String theirs, UnaryOperator<Tensor> change) {
        return rule(ours, match -> Origin.of(match.replaceFirst(theirs), change));
    }

    Renaming rule(String ours, Function<Matcher, Origin> origin) {
        rules.add(new Rule(Pattern.compile(ours), origin));
        return this;
    }

    @Override
    public Origin apply(String ours) {
        for (Rule rule : rules) {
            Matcher match = rule.ours().matcher(ours);
            if (match.matches()) {
                return rule.origin().apply(match);
            }
        }
        return Origin.of(ours);
    }
}
