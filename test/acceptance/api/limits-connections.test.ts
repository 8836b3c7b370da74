/** How many connections one client may hold, and how fast it may send. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import WebSocket from 'ws';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { connectSocket, openSocket, operate } from '../../support/services/raw.js';
import { openStream } from '../../support/services/transports.js';
import { openAccount } from '../../support/calls/venue-system.js';

const QUIET = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "1000") { sequence } }';
const WATCH = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "0") { sequence } }';

describe('connections', () => {
  let app: TestApp;
  let service: Api;
  let account: string;
  beforeAll(async () => {
    app = await startTestApp({ env: { LIMIT_CONNECTIONS_PER_VIEWER: '3', LIMIT_CONNECTIONS: '12' } });
    service = await app.as('venue', 'SERVICE');
    account = await openAccount(service);
  });
  afterAll(() => app.close());

  it('of one viewer are counted, WebSockets and event streams together, and given back', async () => {
    const alice = await app.as('alice', 'TRADER');
    const sockets = [await connectSocket(alice), await connectSocket(alice)];
    const ended = new AbortController();
    const stream = await openStream(alice, WATCH, { ids: [account] }, { signal: ended.signal });
    expect(stream.status).toBe(200);

    const refused = await openSocket(app.url);
    refused.send({ type: 'connection_init', payload: { authorization: alice.authorization } });
    expect(await refused.closed).toEqual({ code: 1008, reason: 'A viewer may have 3 connections.' });
    const another = await openStream(alice, WATCH, { ids: [account] });
    expect(another.status).toBe(429);
    expect(await another.json()).toMatchObject({ errors: [{ extensions: { code: 'LIMIT_EXCEEDED' } }] });
    // Somebody else, and what needs no connection of its own.
    (await connectSocket(await app.as('bob', 'TRADER'))).close();
    expect(await alice.ask('{ viewer { subject } }')).toEqual({ viewer: { subject: 'alice' } });

    ended.abort();
    sockets[0]?.close();
    const again = await eventually(() => connectSocket(alice));
    const streamAgain = await eventually(async () => {
      const response = await openStream(alice, WATCH, { ids: [account] });
      if (response.status !== 200) throw new Error(`${response.status}`);
      return response;
    });
    await streamAgain.body?.cancel();
    for (const socket of [...sockets, again]) socket.close();
  });

  it('are served in turn: one that asks fifty things at once keeps nobody waiting', async () => {
    const [hasty, other] = await Promise.all([connectSocket(service), connectSocket(await app.as('bob', 'TRADER'))]);
    const payload = { query: '{ venues { code name } viewer { subject } }' };
    for (let id = 0; id < 50; id++) hasty.send({ id: `${id}`, type: 'subscribe', payload });
    let answered = 0;
    const all = (async () => {
      while (answered < 50) if ((await hasty.next()).type === 'complete') answered++;
    })();
    await operate(other, '{ viewer { subject } }');
    expect(answered).toBeLessThan(9);
    await all;
    hasty.close();
    other.close();
  });

  it('of all clients have a bound, whatever name they give', async () => {
    const { hostname, port } = new URL(app.url);
    const silent = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const socket = connect(Number(port), hostname);
        await once(socket, 'connect');
        socket.write(UPGRADE);
        await once(socket, 'data');
        return socket;
      }),
    );
    const refused = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const [error] = (await once(refused, 'error')) as [Error];
    expect(error.message).toContain('503');
    const stream = await openStream(await app.as('carol', 'TRADER'), WATCH, { ids: [account] });
    expect([stream.status, await stream.json()]).toMatchObject([
      503,
      { errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] },
    ]);
    for (const socket of silent) socket.destroy();
    (await eventually(() => connectSocket(service))).close();
  });
});

const UPGRADE =
  'GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

/** What ends on the other side is not acknowledged: it may be a moment too early. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 50; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }
}

describe('one WebSocket', () => {
  let app: TestApp;
  let alice: Api;
  let account: string;
  beforeAll(async () => {
    app = await startTestApp({ env: { LIMIT_OPERATIONS_PER_SOCKET: '5', LIMIT_MESSAGES_PER_SECOND: '10' } });
    alice = await app.as('alice', 'TRADER');
    account = await openAccount(await app.as('venue', 'SERVICE'));
  });
  afterAll(() => app.close());

  it('has so many operations at a time, and takes another when one has ended', async () => {
    const socket = await connectSocket(alice);
    const watch = { query: QUIET, variables: { ids: [account] } };
    for (const id of ['1', '2', '3', '4', '5']) {
      socket.send({ id, type: 'subscribe', payload: watch });
      expect(await socket.next()).toMatchObject({ id, type: 'next' });
    }
    socket.send({ id: '6', type: 'subscribe', payload: watch });
    expect(await socket.next()).toMatchObject({
      id: '6',
      type: 'error',
      payload: [{ extensions: { code: 'LIMIT_EXCEEDED' } }],
    });
    socket.send({ id: '1', type: 'complete' });
    await new Promise((wake) => setTimeout(wake, 100));
    socket.send({ id: '7', type: 'subscribe', payload: watch });
    expect(await socket.next()).toMatchObject({ id: '7', type: 'next' });
    socket.close();
  });

  it.each<[string, (socket: WebSocket) => void]>([
    ['messages', (socket) => socket.send('{"type":"ping"}')],
    ['pings', (socket) => socket.ping()],
    ['pongs', (socket) => socket.pong()],
    [
      'operations',
      (socket) => socket.send(JSON.stringify({ id: randomUUID(), type: 'subscribe', payload: { query: '{' } })),
    ],
  ])('is closed with 1008 for too many %s, and no other one is', async (_what, send) => {
    const neighbour = await connectSocket(alice);
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: alice.authorization } }));
    await once(socket, 'message');
    // Four seconds' worth, of which the first message was one, and that of the moments since.
    for (let count = 0; count < 39; count += 1) send(socket);
    await new Promise((wake) => setTimeout(wake, 100));
    expect(socket.readyState).toBe(WebSocket.OPEN);
    for (let count = 0; count < 100; count += 1) send(socket);
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1008, 'A socket may send 10 messages a second.']);
    expect((await operate(neighbour, '{ viewer { subject } }'))[0]?.payload).toMatchObject({
      data: { viewer: { subject: 'alice' } },
    });
    neighbour.close();
  });

  it('is not closed at the pace that is allowed', async () => {
    const socket = await connectSocket(alice);
    for (let count = 0; count < 15; count += 1) {
      socket.send({ type: 'ping' });
      expect((await socket.next()).type).toBe('pong');
      await new Promise((wake) => setTimeout(wake, 20));
    }
    socket.close();
  });

  it('of a message in a thousand pieces is closed', async () => {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    for (let count = 0; count < 1_000; count += 1) socket.send('x', { fin: false });
    const [code] = (await once(socket, 'close')) as [number];
    expect([1008, 1009]).toContain(code);
  });
});
