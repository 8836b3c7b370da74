/**
 * SIGTERM: no new clients are sent here, all clients are notified, running requests finish, and the process ends in
 * time.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { apiFor, type Api } from '../../support/services/api.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { IN_SHELL, startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { connectSocket, post } from '../../support/services/raw.js';
import { openStream } from '../../support/services/transports.js';
import { openAccount } from '../../support/calls/venue-system.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const WATCH = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { cause } }';

async function start(env: Record<string, string>): Promise<{ server: ServerProcess; alice: Api; account: string }> {
  const server = await startServerProcess({ ...database.env, ...env });
  const account = await openAccount(await apiFor(server.url, 'venue', 'SERVICE'));
  return { server, alice: await apiFor(server.url, 'alice', 'TRADER'), account };
}

async function readiness(url: string): Promise<[number, unknown]> {
  const response = await fetch(`${url}/readyz`);
  return [response.status, await response.json()];
}

it('is announced to load balancers first, then to clients, and finishes what runs', async () => {
  const { server, alice, account } = await start({ SHUTDOWN_NOTICE: '1', LIMIT_DRAIN_SECONDS: '30' });
  const socket = await connectSocket(alice);
  socket.send({ id: '1', type: 'subscribe', payload: { query: WATCH, variables: { ids: [account] } } });
  await socket.next();
  const stream = await openStream(alice, WATCH, { ids: [account] });
  expect(await readiness(server.url)).toEqual([200, { status: 'ok', problems: [] }]);

  // A request of which the last byte comes after the signal.
  const { hostname, port, host } = new URL(server.url);
  const body = JSON.stringify({ query: '{ viewer { subject } }' });
  const slow = connect(Number(port), hostname);
  let answer = '';
  slow.on('data', (data: Buffer) => (answer += data.toString()));
  slow.write(
    `POST /graphql HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
      `Authorization: ${alice.authorization}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
  );

  // A browser's, opened ahead of a request that never comes.
  const ahead = connect(Number(port), hostname);
  await once(ahead, 'connect');

  const begun = performance.now();
  const ended = once(server.child, 'exit');
  server.child.kill('SIGTERM');
  await new Promise((wake) => setTimeout(wake, 300));
  expect(await readiness(server.url)).toEqual([
    503,
    { status: 'unavailable', problems: [{ name: 'STOPPING', message: 'The server stops.', status: 'unavailable' }] },
  ]);
  expect((await post(alice, '{ viewer { subject } }')).status).toBe(200);

  expect((await socket.closed).code).toBe(1001);
  expect(performance.now() - begun).toBeGreaterThan(900);
  const events = await stream.text();
  expect(events).toMatch(
    /event: next\ndata: \{"errors":\[\{"message":"The server stops; connect again.",.*"SERVICE_UNAVAILABLE"/,
  );
  expect(events).toMatch(/\nevent: complete\ndata:\n\n$/);

  slow.write(body.slice(-1));
  await once(slow, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain('{"viewer":{"subject":"alice"}}');
  expect(await ended).toEqual([0, null]);
  expect(performance.now() - begun).toBeLessThan(20_000);
});

it('ends in time, also with clients that do not answer or never end', async () => {
  const { server, alice, account } = await start({ LIMIT_DRAIN_SECONDS: '1' });
  const { hostname, port } = new URL(server.url);
  // One WebSocket that reads nothing, and one request that never ends.
  const silent = connect(Number(port), hostname).on('error', () => undefined);
  silent.write(
    'GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await once(silent, 'data');
  silent.pause();
  const endless = connect(Number(port), hostname).on('error', () => undefined);
  endless.write('POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{');
  const stream = await openStream(alice, WATCH, { ids: [account] });
  await new Promise((wake) => setTimeout(wake, 100));

  const begun = performance.now();
  const ended = once(server.child, 'exit');
  server.child.kill('SIGTERM');
  expect(await stream.text()).toContain('The server stops');
  expect(await ended).toEqual([0, null]);
  expect(performance.now() - begun).toBeLessThan(20_000);
  silent.destroy();
  endless.destroy();
});

it('ends when the shell has gone in which npm has started it: npm passes signals on to nobody else', async () => {
  const env = { ...database.env, npm_lifecycle_event: 'start' };
  const server = await startServerProcess(env, IN_SHELL);
  const socket = await connectSocket(await apiFor(server.url, 'alice', 'TRADER'));
  // Its output is the server's too, so that it is closed when both have gone.
  const bothEnded = once(server.child, 'close');
  await server.kill();
  expect((await socket.closed).code).toBe(1001);
  await bothEnded;
});
