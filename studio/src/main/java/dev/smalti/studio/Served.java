package dev.smalti.studio;

import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A model that is served, under the name that clients call it by. */
final class Served implements AutoCloseable {
    private final String name;
    private final List<String> opened; // as the command line takes it
    private final Model model;
    private final DrawingQueue queue;
    private final long since = System.currentTimeMillis() / 1000;
    private final Abilities abilities; // null without the page, which alone asks for them

    /** Opens as many copies as there are workers. */
    Served(String name, String pathOrName, Serving serving, Meters meters) {
        this.name = name;
        this.opened = words(pathOrName, serving.opening());
        List<Model> models = new ArrayList<>();
        try {
            for (int i = 0; i < serving.workers(); i++) {
                models.add(Model.open(pathOrName, serving.opening()));
            }
            this.abilities = serving.page() ? Abilities.of(models.get(0)) : null; // now, when no draw is in the way
        } catch (RuntimeException e) {
            models.forEach(Model::close);
            throw e;
        }
        this.model = models.get(0);
        this.queue = new DrawingQueue(models, serving.queue(), serving.batch(), meters.of(name));
    }

    private static List<String> words(String pathOrName, Opening opening) {
        List<String> words = new ArrayList<>(List.of(pathOrName));
        Map<String, String> options = new LinkedHashMap<>();
        options.put("--device", opening.device());
        options.put("--precision", opening.precision());
        options.put("--checkpoint", opening.checkpoint());
        options.forEach((option, value) -> {
            if (!value.equals(Opening.AUTO)) {
                words.addAll(List.of(option, value));
            }
        });
        return words;
    }

    String name() {
        return name;
    }

    Model model() {
        return model;
    }

    DrawingQueue queue() {
        return queue;
    }

    /** @throws ApiException if there is no tokenizer */
    void requireImages() {
        if (model.tokenizer() == null) {
            throw ApiException.bad("model", name + " draws tokens and no images: it has no tokenizer");
        }
    }

    /** What the page needs to know, with the sampling that the method can do. */
    Map<String, Object> studioFacts() {
        Map<String, Object> facts = facts();
        facts.put("opened", opened);
        facts.put("abilities", abilities);
        return facts;
    }

    /** Of a draw of which no number of steps is wished; 0 if the method doesn't say. */
    int usualSteps() {
        return abilities.steps();
    }

    /** As {@code GET /v1/models} lists it. */
    Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("id", name);
        facts.put("object", "model");
        facts.put("created", since);
        facts.put("owned_by", "smalti");
        facts.put("classes", model.classNames());
        facts.put("codes", model.prior().space().codes());
        facts.put(
                "grid",
                List.of(model.prior().space().height(), model.prior().space().width()));
        facts.put("codes_a_place", model.prior().space().depth());
        if (model.tokenizer() != null) {
            int patch = model.patch();
            facts.put("patch", patch);
            facts.put(
                    "size",
                    model.prior().space().width() * patch + "x"
                            + model.prior().space().height() * patch);
        }
        return facts;
    }

    @Override
    public void close() {
        queue.close();
    }
}
