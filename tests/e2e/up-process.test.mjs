/* up-process.test.mjs: starting, stopping, dying and coming back.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { body, question } from './lib/clients.mjs';
import { bothDialects, gateway, program } from './lib/gateway.mjs';
import { late, paced, say, upstream } from './lib/upstream.mjs';

const run = promisify(execFile);
const ask = (gw, model, more) => gw.ask('/v1/messages', { body: body('anthropic', model, more) });

async function until(true_, what) {
  for (let i = 0; i < 200; i++) {
    if (await true_().catch(() => false)) return;
    await sleep(50);
  }
  assert.fail(`${what} did not happen within ten seconds`);
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} lets requests under way end, then all is gone, with status 0`, async (t) => {
    const up = await upstream(t, paced(60, say('One two three four five')));
    const gw = await gateway(t, bothDialects(up));
    const pids = await gw.tree();
    const asked = [ask(gw, 'via-anthropic', { stream: true }), ask(gw, 'via-openai')];

    await until(async () => up.asked.length === 2, 'two requests');
    gw.child.kill(signal);
    const [stream, whole] = await Promise.all(asked);
    assert.match(stream.text, /message_stop/);
    assert.equal(whole.status, 200);
    assert.deepEqual(await gw.exited, [0, null]);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
}

test('an answer that takes longer than the grace is cut', { timeout: 60000 }, async (t) => {
  const up = await upstream(t, late(30000, say('Hello')));
  const rules = { mayLeaveOpen: true, mayLog: /left in connection|aborting/ };
  const gw = await gateway(t, bothDialects(up), { rules });
  const asked = ask(gw, 'via-anthropic').catch((error) => ({ error }));

  await until(async () => up.asked.length === 1, 'a request');
  const start = performance.now();
  gw.child.kill('SIGTERM');
  assert.deepEqual(await gw.exited, [0, null]);
  assert.ok(performance.now() - start < 9000);
  assert.ok((await asked).error || (await asked).status >= 500);
});

test('state outlives the process: keys, journal, usage', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const { key } = await gw.createKey('lasting');
  const old = gw.key;

  await gw.ask('/v1/messages', { body: body('anthropic', 'via-anthropic'), key });
  await gw.stop();
  await gw.start();
  for (const model of ['via-anthropic', 'via-openai']) {
    assert.equal((await gw.ask('/v1/messages', { body: body('anthropic', model), key })).status, 200);
  }
  assert.equal((await gw.ask('/v1/models', { key: old })).status, 401, 'this one lived as long as it ran');
  await gw.usage(3);
});

test('one state is run by one program', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));

  await assert.rejects(run(program, ['up', '--config', gw.config, '--state', gw.state]), (e) => {
    assert.equal(e.code, 3);
    assert.match(e.stderr, /another `freehold up` runs with the state/);
    return true;
  });
  assert.equal((await ask(gw, 'via-anthropic')).status, 200);
});

test('an address that is taken is said to be', { timeout: 60000 }, async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const state = `${gw.dir}/other-state`;

  await assert.rejects(run(program, ['up', '--config', gw.config, '--state', state]), (e) => {
    assert.ok(e.code > 0, `status ${e.code}, signal ${e.signal}`);
    assert.match(e.stdout + e.stderr, /in use/i);
    assert.doesNotMatch(e.stdout, /^ready /m);
    return true;
  });
});

test('a config with errors is not run, and says what is wrong where', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  await gw.configure('listen: 127.0.0.1:1\nprovidres: {}\nmodels: {x: {routes: [{provider: y}]}}\n');

  for (const command of ['up', 'check']) {
    const args = [command, '--config', gw.config, '--state', `${gw.dir}/s2`];
    await assert.rejects(run(program, args), (e) => {
      assert.equal(e.code, 1);
      assert.match(e.stderr, /freehold\.yaml:2:1: .*providres.*providers/);
      assert.match(e.stderr, /freehold\.yaml:3:\d+: .*y/);
      return true;
    });
  }
});

test('health and readiness', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));

  const health = await gw.ask('/freehold/health', { key: null });
  assert.deepEqual([health.status, health.json.status], [200, 'ok']);
  const ready = await gw.ask('/freehold/ready', { key: null });
  assert.equal(ready.status, 200, ready.text);
  assert.doesNotMatch(ready.text, /sk-|127\.0\.0\.1/, 'nothing that is not everybody’s');
  for (const where of ['/freehold', '/freehold/', '/freehold/nothing', '/freehold/error']) {
    assert.equal((await gw.ask(where, { key: null })).status, 404, where);
  }
});

test('a worker that is killed is replaced; nothing it said is lost', async (t) => {
  const up = await upstream(t, say('Hello'));
  const rules = { mayLoseWorkers: true, mayLog: /exited on signal 9/, mayLeaveOpen: true };
  const gw = await gateway(t, bothDialects(up), { rules });

  for (let i = 1; i <= 3; i++) {
    assert.equal((await ask(gw, 'via-openai')).status, 200);
    process.kill((await gw.workers())[0], 'SIGKILL');
    await until(async () => (await ask(gw, 'via-anthropic')).status === 200, 'another worker');
  }
  const settled = (await gw.journal()).filter((record) => record.outcome === 'ok');
  assert.ok(settled.length >= 6);
  await gw.freehold('journal', 'verify');
  await gw.usage(settled.length);
});

for (const part of ['nginx: master', 'control']) {
  test(`when ${part} is killed it comes back`, { timeout: 60000 }, async (t) => {
    const up = await upstream(t, say('Hello'));
    const rules = { mayLoseWorkers: true, mayLog: /./, mayLeaveOpen: true };
    const gw = await gateway(t, bothDialects(up), { rules });

    await question(gw, 'anthropic', 'via-anthropic');
    for (const pid of await gw.tree()) {
      const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
      if (line.includes(part) && pid !== gw.child.pid) process.kill(pid, 'SIGKILL');
    }
    await sleep(300);
    await until(async () => (await ask(gw, 'via-openai')).status === 200, 'an answer');
    await gw.createKey('after');
    await gw.usage(2);
    assert.equal(gw.child.exitCode, null);
  });
}
