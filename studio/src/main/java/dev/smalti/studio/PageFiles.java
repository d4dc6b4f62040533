package dev.smalti.studio;

import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The files of the page, which are all in memory and known by name, so that a request never says what is read. */
final class PageFiles {
    private static final List<String> NAMES = List.of(
            "index.html",
            "style.css",
            "icon.svg",
            "app.js",
            "calls.js",
            "command.js",
            "draw.js",
            "edit.js",
            "elements.js",
            "runs.js",
            "tiles.js",
            "tokens.js");

    private final Map<String, Loaded> files = new LinkedHashMap<>(); // by path

    /** @param tag changes with the content */
    private record Loaded(byte[] content, String type, String tag) {}

    PageFiles() {
        for (String name : NAMES) {
            files.put(name.equals("index.html") ? "/" : "/page/" + name, load(name));
        }
    }

    private static Loaded load(String name) {
        try (InputStream stream = PageFiles.class.getResourceAsStream("page/" + name)) {
            if (stream == null) {
                throw new NoSuchFileException(name);
            }
            byte[] content = stream.readAllBytes();
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
            return new Loaded(content, type(name), '"' + HexFormat.of().formatHex(digest, 0, 12) + '"');
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String type(String name) {
        String kind = name.substring(name.lastIndexOf('.') + 1);
        return switch (kind) {
            case "html" -> "text/html; charset=utf-8";
            case "css" -> "text/css; charset=utf-8";
            case "js" -> "text/javascript; charset=utf-8";
            case "svg" -> "image/svg+xml";
            default -> throw new IllegalArgumentException(name);
        };
    }

    Set<String> paths() {
        return files.keySet();
    }

    void route(JavalinConfig config) {
        files.forEach((path, file) -> config.routes.get(path, request -> answer(request, file)));
    }

    private static void answer(Context request, Loaded file) {
        request.header("Cache-Control", "no-cache"); // asked for again each time, and sent where it is another
        request.header("ETag", file.tag());
        if (file.tag().equals(request.header("If-None-Match"))) {
            request.status(304);
            return;
        }
        request.contentType(file.type()).result(file.content());
    }
}
