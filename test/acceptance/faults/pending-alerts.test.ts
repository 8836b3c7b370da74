/** Alerts that wait in the outbox while no server leads: the next one stores them, however calm their accounts are. */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { govern, newestVersion } from '../../support/calls/admin-calls.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, withoutGuards, type TestDatabase } from '../../support/services/database.js';
import { call } from '../../support/calls/trader-calls.js';
import { until } from '../../support/until.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const HOUR = 3_600_000;
/** Longer than a test takes from its first account to its restart. */
const PREPARATION_MS = 30_000;
const TIMEOUT_MS = 180_000;

let database: TestDatabase;
let app: TestApp;
let service: Api;

const start = async (): Promise<void> => {
  app = await startTestApp({ database });
  service = await app.as('venue', 'SERVICE');
};

beforeAll(async () => {
  database = await createTestDatabase();
  await start();
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

/** While no server runs. */
async function onDatabase(...statements: string[]): Promise<void> {
  const { db, close } = await database.open();
  await withoutGuards(db, async (tx) => {
    for (const statement of statements) await tx.$executeRawUnsafe(statement);
  });
  await close();
}

/** The server is stopped and started two hours later, as the rows of the accounts see it. */
async function restartTwoHoursLater(): Promise<void> {
  await app.close();
  const earlier = (column: string): string => `${column} = ${column} - interval '2 hours'`;
  await onDatabase(
    `UPDATE accounts SET ${['opened_at', 'changed_at', 'interest_through'].map(earlier).join(', ')}`,
    `UPDATE account_versions SET ${earlier('at')}`,
    `UPDATE ledger_entries SET ${earlier('at')}`,
  );
  await start();
}

/** No hour is full before the restart, which would be charged then. */
async function leaveFullHour(): Promise<void> {
  const left = HOUR - (Date.now() % HOUR);
  if (left < PREPARATION_MS) await sleep(left);
}

async function owe(quantity: string, ...ids: string[]): Promise<void> {
  const at = new Date().toISOString();
  const entries = ids.map((accountId) => ({
    ...{ entryId: `owed-${accountId}`, accountId, asset: 'USDT', quantity, kind: 'ADJUSTMENT', at },
  }));
  expect(await call(service, 'recordLedgerEntries', { entries })).toMatchObject({ recorded: ids.length, errors: [] });
}

const open = (): Promise<string> => openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });

interface Alert {
  readonly kind: string;
  readonly account: { readonly id: string };
  readonly ledgerEntries: readonly { readonly kind: string }[];
}

async function alertsOf(...kinds: string[]): Promise<readonly Alert[]> {
  const query = `query ($kinds: [RiskAlertKind!]) {
    riskAlerts(first: 100, kinds: $kinds) { nodes { kind account { id } ledgerEntries { kind } } } }`;
  const { riskAlerts } = await service.ask<{ riskAlerts: { nodes: Alert[] } }>(query, { kinds });
  return riskAlerts.nodes;
}

/** The leader has dealt with all that was left to it. */
async function outboxIsEmpty(): Promise<void> {
  const { db } = app.app.services;
  await until(async () => (await db.outboxItem.count()) === 0);
}

/** Margin balances at which a maintenance margin of 250 means each status; null: of an account without a position. */
const BALANCES = { NO_EXPOSURE: null, HEALTHY: 2_500, WARNING: 400, MARGIN_CALL: 280, LIQUIDATION: 100 };
const STATUSES = [...Object.keys(BALANCES), 'UNPRICED'] as (keyof typeof BALANCES | 'UNPRICED')[];

it(
  'tells each of 60 accounts of all statuses, where 40 are charged when the server starts',
  async () => {
    await leaveFullHour();
    await publishPrices(service, { BTC: '60000', 'ASTER/BTCUSDT': '60000' });
    const charged: string[] = [];
    const statuses = new Map<string, string>();
    const deposits: object[] = [];
    const fills: object[] = [];
    for (let index = 0; index < 60; index++) {
      const id = await open();
      const status = STATUSES[Math.floor(index / 3) % STATUSES.length] ?? 'HEALTHY';
      const owed = index % 3 === 0 ? 0 : 2_000;
      statuses.set(id, status);
      if (owed > 0) charged.push(id);
      // ETHUSDT has no mark price. BTC counts 0.95 as collateral.
      const balance = status === 'UNPRICED' ? 2_500 : (BALANCES[status] ?? 2_500);
      deposits.push(transfer(id, 'BTC', ((balance + owed) / 57_000).toFixed(12)));
      const instrument = status === 'UNPRICED' ? 'ETHUSDT' : 'BTCUSDT';
      if (status !== 'NO_EXPOSURE') fills.push(fill(id, instrument, 'BUY', '1', '60000'));
    }
    await recordTransfers(service, ...deposits);
    await owe('-2000', ...charged);
    await recordFills(service, ...fills);
    await restartTwoHoursLater();

    const { db } = app.app.services;
    await until(async () => (await db.ledgerEntry.count({ where: { kind: 'INTEREST' } })) >= 2 * charged.length);
    await outboxIsEmpty();
    const started = await alertsOf('INTEREST_STARTED');
    expect(started.map(({ account }) => account.id).sort()).toEqual([...charged].sort());
    for (const { ledgerEntries } of started) expect(ledgerEntries).toEqual([{ kind: 'INTEREST' }]);
    for (const [id, status] of statuses) {
      expect(await readAccount(service, id, 'margin { status }')).toEqual({ margin: { status } });
    }
  },
  TIMEOUT_MS,
);

it('alerts on a scheduled ratio and an auto-exchange that no server could store before it stopped', async () => {
  const admin = await app.as('root', 'ADMIN');
  const [holder, exchanged] = [await open(), await open()];
  await publishPrices(service, { BTC: '60000', 'ASTER/BTCUSDT': '60000' });
  await recordTransfers(service, transfer(holder, 'BTC', '1'), transfer(exchanged, 'BTC', '1'));
  // Told of a ratio are those whose margin ratio rises by more than 5 % with it, or whose status changes.
  await recordFills(service, fill(holder, 'BTCUSDT', 'BUY', '0.1', '60000'));
  await outboxIsEmpty();
  // Nothing leaves the outbox any more: the leader tries again until it is stopped.
  const { db } = app.app.services;
  await db.$executeRawUnsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'Refused by the test.'; END $$`);
  await db.$executeRawUnsafe('CREATE TRIGGER refused BEFORE DELETE ON outbox EXECUTE FUNCTION refuse()');
  await owe('-12000', exchanged);
  const place = { venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'BTC' };
  const scheduled = await govern(admin, 'changeCollateralRatio', {
    ...{ ...place, expectedVersion: await newestVersion(admin, place), ratio: '0.86' },
    effectiveFrom: new Date(Date.now() + 48 * HOUR).toISOString(),
  });
  expect(scheduled.errors).toEqual([]);
  await app.close();
  await onDatabase('DROP TRIGGER refused ON outbox');
  await start();

  await outboxIsEmpty();
  const alerts = (await alertsOf('AUTO_EXCHANGED', 'COLLATERAL_RATIO_SCHEDULED')).filter(({ account }) =>
    [holder, exchanged].includes(account.id),
  );
  // Newest first.
  expect(alerts.map(({ kind, account, ledgerEntries }) => [kind, account.id, ledgerEntries.length])).toEqual([
    ['COLLATERAL_RATIO_SCHEDULED', holder, 0],
    ['AUTO_EXCHANGED', exchanged, 2],
  ]);
});

it('alerts on an account that could not be evaluated at first, without another event', async () => {
  const id = await open();
  await publishPrices(service, { BTC: '60000' });
  await recordTransfers(service, transfer(id, 'BTC', '1'));
  await outboxIsEmpty();
  const exchanged = async (): Promise<readonly Alert[]> =>
    (await alertsOf('AUTO_EXCHANGED')).filter(({ account }) => account.id === id);
  const { db, loop } = app.app.services;
  const broken = jest.spyOn(loop.accounts, 'ruleSetAt').mockImplementation(() => {
    throw new Error('Broken by the test.');
  });
  try {
    await owe('-12000', id);
    await until(() => broken.mock.calls.length >= 2);
    expect(await exchanged()).toEqual([]);
    expect(await db.outboxItem.count()).toBe(2);
  } finally {
    broken.mockRestore();
  }
  await outboxIsEmpty();
  expect(await exchanged()).toHaveLength(1);
});
