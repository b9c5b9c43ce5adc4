/* native-batches.test.mjs: batches, files and stored responses, by the official SDKs. They pass to the
 * provider of the client's own dialect, and what a batch used is counted when its results pass.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { toFile } from 'openai';
import { anthropic, openai, user } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { keep, partsOf } from './lib/keeper.mjs';
import { bytes, cut, json, refuse, stall, upstream, whole } from './lib/upstream.mjs';

const places = (up, more = {}) =>
  bothDialects(up, { ant: { kind: 'anthropic' }, oai: { kind: 'openai' }, ...more });

async function withKeeper(t) {
  const keeper = keep();
  const up = await upstream(t, keeper.answer);
  return { keeper, up, gw: await gateway(t, places(up)) };
}

async function all(list) {
  const found = [];
  for await (const one of list) found.push(one);
  return found;
}

const requests = (models) =>
  models.map((model, n) => ({
    custom_id: `c${n}`,
    params: { model, max_tokens: 64, messages: user() },
  }));

const lines = (objects) => objects.map((object) => JSON.stringify(object)).join('\n');

/* items gives the usage of batches, by model: what came in, what went out. */
async function items(gw, count) {
  const { rows } = await gw.usage(count, '--by', 'key,model');
  return rows
    .filter((row) => row.model !== '')
    .map((row) => [row.key, row.model, row.requests, row.input_tokens, row.output_tokens])
    .sort();
}

test('anthropic: a batch from its creation to its end', async (t) => {
  const { keeper, up, gw } = await withKeeper(t);
  const { batches } = anthropic(gw).messages;

  const made = await batches.create({ requests: requests(['claude-a', 'claude-b', 'broken', 'claude-a']) });
  assert.deepEqual([made.id, made.processing_status, made.results_url], ['msgbatch_1', 'in_progress', null]);
  const got = await batches.retrieve(made.id);
  assert.equal(got.results_url, '/v1/messages/batches/msgbatch_1/results', 'it leads back here');
  const page = await all(batches.list({ limit: 2 }));
  assert.deepEqual(page.map((b) => [b.id, b.results_url]), [[made.id, got.results_url]]);
  assert.equal(up.asked.at(-1).query, 'limit=2');

  const results = await all(await batches.results(made.id));
  assert.deepEqual(
    results.map((one) => [one.custom_id, one.result.type]),
    [['c0', 'succeeded'], ['c1', 'succeeded'], ['c2', 'errored'], ['c3', 'succeeded']],
  );
  assert.equal(results[3].result.message.content[0].text, 'Answer 3');

  assert.equal((await batches.cancel(made.id)).processing_status, 'canceling');
  assert.deepEqual(await batches.delete(made.id), { id: made.id, type: 'message_batch_deleted' });
  assert.equal(keeper.batches.size, 0);
  for (const ask of up.asked) {
    assert.deepEqual([ask.headers['x-api-key'], ask.headers['anthropic-version']], ['sk-ant-test-f3ea9c51', '2026-10-21']);
  }
});

test('results count once, whoever fetches them, and by either door', async (t) => {
  const { up, gw } = await withKeeper(t);
  const { key } = await gw.createKey('second');
  const { id } = await anthropic(gw).messages.batches.create({
    requests: requests(['claude-a', 'claude-b', 'broken', 'claude-a']),
  });

  await all(await anthropic(gw).messages.batches.results(id));
  const name = (await gw.journal()).at(0).key;
  const once = await items(gw, up.asked.length + 3);
  assert.deepEqual(once, [
    [name, 'claude-a', 2, 1 + 4, 10 + 40],
    [name, 'claude-b', 1, 2, 20],
  ]);
  await all(await anthropic(gw).messages.batches.results(id));
  await all(
    await anthropic(gw, { apiKey: key, baseURL: `${gw.url}/anthropic` }).messages.batches.results(id),
  );
  assert.deepEqual(await items(gw, up.asked.length + 3), once);

  const { total } = await gw.usage(up.asked.length + 3);
  assert.deepEqual([total.conflicts, total.unreported, total.unknown], [0, 0, 0]);
  const booked = (await gw.journal()).filter((record) => record.service === 'batch');
  assert.equal(booked.length, 9);
  assert.equal(new Set(booked.map((record) => record.id)).size, 3);
  assert.deepEqual(
    [booked[0].route, booked[0].client_dialect, booked[0].attempt],
    ['ant/claude-a', 'anthropic', 1],
  );
});

test('anthropic: files', async (t) => {
  const { keeper, up, gw } = await withKeeper(t);
  const { files } = anthropic(gw).beta;
  const content = randomBytes(70_000);

  const made = await files.upload({ file: await toFile(content, 'notes.bin', { type: 'text/plain' }) });
  assert.deepEqual([made.filename, made.size_bytes], ['notes.bin', content.length]);
  assert.ok(keeper.files.get(made.id).content.equals(content), 'byte for byte');
  assert.deepEqual((await all(files.list())).map((file) => file.id), [made.id]);
  assert.equal((await files.retrieveMetadata(made.id)).id, made.id);
  const down = await files.download(made.id);
  assert.ok(Buffer.from(await down.arrayBuffer()).equals(content));
  assert.match(down.headers.get('content-disposition'), /notes\.bin/);
  assert.equal((await files.delete(made.id)).type, 'file_deleted');
  assert.match(up.asked[0].headers['content-type'], /^multipart\/form-data; boundary=/);
  assert.deepEqual(partsOf(up.asked[0]).map((part) => part.name), ['file']);
  await gw.usage(up.asked.length);
});

test('openai: a batch of every call, its files, and its results', async (t) => {
  const { up, gw } = await withKeeper(t);
  const client = openai(gw);
  const asked = ['/v1/chat/completions', '/v1/responses', '/v1/embeddings'].map((url, n) => ({
    custom_id: `c${n}`,
    method: 'POST',
    url,
    body: { model: 'up-gpt' },
  }));

  const input = await client.files.create({
    file: await toFile(Buffer.from(lines(asked)), 'in.jsonl'),
    purpose: 'batch',
  });
  const made = await client.batches.create({
    input_file_id: input.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  assert.equal((await client.batches.retrieve(made.id)).status, 'completed');
  assert.deepEqual((await all(client.batches.list({ limit: 5 }))).map((b) => b.id), [made.id]);
  assert.equal((await client.batches.cancel(made.id)).status, 'cancelling');

  let text;
  for (let times = 0; times < 2; times++) {
    text = await (await client.files.content(made.output_file_id)).text();
  }
  assert.deepEqual(
    text.trim().split('\n').map((line) => JSON.parse(line).response.body.object),
    ['chat.completion', 'response', 'list'],
  );
  const booked = await items(gw, up.asked.length + 3);
  assert.deepEqual(booked.map(([, model, ...tokens]) => [model, ...tokens]), [
    ['embed-up', 1, 3, 0],
    ['up-gpt', 2, 1 + 2, 10 + 20],
  ]);
  assert.deepEqual((await all(client.files.list())).map((file) => file.purpose), ['batch', 'batch_output']);
  assert.equal((await client.files.delete(input.id)).deleted, true);
  for (const ask of up.asked) assert.equal(ask.headers.authorization, 'Bearer sk-oai-test-77b1d0c4');
  assert.equal(up.asked[0].path, '/v1/files');
});

test('openai: stored responses', async (t) => {
  const { up, gw } = await withKeeper(t);
  const { responses } = openai(gw);

  const got = await responses.retrieve('resp_1', { include: ['reasoning.encrypted_content'] });
  assert.deepEqual([got.id, got.output_text], ['resp_1', 'Kept']);
  assert.equal((await responses.cancel('resp_1')).status, 'cancelled');
  assert.deepEqual((await all(responses.inputItems.list('resp_1'))).map((item) => item.id), ['msg_1']);
  await responses.delete('resp_1');
  assert.deepEqual(
    up.asked.map((ask) => `${ask.method} ${ask.path}`),
    [
      'GET /v1/responses/resp_1',
      'POST /v1/responses/resp_1/cancel',
      'GET /v1/responses/resp_1/input_items',
      'DELETE /v1/responses/resp_1',
    ],
  );
  assert.match(decodeURIComponent(up.asked[0].query), /include.*=reasoning\.encrypted_content/);
  const { total } = await gw.usage(4);
  assert.deepEqual([total.input_tokens, total.unreported], [0, 0], 'what is looked at again costs nothing');
});

test('which provider, and which not', async (t) => {
  const [first, second] = [await upstream(t, json(200, { data: [] })), await upstream(t, json(200, { data: [] }))];
  const config = places(first);
  config.providers = {
    zeta: { kind: 'openai', url: `${second.url}/v1`, key: 'env:OAI_KEY' },
    ...config.providers,
    alpha: { kind: 'anthropic', url: second.url, key: 'env:ANT_KEY' },
  };
  const gw = await gateway(t, config);
  const ask = (provider) =>
    gw.ask('/v1/batches', { headers: { ...(provider && { 'x-freehold-provider': provider }) } });

  const got = await ask();
  assert.deepEqual([got.status, got.headers.get('x-freehold-route')], [200, 'zeta'], 'the first of the config');
  assert.deepEqual([first.asked.length, second.asked.length], [0, 1]);
  assert.equal((await ask('oai')).headers.get('x-freehold-route'), 'oai');
  for (const name of ['alpha', 'nobody']) {
    const no = await ask(name);
    assert.equal(no.status, 400);
    assert.match(no.json.error.message, new RegExp(`no provider "${name}" of the kind openai or azure_openai`));
  }
  assert.deepEqual([first.asked.length, second.asked.length], [1, 1]);
});

test('who may not', async (t) => {
  const { up, gw } = await withKeeper(t);
  const { key } = await gw.freehold('key', 'create', 'narrow', '--models', 'via-openai', '--json');
  gw.keys.push(key);
  const narrow = await gw.ask('/v1/files', { key });
  assert.equal(narrow.status, 403);
  assert.match(narrow.json.error.message, /need a key that may use all/);
  assert.equal((await gw.ask('/v1/files', { key: 'fh-nobody' })).status, 401);
  assert.equal((await gw.ask('/v1/files/..%2Fmodels')).status, 404);
  assert.equal((await gw.ask('/v1/files/file-1', { method: 'PUT', body: '{}' })).status, 405);
  assert.equal(up.asked.length, 0);

  const other = await gateway(t, {
    providers: { oai: { kind: 'openai_compatible', url: `${up.url}/v1`, key: 'env:OAI_KEY' } },
  });
  const none = await other.ask('/v1/batches');
  assert.equal(none.status, 400);
  assert.match(none.json.error.message, /of the kind openai or azure_openai, and this gateway has none/);
});

test('the provider says no, in its own words', async (t) => {
  const up = await upstream(t, [refuse(404, 'no such batch'), refuse(429, 'slow down'), refuse(401, 'bad sk-oai')]);
  const gw = await gateway(t, places(up));
  const { batches } = openai(gw);

  await assert.rejects(batches.retrieve('batch_9'), /404 no such batch/);
  await assert.rejects(batches.retrieve('batch_9'), /429 slow down/);
  await assert.rejects(batches.retrieve('batch_9'), (error) => {
    assert.equal(error.status, 502);
    assert.doesNotMatch(error.message, /sk-oai/);
    return true;
  });
  const ends = (await gw.journal()).filter((record) => record.type === 'settle');
  assert.deepEqual(ends.map((end) => [end.outcome, end.status]), [
    ['refused', 404],
    ['refused', 429],
    ['refused', 502],
  ]);
});

/* Results of a real batch may be gigabytes: they are never held. */
test('a large file passes through a small worker', { timeout: 60000 }, async (t) => {
  const content = Buffer.concat(Array(48).fill(randomBytes(1 << 20)));
  const up = await upstream(t, whole(200, content, { 'content-type': 'application/octet-stream' }));
  const gw = await gateway(t, places(up));
  const [worker] = await gw.workers();
  const most = async () =>
    Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${worker}/status`, 'utf8'))[1]);
  const before = await most();
  const response = await fetch(`${gw.url}/v1/files/file-1/content`, { headers: { 'x-api-key': gw.key } });
  const hash = createHash('sha256');
  let size = 0;

  for await (const piece of response.body) {
    hash.update(piece);
    size += piece.length;
    if (size < 4 << 20) await new Promise((done) => setTimeout(done, 20)); /* a slow client at first */
  }
  assert.equal(response.headers.get('content-length'), String(content.length));
  assert.equal(hash.digest('hex'), createHash('sha256').update(content).digest('hex'));
  assert.ok((await most()) - before < 16 << 10, 'KiB more than before');
  const { total } = await gw.usage(1);
  assert.equal(total.unreported, 0);
});

test('results that are cut never end cleanly, and those that came are booked', async (t) => {
  const keeper = keep();
  let worse = (answer) => answer;
  const up = await upstream(t, (ask) => worse(keeper.answer(ask)));
  const gw = await gateway(t, places(up));
  const { batches } = anthropic(gw).messages;
  const { id } = await batches.create({ requests: requests(['claude-a', 'claude-b']) });
  await batches.retrieve(id);

  for (const how of ['close', 'reset']) {
    worse = (answer) => async (ask, line) => {
      let text;
      await answer(ask, { ...line, write: async (data) => (text = data) });
      const at = text.indexOf('\n', text.indexOf('\r\n\r\n') + 4) + 10;
      await cut(1, how, bytes(text.subarray(0, at), 'the rest'))(ask, line);
    };
    const got = fetch(`${gw.url}/v1/messages/batches/${id}/results`, {
      headers: { 'x-api-key': gw.key, 'anthropic-version': '2026-10-21' },
    }).then((response) => response.text());
    await assert.rejects(got, /terminated|fetch failed/);
  }
  worse = (answer) => answer;
  const records = await gw.journal();
  assert.deepEqual(
    records.filter((record) => record.outcome === 'cut').map((record) => record.status),
    [200, 200],
  );
  assert.deepEqual((await items(gw, 4 + 1)).map(([, model]) => model), ['claude-a']);
  await all(await batches.results(id));
  assert.deepEqual((await items(gw, 6 + 2)).map(([, model]) => model), ['claude-a', 'claude-b']);
});

test('results that cannot be read pass, and the call says how many', async (t) => {
  const text = [
    { custom_id: 'a', result: { type: 'succeeded', message: { id: 'msg_a', model: 'm' } } },
    { custom_id: 'b', result: { type: 'succeeded', message: { id: 'msg_b', content: 'x'.repeat(5000) } } },
  ];
  const body = `${lines(text)}\n{"custom_id":"c","result":`;
  const up = await upstream(t, whole(200, body));
  const gw = await gateway(t, places(up, { limits: { event_max: '4KiB' } }));
  const got = await gw.ask('/anthropic/v1/messages/batches/b/results');

  assert.equal(got.text, body);
  const end = await gw.settled();
  assert.deepEqual([end.outcome, end.unmetered, end.input_tokens], ['ok', 3, undefined]);
  const { total } = await gw.usage(1);
  assert.equal(total.unreported, 1);
});

test('a client that leaves does not stop what was begun', async (t) => {
  const up = await upstream(t, stall);
  const gw = await gateway(t, places(up, { limits: { drain_time: '1s' } }));
  const leave = new AbortController();
  const got = gw.ask('/v1/batches', { body: { input_file_id: 'f' }, signal: leave.signal });

  while (up.asked.length === 0) await new Promise((done) => setTimeout(done, 10));
  leave.abort();
  await assert.rejects(got);
  const end = await gw.settled();
  assert.deepEqual([end.type, end.outcome], ['settle', 'client_gone']);
});
