/* storm.test.mjs: everything at once, at random: all pairs, whole and streamed, with providers that do
 * whatever they can and clients that leave whenever they like. Afterwards the books are right, and
 * nothing is left open. STORM_SEED repeats a run, as far as timing lets it.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { body, paths, user } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import * as provider from './lib/upstream.mjs';
import { cut, late, paced, refuse, say, slowly, upstream, whole } from './lib/upstream.mjs';

/* mulberry32: numbers that a seed repeats. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const contents = [
  'Hello',
  'Grüezi 你好 😀 '.repeat(200),
  ['Text. ', { tool: 'f', id: 'c1', args: { a: 'é'.repeat(300) } }, { tool: 'g', id: 'c2', args: {} }],
  [{ think: 'Hmm …', signature: 'c2ln' }, 'Two.'],
];

/* What a provider does this time. */
function script(rnd) {
  const pick = (list) => list[Math.floor(rnd() * list.length)];
  const answer = () => say(pick(contents));
  const how = () => pick(['close', 'reset', 'stall']);
  const ways = [
    answer,
    answer,
    answer,
    () => slowly(1 + Math.floor(rnd() * 300), answer()),
    () => paced(rnd() * 8, answer()),
    () => late(rnd() * 150, answer()),
    () => cut(Math.floor(rnd() * 9), how(), answer()),
    () => cut(Math.floor(rnd() * 30), how(), slowly(40, answer())),
    () => refuse(pick([400, 401, 404, 429, 500, 503, 529])),
    () => whole(200, pick(['', '{}', '<html>', '{"id":', '[1]'])),
    () => provider.andThen(answer(), (line) => pick([line.fin, line.reset])()),
    () => provider.bytes(pick(['nonsense\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n', '\0\0\0\0'])),
  ];
  return pick(ways)();
}

async function files(pid) {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

test('a storm', { timeout: 120000 }, async (t) => {
  const seed = Number(process.env.STORM_SEED ?? Date.now() % 1e9);
  const rnd = random(seed);
  t.diagnostic(`STORM_SEED=${seed}`);
  const up = await upstream(t, () => script(rnd));
  const other = await upstream(t, () => script(rnd));
  const quick = { first_byte_timeout: '1s', idle_timeout: '1s', connect_timeout: '500ms' };
  const limits = { drain_time: '1s', drain_bytes: '1MiB' };
  const gw = await gateway(t, bothDialects(up, { other, ant: quick, oai: quick, limits }));
  const [worker] = gw.workersAtStart;
  const before = await files(worker);
  const complete = new Map();
  const end = performance.now() + Number(process.env.STORM_SECONDS ?? 8) * 1000;
  let left = 0;
  let asked = 0;

  async function once() {
    const client = rnd() < 0.5 ? 'anthropic' : 'openai';
    const models = ['via-anthropic', 'via-openai', 'anthropic-first', 'openai-first'];
    const model = models[Math.floor(rnd() * 4)];
    const size = rnd() < 0.1 ? 300_000 : 10;
    const stream = rnd() < 0.6;
    const control = new AbortController();
    const leaves = rnd() < 0.15 ? setTimeout(() => control.abort(), rnd() * 120) : undefined;
    asked++;
    try {
      const got = await gw.ask(paths[client], {
        body: body(client, model, { stream, messages: user('x'.repeat(size)) }),
        signal: control.signal,
      });
      complete.set(got.headers.get('x-freehold-request-id'), got);
      assert.ok(got.status === 200 || got.json?.error?.message, `${got.status} ${got.text}`);
    } catch (error) {
      if (!control.signal.aborted) throw error;
      left++;
    } finally {
      clearTimeout(leaves);
    }
  }

  const lane = async () => {
    while (performance.now() < end) await once();
  };
  await Promise.all(Array.from({ length: 24 }, lane));
  t.diagnostic(`${asked} requests, ${complete.size} answers, ${left} clients left`);

  /* whoever left is still read on for a while */
  for (let tries = 0; tries < 60; tries++) {
    const records = await gw.journal();
    const open = new Set(records.filter((r) => r.type === 'intent').map((r) => r.id));
    for (const record of records) if (record.type !== 'intent') open.delete(record.id);
    if (open.size === 0) break;
    await sleep(100);
  }
  const ends = new Map();
  for (const r of await gw.journal()) if (r.type !== 'intent') ends.set(r.id, r);
  for (const [id, got] of complete) {
    const record = ends.get(id);
    const failed = /event: error|"error":\{"message"/.test(got.text);
    assert.ok(record, `${id} (${got.status}) has no record`);
    if (record.type === 'void') assert.ok(got.status >= 400, `${id} is void, with ${got.status}`);
    else assert.equal(record.status, got.status, id);
    if (got.status === 200) assert.equal(record.outcome, failed ? 'cut' : 'ok', `${id} ${got.text.slice(-300)}`);
  }
  up.open.forEach((socket) => socket.destroy());
  other.open.forEach((socket) => socket.destroy());
  await globalThis[Symbol.for('undici.globalDispatcher.1')]?.destroy();
  globalThis[Symbol.for('undici.globalDispatcher.1')] = undefined;
  await sleep(500);
  const after = await files(worker);
  assert.ok(after <= before + 2, `${before} open files before, ${after} after`);
  const rss = Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${worker}/status`, 'utf8'))[1]);
  t.diagnostic(`the worker has ${rss} KiB`);
});
