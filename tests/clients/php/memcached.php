<?php
// PHP's memcached extension, which is libmemcached: php memcached.php HOST:PORT text|binary

declare(strict_types=1);

require __DIR__ . '/checks.php';

[, $address, $protocol] = $argv;

function connect(): Memcached
{
    global $address, $protocol;
    [$host, $port] = explode(':', $address);
    $client = new Memcached();
    $client->setOption(Memcached::OPT_BINARY_PROTOCOL, $protocol === 'binary');
    $client->setOption(Memcached::OPT_TCP_NODELAY, true);
    $client->setOption(Memcached::OPT_COMPRESSION, false);
    $client->setOption(Memcached::OPT_RETRY_TIMEOUT, 1);
    $client->addServer($host, (int) $port);
    return $client;
}

$client = connect();

run([
    'set_and_get' => function () use ($client): void {
        same(true, $client->set('key', 'value'));
        same('value', $client->get('key'));
        same(false, $client->get('nothing'));
        same(Memcached::RES_NOTFOUND, $client->getResultCode());
        foreach (['', "\0\r\nEND\r\n\xff", 7, 1.5, true, null, ['a' => [1, 2]]] as $value) {
            same(true, $client->set('typed', $value));
            same($value, $client->get('typed'));
        }
    },
    'add_and_replace' => function () use ($client, $protocol): void {
        same(true, $client->add('new', 'first'));
        same(false, $client->add('new', 'second'));
        $refused = ['text' => Memcached::RES_NOTSTORED, 'binary' => Memcached::RES_DATA_EXISTS];
        same($refused[$protocol], $client->getResultCode());
        same(true, $client->replace('new', 'third'));
        same(false, $client->replace('void', 'x'));
        same('third', $client->get('new'));
    },
    'append_and_prepend' => function () use ($client): void {
        $client->set('extended', 'middle');
        same(true, $client->append('extended', '-end'));
        same(true, $client->prepend('extended', 'start-'));
        same(false, $client->append('void', 'x'));
        same('start-middle-end', $client->get('extended'));
    },
    'counters' => function () use ($client, $protocol): void {
        $client->set('count', 10);
        same(15, $client->increment('count', 5));
        same(9, $client->decrement('count', 6));
        same(0, $client->decrement('count', 100));
        same(false, $client->increment('void', 1));
        if ($protocol === 'binary') {
            same(42, $client->increment('created', 1, 42, 100));
            same(43, $client->increment('created', 1, 42, 100));
        }
    },
    'delete_and_flush' => function () use ($client): void {
        $client->set('deleted', 'x');
        same(true, $client->delete('deleted'));
        same(false, $client->delete('deleted'));
        $client->setMulti(['one' => 1, 'two' => 2, 'three' => 3]);
        same(['one' => true, 'two' => true], $client->deleteMulti(['one', 'two']));
        same(3, $client->get('three'));
        same(true, $client->flush());
        same(false, $client->get('three'));
    },
    'multi_get' => function () use ($client): void {
        $values = [];
        for ($n = 0; $n < 500; $n++) {
            $values["many$n"] = "value of $n";
        }
        same(true, $client->setMulti($values));
        $found = $client->getMulti(['nothing', ...array_keys($values), 'void']);
        ksort($values);
        ksort($found);
        same($values, $found);
        same(true, $client->getDelayed(['many1', 'nothing', 'many2'], true));
        $found = array_column($client->fetchAll(), 'value', 'key');
        ksort($found);
        same(['many1' => 'value of 1', 'many2' => 'value of 2'], $found);
    },
    'cas' => function () use ($client): void {
        $client->set('key', '1');
        $token = $client->get('key', null, Memcached::GET_EXTENDED)['cas'];
        $client->set('key', '2');
        same(false, $client->cas($token, 'key', '3'));
        same(Memcached::RES_DATA_EXISTS, $client->getResultCode());
        $token = $client->get('key', null, Memcached::GET_EXTENDED)['cas'];
        same(true, $client->cas($token, 'key', '3'));
        same('3', $client->get('key'));
    },
    'cas_loops' => function () use ($client): void {
        $client->set('total', 0);
        $others = [connect(), connect()];
        for ($n = 0; $n < 100; $n++) {
            // Both read; the second one to store has to read again.
            $tokens = [];
            foreach ($others as $which => $other) {
                $tokens[$which] = $other->get('total', null, Memcached::GET_EXTENDED);
            }
            foreach ($others as $which => $other) {
                $read = $tokens[$which];
                while (!$other->cas($read['cas'], 'total', $read['value'] + 1)) {
                    same(Memcached::RES_DATA_EXISTS, $other->getResultCode());
                    $read = $other->get('total', null, Memcached::GET_EXTENDED);
                }
            }
        }
        same(200, $client->get('total'));
    },
    'large_values' => function () use ($client): void {
        foreach ([1023, 65537, 524288, 1048276] as $size) {
            $value = random_bytes($size);
            same(true, $client->set('large', $value));
            same(md5($value), md5($client->get('large')));
        }
    },
    'a_value_that_is_too_large' => function () use ($client): void {
        same(false, $client->set('large', random_bytes(1048577)));
        same(false, $client->get('large'));
        same(true, $client->set('other', 'x'));
        same('x', $client->get('other'));
    },
    'expiry' => function () use ($client): void {
        $client->set('short', 'x', 2);
        $client->set('long', 'x', 2);
        same(true, $client->touch('long', 100));
        same('x', $client->get('short'));
        eventually(fn () => $client->get('short') === false, 'the value is gone');
        same('x', $client->get('long'));
    },
    'statistics' => function () use ($client, $address): void {
        $found = $client->getStats()[$address];
        same(true, $found['pid'] > 0 && $found['curr_items'] > 0 && $found['threads'] > 0);
        same(1, preg_match('/^\d+\.\d+\.\d+/', $client->getVersion()[$address]));
    },
    'a_restart' => function () use ($client): void {
        $client->set('key', 'before');
        restart();
        eventually(function () use ($client): bool {
            if ($client->set('key', 'after')) {
                return true;
            }
            // libmemcached's binary half does not come back by itself.
            $client->quit();
            return false;
        }, 'the client works again');
        same('after', $client->get('key'));
        same(false, $client->get('long'));
    },
]);
