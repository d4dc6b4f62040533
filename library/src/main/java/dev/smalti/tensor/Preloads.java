package dev.smalti.tensor;

import java.net.URL;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/**
 * The libraries that JavaCPP looks for before it loads libtorch. Some thirty of them are CUDA's, and where libtorch is one for the CPU no jar has them: each is
 * asked of every jar of the class path, under many names and in many folders, half a second and more of a start. So it is told beforehand that there are none.
 */
final class Preloads {
    private static final String FOUND = "foundLibraries"; // what was looked for, and where it lies
    private static final List<String> PATHS_FIRST =
            List.of("org.bytedeco.javacpp.pathsfirst", "org.bytedeco.javacpp.pathsFirst");
    private static final Pattern VERSION = Pattern.compile("[@#:!].*");

    private Preloads() {}

    /** Where libtorch is one for the CPU, and libraries of the jars are taken before others. */
    static void skipAbsent() {
        List<String> files = LibraryCache.libraries();
        if (!files.isEmpty()
                && PATHS_FIRST.stream().allMatch(name -> System.getProperty(name) == null)
                && !Cuda.hasLibraries()) {
            tell(absent(ofLibtorch(), files));
        }
    }

    static List<String> ofLibtorch() {
        return Loader.loadProperties(torch.class, Loader.loadProperties(), true).get("platform.preload");
    }

    /** Those of {@code preloads}, each with the marks of its version, of which no file has the name. */
    static List<String> absent(Collection<String> preloads, Collection<String> files) {
        List<String> absent = new ArrayList<>(preloads);
        absent.removeIf(preload -> {
            String name = VERSION.matcher(preload).replaceFirst("");
            return files.stream().anyMatch(file -> file.contains(name));
        });
        return absent;
    }

    /** Whether JavaCPP could be told. It has no method for it, and where it keeps this elsewhere it searches as ever. */
    @SuppressWarnings("unchecked")
    static boolean tell(List<String> absent) {
        try {
            var field = Loader.class.getDeclaredField(FOUND);
            field.setAccessible(true);
            Map<String, URL[]> found = (Map<String, URL[]>) field.get(null);
            absent.forEach(name -> found.putIfAbsent(name, new URL[0]));
            return true;
        } catch (ReflectiveOperationException | RuntimeException e) {
            return false;
        }
    }
}
