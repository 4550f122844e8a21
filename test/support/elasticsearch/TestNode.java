import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.KeyStoreWrapper;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node in this process, without the launcher of the
 * distribution, which is not published as a jar.
 *
 *     java -cp CLASSPATH TestNode HOME CONFIG    password of `elastic` in ELASTIC_PASSWORD
 */
public final class TestNode {
    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]).toAbsolutePath();
        Path config = Path.of(arguments[1]).toAbsolutePath();
        System.setProperty("es.path.home", home.toString());
        LogConfigurator.registerErrorListener();
        LogConfigurator.configureESLogging();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings(home, config), Map.of(), config, () -> "test");
        LogConfigurator.configure(environment, true);
        Node node = new Node(environment, plugins(environment));
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception error) {
                error.printStackTrace();
            }
            ended.countDown();
        }));
        node.start();
        ended.await();
    }

    private static Settings settings(Path home, Path config) throws Exception {
        // The password of `elastic` is a secure setting: it cannot stand in elasticsearch.yml.
        KeyStoreWrapper secure = KeyStoreWrapper.create();
        secure.setString("bootstrap.password", System.getenv("ELASTIC_PASSWORD").toCharArray());
        secure.save(config, new char[0]);
        return Settings.builder().put("path.home", home.toString()).setSecureSettings(secure).build();
    }

    private static PluginsLoader plugins(Environment environment) throws Exception {
        return PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(environment.modulesDir()),
            PluginsLoader.loadPluginsBundles(environment.pluginsDir()),
            Map.of(),
            false);
    }
}
