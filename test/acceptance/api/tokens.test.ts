/** Tokens at the door: over HTTP and over WebSocket, of a shared secret and of an issuer. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPair } from 'jose';

import { apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { startIssuer, type Issuer } from '../../support/services/jwks.js';
import { connectSocket, openSocket, operate, post, postRaw, sendBytes } from '../../support/services/raw.js';
import { inSeconds, tokenOf, unsignedToken } from '../../support/services/tokens.js';
import { until } from '../../support/until.js';
import { openAccount } from '../../support/calls/venue-system.js';

const ASK = '{ viewer { subject roles } }';
const GOOD = { sub: 'alice', roles: ['TRADER'] };

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const withToken = (token: string, url = app.url): Api => apiWith(url, `Bearer ${token}`);

/** How a token fares over HTTP, then over WebSocket. */
async function fates(api: Api): Promise<unknown[]> {
  const { status, text } = await post(api, ASK);
  const { errors } = JSON.parse(text) as { errors?: { message: string; extensions: { code: string } }[] };
  expect(text).not.toContain('Context creation');
  const http = [status, errors?.map(({ extensions }) => extensions.code).join() ?? 'OK', errors?.[0]?.message ?? ''];
  const socket = await openSocket(api.url);
  socket.send({ type: 'connection_init', payload: { authorization: api.authorization } });
  const ws = await Promise.race([
    socket.next().then(
      ({ type }) => type,
      () => new Promise<string>(() => undefined),
    ),
    socket.closed.then(({ code, reason }) => `${code} ${reason}`),
  ]);
  socket.close();
  return [...http, ws];
}

const LET_IN = [200, 'OK', '', 'connection_ack'];
const INVALID = [401, 'UNAUTHENTICATED', 'The token is not valid here.', '4403 Forbidden'];

describe('a token of the shared secret', () => {
  it('lets in', async () => {
    const api = withToken(await tokenOf(GOOD));
    expect(await fates(api)).toEqual(LET_IN);
    expect(await api.ask(ASK)).toEqual({ viewer: { subject: 'alice', roles: ['TRADER'] } });
  });

  it.each<[string, () => string | Promise<string>, string]>([
    ['that has expired', () => tokenOf({ ...GOOD, exp: inSeconds(-1) }), 'The token has expired.'],
    ['of another secret', () => tokenOf(GOOD, 'another secret of at least 32 characters'), ''],
    ['of nobody: alg none', () => `${unsignedToken(GOOD)}AAAA`, ''],
    ['that begins later', () => tokenOf({ ...GOOD, nbf: inSeconds(60) }), ''],
    ['without an expiry', () => tokenOf({ ...GOOD, exp: undefined as never }), ''],
    ['without a subject', () => tokenOf({ roles: ['ADMIN'] }), ''],
    ['without roles', () => tokenOf({ sub: 'root' }), 'The token needs `roles`, an array.'],
    ['with roles as one text', () => tokenOf({ sub: 'root', roles: 'ADMIN' }), 'The token needs `roles`, an array.'],
    ['that is none', () => 'x', ''],
    ['that is empty', () => '', 'The authorization must be "Bearer" and a token.'],
    ['of 10,000 characters', () => 'x'.repeat(10_000), 'The authorization must be "Bearer" and a token.'],
  ])('is refused at once, and never taken for nobody: one %s', async (_what, token, message) => {
    const [status, code, , ws] = INVALID;
    const said = message === '' ? INVALID[2] : message;
    expect(await fates(withToken(await token()))).toEqual([status, code, said, ws]);
  });

  it('is refused beside an operation that is none, too', async () => {
    const api = withToken('x');
    for (const query of ['{ nothing }', '{', 'mutation { x }']) {
      const { status, text } = await post(api, query);
      expect([status, JSON.parse(text)]).toMatchObject([
        401,
        { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
      ]);
    }
  });

  it('of a megabyte is refused by HTTP for its length, and closes the WebSocket that brings it', async () => {
    const megabyte = 'x'.repeat(1_000_000);
    const head = `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${megabyte}\r\n\r\n`;
    expect(await sendBytes(app.url, head)).toContain('HTTP/1.1 431 ');
    const socket = await openSocket(app.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${megabyte}` } });
    expect((await socket.closed).code).toBe(1009);
    const shorter = await openSocket(app.url);
    shorter.send({ type: 'connection_init', payload: { authorization: `Bearer ${megabyte.slice(0, 90_000)}` } });
    expect((await shorter.closed).code).toBe(4403);
    expect(await fates(withToken(await tokenOf(GOOD)))).toEqual(LET_IN);
  });

  it('that is no text is no token: the socket is nobody', async () => {
    for (const authorization of [5, null, {}, ['Bearer x']]) {
      const socket = await openSocket(app.url);
      socket.send({ type: 'connection_init', payload: { authorization } });
      expect((await socket.next()).type).toBe('connection_ack');
      const [answer] = await operate(socket, ASK);
      expect(JSON.stringify(answer?.payload)).toContain('UNAUTHENTICATED');
      socket.close();
    }
  });

  it('in a header opens no WebSocket: it comes with the first message', async () => {
    const socket = await connectSocket(app.anonymous());
    const [answer] = await operate(socket, ASK);
    expect(JSON.stringify(answer?.payload)).toContain('UNAUTHENTICATED');
    socket.close();
  });

  it('cannot be given with the operation', async () => {
    const token = await tokenOf(GOOD);
    const { text } = await postRaw(
      app.anonymous(),
      JSON.stringify({ query: ASK, extensions: { authorization: `Bearer ${token}` } }),
    );
    expect(text).toContain('UNAUTHENTICATED');
  });
});

describe('the end of a token', () => {
  it('closes the socket that it opened, with 4403, and no other', async () => {
    const service = await app.as('venue', 'SERVICE');
    const id = await openAccount(service);
    const lasting = await connectSocket(withToken(await tokenOf(GOOD)));
    const short = await connectSocket(withToken(await tokenOf({ ...GOOD, exp: inSeconds(5) })));
    const query = `subscription { marginRatioChanged(accountIds: ["${id}"]) { cause } }`;
    for (const socket of [lasting, short]) {
      socket.send({ id: '1', type: 'subscribe', payload: { query } });
      expect((await socket.next()).payload).toEqual({ data: { marginRatioChanged: { cause: 'SNAPSHOT' } } });
    }
    const begun = Date.now();
    expect(await short.closed).toEqual({ code: 4403, reason: 'The token has expired.' });
    expect(Date.now() - begun).toBeLessThan(10_000);
    const [alive] = await operate(lasting, ASK);
    expect(alive?.payload).toMatchObject({ data: { viewer: { subject: 'alice', roles: ['TRADER'] } } });
    lasting.close();
  });
});

describe('an issuer with a key set', () => {
  let issuer: Issuer;
  let served: TestApp;
  const right = { ...GOOD, iss: 'https://issuer.example', aud: 'plimsoll' };

  beforeAll(async () => {
    issuer = await startIssuer();
    issuer.answerWith({ status: 500, body: 'the inside of an issuer' });
    const env = {
      AUTH_SECRET: '',
      AUTH_JWKS_URL: issuer.url,
      AUTH_ISSUER: 'https://issuer.example',
      AUTH_AUDIENCE: 'plimsoll',
    };
    served = await startTestApp({ env });
  });
  afterAll(async () => {
    await served.close();
    await issuer.close();
  });

  it('that gives no keys leaves it open whether a token is good', async () => {
    const message = 'Tokens cannot be checked at the moment; try again shortly.';
    expect(await fates(withToken(await issuer.sign(right), served.url))).toEqual([
      503,
      'SERVICE_UNAVAILABLE',
      message,
      '4500 Tokens cannot be checked at the moment.',
    ]);
    const ready = await fetch(`${served.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { problems: [{ name: 'ISSUER_AWAY' }] }]);
    issuer.answerWith(null);
    await until(async () => (await fetch(`${served.url}/readyz`)).status === 200);
  });

  it('lets in what it signed, also when it has gone since', async () => {
    const token = await issuer.sign(right);
    expect(await fates(withToken(token, served.url))).toEqual(LET_IN);
    issuer.answerWith({ status: 500, body: 'the inside of an issuer' });
    expect(await fates(withToken(token, served.url))).toEqual(LET_IN);
    issuer.answerWith(null);
  });

  it.each<[string, () => string | Promise<string>]>([
    ['signed by HMAC with its public key', () => tokenOf(right, issuer.publicKeyPem)],
    ['signed with the secret of another server', () => tokenOf(right)],
    ['of nobody: alg none', () => `${unsignedToken(right)}AAAA`],
    ['of another key', async () => issuer.sign(right, { key: (await generateKeyPair('RS256')).privateKey })],
    ['of another issuer', () => issuer.sign({ ...right, iss: 'https://evil.example' })],
    ['for another audience', () => issuer.sign({ ...right, aud: 'other' })],
    ['for nobody', () => issuer.sign(GOOD)],
  ])('keeps out a token %s', async (_what, token) => {
    expect(await fates(withToken(await token(), served.url))).toEqual(INVALID);
  });
});
