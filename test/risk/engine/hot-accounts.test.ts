/** Accounts that were asked for lately: what is answered without the database, and what is not. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { startApp } from '../../../src/app.js';
import { decimal } from '../../../src/margin/decimal.js';
import { HotAccounts } from '../../../src/risk/engine/hot-accounts.js';
import { UpdateStream } from '../../../src/risk/streams/watch-stream.js';
import { govern, newestVersion } from '../../support/calls/admin-calls.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { withoutGuards } from '../../support/services/database.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let id: string;
/** How far the server's clock is ahead. */
let ahead = 0;

const MARGIN =
  'query ($id: ID!) { account(id: $id) { version margin { marginBalance } positions { liquidationPrice { price } } } }';

const EVERYTHING = `query ($id: ID!) { account(id: $id) { version
  margin { status marginRatio marginBalance maintenanceMargin stale unpriced accountVersion policyVersion
    collateral { asset { symbol } collateralValue } }
  positions { unrealizedPnl maintenanceMargin liquidationPrice { price otherPrice reason } } } }`;

interface Answer {
  readonly account: { readonly version: number; readonly margin: { readonly marginBalance: string } };
}

/** The answer, and how many statements it took. */
async function ask(): Promise<{ version: number; balance: string; statements: number }> {
  const before = app.statements.length;
  const { account } = await service.ask<Answer>(MARGIN, { id });
  return {
    version: account.version,
    balance: account.margin.marginBalance,
    statements: app.statements.slice(before).filter((sql) => sql.includes('FROM accounts')).length,
  };
}

beforeAll(async () => {
  app = await startTestApp({ startApp, clock: () => Date.now() + ahead });
  service = await app.as('venue', 'SERVICE');
  await publishPrices(service, { 'BITGET/BTCUSDT': '20000' });
  id = await openAccount(service);
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'));
  await app.app.services.loop.idle();
});

afterAll(() => app.close());

describe('an account that was asked for lately', () => {
  it('costs no statement while it stands, also when prices move', async () => {
    await ask();
    expect(await ask()).toEqual({ version: 3, balance: '1000', statements: 0 });
    await publishPrices(service, { 'BITGET/BTCUSDT': '20100' });
    expect(await ask()).toEqual({ version: 3, balance: '1010', statements: 0 });
    await publishPrices(service, { 'BITGET/BTCUSDT': '20000' });
  });

  it('is read as soon as its change is acknowledged, whether the loop has heard of it or not', async () => {
    const { loop } = app.app.services;
    for (let deposit = 1; deposit <= 20; deposit++) {
      await recordTransfers(service, transfer(id, 'USDT', '1'));
      expect(await ask()).toMatchObject({ version: 3 + deposit, balance: String(1000 + deposit) });
      if (deposit % 2 === 0) await loop.idle();
    }
    await loop.idle();
    await ask();
    expect(await ask()).toEqual({ version: 23, balance: '1020', statements: 0 });
  });

  it('is read from the database while notices may be missing, and after the database went back', async () => {
    const { services } = app.app;
    let isInStep = true;
    const hot = new HotAccounts({ ...services, isInStep: () => isInStep });
    const held = async (): Promise<unknown> => (await hot.read([uuidOf(id)])).get(uuidOf(id));
    const first = await held();
    expect(await held()).toBe(first);
    isInStep = false;
    expect(await held()).not.toBe(first);
    isInStep = true;
    const again = await held();
    expect(await held()).toBe(again);
    await services.loop.hold();
    expect(await held()).not.toBe(again);
    services.loop.reload();
    await services.loop.idle();
    hot.clear();
    expect(await held()).toEqual(first);
  });

  it('is answered as one that was just read, whatever prices, rules and time have done', async () => {
    const { hotAccounts } = app.app.services;
    const admin = await app.as('root', 'ADMIN');
    const place = { venue: 'BITGET', chain: null, asset: 'BTC' };
    await recordTransfers(service, transfer(id, 'BTC', '0.05'));
    const seen = new Set<string>();
    for (let step = 0; step < 60; step++) {
      const chance = Math.random();
      const price = String(19_000 + Math.floor(Math.random() * 2_000));
      const at = new Date(Date.now() + ahead).toISOString();
      if (chance < 0.5) await publishPrices(service, { 'BITGET/BTCUSDT': price }, { at });
      else if (chance < 0.8) await publishPrices(service, { BTC: price }, { at });
      else if (chance < 0.95) ahead += 45_000;
      else {
        const change = { ...place, ratio: String(0.9 + step / 10_000), force: true };
        const { errors } = await govern(admin, 'changeCollateralRatio', {
          ...change,
          expectedVersion: await newestVersion(admin, place),
        });
        expect(errors).toEqual([]);
      }
      const held = await service.send(EVERYTHING, { id });
      hotAccounts.clear();
      const read = await service.send(EVERYTHING, { id });
      expect(held.data).toEqual(read.data);
      seen.add(JSON.stringify(held.data));
    }
    expect(seen.size).toBeGreaterThan(20);
  });

  it('leaves the least lately asked for, where they take too much memory', async () => {
    const { services } = app.app;
    const hot = new HotAccounts({ ...services, isInStep: () => true }, 1);
    const [one, other] = [await hot.read([uuidOf(id)]), await hot.read([uuidOf(id)])];
    expect(other.get(uuidOf(id))).not.toBe(one.get(uuidOf(id)));
  });
});

describe('a version that this process has committed', () => {
  /** An account that is settled, at version 2; `commitsThree` is what this process does when it has committed the next. */
  async function settled(): Promise<{ uuid: string; commitsThree: () => void }> {
    const { loop, hotAccounts, bus } = app.app.services;
    const opened = await openAccount(service);
    await recordTransfers(service, transfer(opened, 'USDT', '1000'));
    await loop.idle();
    const uuid = uuidOf(opened);
    const held = (await hotAccounts.read([uuid])).get(uuid);
    if (held === undefined || held instanceof Error) throw new Error('Expected an account that can be read.');
    const commitsThree = (): void => {
      hotAccounts.wrote([{ ...held, account: { ...held.account, version: 3 } }]);
      bus.emit('accounts', { ids: [uuid], cause: 'ACCOUNT', isHeld: true });
    };
    return { uuid, commitsThree };
  }

  /** Another process commits the version after that, and its notice does not come. */
  async function commitFourElsewhere(uuid: string): Promise<void> {
    await withoutGuards(app.app.services.db, async (tx) => {
      await tx.$executeRaw`UPDATE accounts SET version = 4 WHERE id = ${uuid}::uuid`;
      await tx.$executeRaw`UPDATE balances SET quantity = 77 WHERE account_id = ${uuid}::uuid`;
      await tx.$executeRaw`INSERT INTO outbox (account_id, kind, at) VALUES (${uuid}::uuid, 'CHANGED', now())`;
    });
  }

  it('does not stand for a newer one of another process, whose notice came first or was read already', async () => {
    const { loop, bus } = app.app.services;
    const { uuid, commitsThree } = await settled();
    await commitFourElsewhere(uuid);
    const watching = loop.watch(new UpdateStream({ accountIds: [uuid], minChange: decimal('0'), everyMs: null }));
    bus.emit('accounts', { ids: [uuid], cause: 'ACCOUNT' });
    commitsThree();
    await loop.idle();
    expect(loop.accounts.columns.versionOf(uuid)).toBe(4);
    commitsThree();
    await loop.idle();
    const { value } = await watching.next();
    expect(value).toMatchObject({ state: { account: { version: 4 } } });
    await watching.return();
  });

  it('does not stand for a newer one that the leader finds in the outbox', async () => {
    const { loop, db } = app.app.services;
    const { uuid, commitsThree } = await settled();
    await commitFourElsewhere(uuid);
    commitsThree();
    await loop.idle();
    expect(await db.outboxItem.count({ where: { accountId: uuid } })).toBe(0);
    expect(loop.accounts.columns.versionOf(uuid)).toBe(4);
  });
});

describe('a version that the caller knows of', () => {
  const AT_LEAST = 'query ($id: ID!, $at: Int) { account(id: $id, atLeastVersion: $at) { version } }';

  it('is answered if it is there', async () => {
    expect(await service.ask(AT_LEAST, { id, at: 23 })).toEqual({ account: { version: 23 } });
    expect(await service.ask(AT_LEAST, { id, at: -1 })).toEqual({ account: { version: 23 } });
  });

  it('is waited for', async () => {
    const later = service.ask(AT_LEAST, { id, at: 24 });
    await recordTransfers(service, transfer(id, 'USDT', '1'));
    expect(await later).toEqual({ account: { version: 24 } });
  });

  it('is SERVICE_UNAVAILABLE where it does not come within 2 s', async () => {
    const started = performance.now();
    const { errors } = await service.send(AT_LEAST, { id, at: 1_000 });
    expect(errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
    expect(errors?.[0]?.message).toContain('version 1000');
    expect(performance.now() - started).toBeGreaterThan(1_900);
  });
});
