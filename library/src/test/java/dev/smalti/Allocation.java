package dev.smalti;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** How much of the heap is taken, in all, while something is done on this thread. */
public final class Allocation {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Allocation() {}

    /** Bytes, those that are free again among them. */
    public static long of(Runnable work) {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        work.run();
        return THREADS.getCurrentThreadAllocatedBytes() - before;
    }
}
