<?php
// Counts in a session: php -d session.save_handler=memcached ... session.php ID TIMES MICROSECONDS
// Each time it opens the session, reads, waits, writes and closes, as a page request does.

declare(strict_types=1);

[, $id, $times, $microseconds] = $argv;
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');

for ($n = 0; $n < (int) $times; $n++) {
    session_id($id);
    if (!session_start()) {
        exit(1);
    }
    $count = $_SESSION['count'] ?? 0;
    usleep((int) $microseconds);
    $_SESSION['count'] = $count + 1;
    $_SESSION['filling'] = str_repeat('x', 5000);
    if (!session_write_close()) {
        exit(1);
    }
}
echo $_SESSION['count'] ?? 'nothing', "\n";
