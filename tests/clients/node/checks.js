// Runs named checks and tells the test of them, one line each (program.py reads them).
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const readline = require('node:readline');

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Has the test restart the server; resolves when it runs again.
exports.restart = async () => {
  console.log('restart');
  assert.equal((await lines.next()).value, 'restarted');
};

exports.run = async (checks) => {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`not ok ${name}: ${String(error.stack).replace(/\s*\n\s*/g, ' | ')}`);
    }
  }
  process.exit(0);
};

exports.sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Calls `attempt` until it gives something true; a failure of the client is a no.
exports.eventually = async (attempt, what) => {
  const end = Date.now() + 8000;
  for (;;) {
    try {
      if (await attempt()) return;
    } catch (error) {
      console.error(String(error));
    }
    assert.ok(Date.now() < end, `not within 8 s: ${what}`);
    await exports.sleep(50);
  }
};

exports.noise = (size) => crypto.randomBytes(size);
