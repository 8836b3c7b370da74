/** Accounts that a server cannot read: they are set aside, and all others are served and alerted. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { govern, newestVersion } from '../../support/calls/admin-calls.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, withoutGuards, type TestDatabase } from '../../support/services/database.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import { until } from '../../support/until.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let database: TestDatabase;
let app: TestApp;
let [service, admin, alice, bob] = [] as unknown as [Api, Api, Api, Api];
/** No number of USDT; a collateral mode of a later version; nothing strange. */
let [broken, later, calm] = ['', '', ''];

async function start(): Promise<void> {
  app = await startTestApp({ database });
  service = await app.as('venue', 'SERVICE');
  admin = await app.as('root', 'ADMIN');
  alice = await app.as('alice', 'TRADER');
  bob = await app.as('bob', 'TRADER');
}

async function sql(statement: string): Promise<number> {
  const changed = await withoutGuards(app.app.services.db, (tx) => tx.$executeRawUnsafe(statement));
  app.app.services.hotAccounts.clear();
  return changed;
}

const setQuantity = (quantity: string): Promise<number> =>
  sql(`UPDATE balances SET quantity = '${quantity}' WHERE account_id = '${uuidOf(broken)}'`);

const setMode = (mode: string): Promise<number> =>
  sql(`UPDATE accounts SET collateral_mode = '${mode}', version = version + 1 WHERE id = '${uuidOf(later)}'`);

interface Ready {
  readonly status: string;
  readonly problems: readonly { readonly name: string; readonly message: string }[];
}

async function ready(): Promise<Ready> {
  return (await (await fetch(`${app.url}/readyz`)).json()) as Ready;
}

async function statusAlerts(): Promise<string[]> {
  const { riskAlerts } = await service.ask<{ riskAlerts: { nodes: { kind: string; account: { id: string } }[] } }>(
    '{ riskAlerts(first: 100, kinds: [STATUS_CHANGED]) { nodes { kind account { id } } } }',
  );
  return riskAlerts.nodes.map(({ account }) => account.id);
}

beforeAll(async () => {
  database = await createTestDatabase();
  await start();
  await publishPrices(service, { 'BITGET/BTCUSDT': '20000' });
  [broken, later, calm] = [
    await openAccount(service, { name: 'broken' }),
    await openAccount(service, { name: 'later' }),
    await openAccount(service, { name: 'calm' }),
  ];
  for (const id of [broken, later, calm]) {
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'));
  }
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

describe('an account that cannot be read', () => {
  it('is set aside, and readiness names it', async () => {
    const { db, loop } = app.app.services;
    await db.$executeRaw`ALTER TYPE "CollateralMode" ADD VALUE 'PORTFOLIO'`;
    await setQuantity('NaN');
    await setMode('PORTFOLIO');
    for (const id of [broken, later]) {
      const { errors } = await service.send(
        'mutation ($input: RecordTransfersInput!) { recordTransfers(input: $input) { recorded } }',
        {
          // The last one names nothing that could be looked at again.
          input: { transfers: [transfer(id, 'USDT', '1'), transfer(calm, 'USDT', '1'), transfer('none', 'USDT', '1')] },
        },
      );
      expect(errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
      expect(errors?.[0]?.message).toContain(id);
    }
    await until(() => loop.setAside.size === 2);
    const { status, problems } = await ready();
    expect(status).toBe('degraded');
    expect(problems).toMatchObject([{ name: 'ACCOUNTS_SET_ASIDE' }]);
    expect(problems[0]?.message).toContain(uuidOf(broken));
    expect(problems[0]?.message).toContain(uuidOf(later));
  });

  it('is answered as unavailable to those who may see it, and as missing to others', async () => {
    for (const id of [broken, later]) {
      for (const query of [
        'account(id: $id) { name }',
        'account(id: $id) { margin { marginRatio } }',
        'node(id: $id) { id }',
      ]) {
        const answer = await alice.send(`query ($id: ID!) { ${query} }`, { id });
        expect(answer.errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
      }
      expect(await bob.ask('query ($id: ID!) { account(id: $id) { name } }', { id })).toEqual({ account: null });
    }
  });

  it('holds up neither lists, nor the overview, nor a preview', async () => {
    const nodes = 'nodes { name margin { marginRatio } } setAside';
    for (const list of ['accounts', 'accounts(orderBy: RISK_DESC)', 'accounts(where: { status: [HEALTHY] })']) {
      const { accounts } = await alice.ask<{ accounts: { nodes: { name: string }[]; setAside: string[] } }>(
        `{ ${list} { ${nodes} } }`,
      );
      expect(accounts.nodes.map(({ name }) => name)).toEqual(['calm']);
      expect(new Set(accounts.setAside)).toEqual(new Set([broken, later]));
    }
    const { riskOverview } = await admin.ask<{ riskOverview: { setAside: number; accounts: { accounts: number }[] } }>(
      '{ riskOverview(venue: "BITGET") { setAside accounts { status accounts } } }',
    );
    expect(riskOverview.setAside).toBe(2);
    expect(riskOverview.accounts.reduce((sum, { accounts }) => sum + accounts, 0)).toBe(1);
    const place = { venue: 'BITGET', chain: null, asset: 'BTC' };
    const change = { ...place, expectedVersion: await newestVersion(admin, place), ratio: '0.94' };
    const governed = await govern(admin, 'changeCollateralRatio', {
      ...change,
      effectiveFrom: new Date(Date.now() + 48 * 3_600_000).toISOString(),
    });
    expect(governed.errors).toEqual([]);
  });

  it('is named in a preview, and stands against a change of policy without `force`', async () => {
    const draft = { venue: 'BITGET', marginCallRatio: '0.79' };
    const { previewRuleChange } = await admin.ask<{ previewRuleChange: object }>(
      'query ($change: RuleChangeDraft!) { previewRuleChange(change: $change) { setAside } }',
      { change: { marginPolicy: draft } },
    );
    expect(previewRuleChange).toEqual({ setAside: 2 });
    const { venues } = await admin.ask<{ venues: { code: string; policy: { version: number } }[] }>(
      '{ venues { code policy { version } } }',
    );
    const expectedVersion = venues.find(({ code }) => code === draft.venue)?.policy.version;
    const input = { ...draft, expectedVersion, effectiveFrom: new Date(Date.now() + 49 * 3_600_000).toISOString() };
    expect((await govern(admin, 'changeMarginPolicy', input)).errors).toMatchObject([
      { code: 'GUARD_RAIL', message: expect.stringContaining('2 accounts of the venue cannot be read') },
    ]);
    expect((await govern(admin, 'changeMarginPolicy', { ...input, force: true })).errors).toEqual([]);
  });

  it('does not hold up a stream of alerts: an event that lacks the account says so, and where it stands', async () => {
    const { riskAlerts } = await service.ask<{ riskAlerts: { liveCursor: string } }>('{ riskAlerts { liveCursor } }');
    const stream = service.socket().iterate<{ riskAlerts: { account: { id: string } } }>({
      query: 'subscription ($after: String) { riskAlerts(after: $after) { cursor account { id margin { status } } } }',
      variables: { after: riskAlerts.liveCursor },
    });
    await storeAlerts(app.app.services.db, [broken, calm].map(uuidOf), { kind: 'INTEREST_STARTED' });
    const { value: unread } = await stream.next();
    expect(unread).toMatchObject({ errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] });
    expect(unread.data).toBeUndefined();
    const { value: read } = await stream.next();
    expect(read.data.riskAlerts.account.id).toBe(calm);
    await stream.return?.();
    const { cursor } = unread.extensions as { cursor: string };
    const after = await service.ask<{ riskAlerts: { nodes: { cursor: string }[] } }>(
      '{ riskAlerts(first: 2) { nodes { cursor } } }',
    );
    expect(after.riskAlerts.nodes.map((alert) => alert.cursor)).toEqual([read.data.riskAlerts.cursor, cursor]);
  });

  it('does not keep an alert from anybody else, nor a server from starting', async () => {
    await app.close();
    await start();
    expect(app.app.services.loop.setAside.size).toBe(2);
    // 1,000 - 0.1 x 9,700 = 30; maintenance 0.4 % of 1,030.
    await publishPrices(service, { 'BITGET/BTCUSDT': '10030' });
    await until(async () => (await statusAlerts()).length > 0);
    expect(await statusAlerts()).toEqual([calm]);
  });

  it('is read again without a restart once it can be, and its alerts come', async () => {
    const { db, loop } = app.app.services;
    expect(await db.outboxItem.count()).toBe(0);
    await db.outboxItem.create({ data: { accountId: uuidOf(broken), kind: 'AUTO_EXCHANGED', at: new Date() } });
    loop.wake();
    await loop.idle();
    expect(await db.outboxItem.count()).toBe(1);
    await setQuantity('1000');
    await setMode('MULTI_ASSET');
    await until(() => loop.setAside.size === 0);
    await until(async () => (await db.outboxItem.count()) === 0);
    await until(async () => (await statusAlerts()).length === 3);
    expect(new Set(await statusAlerts())).toEqual(new Set([broken, later, calm]));
    const { riskAlerts } = await service.ask<{ riskAlerts: { nodes: object[] } }>(
      '{ riskAlerts(kinds: [AUTO_EXCHANGED]) { nodes { account { id } } } }',
    );
    expect(riskAlerts.nodes).toEqual([{ account: { id: broken } }]);
    expect(await ready()).toEqual({ status: 'ok', problems: [] });
  });
});
