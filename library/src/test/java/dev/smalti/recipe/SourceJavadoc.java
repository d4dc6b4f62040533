package dev.smalti.recipe;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.DocTree;
import com.sun.source.doctree.EndElementTree;
import com.sun.source.doctree.EntityTree;
import com.sun.source.doctree.LinkTree;
import com.sun.source.doctree.LiteralTree;
import com.sun.source.doctree.ParamTree;
import com.sun.source.doctree.StartElementTree;
import com.sun.source.doctree.TextTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** The Javadoc of classes and of the constants of enums, read from their sources by the JDK's own parser, as Markdown. */
final class SourceJavadoc {
    /** @param parameters what is said of each {@code @param} */
    record Comment(String text, Map<String, String> parameters) {
        static final Comment NONE = new Comment("", Map.of());
    }

    private final Path sources;
    private final Map<String, DocCommentTree> comments = new HashMap<>();
    private final Set<Path> read = new HashSet<>();

    /** @param sources the folder that holds the folders of the packages */
    SourceJavadoc(Path sources) {
        this.sources = sources;
    }

    /** What stands above a class; {@link Comment#NONE} if nothing does. */
    Comment of(Class<?> type) {
        Class<?> top = type;
        while (top.getEnclosingClass() != null) {
            top = top.getEnclosingClass();
        }
        Path file = sources.resolve(top.getName().replace('.', '/') + ".java");
        if (read.add(file)) {
            parse(file);
        }
        return comment(type.getCanonicalName());
    }

    /** What stands above a constant; an empty text if nothing does. */
    String of(Enum<?> constant) {
        of(constant.getDeclaringClass());
        return comment(constant.getDeclaringClass().getCanonicalName() + "." + constant.name())
                .text();
    }

    private Comment comment(String name) {
        DocCommentTree comment = comments.get(name);
        if (comment == null) {
            return Comment.NONE;
        }
        Map<String, String> parameters = new LinkedHashMap<>();
        for (DocTree tag : comment.getBlockTags()) {
            if (tag instanceof ParamTree parameter) {
                parameters.put(parameter.getName().toString(), markdown(parameter.getDescription()));
            }
        }
        return new Comment(markdown(firstParagraph(comment.getFullBody())), parameters);
    }

    /** What is meant for those who write Java stands in further ones. */
    private static List<? extends DocTree> firstParagraph(List<? extends DocTree> body) {
        return body.stream()
                .takeWhile(part -> !(part instanceof StartElementTree element)
                        || !element.getName().contentEquals("p"))
                .toList();
    }

    private void parse(Path file) {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, Locale.ROOT, null)) {
            JavacTask task = (JavacTask) compiler.getTask(
                    null, files, null, List.of("-proc:none"), null, files.getJavaFileObjects(file.toFile()));
            DocTrees trees = DocTrees.instance(task);
            for (CompilationUnitTree unit : task.parse()) {
                new Reader(trees, unit.getPackageName().toString()).scan(unit, null);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private final class Reader extends TreePathScanner<Void, Void> {
        private final DocTrees trees;
        private final Deque<String> names = new ArrayDeque<>();

        Reader(DocTrees trees, String packageName) {
            this.trees = trees;
            names.push(packageName);
        }

        @Override
        public Void visitClass(ClassTree node, Void nothing) {
            names.push(names.peek() + "." + node.getSimpleName());
            keep(names.peek());
            super.visitClass(node, nothing);
            names.pop();
            return null;
        }

        @Override
        public Void visitVariable(VariableTree node, Void nothing) {
            keep(names.peek() + "." + node.getName());
            return null;
        }

        private void keep(String name) {
            DocCommentTree comment = trees.getDocCommentTree(getCurrentPath());
            if (comment != null) {
                comments.put(name, comment);
            }
        }
    }

    private static String markdown(List<? extends DocTree> parts) {
        StringBuilder text = new StringBuilder();
        parts.forEach(part -> text.append(markdown(part)));
        return text.toString().replaceAll("\\s+", " ").strip();
    }

    private static String markdown(DocTree part) {
        if (part instanceof TextTree text) {
            return text.getBody();
        }
        if (part instanceof LiteralTree literal) {
            String body = literal.getBody().getBody();
            return literal.getKind() == DocTree.Kind.CODE ? '`' + body + '`' : body;
        }
        if (part instanceof LinkTree link) {
            return link.getLabel().isEmpty() ? linked(link.getReference().getSignature()) : markdown(link.getLabel());
        }
        if (part instanceof StartElementTree element) {
            return tag(element.getName().toString());
        }
        if (part instanceof EndElementTree element) {
            return tag(element.getName().toString());
        }
        if (part instanceof EntityTree entity) {
            return switch (entity.getName().toString()) {
                case "lt" -> "<";
                case "gt" -> ">";
                case "amp" -> "&";
                default -> throw new IllegalArgumentException("write the letter itself instead of " + entity);
            };
        }
        throw new IllegalArgumentException("the page of recipes can't show " + part);
    }

    /** A constant under the name that recipes give it, a key under its own, or else the name of the class. */
    private static String linked(String signature) {
        String member = signature.substring(signature.indexOf('#') + 1);
        if (member.equals(member.toUpperCase(Locale.ROOT))) {
            return '`' + member.toLowerCase(Locale.ROOT) + '`';
        }
        if (signature.startsWith("#")) {
            return '`' + Field.key(member) + '`';
        }
        return '`' + signature.replace('#', '.') + '`';
    }

    private static String tag(String name) {
        return switch (name) {
            case "i", "em" -> "*";
            case "b", "strong" -> "**";
            default -> throw new IllegalArgumentException("the page of recipes can't show <" + name + ">");
        };
    }
}
