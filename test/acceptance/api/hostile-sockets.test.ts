/** Bytes that no client would send: the server answers or hangs up, and goes on serving everybody else. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { apiFor, type Api } from '../../support/services/api.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { connectSocket, openSocket, operate, sendBytes } from '../../support/services/raw.js';
import { openAccount } from '../../support/calls/venue-system.js';

let database: TestDatabase;
/** A process of its own: what nobody catches ends it. */
let server: ServerProcess;
let trader: Api;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startServerProcess(database.env);
  trader = await apiFor(server.url, 'alice', 'TRADER');
});

afterAll(async () => {
  await server.kill();
  await database.drop();
});

async function expectAlive(): Promise<void> {
  expect(await trader.ask('{ viewer { subject } }')).toEqual({ viewer: { subject: 'alice' } });
  expect(server.child.exitCode).toBeNull();
}

function upgrade(path: string, headers = ''): string {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
  return `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}${headers}\r\n`;
}

describe('an upgrade', () => {
  it.each([
    ['//', '404'],
    ['//[', '404'],
    ['http://[/graphql', '404'],
    ['/graphql/', '404'],
    ['/', '404'],
    ['*', '404'],
    ['/%', '404'],
    [`/${'x'.repeat(10_000)}`, '404'],
  ])('to %s is refused', async (path, status) => {
    expect(await sendBytes(server.url, upgrade(path))).toContain(` ${status} `);
    await expectAlive();
  });

  it('of which the client hangs up at once is forgotten', async () => {
    for (const path of ['/', '//', '/graphql']) {
      await Promise.all(Array.from({ length: 20 }, () => sendBytes(server.url, upgrade(path), { reset: true })));
    }
    await expectAlive();
  });

  it('to another protocol is refused', async () => {
    const h2c = `GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`;
    expect(await sendBytes(server.url, h2c)).toContain(' 400 ');
    await expectAlive();
  });
});

describe('a socket', () => {
  it.each([
    ['no JSON', '{"type":', 4400],
    ['a message of no known type', '{"type":"connection_teardown"}', 4400],
    [
      'an operation before it was acknowledged',
      '{"id":"1","type":"subscribe","payload":{"query":"{ venues { id } }"}}',
      4401,
    ],
    ['null', 'null', 4400],
    ['a frame of 200,000 bytes', `{"type":"connection_init","payload":{"x":"${'x'.repeat(200_000)}"}}`, 1009],
  ])('is closed after %s', async (_what, text, code) => {
    const socket = await openSocket(server.url);
    socket.sendText(text);
    expect((await socket.closed).code).toBe(code);
    await expectAlive();
  });

  it('that says one id twice is closed', async () => {
    const id = await openAccount(await apiFor(server.url, 'venue', 'SERVICE'));
    const socket = await connectSocket(trader);
    const watch = { query: `subscription { marginRatioChanged(accountIds: ["${id}"]) { sequence } }` };
    socket.send({ id: '1', type: 'subscribe', payload: watch });
    expect((await socket.next()).type).toBe('next');
    socket.send({ id: '1', type: 'subscribe', payload: watch });
    expect((await socket.closed).code).toBe(4409);
    await expectAlive();
  });

  it('that completes what was never begun goes on', async () => {
    const socket = await connectSocket(trader);
    socket.send({ id: 'nothing', type: 'complete' });
    expect(await operate(socket, '{ viewer { subject } }')).toEqual([
      { type: 'next', payload: { data: { viewer: { subject: 'alice' } }, extensions: { cost: 1 } } },
      { type: 'complete' },
    ]);
    socket.close();
  });
});

describe('HTTP', () => {
  it.each([
    ['no HTTP', 'HELLO\r\n\r\n', '400'],
    ['a header of 100,000 bytes', `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, '431'],
    ['a path that cannot be decoded', 'GET /%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '400'],
    ['a path of two slashes', 'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', '404'],
  ])('is answered: %s', async (_what, bytes, status) => {
    const answer = await sendBytes(server.url, bytes);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(answer).not.toMatch(/node_modules|file:|\.js:/);
    await expectAlive();
  });
});
