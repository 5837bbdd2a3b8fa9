// spymemcached, the client of Tomcat's memcached-session-manager:
// java -cp 'target/dependency/*' Checks.java HOST:PORT text|binary

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import net.spy.memcached.AddrUtil;
import net.spy.memcached.CASMutation;
import net.spy.memcached.CASMutator;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.ConnectionFactoryBuilder;
import net.spy.memcached.FailureMode;
import net.spy.memcached.MemcachedClient;
import net.spy.memcached.transcoders.SerializingTranscoder;

final class Checks {
    private final String address;
    private final ConnectionFactoryBuilder.Protocol protocol;
    private final MemcachedClient client;
    private final Map<String, Check> checks = new LinkedHashMap<>();

    private interface Check {
        void run() throws Exception;
    }

    public static void main(String[] words) throws Exception {
        System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
        Logger.getLogger("net.spy.memcached").setLevel(Level.SEVERE);
        new Checks(words[0], words[1]).runAll();
        System.exit(0);
    }

    private Checks(String address, String protocol) throws Exception {
        this.address = address;
        this.protocol = protocol.equals("binary")
            ? ConnectionFactoryBuilder.Protocol.BINARY
            : ConnectionFactoryBuilder.Protocol.TEXT;
        client = connect();
        checks.put("set_and_get", this::setAndGet);
        checks.put("add_and_replace", this::addAndReplace);
        checks.put("append_and_prepend", this::appendAndPrepend);
        checks.put("counters", this::counters);
        checks.put("delete_and_flush", this::deleteAndFlush);
        checks.put("multi_get", this::multiGet);
        checks.put("pipelined", this::pipelined);
        checks.put("cas", this::cas);
        checks.put("cas_loops", this::casLoops);
        checks.put("large_values", this::largeValues);
        checks.put("expiry", this::expiry);
        checks.put("get_and_touch", this::getAndTouch);
        checks.put("statistics", this::statistics);
        checks.put("a_restart", this::aRestart);
    }

    private MemcachedClient connect() throws Exception {
        SerializingTranscoder plain = new SerializingTranscoder();
        plain.setCompressionThreshold(Integer.MAX_VALUE);
        return new MemcachedClient(
            new ConnectionFactoryBuilder()
                .setProtocol(protocol)
                .setOpTimeout(3000)
                .setMaxReconnectDelay(1)
                .setFailureMode(FailureMode.Redistribute)
                .setTranscoder(plain)
                .build(),
            AddrUtil.getAddresses(address));
    }

    private void runAll() {
        checks.forEach((name, check) -> {
            try {
                check.run();
                System.out.println("ok " + name);
            } catch (Throwable failure) {
                String reason = failure.toString().replace('\n', '|');
                System.out.println("not ok " + name + ": " + reason);
            }
        });
    }

    private void setAndGet() throws Exception {
        truth(client.set("key", 0, "value"));
        same("value", client.get("key"));
        same(null, client.get("nothing"));
        for (Object value : List.of("", 7, 7L, true, 1.5, new ArrayList<>(List.of("a", "b")))) {
            truth(client.set("typed", 0, value));
            same(value, client.get("typed"));
        }
    }

    private void addAndReplace() throws Exception {
        truth(client.add("new", 0, "first"));
        lie(client.add("new", 0, "second"));
        truth(client.replace("new", 0, "third"));
        lie(client.replace("void", 0, "x"));
        same("third", client.get("new"));
    }

    private void appendAndPrepend() throws Exception {
        client.set("extended", 0, "middle").get();
        truth(client.append("extended", "-end"));
        truth(client.prepend("extended", "start-"));
        lie(client.append("void", "x"));
        same("start-middle-end", client.get("extended"));
    }

    private void counters() throws Exception {
        client.set("count", 0, "10").get();
        same(15L, client.incr("count", 5));
        same(9L, client.decr("count", 6));
        same(0L, client.decr("count", 100));
        same(-1L, client.incr("void", 1));
        same(42L, client.incr("created", 1, 42, 100));
        same(43L, client.incr("created", 1, 42, 100));
    }

    private void deleteAndFlush() throws Exception {
        client.set("deleted", 0, "x").get();
        truth(client.delete("deleted"));
        lie(client.delete("deleted"));
        client.set("flushed", 0, "x").get();
        truth(client.flush());
        same(null, client.get("flushed"));
    }

    private void multiGet() throws Exception {
        Map<String, Object> values = new HashMap<>();
        for (int n = 0; n < 500; n++) {
            values.put("many" + n, "value of " + n);
        }
        for (Map.Entry<String, Object> entry : values.entrySet()) {
            truth(client.set(entry.getKey(), 0, entry.getValue()));
        }
        HashSet<String> wanted = new HashSet<>(values.keySet());
        wanted.add("nothing");
        same(values, client.getBulk(wanted));
    }

    private void pipelined() throws Exception {
        List<Future<Boolean>> stored = new ArrayList<>();
        List<Future<Object>> found = new ArrayList<>();
        for (int n = 0; n < 5000; n++) {
            stored.add(client.set("piped" + n % 700, 100, n));
            found.add(client.asyncGet("piped" + n % 700));
        }
        for (int n = 0; n < 5000; n++) {
            same(true, stored.get(n).get(3, TimeUnit.SECONDS));
            same(n, found.get(n).get(3, TimeUnit.SECONDS));
        }
    }

    private void cas() throws Exception {
        client.set("key", 0, "1").get();
        CASValue<Object> read = client.gets("key");
        client.set("key", 0, "2").get();
        same(CASResponse.EXISTS, client.cas("key", read.getCas(), "3"));
        same(CASResponse.OK, client.cas("key", client.gets("key").getCas(), "3"));
        same(CASResponse.NOT_FOUND, client.cas("void", read.getCas(), "x"));
        same("3", client.get("key"));
    }

    private void casLoops() throws Exception {
        client.set("total", 0, 0).get();
        List<Thread> threads = new ArrayList<>();
        List<Exception> failures = new ArrayList<>();
        CASMutation<Object> more = total -> (Integer) total + 1;
        for (int thread = 0; thread < 4; thread++) {
            MemcachedClient mine = connect();
            threads.add(new Thread(() -> {
                CASMutator<Object> mutator = new CASMutator<>(mine, mine.getTranscoder(), 8192);
                try {
                    for (int n = 0; n < 25; n++) {
                        mutator.cas("total", null, 0, more);
                    }
                } catch (Exception failure) {
                    failures.add(failure);
                }
                mine.shutdown();
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        same(List.of(), failures);
        same(100, client.get("total"));
    }

    private void largeValues() throws Exception {
        Random random = new Random(1);
        for (int size : new int[] {1023, 65537, 524288, 1048276}) {
            byte[] value = new byte[size];
            random.nextBytes(value);
            truth(client.set("large", 0, value));
            same(true, Arrays.equals(value, (byte[]) client.get("large")));
        }
    }

    private void expiry() throws Exception {
        client.set("short", 2, "x").get();
        client.set("long", 2, "x").get();
        truth(client.touch("long", 100));
        same("x", client.get("short"));
        eventually(() -> client.get("short") == null, "the value is gone");
        same("x", client.get("long"));
    }

    private void getAndTouch() throws Exception {
        if (protocol == ConnectionFactoryBuilder.Protocol.TEXT) {
            return; // It sends this in the binary protocol only.
        }
        client.set("touched", 2, "x").get();
        same("x", client.getAndTouch("touched", 100).getValue());
        same(null, client.getAndTouch("void", 100));
    }

    private void statistics() {
        Map<String, String> found = client.getStats().values().iterator().next();
        same(true, Integer.parseInt(found.get("curr_items")) > 0);
        same(true, found.get("version").matches("\\d+\\.\\d+\\.\\d+.*"));
        same("1024", client.getStats("settings").values().iterator().next().get("maxconns"));
        same(true, client.getVersions().values().iterator().next().matches("\\d+\\.\\d+\\.\\d+.*"));
    }

    private void aRestart() throws Exception {
        truth(client.set("key", 0, "before"));
        System.out.println("restart");
        same("restarted", new BufferedReader(new InputStreamReader(System.in)).readLine());
        eventually(() -> client.set("key", 0, "after").get(1, TimeUnit.SECONDS), "it works again");
        same("after", client.get("key"));
        same(null, client.get("long"));
    }

    private static void eventually(Callable<Boolean> attempt, String what) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        for (;;) {
            try {
                if (attempt.call()) {
                    return;
                }
            } catch (Exception failure) {
                System.err.println(failure);
            }
            if (System.nanoTime() > end) {
                throw new AssertionError("not within 10 s: " + what);
            }
            Thread.sleep(50);
        }
    }

    private static void truth(Future<Boolean> answer) throws Exception {
        same(true, answer.get(3, TimeUnit.SECONDS));
    }

    private static void lie(Future<Boolean> answer) throws Exception {
        same(false, answer.get(3, TimeUnit.SECONDS));
    }

    private static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }
}
