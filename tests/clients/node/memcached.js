// memcached of npm: the text protocol.
'use strict';

const assert = require('node:assert/strict');
const Memcached = require('memcached');
const { eventually, noise, restart, run } = require('./checks');

const options = { timeout: 3000, retry: 100, retries: 1, failures: 1000, reconnect: 200 };
const connect = () => new Memcached(process.argv[2], options);
// Its methods take a callback behind their arguments.
const promised = (client) => new Proxy(client, {
  get: (target, name) => (...words) => new Promise((done, failed) => {
    target[name](...words, (error, result) => (error ? failed(error) : done(result)));
  }),
});
const client = promised(connect());

run({
  async set_and_get() {
    assert.equal(await client.set('key', 'value', 0), true);
    assert.equal(await client.get('key'), 'value');
    assert.equal(await client.get('nothing'), undefined);
    const bytes = noise(300);
    assert.equal(await client.set('bytes', bytes, 0), true);
    assert.ok((await client.get('bytes')).equals(bytes));
    await client.set('object', { a: [1, 2] }, 0);
    assert.deepEqual(await client.get('object'), { a: [1, 2] });
  },
  async add_and_replace() {
    assert.equal(await client.add('new', 'first', 0), true);
    await assert.rejects(() => client.add('new', 'second', 0));
    assert.equal(await client.replace('new', 'third', 0), true);
    await assert.rejects(() => client.replace('void', 'x', 0));
    assert.equal(await client.get('new'), 'third');
  },
  async append_and_prepend() {
    await client.set('extended', 'middle', 0);
    assert.equal(await client.append('extended', '-end'), true);
    assert.equal(await client.prepend('extended', 'start-'), true);
    assert.equal(await client.get('extended'), 'start-middle-end');
  },
  async counters() {
    await client.set('count', 10, 0);
    assert.equal(await client.incr('count', 5), 15);
    assert.equal(await client.decr('count', 6), 9);
    assert.equal(await client.incr('void', 1), false);
  },
  async delete_and_flush() {
    await client.set('deleted', 'x', 0);
    assert.equal(await client.del('deleted'), true);
    assert.equal(await client.del('deleted'), false);
    await client.set('flushed', 'x', 0);
    await client.flush();
    assert.equal(await client.get('flushed'), undefined);
  },
  async multi_get() {
    const keys = Array.from({ length: 500 }, (_, n) => `many${n}`);
    await Promise.all(keys.map((key) => client.set(key, `value of ${key}`, 0)));
    const found = await client.getMulti([...keys, 'nothing', 'void']);
    assert.deepEqual(found, Object.fromEntries(keys.map((key) => [key, `value of ${key}`])));
  },
  async cas() {
    await client.set('key', '1', 0);
    const { cas } = await client.gets('key');
    await client.set('key', '2', 0);
    assert.equal(await client.cas('key', '3', cas, 0), false);
    const now = await client.gets('key');
    assert.equal(await client.cas('key', '3', now.cas, 0), true);
    assert.equal(await client.get('key'), '3');
  },
  async cas_loops() {
    await client.set('total', '0', 0);
    await Promise.all([1, 2, 3, 4].map(async () => {
      const mine = promised(connect());
      for (let n = 0; n < 25; n++) {
        for (let stored = false; !stored;) {
          const { total, cas } = await mine.gets('total');
          stored = await mine.cas('total', String(Number(total) + 1), cas, 0);
        }
      }
    }));
    assert.equal(await client.get('total'), '100');
  },
  async large_values() {
    for (const size of [1023, 65537, 524288, 1048276]) {
      // As text: it writes bytes in a longer form, and limits the length of that.
      const value = noise(size).toString('base64').slice(0, size);
      assert.equal(await client.set('large', value, 0), true);
      assert.ok((await client.get('large')) === value, `${size} bytes`);
    }
  },
  async expiry() {
    await client.set('short', 'x', 2);
    await client.set('long', 'x', 2);
    assert.equal(await client.touch('long', 100), true);
    assert.equal(await client.get('short'), 'x');
    await eventually(async () => (await client.get('short')) === undefined, 'the value is gone');
    assert.equal(await client.get('long'), 'x');
  },
  async statistics() {
    const [general] = await client.stats();
    assert.ok(Number(general.curr_items) > 0);
    const [settings] = await client.settings();
    assert.equal(Number(settings.maxconns), 1024);
    assert.match(JSON.stringify(await client.version()), /\d+\.\d+\.\d+/);
  },
  async a_restart() {
    await client.set('key', 'before', 0);
    await restart();
    await eventually(() => client.set('key', 'after', 0), 'the client works again');
    assert.equal(await client.get('key'), 'after');
    assert.equal(await client.get('long'), undefined);
  },
});
