package dev.smalti.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Rates of ours and of a peer's, measured by turns, an odd number of times, since a machine's speed changes from minute to minute. */
final class Rounds {
    private final Map<String, List<Double>> ours = new LinkedHashMap<>();
    private final Map<String, List<Double>> theirs = new LinkedHashMap<>();
    private final Map<String, List<Double>> ratios = new LinkedHashMap<>();

    /** One round of something: how much of it each does in a second. */
    void add(String what, double own, double peer) {
        ours.computeIfAbsent(what, key -> new ArrayList<>()).add(own);
        theirs.computeIfAbsent(what, key -> new ArrayList<>()).add(peer);
        ratios.computeIfAbsent(what, key -> new ArrayList<>()).add(own / peer);
    }

    /** Medians of the rounds; nothing where there were none. */
    Map<String, Object> result() {
        Map<String, Object> result = new LinkedHashMap<>();
        if (!ours.isEmpty()) {
            result.put("ours", medians(ours));
            result.put("peer", medians(theirs));
            result.put("times_the_peer", medians(ratios));
            result.put("times_the_peer_each_round", ratios);
        }
        return result;
    }

    private static Map<String, Double> medians(Map<String, List<Double>> rounds) {
        Map<String, Double> medians = new LinkedHashMap<>();
        rounds.forEach((what, each) -> medians.put(what, Starts.median(each)));
        return medians;
    }
}
