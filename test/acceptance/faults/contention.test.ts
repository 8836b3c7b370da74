/**
 * Writers that are in each other's way, and a database that ends sessions: clients get what the contract says, and
 * afterwards every balance is the sum of its entries.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { transact, type Database } from '../../../src/platform/database/database.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { ledgerOf, expectLedger } from '../../support/calls/stored-ledger.js';
import { SERVER_URL } from '../../support/services/database.js';
import { CALM, LOST, openLong } from '../../support/calls/long-position.js';
import { until } from '../../support/until.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import { attempt, INTERNALS } from '../../support/calls/fill-attempt.js';

/** What is undone after each test, the last first. */
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).status === 200;
}

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
