/** What browsers, proxies and curious people find: origins, headers, JSON whatever goes wrong. */
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import WebSocket from 'ws';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { sendBytes } from '../../support/services/raw.js';
import { TRANSPORTS, answerOver, openStream } from '../../support/services/transports.js';

const FRIEND = 'https://app.example';
const STRANGER = 'https://evil.example';
const VIEWER = '{ viewer { subject } }';

let app: TestApp;
let alice: Api;
beforeAll(async () => {
  app = await startTestApp({ env: { CORS_ORIGINS: `${FRIEND}, https://admin.example`, DEMO: '1', FEED: 'none' } });
  alice = await app.as('alice', 'TRADER');
});
afterAll(() => app.close());

/** How a WebSocket is answered that a page of this origin opens. */
async function socketFrom(origin: string | undefined, url = app.url): Promise<string> {
  const options = origin === undefined ? {} : { headers: { origin } };
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', options);
  const answer = await Promise.race([
    once(socket, 'open').then(() => 'open'),
    once(socket, 'unexpected-response').then((args) => {
      const [, response] = args as [unknown, { statusCode: number; headers: Record<string, string> }];
      return `${response.statusCode} ${response.headers['content-type']}`;
    }),
  ]);
  socket.on('error', () => undefined);
  socket.terminate();
  return answer;
}

function postFrom(origin: string, path = '/graphql'): Promise<Response> {
  const { authorization = '' } = alice;
  const headers = { origin, authorization, 'content-type': 'application/json', accept: '*/*' };
  return fetch(`${app.url}${path}`, { method: 'POST', headers, body: JSON.stringify({ query: VIEWER }) });
}

function preflight(origin: string, path = '/graphql', url = app.url): Promise<Response> {
  const asked = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  };
  return fetch(`${url}${path}`, { method: 'OPTIONS', headers: { origin, ...asked } });
}

describe('a page of another origin', () => {
  it.each(['/graphql', '/graphql/stream'])('may use %s where it is named, and nowhere else', async (path) => {
    const friend = await preflight(FRIEND, path);
    expect(friend.status).toBe(204);
    expect(friend.headers.get('access-control-allow-origin')).toBe(FRIEND);
    expect(friend.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    expect(friend.headers.get('vary')).toContain('Origin');
    const answer = await postFrom(FRIEND, '/graphql');
    expect(answer.headers.get('access-control-allow-origin')).toBe(FRIEND);
    expect(answer.headers.get('access-control-expose-headers')).toBe('retry-after');
    for (const origin of [
      STRANGER,
      'null',
      `${FRIEND}.evil.example`,
      'http://app.example',
      app.url.replace('http', 'https'),
    ]) {
      expect((await preflight(origin, path)).headers.get('access-control-allow-origin')).toBeNull();
      expect((await postFrom(origin)).headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('may read an event stream where it is named', async () => {
    const response = await openStream(alice, VIEWER, {}, { headers: { origin: FRIEND } });
    expect(response.headers.get('access-control-allow-origin')).toBe(FRIEND);
    await response.text();
  });

  it('may open a WebSocket where it is named, and nowhere else', async () => {
    for (const origin of [undefined, FRIEND, 'https://admin.example', app.url]) {
      expect([origin, await socketFrom(origin)]).toEqual([origin, 'open']);
    }
    for (const origin of [STRANGER, 'null', '', `${FRIEND}.evil.example`, `${app.url}0`]) {
      expect([origin, await socketFrom(origin)]).toEqual([origin, '403 application/json; charset=utf-8']);
    }
  });

  it('cannot send what needs no leave to be sent', async () => {
    const query = encodeURIComponent(VIEWER);
    const sent = [
      ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'].map((type) =>
        fetch(`${app.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': type },
          body: `{"query":"${VIEWER}"}`,
        }),
      ),
      fetch(`${app.url}/graphql?query=${query}`),
    ];
    for (const response of await Promise.all(sent)) {
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
      expect(await response.text()).not.toContain('subject');
    }
  });

  it('is not given the tokens of the demo, whatever name it has for this machine', async () => {
    const bytes = (host: string): string =>
      `GET /page/tokens.json HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const { host } = new URL(app.url);
    expect(await sendBytes(app.url, bytes(host))).toContain('"admin":');
    expect(await sendBytes(app.url, bytes(`localhost:${new URL(app.url).port}`))).toContain('"admin":');
    for (const name of ['evil.example', `evil.example:${new URL(app.url).port}`, '127.0.0.1.evil.example', 'x y']) {
      expect(await sendBytes(app.url, bytes(name))).not.toContain('admin');
    }
  });
});

describe('an answer', () => {
  it.each(['/', '/graphiql', '/graphql', '/livez', '/none'])(
    'has headers that keep a browser from harm: %s',
    async (path) => {
      const headers = Object.fromEntries((await fetch(`${app.url}${path}`, { redirect: 'manual' })).headers);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none';script-src 'self';/);
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'origin-agent-cluster': '?1',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': 'max-age=31536000; includeSubDomains',
        'x-content-type-options': 'nosniff',
        'x-dns-prefetch-control': 'off',
        'x-download-options': 'noopen',
        'x-frame-options': 'SAMEORIGIN',
        'x-permitted-cross-domain-policies': 'none',
        'x-xss-protection': '0',
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
    },
  );

  const json = 'Content-Type: application/json\r\n';
  it.each<[string, string, number]>([
    ['a path that is nothing', 'GET /none HTTP/1.1\r\nHost: x\r\n', 404],
    ['a method that is nothing', 'DELETE /graphql HTTP/1.1\r\nHost: x\r\n', 404],
    ['a path that cannot be decoded', 'GET /%ff HTTP/1.1\r\nHost: x\r\n', 400],
    ['no HTTP', 'HELLO\r\n', 400],
    ['a header of 100,000 bytes', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n`, 431],
    ['two lengths', `POST /graphql HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 1\r\nContent-Length: 2\r\n`, 400],
    [
      'a length and pieces',
      `POST /graphql HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n`,
      400,
    ],
    ['an empty body', `POST /graphql HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 0\r\n`, 400],
    [
      'a body of no known type',
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1\r\n',
      415,
    ],
    [
      'a WebSocket at no such place',
      'GET /none HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
      404,
    ],
    [
      'a WebSocket without a key',
      'GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
      400,
    ],
  ])('is JSON, whatever was asked: %s', async (_what, head, status) => {
    const answer = await sendBytes(app.url, `${head}Connection: close\r\n\r\n`);
    const [top = '', body = ''] = answer.split('\r\n\r\n');
    expect(top).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(top.toLowerCase()).toContain('content-type: application/json; charset=utf-8');
    const { errors } = JSON.parse(body.replace(/^[0-9a-f]+\r\n|\r\n.*$/gs, '')) as { errors: { message: string }[] };
    expect(errors).toEqual([{ message: expect.any(String), extensions: { code: expect.any(String) } }]);
    expect(answer).not.toMatch(/<html|node_modules|\.js:|fastify|FST_/i);
  });
});

describe('what is refused', () => {
  it.each(TRANSPORTS)('does not guess what was meant, over %s', async (transport) => {
    for (const [query, variables] of [
      ['{ viewr { subject } }', {}],
      ['{ viewer { subjct } }', {}],
      ['{ accounts(frst: 1) { nodes { id } } }', {}],
      ['{ accounts(where: { nam: "x" }) { nodes { id } } }', {}],
      ['{ accounts(orderBy: NAM) { nodes { id } } }', {}],
      ['{ viewer { ... on Viewr { subject } } }', {}],
      ['query ($x: AccountOrdr) { accounts(orderBy: $x) { nodes { id } } }', {}],
      ['query ($x: AccountOrder) { accounts(orderBy: $x) { nodes { id } } }', { x: 'NAM' }],
      ['query ($x: AccountFilter) { accounts(where: $x) { nodes { id } } }', { x: { nam: 'x' } }],
    ] as const) {
      const { errors } = await answerOver(transport, alice, query, variables);
      expect(errors?.length).toBeGreaterThan(0);
      expect(JSON.stringify(errors)).not.toMatch(/did you mean/i);
    }
  });
});

describe('in production', () => {
  let production: TestApp;
  beforeAll(async () => {
    production = await startTestApp({ env: { NODE_ENV: 'production' } });
  });
  afterAll(() => production.close());

  it.each(TRANSPORTS)('the schema is shown to callers with a token, over %s', async (transport) => {
    const known = await production.as('alice', 'TRADER');
    for (const query of [
      getIntrospectionQuery(),
      '{ __schema { queryType { name } } }',
      '{ __type(name: "Query") { name } }',
    ]) {
      const { errors } = await answerOver(transport, production.anonymous(), query);
      expect(errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
      expect((await answerOver(transport, known, query)).errors).toBeUndefined();
      // What one may see is not remembered for the next one who asks the same.
      expect((await answerOver(transport, production.anonymous(), query)).errors).toBeDefined();
    }
    expect((await answerOver(transport, production.anonymous(), '{ __typename }')).data).toEqual({
      __typename: 'Query',
    });
  });

  it('pages elsewhere may do nothing, and pages here may', async () => {
    expect((await preflight(FRIEND, '/graphql', production.url)).headers.get('access-control-allow-origin')).toBeNull();
    expect(await socketFrom(FRIEND, production.url)).toContain('403');
    expect(await socketFrom(production.url, production.url)).toBe('open');
  });
});
