package dev.smalti.studio;

import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.handler.EventsHandler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What every connection and request passes: it gives requests a number, counts and logs what came of them, and closes a connection
 * whose request does not arrive, or whose answer is not taken, within a bounded time, however busily it trickles.
 */
final class Doorway extends EventsHandler implements Connection.Listener {
    /** The attribute with the number of a request, which clients may choose. */
    static final String NUMBER = "dev.smalti.studio.number";

    /** What is counted of a client that went away before it had its answer. */
    static final int ABORTED = 499;

    private static final Logger LOG = LoggerFactory.getLogger(Doorway.class);
    private static final SecureRandom CHANCE = new SecureRandom();
    private static final Pattern SANE = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final Set<String> ROUTINE = Set.of("/healthz", "/readyz", "/metrics"); // asked every few seconds

    private static final Set<String> BODILESS = Set.of("GET", "HEAD");

    private final Meters meters;
    private final long arriving; // nanoseconds
    private final long answering;
    private final Map<EndPoint, Long> ends = new ConcurrentHashMap<>(); // of System.nanoTime
    private final AtomicInteger active = new AtomicInteger();
    private ScheduledExecutorService sweeper;

    /**
     * @param arriving from the opening of a connection, or the last answer on it, to the last byte of the next request
     * @param answering from then on to the last byte of the answer
     */
    Doorway(Meters meters, Duration arriving, Duration answering) {
        this.meters = meters;
        this.arriving = arriving.toNanos();
        this.answering = answering.toNanos();
        meters.connections(ends::size);
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        sweeper = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "smalti-doorway");
            thread.setDaemon(true);
            return thread;
        });
        long period = Math.min(TimeUnit.SECONDS.toNanos(1), arriving / 4 + 1);
        sweeper.scheduleWithFixedDelay(this::sweep, period, period, TimeUnit.NANOSECONDS);
    }

    @Override
    protected void doStop() throws Exception {
        sweeper.shutdownNow();
        super.doStop();
    }

    private void sweep() {
        long now = System.nanoTime();
        ends.forEach((place, end) -> {
            if (now - end > 0 && ends.remove(place, end)) {
                meters.tooSlow();
                place.close();
            }
        });
    }

    @Override
    public void onOpened(Connection connection) {
        ends.put(connection.getEndPoint(), System.nanoTime() + arriving);
    }

    @Override
    public void onClosed(Connection connection) {
        ends.remove(connection.getEndPoint());
    }

    private void prolong(Request request, long nanos) {
        EndPoint place = request.getConnectionMetaData().getConnection().getEndPoint();
        ends.replace(place, System.nanoTime() + nanos); // if it is still open
    }

    @Override
    protected void onBeforeHandling(Request request) {
        active.incrementAndGet();
        String wished = request.getHeaders().get("X-Request-Id");
        request.setAttribute(NUMBER, wished != null && SANE.matcher(wished).matches() ? wished : number());
        if (request.getLength() == 0 || BODILESS.contains(request.getMethod())) {
            prolong(request, answering);
        }
    }

    private static String number() {
        byte[] number = new byte[8];
        CHANCE.nextBytes(number);
        return HexFormat.of().formatHex(number);
    }

    @Override
    protected void onRequestRead(Request request, Content.Chunk chunk) {
        if (chunk != null && chunk.isLast()) {
            prolong(request, answering);
        }
    }

    @Override
    protected void onComplete(Request request, int status, HttpFields headers, Throwable failure) {
        active.decrementAndGet();
        prolong(request, arriving);
        double seconds = (System.nanoTime() - request.getBeginNanoTime()) / 1e9;
        int counted = failure == null ? status : ABORTED;
        String path = request.getHttpURI().getCanonicalPath();
        meters.answered(route(path), counted, seconds);
        if (failure != null) {
            meters.aborted();
        }
        if (path != null && ROUTINE.contains(path)) {
            return;
        }
        LOG.info(
                "{} {} {} {} s {}",
                Excerpt.of(request.getMethod()),
                Excerpt.of(String.valueOf(path)),
                counted,
                Phrase.of("%.3f").with(seconds),
                request.getAttribute(NUMBER));
    }

    /** One of a few, whatever clients ask for. */
    private static String route(String path) {
        if (path == null) {
            return "other";
        }
        if (path.startsWith("/v1/models/")) {
            return "/v1/models/{model}";
        }
        if (path.startsWith("/studio/")) {
            return "/studio/";
        }
        return Set.of("/healthz", "/readyz", "/metrics", "/v1/models", "/v1/images/generations", "/v1/images/edits")
                        .contains(path)
                ? path
                : "other";
    }

    /** Waits until no request is being answered, or for so long. */
    void quiet(Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        try {
            while (active.get() > 0 && System.nanoTime() - end < 0) {
                TimeUnit.MILLISECONDS.sleep(5);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
