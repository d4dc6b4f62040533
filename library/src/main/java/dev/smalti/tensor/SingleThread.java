package dev.smalti.tensor;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.bytedeco.pytorch.global.torch;

/**
 * A thread whose operations run on it alone, for work beside the network's.
 *
 * <p>Each thread that computes gets a team of OpenMP threads of its own. Two teams on the same cores hold each other up, and
 * libgomp, which counts the threads of all teams, lets none spin any more once there are more of them than cores: every
 * operation of the network then waits for a thread to wake up.
 */
public final class SingleThread {
    private SingleThread() {}

    /** An executor of one daemon thread of that name. */
    public static synchronized ExecutorService executor(String name) {
        Native.load();
        ExecutorService executor = Executors.newSingleThreadExecutor(task -> {
            Thread made = new Thread(task, name);
            made.setDaemon(true);
            return made;
        });
        int threads = torch.get_num_threads();
        try {
            executor.submit(SingleThread::hold).get();
        } catch (InterruptedException e) {
            executor.shutdown();
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while the thread " + name + " was made", e);
        } catch (ExecutionException e) {
            executor.shutdown();
            throw new IllegalStateException(e.getCause());
        } finally {
            torch.set_num_threads(threads); // the number is the calling thread's, and that of threads yet to come
        }
        return executor;
    }

    private static void hold() {
        torch.get_num_threads(); // a thread's first question gives it the number of all
        torch.set_num_threads(1);
    }
}
