package dev.smalti.studio;

/** An error in the form that image clients know: a status, a type, and what is said of it. */
final class ApiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String type;
    private final String parameter; // null for none
    private final String code; // null for none
    private final int retryAfter; // seconds; 0 for none

    private ApiException(int status, String type, String message, String parameter, String code, int retryAfter) {
        super(message);
        this.status = status;
        this.type = type;
        this.parameter = parameter;
        this.code = code;
        this.retryAfter = retryAfter;
    }

    /** 400 */
    static ApiException bad(String parameter, String message) {
        return new ApiException(400, "invalid_request_error", message, parameter, "invalid_value", 0);
    }

    /** 401 */
    static ApiException unauthorized(String message) {
        return new ApiException(401, "invalid_request_error", message, null, "invalid_api_key", 0);
    }

    /** 403 */
    static ApiException forbidden(String message) {
        return new ApiException(403, "invalid_request_error", message, null, "forbidden", 0);
    }

    /** 404 of a model or a path */
    static ApiException unknown(String parameter, String code, String message) {
        return new ApiException(404, "invalid_request_error", message, parameter, code, 0);
    }

    /** 405 */
    static ApiException notAllowed(String message) {
        return new ApiException(405, "invalid_request_error", message, null, "method_not_allowed", 0);
    }

    /** Of any status below 500. */
    static ApiException of(int status, String message) {
        return new ApiException(status, "invalid_request_error", message, null, "invalid_request", 0);
    }

    /** 413 */
    static ApiException tooLarge(String message) {
        return new ApiException(413, "invalid_request_error", message, null, "request_too_large", 0);
    }

    /** 415 */
    static ApiException unsupported(String message) {
        return new ApiException(415, "invalid_request_error", message, null, "unsupported_media_type", 0);
    }

    /** 429 @param seconds after which there may be room */
    static ApiException busy(String message, int seconds) {
        return new ApiException(429, "rate_limit_error", message, null, "queue_full", Math.max(1, seconds));
    }

    /** 503 */
    static ApiException closing() {
        return new ApiException(503, "server_error", "the server is closing down", null, "closing", 5);
    }

    /** 504 */
    static ApiException late() {
        return new ApiException(
                504,
                "server_error",
                "the images were not there before the deadline; ask for fewer, or for fewer steps",
                null,
                "deadline_exceeded",
                0);
    }

    /** 500, which says nothing of what is inside. */
    static ApiException internal() {
        return new ApiException(500, "server_error", "the server failed to answer; its log says why", null, null, 0);
    }

    int status() {
        return status;
    }

    String type() {
        return type;
    }

    String parameter() {
        return parameter;
    }

    String code() {
        return code;
    }

    int retryAfter() {
        return retryAfter;
    }
}
