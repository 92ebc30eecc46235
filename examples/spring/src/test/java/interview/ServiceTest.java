package interview;

import com.sun.net.httpserver.HttpServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** Its own runner, since JUnit cannot be fetched where Gradle's registries cannot be reached. */
public final class ServiceTest {
    private ServiceTest() {}

    public static void main(String[] words) throws Exception {
        HttpServer server = Service.start(0);
        try {
            URI health = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/actuator/health");
            var answer = HttpClient.newHttpClient().send(HttpRequest.newBuilder(health).build(), BodyHandlers.ofString());
            if (answer.statusCode() != 200 || !answer.body().contains("UP")) {
                throw new AssertionError(answer.statusCode() + " " + answer.body());
            }
        } finally {
            server.stop(0);
        }
        System.out.println("ServiceTest: 1 test passed");
        System.exit(0);
    }
}
