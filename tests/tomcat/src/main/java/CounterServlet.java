import java.io.IOException;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import javax.servlet.http.HttpSession;

/**
 * A web application in small. Each answer is one line: the counter of the session, or `none` if
 * the user is not logged in.
 *
 * /login begins a session with the counter 0, and gives an existing one a new id, as a login
 * does against session fixation; /count?bytes=N counts, and keeps a value of N bytes beside the
 * counter; /read only looks; /logout invalidates the session.
 */
public final class CounterServlet extends HttpServlet {
    private static final long serialVersionUID = 1L;
    private static final String COUNTER = "counter";
    private static final String FILLING = "filling";
    private static final String LOGGED_IN = "logged in";

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        response.setContentType("text/plain");
        response.getWriter().println(answer(request));
    }

    private static String answer(HttpServletRequest request) {
        HttpSession session = request.getSession(false);
        if (request.getPathInfo().equals("/login")) {
            return login(request, session);
        }
        if (session == null || session.getAttribute(COUNTER) == null) {
            return "none";
        }
        switch (request.getPathInfo()) {
            case "/count":
                return count(session, Integer.parseInt(request.getParameter("bytes")));
            case "/read":
                return session.getAttribute(COUNTER).toString();
            case "/logout":
                session.invalidate();
                return "none";
            default:
                throw new IllegalArgumentException(request.getPathInfo());
        }
    }

    private static String login(HttpServletRequest request, HttpSession session) {
        if (session == null) {
            request.getSession(true).setAttribute(COUNTER, 0);
            return "0";
        }
        request.changeSessionId();
        // A login leaves something in the session. MSM relies on that: it does not notice a new id.
        session.setAttribute(LOGGED_IN, System.nanoTime());
        return session.getAttribute(COUNTER).toString();
    }

    /** Requests of one session may come together; in one process they take turns here. */
    private static String count(HttpSession session, int bytes) {
        synchronized (session.getId().intern()) {
            Integer counter = (Integer) session.getAttribute(COUNTER) + 1;
            session.setAttribute(COUNTER, counter);
            session.setAttribute(FILLING, new byte[bytes]);
            return counter.toString();
        }
    }
}
