/**
 * What is wrong, and what is answered: one line each, over HTTP and, where it applies, over WebSocket. `npm test --
 * bad-input-table --verbose` prints the table. What must not change meanwhile is shown in the other tests of bad input.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { connectSocket, openSocket, operate, postRaw, sendBytes, type RawSocket } from '../../support/services/raw.js';
import { inSeconds, tokenOf, unsignedToken } from '../../support/services/tokens.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
/** By the name of a role; `nobody` has no token. */
const as: Record<string, Api> = {};
/** Of alice, and of bob. */
let hers: string;
let his: string;

beforeAll(async () => {
  app = await startTestApp({ env: { LIMIT_COST_PER_MINUTE: '100000000', AUTH_AUDIENCE: 'plimsoll' } });
  const sign = async (sub: string, role: string): Promise<Api> =>
    apiWith(app.url, `Bearer ${await tokenOf({ sub, roles: [role], aud: 'plimsoll' })}`);
  as['TRADER'] = await sign('alice', 'TRADER');
  as['ADMIN'] = await sign('admin', 'ADMIN');
  as['SERVICE'] = await sign('venue', 'SERVICE');
  as['nobody'] = apiWith(app.url, undefined);
  const service = as['SERVICE'];
  hers = await openAccount(service);
  his = await openAccount(service, { owner: 'bob' });
  await publishPrices(service, { BTC: '60000', 'BITGET/BTCUSDT': '60000' });
  await recordTransfers(service, transfer(hers, 'USDT', '10000'), transfer(his, 'USDT', '777'));
  await recordFills(service, fill(hers, 'BTCUSDT', 'BUY', '1', '60000'));
  before = await fingerprint(app.app.services.db);
});
afterAll(() => app.close());

let before: unknown;

/** `status codes` by HTTP; what is answered without a code is data. */
async function byHttp(api: Api, body: string, headers: Record<string, string> = {}): Promise<string> {
  const { status, text } = await postRaw(api, body, headers);
  const { errors, data } = JSON.parse(text) as Answered;
  return [status, ...codesOf(errors, data)].join(' ');
}

interface Answered {
  readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[];
  readonly data?: Record<string, unknown> | null;
}

function codesOf(errors: Answered['errors'], data: Answered['data']): string[] {
  const codes = new Set((errors ?? []).map(({ extensions }) => extensions?.code ?? 'NO CODE'));
  if (codes.size > 0) return [...codes];
  // The only field, if nothing came of it.
  const [field] = Object.values(data ?? {});
  return [field === null || field === undefined ? 'null' : problemsIn(field)];
}

/** Codes of what a mutation refused of its items. */
function problemsIn(field: unknown): string {
  const { errors } = field as { errors?: readonly { code: string; field: string | null }[] };
  return errors === undefined || errors.length === 0
    ? 'data'
    : errors.map((error) => `${error.code}${error.field === null ? '' : ` ${error.field}`}`).join();
}

async function bySocket(api: Api, query: string, variables: object): Promise<string> {
  const socket = await connectSocket(api);
  const [answer] = await operate(socket, query, variables);
  socket.close();
  if (answer === undefined || answer.type === 'complete') return 'complete';
  if (answer.type === 'error') return codesOf(answer.payload as Answered['errors'], null).join(' ');
  const { errors, data } = answer.payload as Answered;
  return codesOf(errors, data).join(' ');
}

interface Row {
  readonly what: string;
  readonly role?: string;
  readonly query: string;
  readonly variables?: () => object;
  /** By HTTP: the status, and the code. */
  readonly http?: string;
  /** By WebSocket: the code. */
  readonly ws?: string;
}

const nested = (depth: number): string => {
  return `{ account(id: "x") { ${'positions { account { '.repeat(depth)}id${' } }'.repeat(depth)} } }`;
};
const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
const WATCH =
  'subscription ($ids: [ID!]!, $min: Decimal) { marginRatioChanged(accountIds: $ids, minChange: $min) { sequence } }';
const watch = (what: string, min: unknown, ws: string): Row => ({
  what: `minChange ${what}`,
  query: WATCH,
  variables: () => ({ ids: [hers], min }),
  ws,
});

const OPERATIONS: Readonly<Record<string, readonly Row[]>> = {
  syntax: [
    { what: 'nothing', query: '', http: '400 BAD_USER_INPUT', ws: 'GRAPHQL_PARSE_FAILED' },
    { what: 'a comment alone', query: '# hello', http: '400 GRAPHQL_PARSE_FAILED', ws: 'GRAPHQL_PARSE_FAILED' },
    {
      what: 'a brace that is not closed',
      query: '{ viewer { subject }',
      http: '400 GRAPHQL_PARSE_FAILED',
      ws: 'GRAPHQL_PARSE_FAILED',
    },
    {
      what: 'a text that is not closed',
      query: '{ account(id: "x) { id } }',
      http: '400 GRAPHQL_PARSE_FAILED',
      ws: 'GRAPHQL_PARSE_FAILED',
    },
    {
      what: 'no operation, but a fragment',
      query: 'fragment F on Viewer { subject }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'two operations, and no name',
      query: 'query A { viewer { subject } } query B { viewer { subject } }',
      http: '400 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'a field that is not there',
      query: '{ viewer { subjects } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'an object without its fields',
      query: '{ viewer }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'an argument that is not there',
      query: '{ viewer(x: 1) { subject } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a fragment within itself',
      query: '{ viewer { ...F } } fragment F on Viewer { ...F }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a directive that is not there',
      query: '{ viewer @admin { subject } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a variable that is not declared',
      query: '{ account(id: $id) { id } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a variable that is not given',
      query: 'query ($id: ID!) { account(id: $id) { id } }',
      http: '400 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'a variable of another type',
      query: 'query ($first: Int) { accounts(first: $first) { totalCount } }',
      variables: () => ({ first: 'ten' }),
      http: '400 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'a subscription of which the field hangs on a variable',
      query: 'subscription ($x: Boolean!) { riskAlerts @include(if: $x) { cursor } }',
      variables: () => ({ x: true }),
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a subscription without its field',
      query: 'subscription { ... @skip(if: true) { riskAlerts { cursor } } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
  ],
  limits: [
    { what: '17 fields within each other', query: nested(9), http: '400 LIMIT_EXCEEDED', ws: 'LIMIT_EXCEEDED' },
    {
      what: '51 aliases',
      query: `{ ${many(51, (index) => `a${index}: viewer { subject }`)} }`,
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: '21 root fields',
      query: `{ ${many(21, (index) => `a${index}: viewer { subject }`)} }`,
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: '51 directives',
      query: `{ viewer { subject ${many(51, () => '@include(if: true)')} } }`,
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: '1,001 tokens',
      query: `{ viewer { ${many(1_001, () => 'subject')} } }`,
      http: '400 GRAPHQL_PARSE_FAILED',
      ws: 'GRAPHQL_PARSE_FAILED',
    },
    {
      what: 'a cost beyond the bound',
      query:
        '{ accounts(first: 100) { nodes { ledger(first: 100) { nodes { account { margin { marginRatio } } } } } } }',
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: 'first: 101',
      query: '{ accounts(first: 101) { totalCount } }',
      http: '200 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'first: -1',
      query: '{ accounts(first: -1) { totalCount } }',
      http: '200 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: '101 ids',
      query: 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      variables: () => ({ ids: Array.from({ length: 101 }, () => hers) }),
      http: '200 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: 'a cursor that no page gave out',
      query: '{ accounts(first: 1, after: "abc") { totalCount } }',
      http: '200 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'an Int beyond 32 bits',
      query: '{ accounts(first: 3000000000) { totalCount } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
  ],
  decimals: [
    watch('NaN', 'NaN', 'BAD_USER_INPUT'),
    watch('Infinity', 'Infinity', 'BAD_USER_INPUT'),
    watch('1e5', '1e5', 'BAD_USER_INPUT'),
    watch('0x10', '0x10', 'BAD_USER_INPUT'),
    watch('empty', '', 'BAD_USER_INPUT'),
    watch('with a blank before', ' 1', 'BAD_USER_INPUT'),
    watch('1,5', '1,5', 'BAD_USER_INPUT'),
    watch('of Arabic digits', '١', 'BAD_USER_INPUT'),
    watch('of 31 integer digits', '1'.repeat(31), 'BAD_USER_INPUT'),
    watch('of 19 fraction digits', `0.${'1'.repeat(19)}`, 'BAD_USER_INPUT'),
    watch('of 90,000 digits', '9'.repeat(90_000), 'BAD_USER_INPUT'),
    watch('a JSON number', 0.1, 'BAD_USER_INPUT'),
    watch('true', true, 'BAD_USER_INPUT'),
    watch('a list', ['1'], 'BAD_USER_INPUT'),
    watch('below 0', '-0.001', 'BAD_USER_INPUT'),
  ],
  ids: [
    { what: 'an id that is none', query: '{ account(id: "x") { id } }', http: '200 null', ws: 'null' },
    {
      what: "another trader's account",
      query: 'query ($id: ID!) { account(id: $id) { id } }',
      variables: () => ({ id: his }),
      http: '200 null',
      ws: 'null',
    },
    {
      what: "another trader's account, as a node",
      query: 'query ($id: ID!) { node(id: $id) { id } }',
      variables: () => ({ id: his }),
      http: '200 null',
      ws: 'null',
    },
    {
      what: 'an id of another type',
      query: 'query ($id: ID!) { account(id: $id) { id } }',
      variables: () => ({ id: Buffer.from('Asset:BTC').toString('base64url') }),
      http: '200 null',
      ws: 'null',
    },
    { what: 'a number for an id', query: '{ account(id: 1) { id } }', http: '200 null', ws: 'null' },
    { what: "to watch another trader's account", query: WATCH, variables: () => ({ ids: [his] }), ws: 'complete' },
    { what: 'to watch none', query: WATCH, variables: () => ({ ids: [] }), ws: 'BAD_USER_INPUT' },
    {
      what: 'alerts after a cursor that is none',
      query: 'subscription { riskAlerts(after: "abc") { cursor } }',
      ws: 'BAD_USER_INPUT',
    },
    { what: 'a price of no asset', query: '{ assets(symbols: ["NOTHING"]) { symbol } }', http: '200 data', ws: 'data' },
  ],
  access: [
    {
      what: 'accounts, as nobody',
      role: 'nobody',
      query: '{ accounts { totalCount } }',
      http: '200 UNAUTHENTICATED',
      ws: 'UNAUTHENTICATED',
    },
    {
      what: 'the audit, as a trader',
      query: '{ auditLog(first: 1) { nodes { actor } } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'the audit, as a service',
      role: 'SERVICE',
      query: '{ auditLog(first: 1) { nodes { actor } } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'the overview, as a trader',
      query: '{ riskOverview(venue: "BITGET") { asOf } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'a preview, as a trader',
      query:
        '{ previewCollateralRatios(changes: [{venue: "ASTER", chain: "BNB_CHAIN", asset: "LISTA", ratio: "0.5"}]) { asOf } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'to record a transfer, as a trader',
      query: 'mutation ($t: [TransferInput!]!) { recordTransfers(input: {transfers: $t}) { recorded } }',
      variables: () => ({ t: [transfer(hers, 'USDT', '1')] }),
      http: '200 FORBIDDEN',
      ws: 'OPERATION_NOT_SUPPORTED',
    },
    {
      what: 'to record a transfer, as an admin',
      role: 'ADMIN',
      query: 'mutation ($t: [TransferInput!]!) { recordTransfers(input: {transfers: $t}) { recorded } }',
      variables: () => ({ t: [transfer(hers, 'USDT', '1')] }),
      http: '200 FORBIDDEN',
      ws: 'OPERATION_NOT_SUPPORTED',
    },
    {
      what: "to set the leverage of another trader's account",
      query:
        'mutation ($id: ID!) { setLeverage(input: {accountId: $id, instrument: "BTCUSDT", leverage: "5"}) { errors { code field } } }',
      variables: () => ({ id: his }),
      http: '200 ACCOUNT_NOT_FOUND input,accountId',
      ws: 'OPERATION_NOT_SUPPORTED',
    },
  ],
  transports: [
    { what: 'a subscription', query: 'subscription { riskAlerts { cursor } }', http: '400 OPERATION_NOT_SUPPORTED' },
    {
      what: 'a mutation',
      query:
        'mutation ($id: ID!) { withdraw(input: {accountId: $id, asset: "USDT", quantity: "1", idempotencyKey: "k"}) { errors { code field } } }',
      variables: () => ({ id: hers }),
      ws: 'OPERATION_NOT_SUPPORTED',
    },
  ],
  clocks: [
    {
      what: 'a transfer of tomorrow',
      role: 'SERVICE',
      query: 'mutation ($t: [TransferInput!]!) { recordTransfers(input: {transfers: $t}) { errors { code field } } }',
      variables: () => ({ t: [{ ...transfer(hers, 'USDT', '1'), at: new Date(Date.now() + 86_400_000) }] }),
      http: '200 INVALID_INPUT input,transfers,0,at',
    },
    {
      what: 'a price of tomorrow',
      role: 'SERVICE',
      query:
        'mutation ($at: DateTime!) { publishPrices(input: {quotes: [{asset: "BTC", price: "1", source: "x", at: $at}]}) { errors { code field } } }',
      variables: () => ({ at: new Date(Date.now() + 86_400_000) }),
      http: '200 INVALID_INPUT input,quotes,0,at',
    },
    {
      what: 'an instant that is none',
      query: 'query ($id: ID!) { account(id: $id) { marginAt(at: "yesterday") { reason } } }',
      variables: () => ({ id: hers }),
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: '30 February',
      query: 'query ($id: ID!) { account(id: $id) { marginAt(at: "2026-02-30T00:00:00Z") { reason } } }',
      variables: () => ({ id: hers }),
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
  ],
};

describe.each(Object.entries(OPERATIONS))('%s', (_group, rows) => {
  for (const { what, role = 'TRADER', query, variables = () => ({}), http, ws } of rows) {
    if (http !== undefined) {
      it(`${what}: HTTP ${http}`, async () => {
        const body = JSON.stringify({ query, variables: variables() });
        expect(await byHttp(as[role] as Api, body)).toBe(http);
      });
    }
    if (ws !== undefined) {
      it(`${what}: WebSocket ${ws}`, async () => {
        expect(await bySocket(as[role] as Api, query, variables())).toBe(ws);
      });
    }
  }
});

describe('requests', () => {
  it.each<[string, string, Record<string, string>, string]>([
    ['a body that is no JSON', '{', {}, '400 BAD_USER_INPUT'],
    ['an empty body', '', {}, '400 BAD_USER_INPUT'],
    ['a list of operations', '[{"query":"{ viewer { subject } }"}]', {}, '400 BAD_USER_INPUT'],
    ['variables that are a text', '{"query":"{ viewer { subject } }","variables":"x"}', {}, '400 BAD_USER_INPUT'],
    ['a document that is a number', '{"query":5}', {}, '400 BAD_USER_INPUT'],
    [
      'an operation that is not in the document',
      '{"query":"{ viewer { subject } }","operationName":"Other"}',
      {},
      '400 BAD_USER_INPUT',
    ],
    [
      'a form',
      'query={viewer{subject}}',
      { 'content-type': 'application/x-www-form-urlencoded' },
      '415 BAD_USER_INPUT',
    ],
    ['a plain text', '{"query":"{ viewer { subject } }"}', { 'content-type': 'text/plain' }, '400 BAD_USER_INPUT'],
    ['a body of 200,000 bytes', JSON.stringify({ query: ' '.repeat(200_000) }), {}, '413 LIMIT_EXCEEDED'],
  ])('%s', async (_what, body, headers, expected) => {
    expect(await byHttp(as['TRADER'] as Api, body, headers)).toBe(expected);
  });

  it.each([
    [
      'a mutation by GET',
      'GET /graphql?query=mutation%7B__typename%7D HTTP/1.1\r\nHost: x\r\nApollo-Require-Preflight: 1',
      '405 BAD_USER_INPUT',
    ],
    [
      'a GET of a simple request',
      'GET /graphql?query=%7Bviewer%7Bsubject%7D%7D HTTP/1.1\r\nHost: x',
      '400 BAD_USER_INPUT',
    ],
    ['DELETE', 'DELETE /graphql HTTP/1.1\r\nHost: x', '404 BAD_USER_INPUT'],
    ['a path that is not there', 'GET /admin HTTP/1.1\r\nHost: x', '404 BAD_USER_INPUT'],
    ['no HTTP', 'HELLO', '400 BAD_USER_INPUT'],
    ['a head of 100,000 bytes', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}`, '431 BAD_USER_INPUT'],
    ['a length that is no number', 'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: ten', '400 BAD_USER_INPUT'],
  ])('%s', async (_what, head, expected) => {
    const answer = await sendBytes(app.url, `${head}\r\nConnection: close\r\n\r\n`);
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
    const code = /"code":"(\w+)"/.exec(answer)?.[1];
    expect(`${status} ${code}`).toBe(expected);
  });
});

describe('the WebSocket protocol', () => {
  const init = { type: 'connection_init' };
  const ask = { id: '1', type: 'subscribe', payload: { query: '{ viewer { subject } }' } };
  it.each<[string, (socket: RawSocket) => void, number]>([
    ['no JSON', (socket) => socket.sendText('{'), 4400],
    ['null', (socket) => socket.sendText('null'), 4400],
    ['a message of no known type', (socket) => socket.send({ type: 'connection_teardown' }), 4400],
    ['an operation before the init', (socket) => socket.send(ask), 4401],
    ['two inits', (socket) => [init, init].forEach((message) => socket.send(message)), 4429],
    [
      'an operation without a document',
      (socket) => [init, { ...ask, payload: {} }].forEach((message) => socket.send(message)),
      4400,
    ],
    [
      'an operation without an id',
      (socket) => [init, { ...ask, id: '' }].forEach((message) => socket.send(message)),
      4400,
    ],
    ['a frame of 200,000 bytes', (socket) => socket.sendText(`"${'x'.repeat(200_000)}"`), 1009],
    ['500 pings at once', (socket) => Array.from({ length: 500 }).forEach(() => socket.send({ type: 'ping' })), 1008],
  ])('%s', async (_what, send, code) => {
    const socket = await openSocket(app.url);
    send(socket);
    expect((await socket.closed).code).toBe(code);
  });
});

describe('tokens', () => {
  const claims = { sub: 'alice', roles: ['TRADER'], aud: 'plimsoll' };
  it.each<[string, () => string | Promise<string>]>([
    ['that is none', () => 'x'],
    ['that has expired', () => tokenOf({ ...claims, exp: inSeconds(-1) })],
    ['that begins later', () => tokenOf({ ...claims, nbf: inSeconds(600) })],
    ['for another audience', () => tokenOf({ ...claims, aud: 'elsewhere' })],
    ['of another secret', () => tokenOf(claims, 'another secret, as long as it has to be')],
    ['that nobody signed', () => unsignedToken(claims)],
    ['without roles', () => tokenOf({ sub: 'alice', aud: 'plimsoll' })],
    ['without a subject', () => tokenOf({ roles: ['ADMIN'], aud: 'plimsoll' })],
  ])('a token %s: 401 UNAUTHENTICATED, and 4403', async (_what, token) => {
    const authorization = `Bearer ${await token()}`;
    expect(await byHttp(apiWith(app.url, authorization), '{"query":"{ viewer { subject } }"}')).toBe(
      '401 UNAUTHENTICATED',
    );
    const socket = await openSocket(app.url);
    socket.send({ type: 'connection_init', payload: { authorization } });
    expect((await socket.closed).code).toBe(4403);
  });
});

it('nothing has changed by all that', async () => {
  expect(await fingerprint(app.app.services.db)).toEqual(before);
});
