import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.servlet.annotation.WebServlet;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import javax.servlet.http.HttpSession;

/**
 * The demo page: a session with a name and a counter, which Tomcat served it, and which host holds
 * the virtual address. `/?text` prints the same as `name value` lines. STORE is the virtual address
 * with its port.
 */
@WebServlet("")
public final class Demo extends HttpServlet {
    private static final int STORE_MILLISECONDS = 2000;

    /** Logging in: any name will do. */
    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        request.setCharacterEncoding("UTF-8");
        HttpSession session = request.getSession();
        session.setAttribute("user", request.getParameter("user"));
        session.setAttribute("counter", 0);
        if (request.getParameter("text") != null) {
            doGet(request, response);
        } else {
            response.sendRedirect(request.getContextPath() + "/");
        }
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        response.setHeader("Cache-Control", "no-store");
        response.setCharacterEncoding("UTF-8");
        HttpSession session = request.getSession(false);
        Map<String, String> facts = new LinkedHashMap<>();
        if (session != null && session.getAttribute("user") != null) {
            int counter = (Integer) session.getAttribute("counter") + 1;
            session.setAttribute("counter", counter);
            facts.put("user", (String) session.getAttribute("user"));
            facts.put("counter", Integer.toString(counter));
            facts.put("session", session.getId());
        }
        facts.put("tomcat", System.getenv("HOSTNAME"));
        facts.put("store", storeAddress());
        if (request.getParameter("text") != null) {
            writeLines(response, facts);
        } else {
            writePage(response, facts);
        }
    }

    /** The own address of the host that answers at the virtual one. */
    private static String storeAddress() {
        String[] store = System.getenv("STORE").split(":");
        try (Socket socket = new Socket()) {
            socket.setSoTimeout(STORE_MILLISECONDS);
            socket.connect(
                    new InetSocketAddress(store[0], Integer.parseInt(store[1])),
                    STORE_MILLISECONDS);
            socket.getOutputStream().write("stats vrrp\r\n".getBytes(StandardCharsets.US_ASCII));
            BufferedReader answer = new BufferedReader(
                    new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
            for (String line = answer.readLine(); line != null; line = answer.readLine()) {
                if (line.startsWith("STAT address ")) {
                    return line.substring("STAT address ".length());
                }
                if (!line.startsWith("STAT ")) {
                    break;
                }
            }
            return "unknown";
        } catch (IOException failure) {
            return "none (" + failure.getMessage() + ")";
        }
    }

    private static void writeLines(HttpServletResponse response, Map<String, String> facts)
            throws IOException {
        response.setContentType("text/plain");
        PrintWriter out = response.getWriter();
        facts.forEach((name, value) -> out.println(name + " " + value));
    }

    private static void writePage(HttpServletResponse response, Map<String, String> facts)
            throws IOException {
        response.setContentType("text/html");
        PrintWriter out = response.getWriter();
        out.println("<!doctype html><html lang=\"en\"><title>twincached</title>");
        out.println("<style>body{font:1.2em sans-serif;margin:3em}th{text-align:left;"
                + "padding-right:2em}td{font-family:monospace}</style>");
        out.println("<h1>A session that survives</h1><table>");
        facts.forEach((name, value) ->
                out.println("<tr><th>" + name + "<td>" + escaped(value) + "</tr>"));
        out.println("</table>");
        if (facts.containsKey("user")) {
            out.println("<p><a href=\"\">count on</a>");
        } else {
            out.println("<form method=\"post\"><p><input name=\"user\" value=\"alice\">"
                    + "<button>log in</button></form>");
        }
        out.println("</html>");
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;");
    }
}
