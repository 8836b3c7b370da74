/**
 * A server's heap after faults is what it was before, collected: after rounds of ended database sessions, of a killed
 * Redis, of a wrong clock, under writes, ticks and open streams.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';

import { apiFor, type Api } from '../../support/services/api.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { CALM, openLong } from '../../support/calls/long-position.js';
import { startObservedProcess, type ObservedProcess } from '../../support/services/observed-process.js';
import { HAS_REDIS, startOwnRedis, type OwnRedis } from '../../support/services/own-redis.js';
import { connectSocket, type RawSocket } from '../../support/services/raw.js';
import { until } from '../../support/until.js';
import { fill, publishPrices } from '../../support/calls/venue-system.js';

/** More for a long run. */
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 3);
/** What one round may leave, in megabytes, over so many rounds that a leak stands out from V8's own unrest. */
const LEFT_BY_ROUND = 0.05;
/** V8's own: code that was compiled meanwhile, maps, feedback. */
const UNREST = 2;

const withServer = SERVER_URL !== null && HAS_REDIS;

let database: TestDatabase;
let redis: OwnRedis | null = null;
let observed: ObservedProcess;
let service: Api;
const sockets: RawSocket[] = [];
let isOver = false;
let writes = 0;
const flowing: Promise<void>[] = [];

const RECORD = 'mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded alreadyKnown } }';
const PUBLISH = 'mutation ($input: PublishPricesInput!) { publishPrices(input: $input) { accepted } }';

beforeAll(async () => {
  database = await createTestDatabase();
  if (withServer) redis = await startOwnRedis();
  observed = await startObservedProcess({
    ...database.env,
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
    LOG_LEVEL: 'silent',
  });
  const { url } = observed.server;
  service = await apiFor(url, 'venue', 'SERVICE');
  const alice = await apiFor(url, 'alice', 'TRADER');
  await publishPrices(service, CALM);
  const accounts = [await openLong(service), await openLong(service), await openLong(service)];
  for (let count = 0; count < 10; count++) {
    const socket = await connectSocket(alice);
    sockets.push(socket);
    for (const [id, query] of [
      `subscription { marginRatioChanged(accountIds: ${JSON.stringify(accounts)}, minChange: "0") { sequence } }`,
      'subscription { riskAlerts { id } }',
    ].entries()) {
      socket.send({ id: String(id), type: 'subscribe', payload: { query } });
    }
    void drain(socket);
  }
  flowing.push(...accounts.map((account) => write(account)), tick());
});

afterAll(async () => {
  isOver = true;
  await Promise.all(flowing);
  for (const socket of sockets) socket.close();
  await observed.server.kill();
  await redis?.kill();
  await database.drop();
});

async function drain(socket: RawSocket): Promise<void> {
  try {
    for (;;) await socket.next();
  } catch {
    // It was closed.
  }
}

/** One after the other, whatever the outcome of each. */
async function write(account: string): Promise<void> {
  for (let count = 0; !isOver; count++) {
    const side = count % 2 === 0 ? 'BUY' : 'SELL';
    await service.send(RECORD, { input: { fills: [fill(account, 'BTCUSDT', side, '0.001', '20000')] } });
    writes += 1;
  }
}

async function tick(): Promise<void> {
  for (let step = 0; !isOver; step++) {
    const quote = { venue: 'BITGET', instrument: 'BTCUSDT', price: String(20_000 + (step % 10)), source: 'test' };
    await service.send(PUBLISH, { input: { quotes: [{ ...quote, at: new Date().toISOString() }] } });
    await sleep(5);
  }
}

async function isWell(): Promise<boolean> {
  const response = await fetch(`${observed.server.url}/readyz`);
  return response.status === 200 && ((await response.json()) as { status: string }).status === 'ok';
}

/** Heaps after rounds of a fault, in megabytes. */
async function heapsAfter(rounds: number, fault: () => Promise<void>): Promise<number[]> {
  const heaps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await fault();
    await until(isWell);
    const before = writes;
    await until(() => writes > before + 50);
    heaps.push(await observed.heapMegabytes());
  }
  return heaps;
}

async function expectBack(fault: () => Promise<void>): Promise<void> {
  // What is loaded and remembered once is there after the first.
  const heaps = await heapsAfter(ROUNDS, fault);
  const [first = 0, last = 0] = [heaps[1], heaps.at(-1)];
  const sizes = heaps.map((heap) => heap.toFixed(1)).join(', ');
  if (process.env['FAULT_ROUNDS'] !== undefined)
    process.stdout.write(`Heap after each round: ${sizes} MB
`);
  expect(last - first).toBeLessThan(UNREST + (ROUNDS - 2) * LEFT_BY_ROUND);
}

const patience = 60_000 + ROUNDS * 15_000;

(withServer ? it : it.skip)(
  'after sessions of the database were ended',
  async () => {
    const name = new URL(database.env.DATABASE_URL ?? '').pathname.slice(1);
    const killer = new pg.Client({ connectionString: SERVER_URL ?? '' });
    await killer.connect();
    let ended = 0;
    await expectBack(async () => {
      for (let count = 0; count < 4; count++) {
        await sleep(150);
        const { rowCount } = await killer.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = $1 AND application_name LIKE 'plimsoll%'`,
          [name],
        );
        ended += rowCount ?? 0;
      }
    });
    await killer.end();
    expect(ended).toBeGreaterThan(ROUNDS);
  },
  patience,
);

(withServer ? it : it.skip)(
  'after Redis was killed',
  () =>
    expectBack(async () => {
      await redis?.kill();
      await sleep(500);
      await redis?.start();
    }),
  patience,
);

it(
  'after its clock was an hour ahead, and an hour behind',
  () =>
    expectBack(async () => {
      for (const ahead of [3_600_000, 0, -3_600_000, 0]) {
        await observed.setClock(ahead);
        await sleep(150);
      }
    }),
  patience,
);
