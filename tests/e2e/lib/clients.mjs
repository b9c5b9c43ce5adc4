/* clients.mjs: the official SDKs, pointed at a gateway. Nothing is changed but URL and key; retries
 * are off where a test does not want to see them.
 * SPDX-License-Identifier: Apache-2.0 */

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

export const anthropic = (gw, options = {}) =>
  new Anthropic({ baseURL: gw.url, apiKey: gw.key, maxRetries: 0, ...options });

export const openai = (gw, options = {}) =>
  new OpenAI({ baseURL: `${gw.url}/v1`, apiKey: gw.key, maxRetries: 0, ...options });

export { Anthropic, OpenAI };

export const user = (content = 'Hi.') => [{ role: 'user', content }];

/* The four pairs: a client's dialect, and the model that leads to a provider of a dialect. */
export const models = { anthropic: 'via-anthropic', openai: 'via-openai' };
export const pairs = ['anthropic', 'openai'].flatMap((client) =>
  Object.entries(models).map(([provider, model]) => ({ client, provider, model })),
);

/* What it takes to put the same question in either dialect, by hand. */
export const paths = { anthropic: '/v1/messages', openai: '/v1/chat/completions' };
export const body = (client, model, more = {}) =>
  client === 'anthropic'
    ? { model, max_tokens: 64, messages: user(), ...more }
    : { model, messages: user(), ...more };

/* question asks with the dialect's own SDK, whole or streamed, and gives its text. */
export async function question(gw, client, model, { stream = false, ...more } = {}) {
  if (client === 'anthropic') {
    const messages = anthropic(gw).messages;
    const asked = body(client, model, more);
    const reply = stream ? await messages.stream(asked).finalMessage() : await messages.create(asked);
    return reply.content.map((block) => block.text ?? '').join('');
  }
  const completions = openai(gw).chat.completions;
  const asked = body(client, model, more);
  const reply = stream
    ? await completions.stream(asked).finalChatCompletion()
    : await completions.create(asked);
  return reply.choices[0].message.content;
}
