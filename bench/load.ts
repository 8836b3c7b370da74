/**
 * Requests to one server for a time, a fixed number of them at once, over connections that are kept. It runs in a process
 * of its own, which bench/queries.ts forks and tells what to send.
 */
import { Agent, request } from 'node:http';

import { globalId } from '../src/api/types/global-id.js';
import { accountId } from './portfolios.js';

export interface Load {
  readonly url: string;
  /** With a variable `$id`, an account's; or with none. */
  readonly query: string;
  readonly accounts: number;
  /** One for each owner; account n belongs to owner n modulo their number. */
  readonly tokens: readonly string[];
  readonly concurrency: number;
  readonly milliseconds: number;
}

export interface Loaded {
  readonly requests: number;
  readonly milliseconds: number;
  /** The first answer that was no data, if any. */
  readonly failure: string | null;
}

/** The text of an answer. */
export function send(url: string, token: string, body: string, agent?: Agent): Promise<string> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/graphql`, { method: 'POST', headers, ...(agent && { agent }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The request for an account: its owner's token, and the body. */
export function requestFor(
  account: number,
  { query, tokens }: Pick<Load, 'query' | 'tokens'>,
): readonly [string, string] {
  const variables = query.includes('$id') ? { id: globalId('Account', accountId(account)) } : {};
  return [tokens[account % tokens.length] ?? '', JSON.stringify({ query, variables })];
}

async function run(load: Load): Promise<Loaded> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.concurrency });
  let requests = 0;
  let failure: string | null = null;
  const started = performance.now();
  const end = started + load.milliseconds;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const [token, body] = requestFor(Math.floor(Math.random() * load.accounts), load);
      const answer = await send(load.url, token, body, agent);
      requests += 1;
      if (!answer.startsWith('{"data":{') || answer.includes('"errors"')) failure ??= answer.slice(0, 500);
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, client));
  agent.destroy();
  return { requests, milliseconds: performance.now() - started, failure };
}

process.on('message', (load: Load) => {
  run(load).then(
    (loaded) => process.send?.(loaded),
    (error: unknown) => process.send?.({ requests: 0, milliseconds: 0, failure: String(error) }),
  );
});
