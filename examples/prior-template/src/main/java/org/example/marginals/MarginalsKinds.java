package org.example.marginals;

import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.Kind;
import dev.smalti.recipe.KindProvider;
import java.util.List;

/** Named in META-INF/services, so that recipes know the kind as soon as this jar is on the class path. */
public final class MarginalsKinds implements KindProvider {
    @Override
    public List<Kind> kinds() {
        return List.of(new Kind(PriorConfiguration.class, "marginals", MarginalsConfiguration.class));
    }
}
