/**
 * A disk that is full, a kill under open streams, writers that are in each other's way, a database that ends sessions:
 * clients get what the contract says, and afterwards every balance is the sum of its entries.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { openDatabase, transact, type Database, type Transaction } from '../../../src/platform/database.js';
import { apiFor, type Answer, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { ledgerOf, expectLedger } from '../../support/calls/stored-ledger.js';
import { SERVER_URL, copyTemplate, createTestDatabase } from '../../support/services/database.js';
import { CALM, LOST, openLong } from '../../support/calls/long-position.js';
import { runToExit, startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { connectSocket } from '../../support/services/raw.js';
import { uuidOf } from '../../support/calls/stored-alerts.js';
import { until } from '../../support/until.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
  type Batch,
} from '../../support/calls/venue-system.js';

const FILLS = `mutation ($input: RecordFillsInput!) {
  recordFills(input: $input) { recorded alreadyKnown errors { code field message required available } } }`;
const INTERNALS = /prisma|postgres|pglite|space left|base\/|terminat|ECONN|node_modules|\.ts\b|\.js\b|select /i;

/** What is undone after each test, the last first. */
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Null: it was refused with SERVICE_UNAVAILABLE. Any other error is a failure of the test. */
async function attempt(service: Api, fills: readonly object[]): Promise<Batch | null> {
  const answer: Answer<{ recordFills: Batch }> = await service.send(FILLS, { input: { fills } });
  if (answer.errors === undefined) return answer.data?.recordFills ?? null;
  expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE']);
  expect(JSON.stringify(answer)).not.toMatch(INTERNALS);
  return null;
}

/** Unless the test has killed it. */
async function end(server: ServerProcess): Promise<void> {
  if (server.child.exitCode === null && server.child.signalCode === null) await server.kill();
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).status === 200;
}

/** Follows the alerts of a viewer from a cursor on, until its server is gone. */
interface Alerts {
  readonly ids: string[];
  cursor: string;
}

async function listen(api: Api, alerts: Alerts): Promise<void> {
  const socket = await connectSocket(api);
  undo.push(() => socket.close());
  const query = 'subscription ($after: String) { riskAlerts(after: $after) { id cursor } }';
  socket.send({ id: '1', type: 'subscribe', payload: { query, variables: { after: alerts.cursor } } });
  const read = async (): Promise<void> => {
    for (;;) {
      const { payload } = await socket.next();
      const { id, cursor } = (payload as { data: { riskAlerts: { id: string; cursor: string } } }).data.riskAlerts;
      alerts.ids.push(uuidOf(id));
      alerts.cursor = cursor;
    }
  };
  void read().catch(() => undefined);
}

/** Where this process may not mount a file system the test says so; with PostgreSQL the folder is not ours. */
const whyNotDisk = SERVER_URL !== null ? 'the folder is of PGlite' : canMount() ? null : 'mount is not permitted';

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

(whyNotDisk === null ? it : it.skip)(
  `a full disk refuses writes, and nothing that was acknowledged is lost${whyNotDisk === null ? '' : ` (skipped: ${whyNotDisk})`}`,
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-full-'));
    undo.push(() => rm(dataDir, { recursive: true }));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', dataDir]);
    undo.push(() => void execFileSync('umount', [dataDir]));
    await copyTemplate(dataDir);
    let server = await startServerProcess({ DATA_DIR: dataDir, LOG_LEVEL: 'silent' });
    undo.push(() => end(server));
    let service = await apiFor(server.url, 'venue', 'SERVICE');
    const account = await openAccount(service);
    await recordTransfers(service, transfer(account, 'USDT', '100000'));

    let batches = 0;
    const send = async (): Promise<{ ids: string[]; fills: object[]; answer: Batch | null }> => {
      const ids = Array.from({ length: 50 }, (_, index) => `full-${batches}-${index}-${'x'.repeat(150)}`);
      const fills = ids.map((fillId) => fill(account, 'BTCUSDT', 'BUY', '0.01', '20000', { fillId, fee: '0.1' }));
      batches += 1;
      return { ids, fills, answer: await attempt(service, fills) };
    };
    const acknowledged: string[] = [];
    const refused: object[][] = [];
    /** Until so many batches have been refused. */
    const write = async (refusals: number): Promise<void> => {
      for (const end = refused.length + refusals; refused.length < end;) {
        const { ids, fills, answer } = await send();
        if (answer === null) refused.push(fills);
        else acknowledged.push(...ids);
      }
    };
    const { bavail, bsize } = await statfs(dataDir);
    const ballast = join(dataDir, 'ballast');
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 40 * 1_048_576));
    await write(2);
    // What is left is taken by somebody else: not a byte of it was needed here.
    appendFileSync(ballast, Buffer.alloc(30 * 1_048_576));
    await write(2);
    const read = `{ account(id: "${account}") { fills(first: 1) { nodes { fillId } } } }`;
    const last = acknowledged.at(-1);
    expect(await service.ask(read)).toEqual({
      account: { fills: { nodes: last === undefined ? [] : [{ fillId: last }] } },
    });
    const price = { quotes: [{ asset: 'BTC', price: '1', source: 'test', at: new Date().toISOString() }] };
    const published = await service.send(
      'mutation ($input: PublishPricesInput!) { publishPrices(input: $input) { accepted errors { code } } }',
      { input: price },
    );
    expect(published.errors?.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE']);
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining('nearly full')]);

    execFileSync('mount', ['-o', 'remount,size=400m', dataDir]);
    await until(async () => (await send()).answer !== null);
    // What was refused has left nothing behind, here and after a restart.
    expect(await attempt(service, refused[0] ?? [])).toMatchObject({ recorded: 50, alreadyKnown: 0, errors: [] });
    await server.kill();
    server = await startServerProcess({ DATA_DIR: dataDir, LOG_LEVEL: 'silent' });
    service = await apiFor(server.url, 'venue', 'SERVICE');
    expect(await attempt(service, refused[0] ?? [])).toMatchObject({ recorded: 0, alreadyKnown: 50, errors: [] });
    expect(await attempt(service, refused[1] ?? [])).toMatchObject({ recorded: 50, alreadyKnown: 0, errors: [] });
    await server.kill();

    const left = await statfs(dataDir);
    appendFileSync(ballast, Buffer.alloc(left.bavail * left.bsize - 60 * 1_048_576));
    const { code, output } = await runToExit({ DATA_DIR: dataDir });
    expect([code, output]).toEqual([1, expect.stringMatching(/has \d+ MB of room, and 64 MB are expected/)]);
    expect(output).not.toMatch(/\bat .*:\d+:\d+/);
    await rm(ballast);
    const { db, close } = await openDatabase({ url: null, dataDir, poolSize: 1 });
    undo.push(close);
    await expectLedger(db, acknowledged);
    for (const batch of refused.slice(2)) {
      const ids = new Set(batch.map((each) => (each as { fillId: string }).fillId));
      expect((await ledgerOf(db)).fillIds.filter((id) => ids.has(id))).toEqual([]);
    }
  },
);

/** More for a long run. */
const ALERT_KILLS = Number(process.env['KILL_ROUNDS'] ?? 1);

it(
  `whoever comes back has every alert exactly once, though the server was killed (${ALERT_KILLS} times)`,
  async () => {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    let server = await startServerProcess({ ...database.env, LOG_LEVEL: 'error' });
    undo.push(() => end(server));
    let service = await apiFor(server.url, 'venue', 'SERVICE');
    await publishPrices(service, CALM);
    const owners = ['alice', 'alice', 'alice', 'bob'];
    for (const owner of owners) await openLong(service, owner);
    const newest = '{ riskAlerts(first: 1) { nodes { id cursor } } }';
    type Newest = { riskAlerts: { nodes: { id: string; cursor: string }[] } };
    await publishPrices(service, LOST);
    await until(async () => (await service.ask<Newest>(newest)).riskAlerts.nodes.length === 1);
    await until(
      async () => (await service.ask<Newest>('{ riskAlerts { nodes { id } } }')).riskAlerts.nodes.length === 4,
    );
    const start = (await service.ask<Newest>(newest)).riskAlerts.nodes[0];
    if (start === undefined) throw new Error('Expected an alert.');
    const first = BigInt(uuidOf(start.id));

    const hers: Alerts = { ids: [], cursor: start.cursor };
    const all: Alerts = { ids: [], cursor: start.cursor };
    for (let kill = 0; ; kill++) {
      await listen(await apiFor(server.url, 'alice', 'TRADER'), hers);
      await listen(service, all);
      if (kill === ALERT_KILLS) break;
      // Each price takes all of them over a boundary, and none waits for what came of the one before.
      const received = all.ids.length;
      let isKilled = false;
      const publishing = (async () => {
        for (let step = 0; !isKilled; step++) {
          await publishPrices(service, step % 2 === 0 ? CALM : LOST).catch(() => undefined);
        }
      })();
      await until(() => all.ids.length >= received + 20);
      await server.kill();
      isKilled = true;
      await publishing;
      server = await startServerProcess({ ...database.env, LOG_LEVEL: 'error' });
      service = await apiFor(server.url, 'venue', 'SERVICE');
    }
    // One more from each side of the boundary.
    for (const prices of [CALM, LOST, CALM]) {
      const received = all.ids.length;
      await publishPrices(service, prices);
      await Promise.race([until(() => all.ids.length >= received + owners.length), sleep(300)]);
    }
    // What is stored by now is heard, by each who may; more may follow until the server is gone.
    for (const [api, received] of [
      [service, all],
      [await apiFor(server.url, 'alice', 'TRADER'), hers],
    ] as const) {
      const [last] = (await api.ask<Newest>(newest)).riskAlerts.nodes;
      await until(() => received.ids.includes(uuidOf(last?.id ?? '')));
    }
    await server.kill();

    const { db, close } = await database.open();
    undo.push(close);
    const stored = await db.riskAlert.findMany({
      where: { seq: { gt: first } },
      orderBy: { seq: 'asc' },
      include: { account: true },
    });
    expect(stored.length).toBeGreaterThan(20);
    const numbers = stored.map(({ seq }) => String(seq));
    expect(all.ids.length).toBeGreaterThan(20);
    expect(all.ids).toEqual(numbers.slice(0, all.ids.length));
    await expectLedger(db, []);
    const ofAlice = stored.filter(({ account }) => account.owner === 'alice').map(({ seq }) => String(seq));
    expect(hers.ids.length).toBeGreaterThan(10);
    expect(hers.ids).toEqual(ofAlice.slice(0, hers.ids.length));
  },
  60_000 + ALERT_KILLS * 20_000,
);

describe('transactions', () => {
  it('are tried six times at most, and no more often than the database asks for', async () => {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    const { db, close } = await database.open();
    undo.push(close);
    let tries = 0;
    const failing = (code: string) => async (tx: Transaction) => {
      tries += 1;
      await tx.$executeRawUnsafe(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}'; END $$`);
    };
    for (const [code, expected] of [
      ['40001', 6],
      ['40P01', 6],
      ['23514', 1],
      ['53100', 1],
    ] as const) {
      tries = 0;
      await expect(transact(db, failing(code))).rejects.toThrow();
      expect([code, tries]).toEqual([code, expected]);
    }
  });
});

const withServer = SERVER_URL === null ? describe.skip : describe;

withServer('with PostgreSQL (TEST_DATABASE_URL)', () => {
  async function start(): Promise<{ app: TestApp; service: Api; db: Database }> {
    const app = await startTestApp();
    undo.push(() => app.close());
    return { app, service: await app.as('venue', 'SERVICE'), db: app.app.services.db };
  }

  /** Resolves for all once as many have come. */
  function barrier(count: number): () => Promise<void> {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    return () => {
      count -= 1;
      if (count <= 0) open();
      return opened;
    };
  }

  it.each([
    ['that wait for each other in a circle', 'READ COMMITTED', true],
    ['that have read what another one changes', 'REPEATABLE READ', false],
  ])('two transactions %s are both made in the end', async (_what, isolation, inCircle) => {
    const { service, db } = await start();
    const accounts = (await Promise.all([openAccount(service), openAccount(service)])).map(uuidOf);
    const meet = barrier(2);
    let tries = 0;
    const write = (order: readonly string[], name: string): Promise<void> =>
      transact(db, async (tx) => {
        tries += 1;
        await tx.$executeRawUnsafe(`SET TRANSACTION ISOLATION LEVEL ${isolation}`);
        await tx.$executeRawUnsafe(`SET LOCAL deadlock_timeout = '50ms'`);
        const [first = '', second = ''] = order;
        if (!inCircle) await tx.account.findMany();
        if (!inCircle) await meet();
        await tx.$executeRaw`UPDATE accounts SET name = name || ${name} WHERE id = ${first}::uuid`;
        if (inCircle) await meet();
        await tx.$executeRaw`UPDATE accounts SET name = name || ${name} WHERE id = ${second}::uuid`;
      });
    await Promise.all([write(accounts, 'a'), write(inCircle ? [...accounts].reverse() : accounts, 'b')]);
    expect(tries).toBe(3);
    const names = (await db.account.findMany()).map(({ name }) => [...name.replace('Test', '')].sort().join(''));
    expect(names).toEqual(['ab', 'ab']);
  });

  it('eight writers on the same two accounts, in opposite orders, are all acknowledged', async () => {
    const WRITERS = 8;
    const WRITES = 8;
    const { service, db } = await start();
    const accounts = [await openAccount(service), await openAccount(service)];
    await recordTransfers(service, ...accounts.map((id) => transfer(id, 'USDT', '1000')));
    // What leaves an account with a position needs a price.
    await publishPrices(service, CALM);
    const acknowledged: string[] = [];
    const write = async (writer: number): Promise<void> => {
      const order = writer % 2 === 0 ? accounts : [...accounts].reverse();
      for (let count = 0; count < WRITES; count++) {
        // From the one to the other, in one request as in one transaction.
        const moved = order.map((id, index) => transfer(id, 'USDT', index === 0 ? '-1' : '1'));
        expect(await recordTransfers(service, ...moved)).toMatchObject({ recorded: 2, errors: [] });
        const ids = order.map((_, index) => `writer-${writer}-${count}-${index}`);
        const fills = order.map((id, index) =>
          fill(id, 'BTCUSDT', writer % 2 === index ? 'BUY' : 'SELL', '0.001', '20000', {
            fillId: ids[index] ?? '',
            fee: '0.01',
          }),
        );
        expect(await recordFills(service, ...fills)).toMatchObject({ recorded: 2, errors: [] });
        acknowledged.push(...ids);
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    await expectLedger(db, acknowledged);
    const { fillIds, transferIds } = await ledgerOf(db);
    expect([fillIds.length, transferIds.length]).toEqual([2 * WRITERS * WRITES, 2 + 2 * WRITERS * WRITES]);
    const held = await db.balance.findMany({ where: { assetSymbol: 'USDT' } });
    // Every second writer moves back what the others have moved; each account has paid one fee of every request.
    const fees = 0.01 * WRITERS * WRITES;
    expect(held.map(({ quantity }) => quantity.toNumber())).toEqual([1000 - fees, 1000 - fees]);
  });

  it('sessions that are ended again and again: what is sent until it is acknowledged is there once', async () => {
    const { app, service, db } = await start();
    const accounts = [await openLong(service), await openLong(service), await openLong(service)];
    const name = new URL(app.database.env.DATABASE_URL ?? '').pathname.slice(1);
    const killer = new pg.Client({ connectionString: SERVER_URL ?? '' });
    await killer.connect();
    undo.push(() => killer.end());
    let refusals = 0;
    let isOver = false;
    const acknowledged: string[] = [];
    const write = async (accountId: string, client: number): Promise<void> => {
      for (let count = 0; !isOver; count++) {
        const fillId = `ended-${client}-${count}`;
        const sent = fill(accountId, 'BTCUSDT', count % 2 === 0 ? 'BUY' : 'SELL', '0.01', '20000', {
          fillId,
          fee: '0.01',
        });
        // The same again: whether a refused one was recorded is what the venue cannot know.
        for (let answer = await attempt(service, [sent]); ; answer = await attempt(service, [sent])) {
          if (answer === null) refusals += 1;
          else {
            expect([answer.recorded + answer.alreadyKnown, answer.errors]).toEqual([1, []]);
            break;
          }
        }
        acknowledged.push(fillId);
      }
    };
    const tick = async (): Promise<void> => {
      const query = 'mutation ($input: PublishPricesInput!) { publishPrices(input: $input) { accepted } }';
      for (let step = 0; !isOver; step++) {
        const [price, at] = [step % 2 === 0 ? '18000' : '20000', new Date().toISOString()];
        const quote = { venue: 'BITGET', instrument: 'BTCUSDT', price, source: 'test', at };
        const answer = await service.send(query, { input: { quotes: [quote] } });
        for (const { extensions } of answer.errors ?? []) expect(extensions.code).toBe('SERVICE_UNAVAILABLE');
        expect(JSON.stringify(answer)).not.toMatch(INTERNALS);
      }
    };
    const flowing = [...accounts.map(write), tick()];
    let ended = 0;
    for (let round = 0; round < 12; round++) {
      await sleep(200);
      const { rowCount } = await killer.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = $1 AND application_name LIKE 'plimsoll%'`,
        [name],
      );
      ended += rowCount ?? 0;
    }
    isOver = true;
    await Promise.all(flowing);
    expect([ended > 12, refusals > 0, acknowledged.length > 0]).toEqual([true, true, true]);

    await until(() => isReady(app.url));
    // Alerts too go on: there is a leader again.
    const alerts = await db.riskAlert.count();
    for (const prices of [CALM, LOST]) {
      await publishPrices(service, prices);
      const { seq } = await db.priceRound.findFirstOrThrow({ orderBy: { seq: 'desc' } });
      await until(async () => (await db.duty.findFirstOrThrow()).doneRound >= seq);
    }
    expect(await db.riskAlert.count()).toBeGreaterThanOrEqual(alerts + accounts.length);
    await expectLedger(db, acknowledged);
    // Beside those that opened the accounts.
    expect((await ledgerOf(db)).fillIds).toHaveLength(acknowledged.length + accounts.length);
  });
});
