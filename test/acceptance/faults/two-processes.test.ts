/** Two servers on one PostgreSQL and one Redis: what one hears both know, and one of them may be killed. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { accountState, readHoldings, type Holdings } from '../../../src/ledger/records.js';
import { decimal } from '../../../src/margin/decimal.js';
import { pricesOfBatch } from '../../../src/market/price-history.js';
import type { OpenDatabase } from '../../../src/platform/database/database.js';
import { Rulebook } from '../../../src/policy/rulebook/rulebook.js';
import { AlertOracle } from '../../support/oracle/alert-oracle.js';
import { apiFor, type Api } from '../../support/services/api.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { call } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

const REDIS_URL = process.env['TEST_REDIS_URL'];
/** Kills of the leader; more for a long run. */
const KILLS = Number(process.env['DUTY_KILLS'] ?? 3);
const STORM_MS = 1_500;
const ACCOUNTS = 30;

/** Runs where there are both services; says so where it does not. */
const both = SERVER_URL !== null && REDIS_URL !== undefined ? describe : describe.skip;

both('two processes', () => {
  let database: TestDatabase;
  let servers: ServerProcess[];
  let services: Api[];

  const start = async (): Promise<ServerProcess> =>
    startServerProcess({ ...database.env, REDIS_URL: REDIS_URL ?? '', LOG_LEVEL: 'info' });

  beforeAll(async () => {
    database = await createTestDatabase();
    servers = [await start(), await start()];
    services = await Promise.all(servers.map(({ url }) => apiFor(url, 'venue', 'SERVICE')));
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await database.drop();
  });

  const isLeader = (server: ServerProcess): boolean => server.output().includes('This server is the leader');

  it('sends to the clients of both what one of them has received', async () => {
    const [first, second] = services as [Api, Api];
    await publishPrices(first, { 'BITGET/BTCUSDT': '20000' });
    const id = await openAccount(first);
    await recordTransfers(first, transfer(id, 'USDT', '1000'));
    await recordFills(first, fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'));
    const query = `subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "0") { cause margin { unrealizedPnl } } }`;
    const clients = await Promise.all(servers.map(({ url }) => apiFor(url, 'alice', 'TRADER')));
    const sockets = clients.map((client) => client.socket());
    const streams = sockets.map((socket) => socket.iterate<Pushed>({ query, variables: { ids: [id] } }));
    for (const stream of streams) expect(await nextOf(stream)).toEqual({ cause: 'SNAPSHOT', pnl: '0' });
    // Prices go in at one end, the account changes at the other.
    await publishPrices(first, { 'BITGET/BTCUSDT': '19000' });
    for (const stream of streams) expect(await nextOf(stream)).toEqual({ cause: 'PRICE', pnl: '-100' });
    await recordFills(second, fill(id, 'BTCUSDT', 'BUY', '0.1', '19000'));
    for (const stream of streams) expect(await nextOf(stream)).toEqual({ cause: 'ACCOUNT', pnl: '-100' });
    for (const socket of sockets) await socket.dispose();
  });

  it(
    `stores exactly the alerts of the recorded rounds while the process on duty is killed ${KILLS} times`,
    async () => {
      const opened = await database.open();
      try {
        await storm(opened);
      } finally {
        await opened.close();
      }
    },
    60_000 + KILLS * 20_000,
  );

  async function storm({ db }: OpenDatabase): Promise<void> {
    await publishPrices(services[0] as Api, { 'BITGET/BTCUSDT': '20000' });
    const ids: string[] = [];
    const trader = await apiFor((servers[0] as ServerProcess).url, 'alice', 'TRADER');
    for (let index = 0; index < ACCOUNTS; index++) {
      // Each has its own price at which it comes into trouble, some long and some short, some with margin of their own.
      const id = await openAccount(services[index % 2] as Api, { collateralMode: 'SINGLE_ASSET' });
      if (index % 4 === 1) {
        const { errors } = await call(trader, 'setMarginMode', {
          ...{ accountId: id, instrument: 'BTCUSDT', marginMode: 'ISOLATED' },
        });
        expect(errors).toEqual([]);
      }
      await recordTransfers(services[0] as Api, transfer(id, 'USDT', String(60 + 20 * index)));
      await recordFills(services[1] as Api, fill(id, 'BTCUSDT', index % 3 === 0 ? 'SELL' : 'BUY', '0.1', '20000'));
      ids.push(id);
    }
    for (const accountId of ids.slice(0, 10)) {
      await trader.ask(`mutation ($input: SetAlertRuleInput!) { setAlertRule(input: $input) { errors { message } } }`, {
        input: { accountId, marginRatio: '0.3', rearmBelow: '0.25' },
      });
    }
    await until(async () => (await db.outboxItem.count()) === 0);
    await until(async () => (await leaderOf(db)).takenRound === (await leaderOf(db)).doneRound);
    const { takenRound: before, lastAlert } = await leaderOf(db);

    let stopped = false;
    const publishing = services.map(async (_, index) => {
      for (let step = 0; !stopped; step++) {
        const price = 20_000 + 900 * Math.sin(step / 7 + index) + 300 * Math.sin(step * 1.7);
        // While its server is away nothing is acknowledged, and nothing is owed.
        await publishPrices(services[index] as Api, { 'BITGET/BTCUSDT': price.toFixed(2) }).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    for (let kill = 0; kill < KILLS; kill++) {
      await new Promise((resolve) => setTimeout(resolve, STORM_MS + kill * 37));
      const index = servers.findIndex(isLeader);
      expect(index).toBeGreaterThanOrEqual(0);
      await (servers[index] as ServerProcess).kill();
      await until(() => servers.some((server, other) => other !== index && isLeader(server)));
      servers[index] = await start();
      services[index] = await apiFor(servers[index].url, 'venue', 'SERVICE');
    }
    await new Promise((resolve) => setTimeout(resolve, STORM_MS));
    stopped = true;
    await Promise.all(publishing);
    const newest = await db.priceRound.findFirstOrThrow({ orderBy: { seq: 'desc' } });
    await until(async () => (await leaderOf(db)).doneRound === newest.seq);

    const rounds = await db.priceRound.findMany({
      where: { taken: true, seq: { gt: before } },
      orderBy: { seq: 'asc' },
    });
    expect(rounds.length).toBeGreaterThan(KILLS * 20);
    const rulebook = await Rulebook.load(db);
    const holdings = (await readHoldings(db, rulebook, ids.map(uuidOf))) as Map<string, Holdings>;
    const rules = await db.alertRule.findMany();
    const policy = rulebook.policy('BITGET', null, new Date());
    const oracles = new Map(
      [...holdings].map(([id, held]) => {
        const own = rules
          .filter(({ accountId }) => accountId === id)
          .map((rule) => ({
            id: rule.id,
            marginRatio: decimal(rule.marginRatio.toFixed()),
            rearmBelow: decimal(rule.rearmBelow.toFixed()),
          }));
        return [id, new AlertOracle(accountState(held, rulebook), policy, own)];
      }),
    );
    const terms = { maxAge: 60_000, venues: rulebook.venues };
    const first = await pricesOfBatch(db, before, terms);
    for (const oracle of oracles.values()) oracle.round(before, first?.marketOf('BITGET') ?? missing(before));
    const known = new Map([...oracles].map(([id, { alerts }]) => [id, alerts.length]));
    for (const { seq } of rounds) {
      const snapshot = await pricesOfBatch(db, seq, terms);
      for (const oracle of oracles.values()) oracle.round(seq, snapshot?.marketOf('BITGET') ?? missing(seq));
    }

    const stored = await db.riskAlert.findMany({ where: { seq: { gt: lastAlert } }, orderBy: { seq: 'asc' } });
    for (const [id, oracle] of oracles) {
      const own = stored
        .filter(({ accountId }) => accountId === id)
        .map((alert) =>
          [
            ...[alert.round, alert.instrument === null ? '' : `${alert.instrument}/${alert.side}`],
            ...[alert.kind, alert.status],
            ...[alert.previousStatus ?? alert.ruleId, alert.marginRatio?.toFixed() ?? null],
          ].join(' '),
        );
      expect(own).toEqual(oracle.alerts.slice(known.get(id)));
    }
    expect(stored.length).toBeGreaterThan(ACCOUNTS);
    expect(stored.some(({ instrument }) => instrument !== null)).toBe(true);
    // The numbers have no gap: a client that goes on from a cursor misses none.
    expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, index) => lastAlert + 1n + BigInt(index)));
  }
});

interface Pushed {
  readonly marginRatioChanged: { readonly cause: string; readonly margin: { readonly unrealizedPnl: string } };
  readonly [field: string]: unknown;
}

async function nextOf(
  stream: AsyncIterableIterator<{ data?: Pushed | null | undefined }>,
): Promise<{ cause: string; pnl: string }> {
  const { value } = (await stream.next()) as { value: { data?: Pushed | null } };
  if (value.data == null) throw new Error(`An error instead of an event: ${JSON.stringify(value)}`);
  const { cause, margin } = value.data.marginRatioChanged;
  return { cause, pnl: margin.unrealizedPnl };
}

function leaderOf(db: OpenDatabase['db']): Promise<{ takenRound: bigint; doneRound: bigint; lastAlert: bigint }> {
  return db.duty.findFirstOrThrow();
}

function missing(round: bigint): never {
  throw new Error(`The prices of round ${round} are missing.`);
}
