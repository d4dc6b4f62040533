package dev.smalti.job;

import dev.smalti.tensor.Cuda;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says what this machine computes with: the libtorch that was loaded, its cards, and why there is none. */
public final class DescribeDevice {
    private static final Logger LOG = LoggerFactory.getLogger(DescribeDevice.class);
    private static final Pattern VERSION = Pattern.compile("TORCH_VERSION=([^,\\s]+)");

    /** Facts by name, as those of {@link Describe}. */
    public Map<String, Object> run() {
        Map<String, Object> facts = new LinkedHashMap<>();
        Device device = Devices.of("auto");
        facts.put("kind", "device");
        facts.put("device", device.is_cuda() ? "cuda" : "cpu");
        facts.put("precision", Precision.of("auto", device).name().toLowerCase(Locale.ROOT));
        facts.put("libtorch", version());
        facts.put("threads", torch.get_num_threads());
        facts.put("cuda", Context.hasCUDART());
        if (Context.hasCUDART()) {
            versions(facts);
        }
        facts.put("cards", (int) torch.cuda_device_count());
        List<String> cards = Cuda.cards();
        for (int i = 0; i < cards.size(); i++) {
            facts.put("card_" + i, card(cards.get(i)));
        }
        Cuda.problem().ifPresent(problem -> facts.put("no_card", problem));
        return facts;
    }

    /** None where the libtorch is not that of the binding and finds another function in the place of these. */
    private static void versions(Map<String, Object> facts) {
        try {
            facts.put("cuda_version", decimal(Context.versionCUDART(), 1000, 10));
            if (Context.hasCuDNN()) {
                facts.put("cudnn_version", Context.versionCuDNN());
            }
        } catch (RuntimeException e) {
            LOG.debug("libtorch tells no versions of CUDA", e);
        }
    }

    /** 13010 is CUDA 13.1. */
    private static String decimal(long version, int whole, int part) {
        return version / whole + "." + version % whole / part;
    }

    private static Map<String, Object> card(String line) {
        String[] parts = line.split(",\\s*");
        String[] names = {"name", "driver", "memory", "free", "capability"};
        Map<String, Object> card = new LinkedHashMap<>();
        for (int i = 0; i < Math.min(parts.length, names.length); i++) {
            card.put(names[i], parts[i]);
        }
        return card;
    }

    private static String version() {
        Matcher matcher = VERSION.matcher(torch.show_config().getString());
        return matcher.find() ? matcher.group(1) : "unknown";
    }
}
