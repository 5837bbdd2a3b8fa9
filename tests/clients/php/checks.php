<?php
// Runs named checks and tells the test of them, one line each (program.py reads them).

declare(strict_types=1);

function same(mixed $expected, mixed $found): void
{
    if ($expected !== $found) {
        throw new Exception('expected ' . shown($expected) . ', found ' . shown($found));
    }
}

function shown(mixed $value): string
{
    return substr(json_encode($value, JSON_INVALID_UTF8_SUBSTITUTE) ?: 'something', 0, 300);
}

/** Calls `$attempt` until it gives something true. */
function eventually(callable $attempt, string $what): void
{
    $end = microtime(true) + 8;
    while (!$attempt()) {
        if (microtime(true) > $end) {
            throw new Exception("not within 8 s: $what");
        }
        usleep(50_000);
    }
}

/** Has the test restart the server; returns when it runs again. */
function restart(): void
{
    echo "restart\n";
    same("restarted\n", fgets(STDIN));
}

/** @param array<string, callable> $checks */
function run(array $checks): void
{
    foreach ($checks as $name => $check) {
        try {
            $check();
            echo "ok $name\n";
        } catch (Throwable $failure) {
            echo "not ok $name: ", str_replace("\n", ' | ', $failure->getMessage()), "\n";
        }
    }
}
