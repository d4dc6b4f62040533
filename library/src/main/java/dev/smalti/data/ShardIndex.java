package dev.smalti.data;

import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Stopping;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.AbstractList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the pictures of tar shards lie, and their classes: 20 bytes a picture beside its name. Files of one shard whose names agree
 * up to the first dot behind the last / and that lie one behind the other are a sample, of one picture.
 */
final class ShardIndex {
    private static final Logger LOG = LoggerFactory.getLogger(ShardIndex.class);
    private static final int MOST_LETTERS = 255; // of a class
    private static final int MOST_CLASSES = 1 << 20;
    private static final int MOST_FOLDERS = 1 << 20;

    private final String source;
    private final Names names = new Names();
    private final Fingerprint fingerprint = new Fingerprint();
    private final Map<String, Integer> texts = new HashMap<>(); // of .cls, by when they came
    private final Map<String, Integer> folders = new HashMap<>();
    private long[] offsets = new long[16];
    private int[] sizes = new int[16];
    private int[] labels = new int[16]; // by texts; -1 without; then the classes
    private int[] places = new int[16]; // by folders
    private final int[] ends; // of the shards
    private List<String> classNames = List.of();
    private int size;
    private int dots; // pictures whose names have several
    private String dotted;
    private int others;
    private String other;
    private int unlabelled = -1; // a picture without .cls, if there is one

    // of the sample that is being read
    private String key;
    private String picture;
    private long offset;
    private long bytes;
    private String text;

    /** @throws DataException naming the shard and the file in it that breaks a rule */
    ShardIndex(String source, List<Path> shards) throws IOException {
        this.source = source;
        this.ends = new int[shards.size()];
        for (int i = 0; i < shards.size(); i++) {
            int before = size;
            read(shards.get(i));
            refuseDuplicates(shards.get(i), before);
            ends[i] = size;
        }
        if (size == 0) {
            throw new DataException(Phrase.of("%s has no pictures: a sample is KEY.jpg (or png, webp, bmp, gif)%s")
                    .with(
                            source,
                            others == 0
                                    ? ", and it is empty"
                                    : Phrase.of(" and KEY.cls; it has %d other files like %s")
                                            .with(others, Excerpt.brief(other))));
        }
        if (others > 0) {
            LOG.warn(
                    "{}: {} files that are no pictures or classes are ignored, {} for one",
                    source,
                    others,
                    Excerpt.brief(other));
        }
        if (dots > 0) {
            LOG.warn(
                    "{}: {} pictures are ignored, {} for one, since a name of a sample ends at its first dot: name them"
                            + " without others",
                    source,
                    dots,
                    Excerpt.brief(dotted));
        }
        if (texts.isEmpty()) {
            classesOfFolders();
        } else {
            classesOfTexts();
        }
        trim();
    }

    private void read(Path shard) throws IOException {
        try (TarMembers members = new TarMembers(shard)) {
            while (members.next()) {
                Stopping.check();
                if (!Tree.hidden(shard, members.name())) {
                    take(shard, members);
                }
            }
            end();
            if (members.skipped() > 0) {
                LOG.warn("{}: {} links, devices or files with holes are ignored", shard, members.skipped());
            }
        }
    }

    private void take(Path shard, TarMembers member) throws IOException {
        String name = ImageTree.composed(member.name());
        int dot = name.indexOf('.', name.lastIndexOf('/') + 1);
        String stem = dot < 0 ? name : name.substring(0, dot);
        String ending = dot < 0 ? "" : name.substring(dot + 1).toLowerCase(Locale.ROOT);
        if (!stem.equals(key)) {
            end();
            key = stem;
        }
        if (ImageTree.ENDINGS.contains(ending)) {
            require(picture == null, shard, "has two pictures of one sample, %s and %s: leave one out", picture, name);
            picture = name;
            offset = member.offset();
            bytes = member.size();
        } else if (ending.equals("cls")) {
            require(text == null, shard, "has %s twice: leave one out", name);
            text = text(shard, name, member);
        } else if (ImageTree.ENDINGS.contains(ending.substring(ending.lastIndexOf('.') + 1))) {
            dotted = dots++ == 0 ? name : dotted;
            ignore(name);
        } else {
            ignore(name);
        }
    }

    private void ignore(String name) {
        other = others++ == 0 ? name : other;
    }

    private String text(Path shard, String name, TarMembers member) throws IOException {
        require(
                member.size() <= 4 * MOST_LETTERS + 2,
                shard,
                "has %s of %,d bytes: a class is a number or a name of %d letters",
                name,
                member.size(),
                MOST_LETTERS);
        String said =
                Normalizer.normalize(new String(member.bytes(), StandardCharsets.UTF_8).strip(), Normalizer.Form.NFC);
        require(
                !said.isEmpty() && said.length() <= MOST_LETTERS && said.chars().noneMatch(Character::isISOControl),
                shard,
                "has %s that says '%s': a class is a number or a name of 1 to %d letters on one line",
                name,
                said,
                MOST_LETTERS);
        return said;
    }

    /** The sample is whole. */
    private void end() {
        if (picture == null && text != null) {
            ignore(key + ".cls, which has no picture before or behind it");
        }
        if (picture != null) {
            add();
        }
        key = null;
        picture = null;
        text = null;
    }

    private void add() {
        if (size == offsets.length) {
            int more = size * 3 / 2;
            offsets = Arrays.copyOf(offsets, more);
            sizes = Arrays.copyOf(sizes, more);
            labels = Arrays.copyOf(labels, more);
            places = Arrays.copyOf(places, more);
        }
        names.add(picture);
        offsets[size] = offset;
        sizes[size] = (int) Math.min(Integer.MAX_VALUE, bytes);
        labels[size] = text == null ? -1 : number(texts, text, MOST_CLASSES, "classes");
        places[size] = number(folders, picture.substring(0, picture.lastIndexOf('/') + 1), MOST_FOLDERS, "folders");
        fingerprint.add(picture, bytes);
        if (text == null) {
            unlabelled = size;
        } else {
            fingerprint.add(text, -1);
        }
        size++;
    }

    private int number(Map<String, Integer> numbers, String name, int most, String what) {
        if (numbers.size() >= most && !numbers.containsKey(name)) {
            throw new DataException(
                    Phrase.of("%s has more than %,d %s: pack it with fewer").with(source, most, what));
        }
        return numbers.computeIfAbsent(name, each -> numbers.size());
    }

    private void classesOfFolders() {
        String[] files = new String[folders.size()]; // the first of each
        for (int i = size - 1; i >= 0; i--) {
            files[places[i]] = names.get(i);
        }
        Folders found = Folders.of(
                source,
                inside -> inside + ", packed by itself",
                Arrays.stream(files).sorted().toList());
        classNames = found.classNames();
        int[] classes = Arrays.stream(files).mapToInt(found::label).toArray();
        for (int i = 0; i < size; i++) {
            labels[i] = classes[places[i]];
        }
    }

    private void classesOfTexts() {
        if (unlabelled >= 0) {
            throw new DataException(Phrase.of(
                            "%s has a .cls for some pictures and none beside %s: either all or none have one, and files of a"
                                    + " sample lie one behind the other, as tar --sort=name packs them")
                    .with(source, Excerpt.brief(names.get(unlabelled))));
        }
        boolean numbers = texts.keySet().stream().allMatch(each -> each.matches("\\d{1,9}"));
        if (numbers) {
            int highest =
                    texts.keySet().stream().mapToInt(Integer::parseInt).max().getAsInt();
            if (highest >= MOST_CLASSES) {
                throw new DataException(Phrase.of("%s has the class %d: a number must be below %,d; give names instead")
                        .with(source, highest, MOST_CLASSES));
            }
            classNames = new Numbers(highest + 1);
        } else {
            classNames = Folders.sorted(new TreeSet<>(texts.keySet()));
        }
        Map<String, Integer> byName = new HashMap<>();
        if (!numbers) {
            classNames.forEach(each -> byName.put(each, byName.size()));
        }
        int[] classes = new int[texts.size()];
        texts.forEach((said, number) -> classes[number] = numbers ? Integer.parseInt(said) : byName.get(said));
        for (int i = 0; i < size; i++) {
            labels[i] = classes[labels[i]];
        }
    }

    /** Classes that have no names but their numbers, of which a tar of one picture may have a million. */
    private static final class Numbers extends AbstractList<String> {
        private final int count;

        Numbers(int count) {
            this.count = count;
        }

        @Override
        public String get(int index) {
            return Integer.toString(Objects.checkIndex(index, count));
        }

        @Override
        public int size() {
            return count;
        }
    }

    /** Of two names with one hash, those that are truly one: samples whose files lie apart, or were packed twice. */
    private void refuseDuplicates(Path shard, int from) {
        long[] hashes = new long[size - from];
        for (int i = 0; i < hashes.length; i++) {
            hashes[i] = hash(stem(names.get(from + i)));
        }
        long[] sorted = hashes.clone();
        Arrays.sort(sorted);
        Set<Long> repeated = new HashSet<>();
        for (int i = 1; i < sorted.length; i++) {
            if (sorted[i] == sorted[i - 1]) {
                repeated.add(sorted[i]);
            }
        }
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < hashes.length && !repeated.isEmpty(); i++) {
            if (repeated.contains(hashes[i])) {
                Stopping.check();
                String name = names.get(from + i);
                require(seen.add(stem(name)), shard, "has %s twice: a shard names each sample once", name);
            }
        }
    }

    private static String stem(String name) {
        return name.substring(0, name.indexOf('.', name.lastIndexOf('/') + 1));
    }

    /** FNV-1a of 64 bits. */
    private static long hash(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
        }
        return hash;
    }

    private static void require(boolean kept, Path shard, String rule, Object... values) {
        if (!kept) {
            Object[] brief = Arrays.stream(values)
                    .map(each -> each instanceof String text ? Excerpt.brief(text) : each)
                    .toArray();
            throw new DataException(shard + " " + Phrase.of(rule).with(brief));
        }
    }

    private void trim() {
        names.trim();
        offsets = Arrays.copyOf(offsets, size);
        sizes = Arrays.copyOf(sizes, size);
        labels = classNames.isEmpty() ? null : Arrays.copyOf(labels, size);
        places = null;
        texts.clear();
        folders.clear();
    }

    int size() {
        return size;
    }

    List<String> classNames() {
        return classNames;
    }

    int label(int index) {
        return labels == null ? -1 : labels[index];
    }

    String name(int index) {
        return names.get(index);
    }

    /** Which shard a picture lies in. */
    int shard(int index) {
        int low = 0;
        for (int high = ends.length - 1; low < high; ) {
            int middle = (low + high) >>> 1;
            if (ends[middle] <= index) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    long offset(int index) {
        return offsets[index];
    }

    /** Bytes of the file, or so many as no picture may have. */
    int bytes(int index) {
        return sizes[index];
    }

    String fingerprint() {
        return fingerprint.hex();
    }
}
