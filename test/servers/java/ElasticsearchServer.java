import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/** Runs one Elasticsearch node from its jars, without the distribution's launcher. Argument: the node's home. */
public final class ElasticsearchServer {
    public static void main(String[] arguments) throws Exception {
        String name = "node-1";
        Path home = Path.of(arguments[0]);
        LogConfigurator.configureESLogging();
        LogConfigurator.setNodeName(name);
        Settings settings = Settings.builder().put("path.home", home).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home.resolve("config"), () -> name);
        LogConfigurator.configure(environment, true);
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
            bundles("loadModulesBundles", environment, "modulesDir"),
            bundles("loadPluginsBundles", environment, "pluginsDir"),
            Map.of()
        );
        new Node(environment, plugins).start();
        new CountDownLatch(1).await();
    }

    /** Between versions 8 and 9 the loaders got a second parameter, and the environment's accessors lost "File". */
    @SuppressWarnings("unchecked")
    private static Set<PluginBundle> bundles(String loader, Environment environment, String folder) throws Exception {
        for (Method method : PluginsLoader.class.getMethods()) {
            if (!method.getName().equals(loader)) continue;
            Path path = folder(environment, folder);
            try {
                Object found = method.getParameterCount() == 1 ? method.invoke(null, path) : method.invoke(null, path, false);
                return (Set<PluginBundle>) found;
            } catch (InvocationTargetException e) {
                throw new IllegalStateException(loader + " failed for " + path, e.getCause());
            }
        }
        throw new IllegalStateException("this version of Elasticsearch has no " + loader);
    }

    private static Path folder(Environment environment, String accessor) throws ReflectiveOperationException {
        try {
            return (Path) Environment.class.getMethod(accessor).invoke(environment);
        } catch (NoSuchMethodException e) {
            return (Path) Environment.class.getMethod(accessor.replace("Dir", "File")).invoke(environment);
        }
    }
}
