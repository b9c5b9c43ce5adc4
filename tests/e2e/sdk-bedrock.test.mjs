/* sdk-bedrock.test.mjs: AWS's own SDK, which speaks HTTP/2 without being asked and signs each
 * request, or shows a key; the lists of models; InvokeModel.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  BedrockClient,
  GetFoundationModelCommand,
  GetInferenceProfileCommand,
  ListFoundationModelsCommand,
  ListInferenceProfilesCommand,
} from '@aws-sdk/client-bedrock';
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';

import { allDialects, gateway } from './lib/gateway.mjs';
import { breakOff, count, decline, speak, upstream } from './lib/upstream.mjs';

const messages = [{ role: 'user', content: [{ text: 'Hi.' }] }];

/* A key's pair for signing, as `freehold key create` shows it once. */
async function pairOf(gw, name = 'aws') {
  const made = await gw.createKey(name);
  return {
    accessKeyId: made.aws_access_key_id,
    secretAccessKey: made.aws_secret_access_key,
  };
}

const runtime = (gw, options) =>
  new BedrockRuntimeClient({ endpoint: gw.http2, region: 'eu-north-1', maxAttempts: 1, ...options });

const control = (gw, options) =>
  new BedrockClient({ endpoint: gw.url, region: 'eu-north-1', maxAttempts: 1, ...options });

async function both(t, says) {
  const up = await upstream(t, says);
  const gw = await gateway(t, allDialects(up));
  return { up, gw, credentials: await pairOf(gw) };
}

async function textOf(stream) {
  let text = '';
  for await (const event of stream) text += event.contentBlockDelta?.delta.text ?? '';
  return text;
}

for (const provider of ['bedrock', 'anthropic', 'openai_chat', 'gemini']) {
  test(`signed over HTTP/2: Converse and ConverseStream of ${provider}`, async (t) => {
    const { gw, credentials } = await both(t, speak('It is signed.'));
    const client = runtime(gw, { credentials });
    const asked = { modelId: `to-${provider}`, messages };

    const whole = await client.send(new ConverseCommand(asked));
    assert.equal(whole.output.message.content[0].text, 'It is signed.');
    assert.deepEqual([whole.usage.inputTokens, whole.usage.outputTokens], [12, 7]);
    assert.match(whole.$metadata.requestId, /^req_/);

    const { stream } = await client.send(new ConverseStreamCommand(asked));
    assert.equal(await textOf(stream), 'It is signed.');
    client.destroy();
  });
}

test("Claude's betas become Anthropic's header", async (t) => {
  const { up, gw, credentials } = await both(t, speak('Yes.'));
  const client = runtime(gw, { credentials });
  const additionalModelRequestFields = { anthropic_beta: ['context-1m-2025-08-07'] };

  await client.send(
    new ConverseCommand({ modelId: 'to-anthropic', messages, additionalModelRequestFields }),
  );
  const sent = up.asked.at(-1);
  assert.equal(sent.headers['anthropic-beta'], 'context-1m-2025-08-07');
  assert.equal(sent.body.anthropic_beta, undefined);
  client.destroy();
});

test('a model whose name must be escaped is signed and found', async (t) => {
  const up = await upstream(t, speak('Found.'));
  const config = allDialects(up);
  config.models['eu.anthropic.claude-x-v1:0'] = config.models['to-bedrock'];
  config.models['lab/claude@1+x'] = config.models['to-anthropic'];
  const gw = await gateway(t, config);
  const client = runtime(gw, { credentials: await pairOf(gw) });
  for (const modelId of ['eu.anthropic.claude-x-v1:0', 'lab/claude@1+x']) {
    const whole = await client.send(new ConverseCommand({ modelId, messages }));
    assert.equal(whole.output.message.content[0].text, 'Found.', modelId);
  }
  client.destroy();
});

/* What is wrong with a signature is told as AWS tells it: by name, with 403. */
const wrongs = {
  'another secret': {
    change: (pair) => ({ ...pair, secretAccessKey: `${pair.secretAccessKey.slice(0, -4)}AAAA` }),
    name: 'InvalidSignatureException',
    says: /does not match the signature you provided/,
  },
  'an unknown access key': {
    change: (pair) => ({ ...pair, accessKeyId: 'FHAKAAAAAAAAAAAAAAAA' }),
    name: 'UnrecognizedClientException',
    says: /security token included in the request is invalid/,
  },
};

for (const [what, { change, name, says }] of Object.entries(wrongs)) {
  test(`refused: ${what}`, async (t) => {
    const { up, gw, credentials } = await both(t, speak('Not said.'));
    const client = runtime(gw, { credentials: change(credentials) });
    await assert.rejects(client.send(new ConverseCommand({ modelId: 'to-bedrock', messages })), (e) => {
      assert.equal(e.name, name);
      assert.equal(e.$metadata.httpStatusCode, 403);
      assert.match(e.message, says);
      return true;
    });
    assert.equal(up.asked.length, 0);
    client.destroy();
  });
}

test('refused: a clock that is wrong; the SDK learns the time from the answer or gives up', async (t) => {
  const { up, gw, credentials } = await both(t, speak('Not said.'));
  for (const systemClockOffset of [-3600_000, 3600_000]) {
    const client = runtime(gw, { credentials, systemClockOffset });
    await assert.rejects(client.send(new ConverseCommand({ modelId: 'to-bedrock', messages })), (e) => {
      assert.equal(e.name, 'InvalidSignatureException');
      assert.match(e.message, systemClockOffset < 0 ? /Signature expired/ : /not yet current/);
      return true;
    });
    client.destroy();
  }
  assert.equal(up.asked.length, 0);
});

test('refused: a revoked key, and no signature at all', async (t) => {
  const { gw, credentials } = await both(t, speak('Not said.'));
  await gw.freehold('key', 'revoke', 'aws');
  const client = runtime(gw, { credentials });
  await assert.rejects(client.send(new ConverseCommand({ modelId: 'to-bedrock', messages })), (e) => {
    assert.equal(e.$metadata.httpStatusCode, 403);
    return true;
  });
  client.destroy();
  const got = await gw.ask('/model/to-bedrock/converse', { body: { messages }, key: null });
  assert.equal(got.status, 403);
  assert.equal(got.headers.get('x-amzn-errortype'), 'MissingAuthenticationTokenException');
});

test('a key as bearer token', async (t) => {
  const { gw } = await both(t, speak('Borne.'));
  const client = runtime(gw, { token: { token: gw.key }, authSchemePreference: ['httpBearerAuth'] });
  const whole = await client.send(new ConverseCommand({ modelId: 'to-anthropic', messages }));
  assert.equal(whole.output.message.content[0].text, 'Borne.');
  client.destroy();
});

test('errors have the names by which the SDK tells them apart', async (t) => {
  let says;
  const up = await upstream(t, (ask) => says(ask));
  const gw = await gateway(t, allDialects(up));
  const client = runtime(gw, { credentials: await pairOf(gw) });
  const names = { 400: 'ValidationException', 429: 'ThrottlingException', 503: 'ServiceUnavailableException' };
  for (const provider of ['bedrock', 'anthropic', 'openai_chat', 'gemini', 'mistral']) {
    for (const [status, name] of Object.entries(names)) {
      says = decline(Number(status), `it says ${status}`);
      await assert.rejects(client.send(new ConverseCommand({ modelId: `to-${provider}`, messages })), (e) => {
        assert.ok(e.name === name || (provider === 'bedrock' && status === '503'), `${provider} ${status}: ${e.name}`);
        assert.match(e.message, /it says/);
        return true;
      });
    }
  }
  await assert.rejects(client.send(new ConverseCommand({ modelId: 'nobody', messages })), {
    name: 'ResourceNotFoundException',
  });
  client.destroy();
});

for (const provider of ['bedrock', 'anthropic', 'openai_chat']) {
  test(`a stream that ${provider} breaks off throws`, async (t) => {
    const { gw, credentials } = await both(t, breakOff(3, 'It is a rather long word.'));
    const client = runtime(gw, { credentials });
    const { stream } = await client.send(new ConverseStreamCommand({ modelId: `to-${provider}`, messages }));
    await assert.rejects(textOf(stream), (e) => /Exception$/.test(e.name));
    client.destroy();
  });
}

test('InvokeModel, whole and streamed, of Claude in three places', async (t) => {
  const up = await upstream(t, speak('Invoked.'));
  const config = allDialects(up);
  config.providers.invoke = { kind: 'bedrock', url: up.url, region: 'eu-north-1', key: 'env:AWS_BEARER' };
  config.models['to-invoke'] = { routes: [{ provider: 'invoke', model: 'anthropic.claude-up-v1:0' }] };
  const gw = await gateway(t, config);
  const client = runtime(gw, { credentials: await pairOf(gw) });
  const body = JSON.stringify({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'Hi.' }],
  });
  for (const modelId of ['to-invoke', 'to-anthropic', 'to-openai_chat']) {
    const whole = await client.send(new InvokeModelCommand({ modelId, body }));
    const reply = JSON.parse(Buffer.from(whole.body).toString());
    assert.equal(reply.content[0].text, 'Invoked.', modelId);

    const streamed = await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body }));
    const types = [];
    let text = '';
    for await (const { chunk } of streamed.body) {
      const event = JSON.parse(Buffer.from(chunk.bytes).toString());
      types.push(event.type);
      text += event.delta?.text ?? '';
    }
    assert.equal(text, 'Invoked.', modelId);
    assert.deepEqual([types[0], types.at(-1)], ['message_start', 'message_stop'], modelId);
  }
  const [asked] = up.asked.filter((a) => a.wire === 'invoke');
  assert.equal(asked.body.model, undefined);
  assert.equal(asked.body.anthropic_version, 'bedrock-2023-05-31');
  const plain = up.asked.find((a) => a.wire === 'anthropic');
  assert.equal(plain.body.model, 'up-ant');
  assert.equal(plain.body.anthropic_version, undefined);
  assert.equal(plain.headers['anthropic-version'], '2023-06-01');
  client.destroy();
});

test('CountTokens: exact where a provider counts, in whatever dialect', async (t) => {
  const { gw, credentials } = await both(t, count(42));
  const client = runtime(gw, { credentials });
  const input = { converse: { messages } };
  const counted = await client.send(new CountTokensCommand({ modelId: 'to-anthropic', input }));
  assert.equal(counted.inputTokens, 42);
  const guessed = await client.send(new CountTokensCommand({ modelId: 'to-openai_chat', input }));
  assert.ok(guessed.inputTokens > 0);
  client.destroy();
});

test('lists of models, and one of each', async (t) => {
  const { gw, credentials } = await both(t, speak('-'));
  const client = control(gw, { credentials });
  const { modelSummaries } = await client.send(new ListFoundationModelsCommand({}));
  assert.deepEqual(
    modelSummaries.map((m) => m.modelId).sort(),
    ['anthropic', 'bedrock', 'gemini', 'mistral', 'openai_chat', 'openai_responses'].map((n) => `to-${n}`).sort(),
  );
  const { modelDetails } = await client.send(new GetFoundationModelCommand({ modelIdentifier: 'to-gemini' }));
  assert.equal(modelDetails.modelId, 'to-gemini');
  const { inferenceProfileSummaries } = await client.send(new ListInferenceProfilesCommand({}));
  assert.equal(inferenceProfileSummaries.length, 6);
  const profile = await client.send(new GetInferenceProfileCommand({ inferenceProfileIdentifier: 'to-bedrock' }));
  assert.equal(profile.inferenceProfileId, 'to-bedrock');
  client.destroy();
});
