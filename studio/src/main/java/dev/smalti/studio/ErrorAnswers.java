package dev.smalti.studio;

import java.nio.ByteBuffer;
import java.util.Map;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;

/** The same form of error for what the web server refuses before any of our code sees it, such as a request that is no HTTP. */
final class ErrorAnswers extends ErrorHandler {
    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        int status = response.getStatus() < 400 ? 500 : response.getStatus();
        response.setStatus(status);
        ApiException problem = status >= 500
                ? ApiException.internal()
                : ApiException.of(status, "the request cannot be read: " + HttpStatus.getMessage(status));
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
        response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
        byte[] body = Answers.bytes(Map.of("error", Answers.facts(problem)));
        response.write(true, ByteBuffer.wrap(body), callback);
        return true;
    }
}
