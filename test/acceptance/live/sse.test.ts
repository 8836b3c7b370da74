/** Server-sent events at /graphql/stream, with the client of graphql-sse and with bytes. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient, type Client, type ExecutionResult } from 'graphql-sse';

import { apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { inSeconds, tokenOf } from '../../support/services/tokens.js';
import { openStream } from '../../support/services/transports.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let alice: Api;
/** At ASTER, of alice: 1,000 USDT and a long of 1 BTC at 20,000. */
let account: string;

beforeAll(async () => {
  app = await startTestApp({ env: { LIMIT_HEARTBEAT_SECONDS: '0.2' } });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  account = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
  await recordTransfers(service, transfer(account, 'USDT', '1000'));
  await recordFills(service, fill(account, 'BTCUSDT', 'BUY', '1', '20000'));
});
afterAll(() => app.close());

const WATCH = `subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) {
  account { id version } sequence cause margin { marginBalance accountVersion } } }`;

function clientOf({ url, authorization }: Api): Client {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  return createClient({ url: `${url}/graphql/stream`, headers, retryAttempts: 0 });
}

/** Everything that comes until the operation completes. */
async function all(api: Api, query: string, variables: Record<string, unknown> = {}): Promise<ExecutionResult[]> {
  const client = clientOf(api);
  const results: ExecutionResult[] = [];
  for await (const result of client.iterate({ query, variables })) results.push(result as ExecutionResult);
  client.dispose();
  return results;
}

const codeOf = (result: ExecutionResult | undefined): unknown => result?.errors?.[0]?.extensions?.['code'];

describe('a subscription', () => {
  it('is sent first as it is, then as it changes, with fresh data for every event', async () => {
    const client = clientOf(alice);
    const stream = client.iterate({ query: WATCH, variables: { ids: [account] } });
    const next = async (): Promise<unknown> =>
      ((await stream.next()).value as ExecutionResult).data?.['marginRatioChanged'];
    expect(await next()).toEqual({
      account: { id: account, version: 3 },
      sequence: 1,
      cause: 'SNAPSHOT',
      margin: { marginBalance: '1000', accountVersion: 3 },
    });
    await publishPrices(service, { 'ASTER/BTCUSDT': '19500' });
    expect(await next()).toMatchObject({ sequence: 2, cause: 'PRICE', margin: { marginBalance: '500' } });
    await recordTransfers(service, transfer(account, 'USDT', '100'));
    expect(await next()).toMatchObject({ account: { version: 4 }, cause: 'ACCOUNT', margin: { accountVersion: 4 } });
    await stream.return?.();
    client.dispose();
  });

  it('is refused where there is nothing that the viewer may see', async () => {
    const results = await all(await app.as('bob', 'TRADER'), WATCH, { ids: [account] });
    expect(results.map(codeOf)).toEqual(['BAD_USER_INPUT']);
    expect(results[0]?.errors?.[0]?.message).toContain('would watch nothing');
  });

  it('ends for the server when the client goes', async () => {
    // Of 50 connections that a viewer may have: all are given back.
    const dan = await app.as('dan', 'ADMIN');
    for (let round = 0; round < 3; round += 1) {
      const aborts = Array.from({ length: 50 }, () => new AbortController());
      const opened = await Promise.all(
        aborts.map(({ signal }) => openStream(dan, WATCH, { ids: [account] }, { signal })),
      );
      expect(opened.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
      for (const abort of aborts) abort.abort();
      await new Promise((wake) => setTimeout(wake, 200));
    }
  });

  it('has comments while it is quiet, so that no proxy takes it for dead', async () => {
    const abort = new AbortController();
    const response = await openStream(alice, WATCH, { ids: [account] }, { signal: abort.signal });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (text.split(':\n\n').length > 4) break;
    }
    expect(text).toMatch(/^:\n\nevent: next\ndata: \{"data":.*\}\n\n(:\n\n)+$/);
    abort.abort();
  });

  it('ends with the token, and says so', async () => {
    const token = await tokenOf({ sub: 'alice', roles: ['TRADER'], exp: inSeconds(3) });
    const results = await all(apiWith(app.url, `Bearer ${token}`), WATCH, { ids: [account] });
    expect(results.at(0)).toMatchObject({ data: { marginRatioChanged: { cause: 'SNAPSHOT' } } });
    expect(results.at(-1)).toEqual({
      errors: [{ message: 'The token has expired.', extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });
});

describe('other operations', () => {
  it('are answered by one event, queries, and by none, mutations', async () => {
    expect(await all(alice, '{ viewer { subject } }')).toEqual([
      { data: { viewer: { subject: 'alice' } }, extensions: { cost: 1 } },
    ]);
    const mutation = 'mutation { recordTransfers(input: { transfers: [] }) { recorded } }';
    expect((await all(service, mutation)).map(codeOf)).toEqual(['OPERATION_NOT_SUPPORTED']);
  });

  it.each<[string, string, object, string]>([
    ['a syntax error', '{', {}, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', 'subscription { nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    ['a missing variable', WATCH, {}, 'BAD_USER_INPUT'],
    ['no account', WATCH, { ids: [] }, 'BAD_USER_INPUT'],
    ['101 accounts', WATCH, { ids: Array.from({ length: 101 }, () => 'x') }, 'LIMIT_EXCEEDED'],
  ])('are refused by an event: %s', async (_what, query, variables, code) => {
    const results = await all(alice, query, variables as Record<string, unknown>);
    expect(results.map(codeOf)).toEqual([code]);
    expect(JSON.stringify(results)).not.toContain('http');
  });

  it('are nothing for callers without a token', async () => {
    expect((await all(app.anonymous(), WATCH, { ids: [account] })).map(codeOf)).toEqual(['UNAUTHENTICATED']);
  });
});

describe('a request that is none', () => {
  const url = (): string => `${app.url}/graphql/stream`;
  const headers = { accept: 'text/event-stream', 'content-type': 'application/json' };
  it.each<[string, () => Promise<Response>, number, string]>([
    ['a bad token', () => openStream(apiWith(app.url, 'Bearer x'), WATCH), 401, 'UNAUTHENTICATED'],
    [
      'no accept',
      () => fetch(url(), { method: 'POST', headers: { ...headers, accept: 'application/json' }, body: '{}' }),
      406,
      'BAD_USER_INPUT',
    ],
    ['no JSON', () => fetch(url(), { method: 'POST', headers, body: '{"query":' }), 400, 'BAD_USER_INPUT'],
    ['a list', () => fetch(url(), { method: 'POST', headers, body: '[]' }), 400, 'BAD_USER_INPUT'],
    ['no query', () => fetch(url(), { method: 'POST', headers, body: '{}' }), 400, 'BAD_USER_INPUT'],
    [
      'variables that are none',
      () => fetch(url(), { method: 'POST', headers, body: '{"query":"{a}","variables":[]}' }),
      400,
      'BAD_USER_INPUT',
    ],
    [
      'a name that is none',
      () => fetch(url(), { method: 'POST', headers, body: '{"query":"{a}","operationName":1}' }),
      400,
      'BAD_USER_INPUT',
    ],
    [
      'a form, as any page can send it',
      () =>
        fetch(url(), {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
          body: 'query={a}',
        }),
      415,
      'BAD_USER_INPUT',
    ],
    [
      'text, as any page can send it',
      () =>
        fetch(url(), {
          method: 'POST',
          headers: { ...headers, 'content-type': 'text/plain' },
          body: '{"query":"{a}"}',
        }),
      400,
      'BAD_USER_INPUT',
    ],
    [
      'an address, as any page can open it',
      () => fetch(`${url()}?query={viewer{subject}}`, { headers: { accept: 'text/event-stream' } }),
      400,
      'BAD_USER_INPUT',
    ],
    ['the other mode of the protocol', () => fetch(url(), { method: 'PUT' }), 404, 'BAD_USER_INPUT'],
  ])('is answered as JSON: %s', async (_what, send, status, code) => {
    const response = await send();
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect([response.status, await response.json()]).toMatchObject([status, { errors: [{ extensions: { code } }] }]);
  });

  it('is one by GET, with a token', async () => {
    const { authorization = '' } = alice;
    const query = encodeURIComponent('query ($x: Boolean!) { viewer { subject @include(if: $x) } }');
    const variables = encodeURIComponent('{"x":true}');
    const response = await fetch(`${url()}?query=${query}&variables=${variables}`, {
      headers: { ...headers, authorization },
    });
    expect(await response.text()).toContain('{"viewer":{"subject":"alice"}}');
  });
});
