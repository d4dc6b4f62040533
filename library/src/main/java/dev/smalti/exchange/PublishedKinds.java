package dev.smalti.exchange;

import dev.smalti.prior.sedd.SeddConfiguration.Transitions;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.WeightArchive;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** All forms that are known: those of this library, then those that jars on the class path bring as a service {@link PublishedKind}. */
public final class PublishedKinds {
    private static final List<PublishedKind> OWN = List.of(
            new TamingVqgan(), //
            new UnleashingVqgan(),
            new LlamagenVq(),
            new DiffusersVq(),
            new MaskgitVqgan(),
            new UnleashingTransformer(UnleashingTransformer.Method.ABSORBING),
            new UnleashingTransformer(UnleashingTransformer.Method.AUTOREGRESSIVE),
            new HaltonMaskGit(),
            new BesnierMaskGit(),
            new LlamaGenGpt(),
            new PublishedSedd(Transitions.ABSORB),
            new PublishedSedd(Transitions.UNIFORM),
            new PublishedVqDiffusion(),
            new VqDiffusionCodec()); // last: its files may hold a prior too

    private PublishedKinds() {}

    /** A kind, and the tensors that are of it without what their names begin with. */
    record Found(PublishedKind kind, WeightArchive weights) {}

    /** All of them, as {@code --kind} and the pages list them. */
    public static List<PublishedKind> all() {
        return Stream.concat(
                        OWN.stream(),
                        ServiceLoader.load(PublishedKind.class, PublishedKinds.class.getClassLoader()).stream()
                                .map(ServiceLoader.Provider::get))
                .toList();
    }

    /**
     * The kind of a file.
     *
     * @param name null for the one that its names of tensors say
     * @throws IllegalArgumentException if there is no kind of this name
     * @throws BadFileException if its names are of no kind
     */
    static Found find(WeightArchive file, String name) {
        List<PublishedKind> candidates = all().stream()
                .filter(kind -> name == null || kind.name().equals(name))
                .toList();
        if (candidates.isEmpty()) {
            throw new IllegalArgumentException(
                    Phrase.of("kind must be one of %s, got %s").with(names(), Excerpt.of(name)));
        }
        Optional<Found> found = recognised(file, candidates);
        if (found.isPresent()) {
            return found.get();
        }
        String some = file.shapes().keySet().stream().limit(3).map(Excerpt::of).collect(Collectors.joining(", "));
        throw new BadFileException(
                file.path(),
                name == null
                        ? Phrase.of("must hold weights of a kind that is known (%s), has %d tensors: %s, …")
                                .with(names(), file.shapes().size(), some)
                        : Phrase.of("must hold %s, and hasn't the names of one; it begins with %s")
                                .with(candidates.get(0).title(), some));
    }

    /** The kind of a file whose names of tensors say one. */
    public static Optional<PublishedKind> recognised(WeightArchive file) {
        return recognised(file, all()).map(Found::kind);
    }

    private static Optional<Found> recognised(WeightArchive file, List<PublishedKind> candidates) {
        for (PublishedKind kind : candidates) {
            for (String place : kind.places()) {
                WeightArchive weights = file.below(place);
                if (kind.recognises(weights)) {
                    return Optional.of(new Found(kind, weights));
                }
            }
        }
        return Optional.empty();
    }

    private static String names() {
        return all().stream().map(PublishedKind::name).collect(Collectors.joining(", "));
    }
}
