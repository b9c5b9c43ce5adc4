/* matrix.test.mjs: every client's dialect against every provider's, every feature, whole and streamed:
 * it works, or is refused with a reason. Writes docs/matrix.md.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ask, clients } from './lib/ask.mjs';
import { allDialects, gateway } from './lib/gateway.mjs';
import { breakOff, decline, speak, upstream } from './lib/upstream.mjs';
import { wires } from './lib/wires.mjs';

const page = fileURLToPath(new URL('../../docs/matrix.md', import.meta.url));
const names = Object.keys(wires);
const paris = { tool: 'weather', id: 'call_A1b2C3d4', args: { city: 'Paris' } };
const rome = { tool: 'weather', id: 'call_E5f6G7h8', args: { city: 'Rome' } };
const argsOf = (calls) => calls.map((c) => c.args);

/* Whether the provider was sent something, wherever its dialect has it. */
const sent = (up, pattern) => pattern.test(JSON.stringify(up.asked.at(-1).body));

/* What is asked, what the provider says, and what has to come of it. `failing` features expect the
 * SDK to raise an error. */
const features = {
  text: {
    question: {},
    says: speak('It is a word.'),
    check: (got) => {
      assert.equal(got.text, 'It is a word.');
      assert.equal(got.stop, 'end');
      assert.deepEqual(got.usage, { input: 12, output: 7 });
    },
  },
  tools: {
    question: { tools: true, demand: true },
    says: speak([paris]),
    check: (got, up) => {
      assert.deepEqual(argsOf(got.calls), [{ city: 'Paris' }]);
      assert.equal(got.calls[0].name, 'weather');
      assert.equal(got.stop, 'tools');
      assert.ok(sent(up, /"city"/), 'the schema got there');
    },
  },
  'parallel tools': {
    question: { tools: true },
    says: speak(['Two.', paris, rome]),
    check: (got) => {
      assert.equal(got.text, 'Two.');
      assert.deepEqual(argsOf(got.calls), [{ city: 'Paris' }, { city: 'Rome' }]);
      assert.notEqual(got.calls[0].id, got.calls[1].id);
    },
  },
  thinking: {
    question: { thinking: true },
    says: speak([{ think: 'Let me see.', signature: 'c2lnbmF0dXJl' }, 'Seen.']),
    check: (got) => {
      assert.equal(got.text, 'Seen.');
      assert.equal(got.thinking, 'Let me see.');
    },
  },
  images: {
    question: { image: true },
    says: speak('A pixel.'),
    check: (got, up) => {
      assert.equal(got.text, 'A pixel.');
      assert.ok(sent(up, /iVBORw0KGgo/), 'the image got there');
    },
  },
  'structured output': {
    question: { schema: true },
    says: speak('{"colour":"red"}'),
    check: (got, up) => {
      assert.equal(JSON.parse(got.text).colour, 'red');
      assert.ok(sent(up, /colour/), 'the schema got there');
    },
  },
  stop: {
    question: { stop: 'END' },
    says: speak('Before', { stop: 'sequence' }),
    check: (got, up, client) => {
      assert.equal(got.text, 'Before');
      const told = client === 'openai_responses' || got.dropped?.some((p) => /stop/i.test(p));
      assert.ok(told || sent(up, /"END"/), 'the stop text got there, or the client was told');
    },
  },
  error: {
    question: {},
    says: decline(429, 'slow down'),
    failing: (error) => {
      const status = error.status ?? error.statusCode ?? error.$metadata?.httpStatusCode;
      assert.equal(status, 429);
      assert.match(error.message, /slow down/);
    },
  },
  'mid-stream error': {
    question: {},
    says: breakOff(3, 'It is a rather long word that will not be said.'),
    failing: (error) => assert.ok(error instanceof Error),
    streamedOnly: true,
  },
};

const cells = new Map();

async function tryCell(gw, up, client, provider, name, stream) {
  const feature = features[name];
  try {
    const got = await ask(gw, client, `to-${provider}`, feature.question, stream);
    assert.ok(!feature.failing, `an error was due, and there was ${JSON.stringify(got)}`);
    feature.check(got, up, client);
    return got.dropped?.length ? `works; told of ${got.dropped.map((p) => `\`${p}\``).join(' ')}` : 'works';
  } catch (error) {
    if (feature.failing && !(error instanceof assert.AssertionError)) {
      feature.failing(error);
      return 'works';
    }
    const refused = /UNSUPPORTED|unsupported_value|ValidationException|INVALID_ARGUMENT|invalid_request/.test(
      `${error.name} ${error.message} ${error.code} ${JSON.stringify(error.error ?? error.body ?? '')}`,
    );
    const pointer = /(\/[a-zA-Z0-9_/]+): ([^"\\]+)/.exec(`${error.message} ${error.body ?? ''}`);
    if (refused && pointer && !(error instanceof assert.AssertionError)) {
      return `refused: \`${pointer[1]}\` ${pointer[2].trim()}`;
    }
    throw error;
  }
}

for (const client of Object.keys(clients)) {
  for (const provider of names) {
    test(`${client} asks ${provider}`, async (t) => {
      let says;
      const up = await upstream(t, (asked) => says(asked));
      const gw = await gateway(t, allDialects(up));
      for (const [name, feature] of Object.entries(features)) {
        for (const stream of [false, true]) {
          if (feature.streamedOnly && !stream) {
            cells.set(`${client} ${provider} ${name} ${stream}`, 'has no stream');
            continue;
          }
          says = feature.says;
          await t.test(`${name}${stream ? ', streamed' : ''}`, async () => {
            cells.set(
              `${client} ${provider} ${name} ${stream}`,
              await tryCell(gw, up, client, provider, name, stream),
            );
          });
        }
      }
    });
  }
}

/* The page: a table for each feature, a row a client, a column a provider, whole and streamed. */
function print() {
  const lines = [
    '# Matrix',
    '',
    'Every client’s dialect (rows, asked by its official SDK) against every provider’s (columns), as',
    '`tests/e2e/matrix.test.mjs` found it; it writes this page. What is reported as lost is named by its',
    'pointer in what was sent. docs/translation.md has every field.',
    '',
  ];
  for (const name of Object.keys(features)) {
    for (const stream of [false, true]) {
      if (features[name].streamedOnly && !stream) continue;
      lines.push(`## ${name}, ${stream ? 'streamed' : 'whole'}`, '');
      lines.push(`| client | ${names.join(' | ')} |`, `| --- |${' --- |'.repeat(names.length)}`);
      for (const client of Object.keys(clients)) {
        const row = names.map((provider) => cells.get(`${client} ${provider} ${name} ${stream}`) ?? '');
        lines.push(`| **${client}** | ${row.join(' | ')} |`);
      }
      lines.push('');
    }
  }
  return lines.join('\n');
}

after(async () => {
  const before = await readFile(page, 'utf8').catch(() => '');
  const now = print();
  const all = Object.keys(clients).length * names.length * Object.keys(features).length * 2;
  assert.equal(cells.size, all, 'no cell is empty');
  if (before !== now) await writeFile(page, now);
});
