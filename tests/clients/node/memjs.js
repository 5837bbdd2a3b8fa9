// memjs: the binary protocol. It has neither cas nor a get of several keys.
'use strict';

const assert = require('node:assert/strict');
const memjs = require('memjs');
const { eventually, noise, restart, run } = require('./checks');

const silent = { log() {} };
const options = { logger: silent, timeout: 3, failoverTime: 1 };
const client = memjs.Client.create(process.argv[2], options);
const text = async (key) => (await client.get(key)).value?.toString() ?? null;

run({
  async set_and_get() {
    assert.equal(await client.set('key', 'value', {}), true);
    assert.equal(await text('key'), 'value');
    assert.equal(await text('nothing'), null);
    assert.equal(await client.set('empty', '', {}), true);
    assert.equal(await text('empty'), '');
  },
  async add_and_replace() {
    assert.equal(await client.add('new', 'first', {}), true);
    assert.equal(await client.add('new', 'second', {}), false);
    assert.equal(await client.replace('new', 'third', {}), true);
    assert.equal(await client.replace('void', 'x', {}), false);
    assert.equal(await text('new'), 'third');
  },
  // Its prepend sends the opcode of append.
  async append() {
    await client.set('extended', 'start', {});
    assert.equal(await client.append('extended', '-end'), true);
    await assert.rejects(() => client.append('void', 'x'));
    assert.equal(await text('extended'), 'start-end');
  },
  async counters() {
    assert.equal((await client.increment('count', 5, { initial: 10 })).value, 10);
    assert.equal((await client.increment('count', 5, { initial: 10 })).value, 15);
    assert.equal((await client.decrement('count', 6, {})).value, 9);
    assert.equal((await client.decrement('count', 100, {})).value, 0);
  },
  async delete_and_flush() {
    await client.set('deleted', 'x', {});
    assert.equal(await client.delete('deleted'), true);
    assert.equal(await client.delete('deleted'), false);
    await client.set('flushed', 'x', {});
    await client.flush();
    assert.equal(await text('flushed'), null);
  },
  async many_requests_at_once() {
    const keys = Array.from({ length: 500 }, (_, n) => `many${n}`);
    await Promise.all(keys.map((key) => client.set(key, `value of ${key}`, {})));
    const found = await Promise.all(keys.map(text));
    assert.deepEqual(found, keys.map((key) => `value of ${key}`));
  },
  async large_values() {
    for (const size of [1023, 65537, 524288, 1048276]) {
      const value = noise(size);
      assert.equal(await client.set('large', value, {}), true);
      assert.ok((await client.get('large')).value.equals(value), `${size} bytes`);
    }
  },
  async a_value_that_is_too_large() {
    await assert.rejects(() => client.set('large', noise(1048577), {}));
    assert.equal(await client.set('other', 'x', {}), true);
    assert.equal(await text('other'), 'x');
  },
  async expiry() {
    await client.set('short', 'x', { expires: 2 });
    await client.set('long', 'x', { expires: 100 });
    assert.equal(await client.touch('long', 200), true);
    assert.equal(await text('short'), 'x');
    await eventually(async () => (await text('short')) === null, 'the value is gone');
    assert.equal(await text('long'), 'x');
  },
  async statistics() {
    const found = await new Promise((done, failed) => {
      client.stats((error, server, stats) => (error ? failed(error) : done(stats)));
    });
    assert.match(found.version, /^\d+\.\d+\.\d+/);
    assert.ok(Number(found.curr_items) > 0);
  },
  async a_restart() {
    await client.set('key', 'before', {});
    await restart();
    await eventually(() => client.set('key', 'after', {}), 'the client works again');
    assert.equal(await text('key'), 'after');
    assert.equal(await text('other'), null);
  },
});
