package dev.smalti.distributed;

import dev.smalti.job.TrainFeatures;
import dev.smalti.job.TrainPrior;
import dev.smalti.job.TrainTokenizer;
import dev.smalti.train.Run;
import dev.smalti.train.Watcher;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** One of several processes that train what {@link SharedWorld} has, and their way of starting it. */
final class Member {
    private Member() {}

    /**
     * @param args the world's folder, what comes behind the names of the run folders, and names of recipes; {@code name:N} resumes and
     *     trains to step N, {@code name!N} comes to a halt at step N
     */
    public static void main(String[] args) {
        Rendezvous meeting = Rendezvous.of(System.getenv()).orElseThrow();
        try (Group group = meeting.join(lost -> System.out.println("heartbeat: " + lost))) {
            for (int i = 2; i < args.length; i++) {
                String[] parts = args[i].split("!");
                BooleanSupplier stop = parts.length == 1 ? () -> false : halting(Integer.parseInt(parts[1]), group);
                train(Path.of(args[0]), args[1], parts[0], List.of(), stop, group);
            }
        } catch (LostPeerException e) {
            System.out.println("lost: " + e.getMessage());
            System.exit(3);
        } catch (RuntimeException e) {
            e.printStackTrace();
            System.exit(1);
        }
        System.out.println("done");
        System.exit(0);
    }

    /** Of the last process, before its n-th step. */
    private static BooleanSupplier halting(int n, Group group) {
        AtomicInteger asked = new AtomicInteger();
        return () -> {
            if (group.rank() == group.size() - 1 && asked.getAndIncrement() == n) {
                System.out.println("halted");
                LockSupport.park();
            }
            return false;
        };
    }

    static Run train(
            Path world, String behind, String named, List<Watcher> watchers, BooleanSupplier stop, Group group) {
        String[] parts = named.split(":");
        String name = parts[0];
        boolean resume = parts.length > 1;
        List<String> overrides = resume ? List.of("training.steps=" + parts[1]) : List.of();
        Path recipe = world.resolve(name + ".yaml");
        Path out = world.resolve(name + behind);
        if (name.startsWith("tokenizer")) {
            return new TrainTokenizer(recipe, overrides, world.resolve("images"), out, resume, false)
                    .run(watchers, stop, group);
        }
        if (name.startsWith("features")) {
            return new TrainFeatures(recipe, overrides, world.resolve("images"), out, resume, false)
                    .run(watchers, stop, group);
        }
        TrainPrior.Data data = name.equals("rdpm") // which is of images as they are trained on
                ? TrainPrior.Data.images(world.resolve("images"), world.resolve("tokenizer-steps-1"))
                : TrainPrior.Data.tokens(world.resolve("tokens.safetensors"), null);
        String teacher = name.equals("student") ? world.resolve("maskgit-1").toString() : null;
        return new TrainPrior(recipe, overrides, data, out, resume, teacher).run(watchers, stop, group);
    }
}
