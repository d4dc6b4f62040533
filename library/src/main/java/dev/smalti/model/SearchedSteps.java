package dev.smalti.model;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Steps;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.JsonFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The best times that a search has found for some numbers of steps: {@code steps.json} of a prior's run folder.
 *
 * @param lists by their number of steps, ascending
 */
public record SearchedSteps(Map<Integer, Found> lists) {
    private static final String FILE = "steps.json";
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final JavaType LISTS = JSON.constructType(new TypeReference<TreeMap<Integer, Found>>() {});

    /**
     * A list that was found.
     *
     * @param times the share of the noise before each step, from 1 down
     * @param bits per token of its bound on held-out tokens, other than those it was searched with
     * @param equalBits the same in equal steps
     */
    public record Found(List<Double> times, double bits, double equalBits) {
        public Found {
            if (times == null) {
                throw new IllegalArgumentException("times are required");
            }
            times = List.copyOf(times);
        }
    }

    /** @throws IllegalArgumentException if a list doesn't have as many times as its number says, or they don't fall from 1 */
    public SearchedSteps {
        lists = Collections.unmodifiableMap(new TreeMap<>(lists));
        lists.forEach((steps, list) -> {
            if (list == null || new Steps.Listed(list.times()).count() != steps) {
                throw new IllegalArgumentException("the list of " + steps + " steps must have as many times");
            }
        });
    }

    /**
     * Those of a run folder; none where it has no such file.
     *
     * @throws JobException if the file holds something else
     */
    public static SearchedSteps read(Path run) {
        Path file = run.resolve(FILE);
        if (!Files.exists(file)) {
            return new SearchedSteps(Map.of());
        }
        try {
            return new SearchedSteps(JsonFile.convert(file, JsonFile.read(file), LISTS, JSON));
        } catch (IllegalArgumentException e) {
            String problem = e instanceof BadFileException ? e.getMessage() : file + ": " + e.getMessage();
            throw new JobException(problem + ". Delete it, or search the steps again", e);
        }
    }

    public void write(Path run) {
        Path file = run.resolve(FILE);
        try (AtomicFile beside = AtomicFile.of(file)) {
            JSON.writeValue(beside.path().toFile(), lists);
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }

    /** These and others, which take the place of those of as many steps. */
    public SearchedSteps and(Map<Integer, Found> others) {
        Map<Integer, Found> all = new TreeMap<>(lists);
        all.putAll(others);
        return new SearchedSteps(all);
    }

    /**
     * With the times for so many steps, where they are known and nobody asks for others.
     *
     * @param usual the number of steps where none is asked for; 0 where that is not of equal ones
     */
    Sampling best(Sampling sampling, int usual) {
        Steps steps = sampling.steps();
        boolean free = sampling.canvas() == null && sampling.unmasking().bound() == 0;
        boolean known = steps instanceof Steps.Equal || free && !(steps instanceof Steps.Listed);
        Found list = known ? lists.get(steps.number(usual)) : null;
        return list == null ? sampling : sampling.times(list.times());
    }
}
