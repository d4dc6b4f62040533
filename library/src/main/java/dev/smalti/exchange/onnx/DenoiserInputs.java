package dev.smalti.exchange.onnx;

import java.util.Optional;

/**
 * What a denoiser reads, and how large the grids are. Inputs are part of the graph once they are asked for, so one that no operation
 * reads is none.
 */
final class DenoiserInputs {
    private final OnnxGraph graph;
    private final int height;
    private final int width;
    private final boolean classes;
    private final OnnxValue tokens;
    private int steps; // 0 where time is continuous
    private OnnxValue time;
    private OnnxValue label;

    /** @param classes whether there are any */
    DenoiserInputs(OnnxGraph graph, int height, int width, boolean classes) {
        this.graph = graph;
        this.height = height;
        this.width = width;
        this.classes = classes;
        this.tokens = graph.input("xt", OnnxType.INT64, "B", length());
    }

    /** h */
    int height() {
        return height;
    }

    /** w */
    int width() {
        return width;
    }

    /** L = h · w */
    long length() {
        return (long) height * width;
    }

    /** int64 [B, L] */
    OnnxValue tokens() {
        return tokens;
    }

    /** float32 [B] */
    OnnxValue time() {
        if (time == null) {
            time = graph.input("time", OnnxType.FLOAT, "B");
        }
        return time;
    }

    /** Says that time counts T steps, from 0 to T - 1. */
    void countSteps(int count) {
        steps = count;
    }

    /** T; 0 where time is continuous. */
    int steps() {
        return steps;
    }

    /** Whether the time was asked for. */
    boolean readsTime() {
        return time != null;
    }

    /** int64 [B]; empty without classes. */
    Optional<OnnxValue> label() {
        if (classes && label == null) {
            label = graph.input("label", OnnxType.INT64, "B");
        }
        return Optional.ofNullable(label);
    }

    /** The shape [B, 1, 1], int64. */
    OnnxValue batch() {
        return tokens.sizes(0, 1).concat(0, graph.whole(1, 1));
    }

    /** The token of each place as a learnt vector. -> [B, L, D] */
    OnnxValue embedded(OnnxPart part, String table) {
        return part.weight(table).rows(tokens);
    }

    /** The sum with a learnt vector of the class at each place, if there are classes. [B, L, D] -> the same */
    OnnxValue withClass(OnnxValue x, OnnxPart table) {
        return label().map(which -> x.plus(table.weight("weight").rows(which).unsqueeze(1)))
                .orElse(x);
    }
}
