/* sdk-python.test.mjs: the official clients of Python (python/suite.py), each with providers of several
 * dialects behind the gateway.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { allDialects, gateway } from './lib/gateway.mjs';
import { breakOff, count, decline, speak, upstream } from './lib/upstream.mjs';

const run = promisify(execFile);
const here = (name) => fileURLToPath(new URL(`python/${name}`, import.meta.url));
const python = here('.venv/bin/python');

/* venv makes the environment with the clients, once for each list of requirements. */
async function venv() {
  const stamp = here('.venv/done');
  const list = here('requirements.txt');
  if (existsSync(stamp) && statSync(stamp).mtimeMs > statSync(list).mtimeMs) return;
  await run('python3', ['-m', 'venv', '--clear', here('.venv')]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', list]);
  await run('touch', [stamp]);
}

const said = 'Grüezi 你好 😀, and more words.';
const call = { tool: 'weather', id: 'call_A1b2C3d4', args: { city: 'Bern' } };

/* The provider answers by the last thing it is asked. */
function says(ask) {
  const text = ask.raw.toString();
  if (/count/i.test(ask.path)) return count(42);
  const words = ['Hi.', 'Call.', 'Think.', 'Refuse.', 'Break.'];
  const last = words.reduce((a, b) => (text.lastIndexOf(`"${b}"`) > text.lastIndexOf(`"${a}"`) ? b : a));
  return {
    'Hi.': speak(said),
    'Call.': speak([call]),
    'Think.': speak([{ think: 'Hm.', signature: 'c2lnbmVkIQ==' }, said]),
    'Refuse.': decline(429, 'slow down'),
    'Break.': breakOff(3, 'It is a rather long word that is not said.'),
  }[last];
}

const suites = {
  anthropic: ['anthropic', 'openai_chat', 'bedrock', 'gemini'],
  openai: ['openai_chat', 'anthropic', 'openai_responses', 'gemini', 'mistral'],
  boto3: ['bedrock', 'anthropic', 'openai_chat'],
  'google-genai': ['gemini', 'anthropic', 'bedrock'],
  mistralai: ['mistral', 'openai_chat', 'anthropic'],
};

for (const [suite, providers] of Object.entries(suites)) {
  test(`Python's ${suite}`, async (t) => {
    await venv();
    const up = await upstream(t, says);
    const gw = await gateway(t, allDialects(up));
    const made = await gw.createKey('aws');
    const env = {
      PATH: process.env.PATH,
      URL: gw.url,
      KEY: gw.key,
      AWS_ID: made.aws_access_key_id,
      AWS_SECRET: made.aws_secret_access_key,
      MODELS: providers.map((p) => `to-${p}`).join(','),
      PYTHONIOENCODING: 'utf-8',
    };
    const { stdout } = await run(python, [here('suite.py'), suite], { env }).catch((e) => {
      throw new Error(`${e.stdout}\n${e.stderr}`);
    });
    assert.ok(stdout.split('\n').filter((line) => line.startsWith('ok ')).length > 10);
  });
}
