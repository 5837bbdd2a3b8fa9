import java.io.File;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Constants;
import org.apache.catalina.startup.ContextConfig;
import org.apache.catalina.startup.Tomcat;

/**
 * One Tomcat process: `Server WORK (PORT ROUTE CONTEXTS)...`.
 *
 * Each PORT has an engine with a ROUTE (a jvmRoute, or `-` for none, which MSM wants for sessions
 * that are not sticky) and one application for each file of the directory CONTEXTS: `name.xml`, as
 * a META-INF/context.xml, is the application /name. They all have the same servlet.
 */
public final class Server {
    private static final int SESSION_MINUTES = 30;

    private Server() {}

    public static void main(String[] arguments) throws Exception {
        String work = arguments[0];
        Tomcat last = null;
        for (int at = 1; at < arguments.length; at += 3) {
            int port = Integer.parseInt(arguments[at]);
            last = start(new File(work, arguments[at]), port, arguments[at + 1], arguments[at + 2]);
        }
        System.out.println("ready");
        last.getServer().await();
    }

    private static Tomcat start(File work, int port, String route, String contexts)
            throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(work.getPath());
        tomcat.setPort(port);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getEngine().setName("Tomcat-" + port);
        if (!route.equals("-")) {
            tomcat.getEngine().setJvmRoute(route);
        }
        for (File file : new File(contexts).listFiles()) {
            deploy(tomcat, file, work);
        }
        tomcat.start();
        requireStarted(tomcat);
        return tomcat;
    }

    private static void deploy(Tomcat tomcat, File file, File work) throws Exception {
        String name = file.getName().replace(".xml", "");
        File documents = new File(work, name);
        documents.mkdirs();
        StandardContext context = new StandardContext();
        context.setDocBase(documents.getAbsolutePath());
        context.setName("/" + name);
        context.setPath("/" + name);
        context.setConfigFile(file.toURI().toURL());
        context.setSessionTimeout(SESSION_MINUTES);
        ContextConfig configuration = new ContextConfig();
        configuration.setDefaultWebXml(Constants.NoDefaultWebXml);
        context.addLifecycleListener(configuration);
        Tomcat.addServlet(context, "counter", new CounterServlet());
        context.addServletMappingDecoded("/*", "counter");
        tomcat.getHost().addChild(context);
    }

    /** An application that cannot start leaves Tomcat running without it. */
    private static void requireStarted(Tomcat tomcat) throws LifecycleException {
        for (org.apache.catalina.Container context : tomcat.getHost().findChildren()) {
            if (!context.getState().isAvailable()) {
                throw new LifecycleException(context.getName() + " did not start");
            }
        }
    }
}
