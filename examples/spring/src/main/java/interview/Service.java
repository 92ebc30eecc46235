package interview;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

/** A service with the routes that a Spring Boot one has: /actuator/health for the edge, one of its own. */
public final class Service {
    /** Seconds that running requests get to end, once we are told to stop. */
    private static final int GRACE = 20;

    private Service() {}

    public static void main(String[] words) throws Exception {
        HttpServer server = start(Integer.parseInt(System.getenv().getOrDefault("SERVER_PORT", "8080")));
        CountDownLatch told = new CountDownLatch(1);
        Thread ours = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            told.countDown();
            // The hook must last as long as the requests: the machine halts when it returns.
            try {
                ours.join(GRACE * 1000L);
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        }));
        System.out.println("listening on port " + server.getAddress().getPort());
        told.await();
        server.stop(GRACE);
    }

    /** A server on a port; 0 takes a free one. */
    static HttpServer start(int port) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        Map<String, String> answers = Map.of(
            "/actuator/health", "{\"status\":\"UP\"}",
            "/api/version", "{\"version\":\"" + version() + "\"}");
        server.createContext("/", exchange -> answer(exchange, answers.get(exchange.getRequestURI().getPath())));
        server.start();
        return server;
    }

    static String version() {
        String found = Service.class.getPackage().getImplementationVersion();
        return found == null ? "unknown" : found;
    }

    private static void answer(HttpExchange exchange, String body) throws IOException {
        int status = body == null ? 404 : 200;
        byte[] bytes = (body == null ? "{\"error\":\"not found\"}" : body).getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }
}
