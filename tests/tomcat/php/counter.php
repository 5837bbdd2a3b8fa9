<?php
// A web application in small, as CounterServlet.java. Each answer is one line: the counter of the
// session, or `none` if the user is not logged in.
//
// Of a session that could not be written PHP only warns: session_write_close() returns true. So
// warnings become errors here, as frameworks make them, and the user sees that it failed.

declare(strict_types=1);

ini_set('session.cache_limiter', '');
ini_set('display_errors', '0');

// A lock that could not be taken at once is tried again: that warning comes before a success.
const TRIED_AGAIN = 'Failed to write session lock';

set_error_handler(function (int $severity, string $message): bool {
    if (str_contains($message, TRIED_AGAIN)) {
        return true;
    }
    throw new ErrorException($message, 0, $severity);
});

function answer(string $action): string
{
    session_start();
    $logged_in = isset($_SESSION['counter']);
    if ($action === 'login') {
        if ($logged_in) {
            session_regenerate_id(true);
        }
        $_SESSION['counter'] ??= 0;
    } elseif (!$logged_in || $action === 'logout') {
        session_destroy();
        return 'none';
    } elseif ($action === 'count') {
        $_SESSION['counter']++;
        $_SESSION['filling'] = str_repeat('x', (int) $_GET['bytes']);
    }
    $counter = (string) $_SESSION['counter'];
    session_write_close();
    return $counter;
}

try {
    echo answer(basename(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH))), "\n";
} catch (Throwable $error) {
    error_log("failed: {$error->getMessage()}");
    http_response_code(503);
}
