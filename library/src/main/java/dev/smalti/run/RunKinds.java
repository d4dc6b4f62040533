package dev.smalti.run;

import dev.smalti.recipe.Kind;
import dev.smalti.recipe.KindProvider;
import dev.smalti.tokenizer.PerceptualConfiguration;
import java.util.List;

/** The kinds that read run folders, which recipes don't know of. */
public final class RunKinds implements KindProvider {
    @Override
    public List<Kind> kinds() {
        return List.of(new Kind(PerceptualConfiguration.class, "features", FeaturesPerception.class));
    }
}
