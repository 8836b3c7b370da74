/**
 * What is wrong, and what is answered: one line each, over HTTP and, where it applies, over WebSocket. `npm test --
 * bad-input-table --verbose` prints the table. What must not change meanwhile is shown in the other tests of bad input.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { BAD_ARGUMENTS } from '../../support/calls/bad-arguments.js';
import { BAD_DOCUMENTS } from '../../support/calls/bad-documents.js';
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

describe.each(Object.entries({ ...BAD_DOCUMENTS, ...BAD_ARGUMENTS }))('%s', (_group, rows) => {
  for (const { what, role = 'TRADER', query, variables = () => ({}), http, ws } of rows) {
    if (http !== undefined) {
      it(`${what}: HTTP ${http}`, async () => {
        const body = JSON.stringify({ query, variables: variables({ hers, his }) });
        expect(await byHttp(as[role] as Api, body)).toBe(http);
      });
    }
    if (ws !== undefined) {
      it(`${what}: WebSocket ${ws}`, async () => {
        expect(await bySocket(as[role] as Api, query, variables({ hers, his }))).toBe(ws);
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
