package dev.smalti.studio;

import io.javalin.http.Context;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Set;

/** Who may call the server: whoever knows the token, and no page of another site. */
final class Guard {
    private static final String BEARER = "Bearer ";
    private static final Set<String> HERE = Set.of("localhost", "127.0.0.1", "::1", "[::1]");

    private final byte[] token; // null for none
    private final Set<String> open;
    private final boolean localNames;
    private final String own; // the name that it listens at

    /**
     * @param host that it listens at
     * @param token null for none, on a loopback address
     * @param open paths that need none
     */
    Guard(String host, String token, Set<String> open) {
        this.own = host.toLowerCase(Locale.ROOT);
        this.open = Set.copyOf(open);
        this.token = token == null ? null : token.getBytes(StandardCharsets.UTF_8);
        this.localNames = token == null;
    }

    /** @throws ApiException if this request may not be answered */
    void check(Context request) {
        String name = name(request.header("Host"));
        if (localNames && !HERE.contains(name) && !own.equals(name)) {
            // a name of another site may have been made to lead to this machine
            throw ApiException.forbidden("this server answers to localhost alone");
        }
        String origin = request.header("Origin");
        if (origin != null && !sameHost(origin, request.header("Host"))) {
            throw ApiException.forbidden("pages of other sites may not call this server");
        }
        if (token != null && !open.contains(request.path()) && !knows(request)) {
            throw ApiException.unauthorized("give the server's token as Authorization: Bearer TOKEN");
        }
    }

    private boolean knows(Context request) {
        String header = request.header("Authorization");
        if (header == null || !header.startsWith(BEARER)) {
            return false;
        }
        byte[] given = header.substring(BEARER.length()).strip().getBytes(StandardCharsets.UTF_8);
        return MessageDigest.isEqual(given, token);
    }

    private static boolean sameHost(String origin, String host) {
        try {
            String authority = URI.create(origin).getRawAuthority();
            return authority != null && authority.equalsIgnoreCase(host);
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** Without the port. */
    private static String name(String host) {
        if (host == null) {
            return "";
        }
        int port = host.lastIndexOf(':');
        boolean hasPort = port > host.lastIndexOf(']');
        return (hasPort ? host.substring(0, port) : host).toLowerCase(Locale.ROOT);
    }
}
