package dev.smalti.distributed;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.AllreduceOptions;
import org.bytedeco.pytorch.Backend;
import org.bytedeco.pytorch.BroadcastOptions;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.FileStore;
import org.bytedeco.pytorch.GlooDeviceVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Work;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Processes that talk by c10d: by Gloo over TCP between processors, and by {@linkplain Nccl NCCL} between GPUs where it is asked for; else
 * what lies on a GPU goes by way of the processor's memory.
 *
 * <p>Small tensors are copied into flat buckets, of which each is summed at once. A process that dies closes its connections, which the others see at
 * once; one whose machine vanishes is missed by its {@link Heartbeat}.
 */
final class C10dGroup implements Group {
    private static final long JOIN = TimeUnit.MINUTES.toMillis(5);
    private static final long CONNECT = TimeUnit.SECONDS.toMillis(30); // once all have come
    private static final long LONGEST =
            TimeUnit.DAYS.toMillis(7); // of waiting for one another: heartbeats say who lives
    private static final long LOOK = 1000; // milliseconds between two looks at them
    private static final long BUCKET = 25L << 20; // bytes
    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d+){1,3}|\\[?::1]?");

    private final int rank;
    private final int localRank;
    private final int size;
    private final Store store;
    private final Backend gloo;
    private final Heartbeat heartbeat; // null where all are of one machine
    private final Map<Kind, Tensor> flats = new HashMap<>();
    private final boolean between; // GPUs, without the processor's memory
    private Backend nccl; // null until something on a GPU is summed
    private LostPeerException broken; // null while all is well

    private C10dGroup(Rendezvous at, boolean between, Store store, Backend gloo, Heartbeat heartbeat) {
        this.rank = at.rank();
        this.localRank = at.localRank();
        this.size = at.size();
        this.between = between;
        this.store = store;
        this.gloo = gloo;
        this.heartbeat = heartbeat;
    }

    static Group join(Rendezvous at, Consumer<String> lost) {
        boolean between = Nccl.asked(System.getenv());
        return Scope.value(() -> {
            try {
                InetAddress master = master(at);
                ProcessGroupGloo.Options options = ProcessGroupGloo.Options.create(new Milliseconds(CONNECT));
                options.devices(new GlooDeviceVector(device(at, master)));
                Store store = store(at, master);
                await(store, at);
                ProcessGroupGloo gloo = new ProcessGroupGloo(store, at.rank(), at.size(), options);
                Heartbeat heartbeat = at.file() == null ? Heartbeat.begin(client(at, master, false), at, lost) : null;
                return begun(new C10dGroup(at, between, Scope.hold(store), Scope.hold(gloo), heartbeat));
            } catch (RuntimeException e) {
                if (e.getClass() != RuntimeException.class) { // which c10d's are
                    throw e;
                }
                throw new LostPeerException(
                        Phrase.of("process %d of %d could not join the others at %s: %s")
                                .with(at.rank(), at.size(), place(at), reason(e)),
                        e);
            }
        });
    }

    private static Group begun(C10dGroup group) {
        try {
            group.requireSame("SMALTI_BACKEND", group.between ? "nccl" : "gloo");
            return group;
        } catch (RuntimeException e) {
            group.close();
            throw e;
        }
    }

    private static String place(Rendezvous at) {
        return at.file() == null ? at.address() + ":" + at.port() : at.file().toString();
    }

    /** @return null where they meet in a file */
    private static InetAddress master(Rendezvous at) {
        try {
            return at.file() == null ? InetAddress.getByName(at.address()) : null;
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(
                    "MASTER_ADDR must name a machine that this one knows, got " + at.address()
                            + ": give the name or the address of that of RANK 0",
                    e);
        }
    }

    private static Store store(Rendezvous at, InetAddress master) {
        return at.file() == null
                ? client(at, master, at.rank() == 0)
                : new FileStore(at.file().toString(), at.size());
    }

    private static Store client(Rendezvous at, InetAddress master, boolean server) {
        if (!server) {
            awaitServer(at, master);
        }
        TCPStoreOptions options = new TCPStoreOptions();
        options.port((short) at.port()); // c10d reads it without a sign
        options.isServer(server);
        options.waitWorkers(false);
        options.timeout(new Milliseconds(JOIN));
        return new TCPStore(master.getHostAddress(), options);
    }

    /** Until the first process listens: c10d would wait as long, and not be asked to stop. */
    private static void awaitServer(Rendezvous at, InetAddress master) {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(JOIN);
        while (!listens(new InetSocketAddress(master, at.port()))) {
            Stopping.check();
            if (System.nanoTime() > end) {
                throw new LostPeerException(
                        Phrase.of("nobody has listened at %s in %d s: start the process of RANK 0, on the machine"
                                        + " of MASTER_ADDR")
                                .with(place(at), JOIN / 1000));
            }
            pause(100);
        }
    }

    private static boolean listens(InetSocketAddress first) {
        try (Socket socket = new Socket()) {
            socket.connect(first, 1000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Until all have come, so that it can be said how many have. */
    private static void await(Store store, Rendezvous at) {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(JOIN);
        long come = store.add("come", 1);
        while (come < at.size()) {
            if (System.nanoTime() > end) {
                throw new LostPeerException(
                        Phrase.of("%d of %d processes have come to %s in %d s: start all of them, with one WORLD_SIZE")
                                .with(come, at.size(), place(at), JOIN / 1000));
            }
            Stopping.check();
            pause(20);
            come = store.add("come", 0);
        }
        if (come > at.size()) {
            throw new LostPeerException(
                    Phrase.of("%d processes have come to %s, and WORLD_SIZE is %d: choose another MASTER_PORT,"
                                    + " or end those of a former start")
                            .with(come, place(at), at.size()));
        }
    }

    private static void pause(long milliseconds) {
        try {
            TimeUnit.MILLISECONDS.sleep(milliseconds);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for other processes", e);
        }
    }

    /** The loopback where all are of this machine; else what GLOO_SOCKET_IFNAME says, or where packets for the first process leave from. */
    private static org.bytedeco.pytorch.gloo.Device device(Rendezvous at, InetAddress master) {
        if (at.file() != null) {
            return ProcessGroupGloo.createDeviceForHostname("127.0.0.1");
        }
        String name = System.getenv("GLOO_SOCKET_IFNAME");
        if (name != null && !name.isBlank()) {
            return ProcessGroupGloo.createDeviceForInterface(name);
        }
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.connect(new InetSocketAddress(master, at.port())); // sends nothing
            InetAddress own = socket.getLocalAddress();
            boolean misled =
                    own.isLoopbackAddress() && !LOOPBACK.matcher(at.address()).matches();
            InetAddress found = misled ? Interfaces.instead(at.address(), own) : own;
            return ProcessGroupGloo.createDeviceForHostname(found.getHostAddress());
        } catch (IOException | UncheckedIOException e) {
            throw new LostPeerException(
                    "MASTER_ADDR " + at.address() + " is no machine that can be reached: " + e.getMessage(), e);
        }
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int localRank() {
        return localRank;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public void sum(List<Tensor> tensors) {
        inBuckets(tensors, Backend::allreduce);
    }

    @Override
    public void broadcast(List<Tensor> tensors) {
        inBuckets(tensors, (backend, flat, options) -> {
            BroadcastOptions broadcast = new BroadcastOptions();
            broadcast.timeout(options.timeout());
            return backend.broadcast(flat, broadcast);
        });
    }

    @Override
    public boolean any(boolean own) {
        return Scope.value(() -> {
            Tensor count = Tensors.longs(own ? 1 : 0);
            sum(List.of(count));
            return count.item_long() > 0;
        });
    }

    @Override
    public void requireSame(String what, String text) {
        boolean same = Scope.value(() -> {
            long own = new Seed(0).child(text).value();
            Tensor first = Tensors.longs(own);
            broadcast(List.of(first));
            return first.item_long() == own;
        });
        if (any(!same)) {
            throw new IllegalArgumentException(
                    same
                            ? Phrase.of("one of the %d processes has another %s than process 0: give all the same")
                                    .with(size, what)
                            : Phrase.of("process %d of %d has another %s than process 0: give all the same")
                                    .with(rank, size, what));
        }
    }

    /** What is done with a flat bucket by all processes. */
    private interface Collective {
        Work begin(Backend backend, TensorVector flat, AllreduceOptions options);
    }

    /**
     * What goes together.
     *
     * @param between GPUs, where it lies; else it is, or goes, in the processor's memory
     */
    private record Kind(ScalarType type, boolean between) {}

    private Kind kind(Tensor tensor) {
        return new Kind(tensor.scalar_type().intern(), between && tensor.is_cuda());
    }

    private void inBuckets(List<Tensor> tensors, Collective collective) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                for (List<Tensor> bucket : buckets(tensors)) {
                    Scope.free(() -> through(bucket, collective));
                }
            }
        });
    }

    /** Of one kind each, in order; a large tensor is a bucket by itself. */
    private List<List<Tensor>> buckets(List<Tensor> tensors) {
        List<List<Tensor>> buckets = new ArrayList<>();
        Map<Kind, List<Tensor>> open = new LinkedHashMap<>();
        Map<Kind, Long> bytes = new LinkedHashMap<>();
        for (Tensor tensor : tensors) {
            Kind kind = kind(tensor);
            long own = tensor.nbytes();
            if (open.containsKey(kind) && bytes.get(kind) + own > BUCKET) {
                buckets.add(open.remove(kind));
            }
            open.computeIfAbsent(kind, each -> new ArrayList<>()).add(tensor);
            bytes.merge(kind, own, (before, more) -> open.get(kind).size() == 1 ? more : before + more);
        }
        buckets.addAll(open.values());
        return buckets;
    }

    private void through(List<Tensor> bucket, Collective collective) {
        Tensor first = bucket.get(0);
        Kind kind = kind(first);
        boolean there = kind.between() || !first.is_cuda();
        if (bucket.size() == 1 && there && first.is_contiguous()) {
            finish(first, kind, collective);
            return;
        }
        Tensor flat = flat(bucket, kind);
        long to = 0;
        for (Tensor each : bucket) {
            flat.narrow(0, to, each.numel()).copy_(each.detach().reshape(-1));
            to += each.numel();
        }
        finish(flat, kind, collective);
        long at = 0;
        for (Tensor each : bucket) {
            each.detach().copy_(flat.narrow(0, at, each.numel()).view_as(each));
            at += each.numel();
        }
    }

    /** Memory for a bucket, kept from one to the next: pages that are new take longer to come than to be summed. */
    private Tensor flat(List<Tensor> bucket, Kind kind) {
        long size = bucket.stream().mapToLong(Tensor::numel).sum();
        Tensor kept = flats.get(kind);
        if (kept == null || kept.numel() < size) {
            if (kept != null) {
                Scope.release(kept);
            }
            Device device = kind.between() ? bucket.get(0).device() : Devices.cpu();
            kept = Scope.hold(torch.zeros(new long[] {size}, Tensors.options(kind.type(), device)));
            flats.put(kind, kept);
        }
        return kept.narrow(0, 0, size);
    }

    private void finish(Tensor flat, Kind kind, Collective collective) {
        if (flat.numel() == 0) {
            return;
        }
        Backend backend = kind.between() ? nccl() : gloo;
        attempt(backend, options -> collective.begin(backend, new TensorVector(flat.detach()), options));
    }

    private Backend nccl() {
        if (nccl == null) {
            any(false); // NCCL's own meeting waits for five minutes alone
            nccl = Scope.hold(Nccl.begin(store, rank, size, LONGEST));
        }
        return nccl;
    }

    private void attempt(Backend backend, Function<AllreduceOptions, Work> begin) {
        try {
            AllreduceOptions options = new AllreduceOptions();
            options.timeout(new Milliseconds(LONGEST));
            Work work = begin.apply(options);
            if (backend == nccl) {
                work._wait(); // the GPU does, and a limit would end what is slow
                return;
            }
            while (!done(work)) {
                if (heartbeat != null && heartbeat.lost() != null) {
                    throw new LostPeerException(heartbeat.lost());
                }
            }
        } catch (LostPeerException e) {
            broken = e;
            throw e;
        } catch (RuntimeException e) { // of c10d
            broken = new LostPeerException(
                    Phrase.of("process %d of %d has lost another process: %s").with(rank, size, reason(e)), e);
            throw broken;
        }
    }

    /** Waits for a moment. */
    private static boolean done(Work work) {
        try {
            return work._wait(new Milliseconds(LOOK));
        } catch (RuntimeException e) {
            return work.isCompleted() && work._wait(new Milliseconds(LOOK)); // since then, or as it failed
        }
    }

    /** The first sentence of libtorch's message, without the place in its source, or what NCCL gives as its last error. */
    private static String reason(RuntimeException e) {
        List<String> lines = String.valueOf(e.getMessage()).strip().lines().toList();
        int last = lines.indexOf("Last error:") + 1;
        String first = lines.isEmpty() ? "" : lines.get(last < lines.size() ? last : 0);
        String said = first.replaceFirst("^\\[[^\\]]*\\] ", "").replaceFirst("\\. This is typically.*", "");
        return Excerpt.of(said.isEmpty() ? e.toString() : said);
    }

    @Override
    public Optional<LostPeerException> lost() {
        return Optional.ofNullable(broken);
    }

    /** A group that has lost a process is left to the end of this one: its threads wait for those that don't answer. */
    @Override
    public void close() {
        if (heartbeat != null) {
            heartbeat.close();
        }
        flats.values().forEach(Scope::release);
        flats.clear();
        if (broken == null) {
            if (nccl != null) {
                nccl.shutdown();
                Scope.release(nccl);
            }
            Scope.release(gloo);
            Scope.release(store);
        }
    }
}
