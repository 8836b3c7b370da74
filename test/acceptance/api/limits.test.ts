/** What one client may ask for: nothing that keeps the server from the others, whichever way it asks. */
import { request } from 'node:http';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';

import { LIMITS } from '../../../src/api/execution/limits.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { post, postRaw, sendBytes } from '../../support/services/raw.js';
import { TRANSPORTS, answerOver, openStream, type FirstAnswer } from '../../support/services/transports.js';
import {
  aliased,
  directed,
  doubling,
  repeated,
  rooted,
  skipped,
  spread,
  within,
} from '../../support/calls/large-documents.js';
import { openAccount } from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let alice: Api;
/** At BITGET, of alice. */
let account: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  account = await openAccount(service);
});

afterAll(() => app.close());

/** The code of a refusal, "answered" where there is none. */
function fateOf({ errors }: FirstAnswer): string {
  const codes = [...new Set(errors?.map(({ extensions }) => String(extensions['code'])))];
  return codes.join() || 'answered';
}

describe.each(TRANSPORTS)('over %s, a document', (transport) => {
  it.each<[string, string, string]>([
    ['of 16 fields in depth', within('venue { code }'), 'answered'],
    ['of 17 fields in depth', within('venue { policy { version } }'), 'LIMIT_EXCEEDED'],
    ['of 50 aliases', aliased(50), 'answered'],
    ['of 51 aliases', aliased(51), 'LIMIT_EXCEEDED'],
    ['that repeats a field 50 times', repeated(51), 'answered'],
    ['that repeats a field 51 times', repeated(52), 'LIMIT_EXCEEDED'],
    ['of 20 root fields', rooted(20), 'answered'],
    ['of 21 root fields', rooted(21), 'LIMIT_EXCEEDED'],
    ['of 20 root fields by fragments', spread(2), 'answered'],
    ['of 30 root fields by fragments', spread(3), 'LIMIT_EXCEEDED'],
    ['of a billion aliases by fragments', doubling, 'LIMIT_EXCEEDED'],
    ['of 50 directives', skipped(50), 'answered'],
    ['of 51 directives', skipped(51), 'LIMIT_EXCEEDED'],
    ['of 51 directives at one place', directed(51), 'LIMIT_EXCEEDED'],
    ['of 1,001 tokens', `{ ${'id '.repeat(999)} }`, 'GRAPHQL_PARSE_FAILED'],
    [
      'of fragments in a circle',
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'that asks for the whole schema, as GraphiQL does',
      getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true }),
      'answered',
    ],
  ])('%s', async (_what, query, fate) => {
    const begun = performance.now();
    expect(fateOf(await answerOver(transport, alice, query))).toBe(fate);
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  it('leads round and round only as far as its cost allows', async () => {
    const round = 'ledger(first: 100) { nodes { account { ';
    const query = `query ($id: ID!) { account(id: $id) { ${round.repeat(4)} id ${'} } } '.repeat(4)} } }`;
    const { errors } = await answerOver(transport, alice, query, { id: account });
    expect(errors).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED', cost: 100_000_000 } }]);
    expect(errors?.[0]?.message).toContain(String(LIMITS.cost));
  });

  it('costs what its variables make of it', async () => {
    const query = `query ($n: Int!) { accounts(first: $n) { nodes { ledger(first: $n) { nodes { account {
      ledger(first: $n) { nodes { id } } } } } } } }`;
    expect(await answerOver(transport, alice, query, { n: 2 })).toMatchObject({ extensions: { cost: 8 } });
    expect(fateOf(await answerOver(transport, alice, query, { n: 100 }))).toBe('LIMIT_EXCEEDED');
  });
});

describe('the cost of an operation', () => {
  const margin = 'margin { marginRatio status }';
  it.each<[string, string, object, number]>([
    ['a scalar', '{ viewer { subject } }', {}, 1],
    ['a list of scalars', '{ viewer { roles } }', {}, 1],
    ['a margin state', `query ($id: ID!) { account(id: $id) { ${margin} } }`, {}, 22],
    ['of 20 accounts by default', `{ accounts { nodes { ${margin} } } }`, {}, 440],
    ['of 20 accounts by null', `{ accounts(first: null) { nodes { ${margin} } } }`, {}, 440],
    ['of 5 accounts', `{ accounts(first: 5) { nodes { ${margin} } } }`, {}, 110],
    ['of three nodes', `query ($id: ID!) { nodes(ids: [$id, $id, $id]) { ... on Account { ${margin} } } }`, {}, 66],
    ['a list of no stated size', '{ venues { code } }', {}, 10],
    [
      'liquidation prices',
      'query ($id: ID!) { account(id: $id) { positions { liquidationPrice { price reason } } } }',
      {},
      220,
    ],
    [
      'a stress test of 3 shocks',
      'query ($id: ID!) { account(id: $id) { stress(shocks: ["0", "0.1", "0.2"], symbols: ["BTC"]) { shock } } }',
      {},
      63,
    ],
    [
      'a simulation of one trade',
      'query ($id: ID!, $in: SimulationInput!) { account(id: $id) { simulate(input: $in) { accepted } } }',
      { in: { trades: [{ instrument: 'BTCUSDT', side: 'BUY', size: '1' }] } },
      51,
    ],
    [
      'a simulation of three changes',
      'query ($id: ID!, $in: SimulationInput!) { account(id: $id) { simulate(input: $in) { accepted } } }',
      { in: { prices: [1, 2, 3].map(() => ({ symbol: 'BTC', price: '1' })) } },
      151,
    ],
    ['what is skipped', 'query ($no: Boolean = false) { viewer { subject roles @include(if: $no) } }', {}, 1],
  ])('%s', async (_what, query, variables, cost) => {
    const { text } = await post(alice, query, { ...(query.includes('$id') ? { id: account } : {}), ...variables });
    expect(JSON.parse(text)).toMatchObject({ extensions: { cost } });
  });

  it('of a mutation is that of all its items', async () => {
    const transfers = Array.from({ length: 1_000 }, (_, index) => {
      return { transferId: `${index}`, accountId: 'x', asset: 'USDT', quantity: '1', at: new Date().toISOString() };
    });
    const query = `mutation ($input: RecordTransfersInput!) { recordTransfers(input: $input) { recorded errors { code } } }`;
    const { text } = await post(service, query, { input: { transfers } });
    // One number, and a list of 10 for every 10 items.
    expect(JSON.parse(text)).toMatchObject({ data: { recordTransfers: { recorded: 0 } }, extensions: { cost: 1_100 } });
  });
});

describe('a minute of a viewer', () => {
  let frugal: TestApp;
  beforeAll(async () => {
    frugal = await startTestApp({ env: { LIMIT_COST_PER_MINUTE: '100', LIMIT_COST: '100' } });
  });
  afterAll(() => frugal.close());
  const SIXTY = '{ accounts(first: 60) { nodes { id } } }';

  it.each(TRANSPORTS)('is spent at 100, over %s', async (transport) => {
    const viewer = await frugal.as(`spender over ${transport}`, 'TRADER');
    expect(fateOf(await answerOver(transport, viewer, SIXTY))).toBe('answered');
    const refused = await answerOver(transport, viewer, SIXTY);
    expect(refused.errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED', cost: 60 } }]);
    const seconds = Number(refused.errors?.[0]?.extensions['retryAfter']);
    expect(seconds).toBeGreaterThan(30);
    expect(seconds).toBeLessThanOrEqual(60);
    // What is left can be spent, and belongs to no transport.
    expect(fateOf(await answerOver('HTTP', viewer, '{ viewer { subject } }'))).toBe('answered');
    expect(fateOf(await answerOver('HTTP', viewer, SIXTY))).toBe('RATE_LIMITED');
    expect(fateOf(await answerOver(transport, await frugal.as(`${transport}, other`, 'TRADER'), SIXTY))).toBe(
      'answered',
    );
  });

  it('is answered as HTTP has it: 429 and Retry-After, and nothing of it to clients of this server only', async () => {
    const viewer = await frugal.as('reader of headers', 'ADMIN');
    await post(viewer, SIXTY);
    for (const response of [await fetchOf(viewer, SIXTY), await openStream(viewer, SIXTY)]) {
      expect(response.status).toBe(429);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(30);
      const { errors } = (await response.json()) as FirstAnswer;
      expect(Object.keys(errors?.[0]?.extensions ?? {}).sort()).toEqual(['code', 'cost', 'retryAfter']);
    }
  });

  it("is not counted for the venue's own systems", async () => {
    const venue = await frugal.as('venue', 'SERVICE');
    for (let round = 0; round < 4; round += 1) expect(fateOf(await answerOver('HTTP', venue, SIXTY))).toBe('answered');
  });
});

function fetchOf({ url, authorization = '' }: Api, query: string): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({ query }),
  });
}

describe('a body', () => {
  const ofBytes = (bytes: number): string => {
    const query = '{ viewer { subject } }';
    return JSON.stringify({ query, x: 'x'.repeat(bytes - JSON.stringify({ query, x: '' }).length) });
  };
  /** Without a length, in pieces. */
  const inPieces = (api: Api, body: string, path = '/graphql'): Promise<[number, string]> =>
    new Promise((resolve, reject) => {
      const { authorization = '' } = api;
      const headers = { 'content-type': 'application/json', accept: '*/*', authorization };
      const sent = request(`${api.url}${path}`, { method: 'POST', headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (data: string) => (text += data));
        response.on('end', () => resolve([response.statusCode ?? 0, text]));
      });
      sent.on('error', reject);
      for (let at = 0; at < body.length; at += 50_000) sent.write(body.slice(at, at + 50_000));
      sent.end();
    });

  it.each<[string, number, number]>([
    ['TRADER', 102_400, 200],
    ['TRADER', 102_401, 413],
    ['ADMIN', 102_401, 413],
    ['', 102_401, 413],
    ['SERVICE', 1_048_576, 200],
    ['SERVICE', 1_048_577, 413],
  ])('of %s with %i bytes is answered %i, however it is sent', async (role, bytes, status) => {
    const api = role === '' ? app.anonymous() : await app.as('somebody', role as 'TRADER');
    const whole = await postRaw(api, ofBytes(bytes));
    const [pieces, text] = await inPieces(api, ofBytes(bytes));
    expect([whole.status, pieces]).toEqual([status, status]);
    for (const answer of [whole.text, text]) {
      expect(fateOf(JSON.parse(answer) as FirstAnswer)).toBe(status === 200 ? 'answered' : 'LIMIT_EXCEEDED');
    }
  });

  it('is bounded for event streams too', async () => {
    const [status, text] = await inPieces(alice, ofBytes(102_401), '/graphql/stream');
    expect([status, fateOf(JSON.parse(text) as FirstAnswer)]).toEqual([413, 'LIMIT_EXCEEDED']);
    const variables = { x: 'x'.repeat(102_400) };
    expect((await openStream(alice, '{ viewer { subject } }', variables)).status).toBe(413);
  });

  it('that is cut off is forgotten', async () => {
    const head = `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: ${alice.authorization}\r\n`;
    await sendBytes(app.url, `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"que`, { reset: true });
    await sendBytes(app.url, `${head}Content-Length: 1000\r\n\r\n{"que`, { reset: true });
    expect(await alice.ask('{ viewer { subject } }')).toEqual({ viewer: { subject: 'alice' } });
  });
});

describe('time', () => {
  let hasty: TestApp;
  beforeAll(async () => {
    hasty = await startTestApp({
      env: { LIMIT_OPERATION_SECONDS: '2', LIMIT_HEADERS_SECONDS: '0.5', LIMIT_REQUEST_SECONDS: '1' },
    });
  });
  afterAll(() => hasty.close());

  it('is up for an operation when the database is', async () => {
    const viewer = await hasty.as('alice', 'TRADER');
    const mine = await openAccount(await hasty.as('venue', 'SERVICE'));
    let held = (): void => undefined;
    let release = (): void => undefined;
    const isHeld = new Promise<void>((resolve) => (held = resolve));
    const holding = hasty.app.services.db.$transaction(async (tx) => {
      await tx.$executeRaw`LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE`;
      held();
      await new Promise<void>((resolve) => (release = resolve));
    });
    await isHeld;
    const watch = 'subscription ($id: ID!) { marginRatioChanged(accountIds: [$id]) { sequence } }';
    const query = 'query ($id: ID!) { account(id: $id) { name } }';
    const fates = await Promise.all(
      TRANSPORTS.flatMap((transport) => {
        const queries = transport === 'HTTP' ? [query] : [query, watch];
        return queries.map(async (each) => fateOf(await answerOver(transport, viewer, each, { id: mine })));
      }),
    );
    expect([...new Set(fates)]).toEqual(['SERVICE_UNAVAILABLE']);
    expect((await post(viewer, query, { id: mine })).status).toBe(503);
    release();
    await holding;
    expect(await viewer.ask(query, { id: mine })).toEqual({ account: { name: 'Test' } });
  });

  it.each([
    ['the head of a request', 'POST /graphql HTTP/1.1\r\nHost: x\r\n'],
    [
      'the body of a request',
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
    ],
  ])('is up for %s that does not come', async (_what, bytes) => {
    const begun = performance.now();
    const answer = await sendBytes(hasty.url, bytes);
    expect(answer).toContain('HTTP/1.1 408 ');
    expect(answer).toContain('{"errors":[{"message":"Request Timeout."');
    expect(performance.now() - begun).toBeLessThan(6_000);
  });
});
