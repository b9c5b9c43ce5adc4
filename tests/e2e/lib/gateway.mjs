/* gateway.mjs: the real program, on a free port, with its state in a temporary directory.
 *
 *     const gw = await gateway(t, bothDialects(up));
 *
 * When the test ends it is stopped, and asked what must hold after every test: it stopped cleanly,
 * no worker died, nothing secret is in its logs and journal, every intent ended once.
 *
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { atEnd, watch } from './cleanup.mjs';
import { wires } from './wires.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
export const program = process.env.FREEHOLD_BIN ?? path.join(root, 'build/freehold');

const secrets = {
  ANT_KEY: 'sk-ant-test-f3ea9c51',
  OAI_KEY: 'sk-oai-test-77b1d0c4',
  AWS_BEARER: 'aws-bearer-test-5c20d9e8',
  GEM_KEY: 'gem-key-test-91be4402',
  MIS_KEY: 'mis-key-test-3c7fd018',
};

/* bothDialects is a config with a provider of each dialect at `up`, and models that lead to the one,
 * the other, or one after the other. */
export function bothDialects(up, more = {}) {
  const other = more.other ?? up;
  return {
    providers: {
      ant: { kind: 'anthropic_compatible', url: up.url, key: 'env:ANT_KEY', ...more.ant },
      oai: { kind: 'openai_compatible', url: `${other.url}/v1`, key: 'env:OAI_KEY', ...more.oai },
    },
    models: {
      'via-anthropic': { routes: [{ provider: 'ant', model: 'up-ant' }] },
      'via-openai': { routes: [{ provider: 'oai', model: 'up-gpt' }] },
      'anthropic-first': {
        routes: [
          { provider: 'ant', model: 'up-ant' },
          { provider: 'oai', model: 'up-gpt' },
        ],
      },
      'openai-first': {
        routes: [
          { provider: 'oai', model: 'up-gpt' },
          { provider: 'ant', model: 'up-ant' },
        ],
      },
    },
    ...(more.limits && { limits: more.limits }),
  };
}

/* allDialects is a config with a provider of each dialect at `up`, and a model `to-DIALECT` for each. */
export function allDialects(up, more = {}) {
  const names = Object.keys(wires);
  return {
    providers: Object.fromEntries(names.map((name) => [name, wires[name].place(up.url)])),
    models: Object.fromEntries(
      names.map((name) => [
        `to-${name}`,
        { routes: [{ provider: name, model: wires[name].model }] },
      ]),
    ),
    ...more,
  };
}

/* Below the range from which the system gives ports, so that nobody gets it meanwhile by accident. */
export async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 10000);
    const probe = net.createServer();
    const free = await new Promise((done) => {
      probe.once('error', () => done(false));
      probe.listen(port, '127.0.0.1', () => done(true));
    });
    if (free) {
      await new Promise((done) => probe.close(done));
      return port;
    }
  }
}

/* start runs `freehold up` until its line `ready URL KEY`, or `until` something else is said. */
async function start(gw, env, { inherit, patience = 30000, until = /^ready (\S+) (\S+)$/m } = {}) {
  const args = ['up', '--config', gw.config, '--state', gw.state];
  const own = { PATH: process.env.PATH, HOME: gw.dir, LANG: 'C.UTF-8' };
  const child = spawn(program, args, {
    env: { ...(inherit ? process.env : own), ...secrets, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  watch(child);
  gw.child = child;
  gw.exited = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (data) => {
    gw.output += data;
    gw.complaints += data;
  });
  const ready = new Promise((done) =>
    child.stdout.on('data', (data) => {
      gw.output += data;
      said += data;
      const line = until.exec(said);
      if (line) done(line);
    }),
  );
  const line = await Promise.race([ready, gw.exited.then(() => null), sleep(patience, null, { ref: false })]);
  if (!line) {
    child.kill('SIGKILL');
    throw new Error(`freehold up did not get ready:\n${gw.output}`);
  }
  gw.url = line[1] ?? `http://127.0.0.1:${gw.port}`;
  gw.http2 = /^http2 (\S+)$/m.exec(said)?.[1];
  gw.key = line[2] ?? null;
}

async function tree(pid) {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.split(' ').filter(Boolean).map(Number);
  return [pid, ...(await Promise.all(children.map(tree))).flat()];
}

/* workers gives the pids of the gateway's worker processes. */
async function workers(gw) {
  const found = [];
  for (const pid of await tree(gw.child.pid)) {
    const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (title.startsWith('nginx: worker')) found.push(pid);
  }
  return found.sort();
}

async function* files(dir) {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const name = path.join(dir, entry.name);
    if (entry.isDirectory()) yield* files(name);
    else if (entry.isFile()) yield name;
  }
}

/* Where the secrets are found, of all that is written down. */
export async function spilled(gw, words) {
  const found = [];
  const outputs = [['stderr', Buffer.from(gw.complaints)]];
  for await (const name of files(gw.state)) outputs.push([name, await readFile(name)]);
  for (const [name, content] of outputs) {
    for (const word of words) if (content.includes(word)) found.push(`${word} in ${name}`);
  }
  return found;
}

/* Every id begins with an intent and ends once, by a settle or a void. The result of a batch does so
 * each time it is fetched. */
export function checkBooks(records) {
  const ids = new Map();
  for (const record of records) {
    const id = ids.get(record.id) ?? { intents: [], ends: [] };
    (record.type === 'intent' ? id.intents : id.ends).push(record);
    ids.set(record.id, id);
  }
  for (const [id, { intents, ends }] of ids) {
    if (intents.some((intent) => intent.service === 'batch')) {
      assert.equal(ends.length, intents.length, `${id}: a settle for each intent`);
      continue;
    }
    assert.equal(ends.length, 1, `${id} has ${ends.length} ends`);
    assert.deepEqual(
      intents.map((intent) => intent.attempt),
      intents.map((_, i) => i + 1),
      `attempts of ${id}`,
    );
    assert.ok(intents.length > 0, `${id} ends without an intent`);
  }
  return ids;
}

/* hangUp closes the connections that fetch keeps. One on which nothing was asked would hold up a
 * gateway that wants to stop. */
async function hangUp() {
  const place = Symbol.for('undici.globalDispatcher.1');
  const old = globalThis[place];
  if (old) {
    globalThis[place] = new old.constructor();
    await old.destroy();
  }
}

async function stop(gw) {
  if (gw.child.exitCode === null && gw.child.signalCode === null) {
    gw.child.kill('SIGTERM');
    const slow = await Promise.race([gw.exited.then(() => false), sleep(10000, true, { ref: false })]);
    if (slow) {
      for (const pid of (await tree(gw.child.pid)).reverse()) process.kill(pid, 'SIGKILL');
      assert.fail('freehold up did not stop within ten seconds of SIGTERM');
    }
  }
  const [code, signal] = await gw.exited;
  return { code, signal };
}

/* What must hold after every test. */
async function houseRules(gw, env) {
  let now, records, code;
  const running = gw.child.exitCode === null;
  try {
    now = await workers(gw);
    records = await gw.journal();
  } finally {
    await hangUp();
    ({ code } = await stop(gw));
  }
  const words = [...Object.values({ ...secrets, ...env }), ...gw.keys, gw.key].filter(Boolean);
  const bad = gw.log().split('\n').filter((line) => / \[(alert|crit|emerg)\] /.test(line));

  assert.equal(code, 0, `exit status of freehold up:\n${gw.output}`);
  if (running && !gw.mayLoseWorkers) assert.deepEqual(now, gw.workersAtStart, 'the same workers as at first');
  assert.deepEqual(bad.filter((line) => !gw.mayLog?.test(line)), [], 'nothing alarming in the log');
  assert.deepEqual(await spilled(gw, words), [], 'nothing secret is written down');
  if (!gw.mayLeaveOpen) checkBooks(records);
}

/* journal gives all records; those of one worker are in the order in which they were written. */
async function journal(gw) {
  const text = await gw.freehold('journal', 'cat', '--json');
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/* settled waits for the end of a request, or of the only one there is, and gives its record. */
async function settled(gw, id) {
  for (let tries = 0; tries < 100; tries++) {
    const ends = (await gw.journal()).filter((r) => r.type !== 'intent' && (!id || r.id === id));
    if (ends.length > 0) {
      assert.equal(ends.length, 1, 'one end');
      return ends[0];
    }
    await sleep(50);
  }
  assert.fail(`${id ?? 'the request'} was never settled`);
}

/* usage gives the report once it knows of so many requests: the ledger is a moment behind. */
async function usage(gw, requests, args) {
  let report;
  for (let tries = 0; tries < 60; tries++) {
    report = await gw.freehold('usage', ...args, '--json');
    if (report.total.requests >= requests) break;
    await sleep(50);
  }
  assert.equal(report.total.requests, requests, 'requests in the usage report');
  return report;
}

/* ask sends one request by hand. `body` is an object, text or bytes; `key: null` sends none. */
async function ask(gw, where, { method, body, headers = {}, key = gw.key, signal } = {}) {
  const data = typeof body === 'object' && !Buffer.isBuffer(body) ? JSON.stringify(body) : body;
  const response = await fetch(gw.url + where, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    body: data,
    headers: {
      ...(key !== null && { 'x-api-key': key }),
      ...(data !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    signal,
  });
  const text = await response.text();
  const got = { status: response.status, headers: response.headers, text };
  try {
    got.json = JSON.parse(text);
  } catch {
    got.json = undefined;
  }
  return got;
}

export async function gateway(t, config, { env = {}, rules = {}, ...how } = {}) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'freehold-e2e-'));
  atEnd(t, () => rm(dir, { recursive: true, force: true }));
  const gw = { dir, config: path.join(dir, 'freehold.yaml'), state: path.join(dir, 'state') };

  Object.assign(gw, { output: '', complaints: '', keys: [], ...rules });
  gw.configure = (next) =>
    /* JSON is YAML too */
    writeFile(gw.config, typeof next === 'string' ? next : JSON.stringify(next, null, 1));
  gw.freehold = async (...args) => {
    const { stdout } = await run(program, [...args, '--config', gw.config, '--state', gw.state], {
      env: { PATH: process.env.PATH, ...secrets, ...env },
      maxBuffer: 1 << 28,
    });
    return args.includes('--json') && args[0] !== 'journal' ? JSON.parse(stdout) : stdout;
  };
  gw.createKey = async (name) => {
    const made = await gw.freehold('key', 'create', name, '--json');
    gw.keys.push(made.key);
    return made;
  };
  gw.workers = () => workers(gw);
  gw.tree = () => tree(gw.child.pid);
  gw.stop = () => stop(gw);
  gw.start = async () => {
    gw.keys.push(gw.key);
    await start(gw, env, how);
    gw.workersAtStart = await workers(gw);
  };
  gw.log = () => readFileSync(path.join(gw.state, 'log/nginx.log'), 'utf8');
  gw.journal = () => journal(gw);
  gw.ask = (where, options) => ask(gw, where, options);
  gw.settled = (id) => settled(gw, id);
  gw.usage = (requests, ...args) => usage(gw, requests, args);
  for (let tries = 1; ; tries++) {
    gw.port = await freePort();
    await gw.configure(
      typeof config === 'string' ? config : { listen: `127.0.0.1:${gw.port}`, ...config },
    );
    try {
      await start(gw, env, how);
      break;
    } catch (e) {
      if (tries === 3 || !/in use/.test(gw.output)) throw e;
    }
  }
  gw.workersAtStart = await workers(gw);
  atEnd(t, () => houseRules(gw, env));
  return gw;
}
