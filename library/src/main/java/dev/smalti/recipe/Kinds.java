package dev.smalti.recipe;

import dev.smalti.tensor.Phrase;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;

/** The kinds that recipes may name, from all providers. */
final class Kinds {
    /** The key whose value chooses among the kinds of a family. */
    static final String KEY = "kind";

    private final List<Kind> kinds = new ArrayList<>();

    private Kinds() {}

    /** What the providers on the class path bring: those of the thread's class loader, then those of this library's. */
    static Kinds installed() {
        Map<String, KindProvider> providers = new LinkedHashMap<>(); // a provider that both loaders see counts once
        try {
            ServiceLoader.load(KindProvider.class)
                    .forEach(each -> providers.putIfAbsent(each.getClass().getName(), each));
            ServiceLoader.load(KindProvider.class, Kinds.class.getClassLoader())
                    .forEach(each -> providers.putIfAbsent(each.getClass().getName(), each));
        } catch (ServiceConfigurationError e) {
            String cause = e.getCause() == null ? "" : " (" + e.getCause() + ")";
            throw new RecipeException("a provider of recipe kinds cannot be loaded: " + e.getMessage() + cause, e);
        }
        return of(List.copyOf(providers.values()));
    }

    /** @throws RecipeException if two providers use one name in one family */
    static Kinds of(List<KindProvider> providers) {
        Kinds all = new Kinds();
        Map<Kind, KindProvider> from = new LinkedHashMap<>();
        for (KindProvider provider : providers) {
            for (Kind kind : provider.kinds()) {
                all.named(kind.family(), kind.name()).ifPresent(other -> {
                    throw new RecipeException(Phrase.of("two providers bring the kind %s of %s: %s and %s")
                            .with(
                                    kind.name(),
                                    kind.family().getSimpleName(),
                                    from.get(other).getClass().getName(),
                                    provider.getClass().getName()));
                });
                if (kind.usual()) {
                    all.usual(kind.family()).ifPresent(other -> {
                        throw new RecipeException(Phrase.of("two kinds of %s are the usual one: %s and %s")
                                .with(kind.family().getSimpleName(), other.name(), kind.name()));
                    });
                }
                all.kinds.add(kind);
                from.put(kind, provider);
            }
        }
        return all;
    }

    Optional<Kind> named(Class<?> family, String name) {
        return kinds.stream()
                .filter(kind -> kind.family() == family && kind.name().equals(name))
                .findFirst();
    }

    /** The one that is meant where none is named. */
    Optional<Kind> usual(Class<?> family) {
        return kinds.stream()
                .filter(kind -> kind.family() == family && kind.usual())
                .findFirst();
    }

    Optional<Kind> standingFor(Class<?> family, Class<?> configuration) {
        return kinds.stream()
                .filter(kind -> kind.family() == family && kind.configuration() == configuration)
                .findFirst();
    }

    List<String> names(Class<?> family) {
        return kinds.stream()
                .filter(kind -> kind.family() == family)
                .map(Kind::name)
                .sorted()
                .toList();
    }
}
