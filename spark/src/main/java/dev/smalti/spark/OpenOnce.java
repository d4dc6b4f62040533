package dev.smalti.spark;

import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What the tasks of this process have open: a model is opened by the first that needs it, and stays open for those that follow, until
 * one needs another and nobody uses the first.
 */
final class OpenOnce {
    private static final Map<List<Object>, Entry> OPEN = new HashMap<>();

    private static final class Entry {
        private final Object opened;
        private final Runnable closing;
        private int users;

        private Entry(Object opened, Runnable closing) {
            this.opened = opened;
            this.closing = closing;
        }
    }

    private OpenOnce() {}

    /**
     * Works with what is open under a key.
     *
     * @param key kind and all that it is opened by
     * @param open once a process; others wait meanwhile
     */
    static <T, R> R with(List<Object> key, Supplier<T> open, Consumer<T> close, Function<T, R> work) {
        Entry entry = taken(key, open, close);
        try {
            @SuppressWarnings("unchecked") // the key has the kind
            T opened = (T) entry.opened;
            return work.apply(opened);
        } finally {
            synchronized (OPEN) {
                entry.users--;
            }
        }
    }

    private static <T> Entry taken(List<Object> key, Supplier<T> open, Consumer<T> close) {
        synchronized (OPEN) {
            if (!OPEN.containsKey(key)) {
                closeUnused();
                T opened = open.get();
                OPEN.put(key, new Entry(opened, () -> close.accept(opened)));
            }
            Entry entry = OPEN.get(key);
            entry.users++;
            return entry;
        }
    }

    private static void closeUnused() {
        Iterator<Entry> entries = OPEN.values().iterator();
        while (entries.hasNext()) {
            Entry each = entries.next();
            if (each.users == 0) {
                entries.remove();
                each.closing.run();
            }
        }
    }
}
