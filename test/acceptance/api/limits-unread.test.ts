/** Clients that do not read what they are sent: they cost little memory, delay nobody, and do not stay. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterEach, describe, expect, it } from '@jest/globals';
import WebSocket from 'ws';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { connectSocket, type RawSocket } from '../../support/services/raw.js';
import {
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  fill,
  transfer,
} from '../../support/calls/venue-system.js';

/** Some 280 kB an event: what explains the margin of an account with every asset, again and again. */
const LARGE = `subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "0") { sequence
  margin { unrealizedPnl } ${Array.from({ length: 45 }, (_, index) => `m${index}: margin { collateral { ...All } }`).join(' ')} } }
  fragment All on CollateralContribution { quantity indexPrice value uncountedQuantity collateralValue asset { symbol name id } }`;
const EVENT_MB = 0.25;
const SMALL = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "0") { sequence } }';

let app: TestApp;
let service: Api;
let alice: Api;
let account: string;
let price: number;
afterEach(() => app.close());

async function start(env: Record<string, string>): Promise<void> {
  app = await startTestApp({ env });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  account = await openAccount(service);
  price = 60_000;
  await publishPrices(service, { 'BITGET/BTCUSDT': String(price) });
  const { assets } = await alice.ask<{ assets: { symbol: string }[] }>('{ assets { symbol } }');
  await recordTransfers(service, ...assets.map(({ symbol }) => transfer(account, symbol, '100000')));
  await recordFills(service, fill(account, 'BTCUSDT', 'BUY', '1', String(price)));
}

async function tick(): Promise<void> {
  price += 1;
  expect((await publishPrices(service, { 'BITGET/BTCUSDT': String(price) })).accepted).toBe(1);
}

/** How long so many ticks took to reach somebody who reads, in milliseconds, each. */
async function ticksFor(neighbour: RawSocket, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let done = 0; done < count; done += 1) {
    const begun = performance.now();
    const [told] = await Promise.all([neighbour.next(), tick()]);
    expect(told.type).toBe('next');
    times.push(performance.now() - begun);
  }
  return times;
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

/** Of all that is held by this process, the server and its clients, in megabytes. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Code that has not run for a few collections is given up, too: not to be taken for data.
  for (let round = 0; round < 8; round += 1) collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

/** Large streams of which the first event has been read, and nothing since. */
interface Paused {
  /** Reads what is there until the server ends it; answers how many megabytes came, and the code of a WebSocket. */
  readAll(): Promise<{ megabytes: number; code: number | null }>;
  drop(): void;
}

async function largeSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: alice.authorization } }));
  await once(socket, 'message');
  return socket;
}

async function addStream(socket: WebSocket): Promise<void> {
  const payload = { query: LARGE, variables: { ids: [account] } };
  socket.send(JSON.stringify({ id: randomUUID(), type: 'subscribe', payload }));
  const [first] = (await once(socket, 'message')) as [Buffer];
  expect(first.length / 1e6).toBeGreaterThan(EVENT_MB);
}

async function pausedSocket(streams: number): Promise<Paused> {
  const socket = await largeSocket();
  for (let count = 0; count < streams; count += 1) await addStream(socket);
  socket.pause();
  return {
    drop: () => socket.terminate(),
    readAll: async () => {
      let bytes = 0;
      socket.on('message', (data: Buffer) => (bytes += data.length));
      const closed = once(socket, 'close');
      socket.resume();
      const [code] = (await closed) as [number];
      return { megabytes: bytes / 1e6, code };
    },
  };
}

async function pausedEvents(streams: number): Promise<Paused> {
  const { hostname, port } = new URL(app.url);
  const body = JSON.stringify({ query: LARGE, variables: { ids: [account] } });
  const sockets = Array.from({ length: streams }, () => connect(Number(port), hostname).on('error', () => undefined));
  for (const socket of sockets) {
    socket.write(
      `POST /graphql/stream HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n` +
        `Authorization: ${alice.authorization}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await once(socket, 'data');
    socket.pause();
  }
  return {
    drop: () => sockets.forEach((socket) => socket.destroy()),
    readAll: async () => {
      let bytes = 0;
      for (const socket of sockets) {
        socket.on('data', (data: Buffer) => (bytes += data.length));
        const closed = once(socket, 'close');
        socket.resume();
        await closed;
      }
      return { megabytes: bytes / 1e6, code: null };
    },
  };
}

it('one that does not read for a while skips states, and then has the newest', async () => {
  await start({});
  const socket = await largeSocket();
  await addStream(socket);
  socket.pause();
  for (let count = 0; count < 60; count += 1) await tick();
  let received = 1;
  const newest = new Promise<string>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      received += 1;
      // Of one BTC that was bought at 60,000.
      if (text.includes(`"unrealizedPnl":"${price - 60_000}"`)) resolve(text);
    });
  });
  socket.resume();
  const sequence = Number(/"sequence":(\d+)/.exec(await newest)?.[1]);
  expect(received).toBeLessThan(sequence);
  socket.terminate();
});

describe.each([
  ['WebSocket', pausedSocket],
  ['server-sent events', pausedEvents],
])('one that never reads, over %s', (what, open) => {
  const STREAMS = 2;

  it('holds one event of each stream, and its neighbours notice nothing', async () => {
    await start({ LIMIT_UNREAD_SECONDS: '3600', LIMIT_UNREAD_BYTES: '1000000000' });
    const neighbour = await connectSocket(alice);
    neighbour.send({ id: '1', type: 'subscribe', payload: { query: SMALL, variables: { ids: [account] } } });
    await neighbour.next();
    const alone = median(await ticksFor(neighbour, 15));
    const paused = await open(STREAMS);
    // Until the kernel has taken in as much as it takes.
    await ticksFor(neighbour, 20);
    const before = memory();
    const beside = median(await ticksFor(neighbour, 20));
    expect(memory() - before).toBeLessThan((STREAMS * 20 * EVENT_MB) / 4);
    expect(beside).toBeLessThan(3 * alone + 50);
    paused.drop();
    neighbour.close();
  });

  it('is closed, by 1013 where that still arrives', async () => {
    await start({ LIMIT_UNREAD_SECONDS: '1', LIMIT_CONNECTIONS_PER_VIEWER: '1' });
    const paused = await open(1);
    let another: RawSocket | null = null;
    while (another === null) {
      await tick();
      another = await connectSocket(alice).catch(() => null);
    }
    another.close();
    const { code } = await paused.readAll();
    expect(what === 'WebSocket' ? [1013, 1006] : [null]).toContain(code);
  });

  it('is closed at once when too much waits for it', async () => {
    await start({ LIMIT_UNREAD_SECONDS: '3600', LIMIT_UNREAD_BYTES: '200000', LIMIT_CONNECTIONS_PER_VIEWER: '1' });
    const paused = await open(1);
    let another: RawSocket | null = null;
    while (another === null) {
      await tick();
      another = await connectSocket(alice).catch(() => null);
    }
    another.close();
    await paused.readAll();
  });
});
