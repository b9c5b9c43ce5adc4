/* policy-live.test.mjs: keys and config change while it runs, without a reload and without a gap.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { body, question } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { paced, say, upstream } from './lib/upstream.mjs';

const ask = (gw, model, more) => gw.ask('/v1/messages', { body: body('anthropic', model), ...more });

/* configWith is the config as it is, with changes. */
function configWith(gw, up, change) {
  const config = { listen: `127.0.0.1:${gw.port}`, ...bothDialects(up) };
  change(config);
  return config;
}

async function until(true_, what) {
  for (let i = 0; i < 100; i++) {
    if (await true_()) return;
    await sleep(50);
  }
  assert.fail(`${what} did not happen within five seconds`);
}

test('a key works at once, and no longer once it is revoked', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));

  for (let i = 0; i < 5; i++) {
    const { key, id } = await gw.createKey(`team-${i}`);
    assert.equal((await ask(gw, 'via-anthropic', { key })).status, 200);
    await gw.freehold('key', 'revoke', i % 2 ? id : `team-${i}`);
    assert.equal((await ask(gw, 'via-anthropic', { key })).status, 401);
  }
  assert.equal(up.asked.length, 5);
});

test('a stream goes on when its key is revoked; the next request does not begin', async (t) => {
  const up = await upstream(t, paced(50, say('One two three four five')));
  const gw = await gateway(t, bothDialects(up));
  const { key } = await gw.createKey('team');
  const stream = ask(gw, 'via-anthropic', {
    key,
    body: body('anthropic', 'via-anthropic', { stream: true }),
  });

  await sleep(150);
  await gw.freehold('key', 'revoke', 'team');
  assert.match((await stream).text, /message_stop/);
  assert.equal((await ask(gw, 'via-anthropic', { key })).status, 401);
});

test('models and providers come, change and go with the file', async (t) => {
  const first = await upstream(t, say('from the first'));
  const second = await upstream(t, say('from the second'));
  const gw = await gateway(t, bothDialects(first));
  const status = async (model) => (await ask(gw, model)).status;

  assert.equal(await status('new-model'), 404);
  await gw.configure(
    configWith(gw, first, (config) => {
      config.providers.more = { kind: 'anthropic_compatible', url: second.url };
      config.models['new-model'] = { routes: [{ provider: 'more', model: 'm' }] };
    }),
  );
  await until(async () => (await status('new-model')) === 200, 'a new model');
  assert.match((await ask(gw, 'new-model')).text, /from the second/);
  assert.match((await ask(gw, 'via-anthropic')).text, /from the first/);

  await gw.configure(
    configWith(gw, first, (config) => {
      config.providers.ant.url = second.url;
      delete config.models['via-openai'];
    }),
  );
  await until(async () => /second/.test((await ask(gw, 'via-anthropic')).text), 'another URL');
  assert.equal(await status('via-openai'), 404);
  assert.equal(await status('new-model'), 404);
});

test('limits change with the file', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const large = { body: body('anthropic', 'via-anthropic', { messages: [{ role: 'user', content: 'x'.repeat(5000) }] }) };

  assert.equal((await ask(gw, '', large)).status, 200);
  await gw.configure(configWith(gw, up, (config) => (config.limits = { body_max: '2KiB' })));
  await until(async () => (await ask(gw, '', large)).status === 413, 'a smaller limit');
  assert.equal((await ask(gw, 'via-anthropic')).status, 200);
});

const broken = {
  'that is no YAML': 'providers: [',
  'with an unknown key': (config) => (config.provider = {}),
  'with a route to nowhere': (config) => (config.models.x = { routes: [{ provider: 'nobody' }] }),
  'with a secret in clear': (config) => (config.providers.ant.key = 'sk-ant-in-clear-0123456789'),
  'that is empty': '',
};

for (const [name, change] of Object.entries(broken)) {
  test(`a config ${name} changes nothing`, async (t) => {
    const up = await upstream(t, say('Hello'));
    const gw = await gateway(t, bothDialects(up));

    await gw.configure(typeof change === 'string' ? change : configWith(gw, up, change));
    await sleep(900);
    assert.equal((await ask(gw, 'via-anthropic')).status, 200);
    assert.equal((await ask(gw, 'via-openai')).status, 200);
    assert.doesNotMatch(gw.output, /in-clear/);
    await gw.configure(
      configWith(gw, up, (config) => (config.models.later = config.models['via-openai'])),
    );
    await until(async () => (await ask(gw, 'later')).status === 200, 'the next good config');
  });
}

test('secrets come from files as well, and a new one is taken over', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const file = path.join(gw.dir, 'ant.key');
  const sent = () => up.asked.at(-1).headers['x-api-key'];

  await writeFile(file, 'sk-from-a-file-1\n', { mode: 0o600 });
  await gw.configure(configWith(gw, up, (config) => (config.providers.ant.key = 'file:ant.key')));
  await until(async () => (await ask(gw, 'via-anthropic')).status === 200 && sent() === 'sk-from-a-file-1', 'the key in the file');
  await writeFile(file, 'sk-from-a-file-2\n', { mode: 0o600 });
  await gw.configure(
    configWith(gw, up, (config) => {
      config.providers.ant.key = 'file:ant.key';
      config.models.again = config.models['via-anthropic'];
    }),
  );
  await until(async () => (await ask(gw, 'again')).status === 200 && sent() === 'sk-from-a-file-2', 'the new key');
});

test('a secret that is not there is said to be missing, and is nobody else’s business', async (t) => {
  const up = await upstream(t, say('Hello'));
  const config = bothDialects(up, { ant: { key: 'env:NOT_THERE' } });
  const gw = await gateway(t, config);
  const got = await ask(gw, 'via-anthropic');

  assert.equal(got.status, 502);
  assert.match(got.json.error.message, /key for the provider "ant" could not be read/);
  assert.doesNotMatch(got.text, /NOT_THERE/);
  assert.match(gw.log(), /NOT_THERE/);
  assert.match((await ask(gw, 'anthropic-first')).text, /Hello/, 'the next provider is asked');
});

test('requests without a pause see every change, and no gap', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  let over = false;
  let asked = 0;
  const lane = async () => {
    for (; !over; asked++) assert.equal(await question(gw, 'anthropic', 'via-anthropic'), 'Hello');
  };
  const lanes = [lane(), lane(), lane()];

  for (let i = 0; i < 4; i++) {
    await gw.configure(
      configWith(gw, up, (config) => (config.models[`extra-${i}`] = config.models['via-openai'])),
    );
    await gw.createKey(`key-${i}`);
    await until(async () => (await ask(gw, `extra-${i}`)).status === 200, `change ${i}`);
  }
  over = true;
  await Promise.all(lanes);
  assert.ok(asked > 20);
});
