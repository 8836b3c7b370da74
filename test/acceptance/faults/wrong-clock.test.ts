/**
 * A database whose clock is wrong by an hour, and right again: what its server says then, and what is left of it
 * afterwards. The server's option `clock` stands for that clock.
 */
import { afterEach, describe, expect, it } from '@jest/globals';

import { startTestApp } from '../../support/services/app.js';
import { expectLedger } from '../../support/calls/stored-ledger.js';
import { CALM, LOST, openLong } from '../../support/calls/long-position.js';
import { connectSocket } from '../../support/services/raw.js';
import { until } from '../../support/until.js';
import { fill, publishPrices, recordFills } from '../../support/calls/venue-system.js';

/** What is undone after each test, the last first. */
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

describe("the database's clock", () => {
  const HOUR = 3_600_000;
  const MARGIN = 'margin { status stale accountVersion unrealizedPnl }';
  interface Pushed {
    readonly status: string;
    readonly stale: readonly string[];
    readonly accountVersion: number;
    readonly unrealizedPnl: string;
  }

  /** An account that somebody watches, a viewer of its alerts, and a clock that can be set. */
  async function watched() {
    let skew = 0;
    const app = await startTestApp({ clock: () => Date.now() + skew });
    undo.push(() => app.close());
    const service = await app.as('venue', 'SERVICE');
    const alice = await app.as('alice', 'TRADER');
    await publishPrices(service, CALM);
    const account = await openLong(service);
    const socket = await connectSocket(alice);
    undo.push(() => socket.close());
    const query = `subscription { marginRatioChanged(accountIds: ["${account}"], minChange: "0") { ${MARGIN} } }`;
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    /** The first state of the watched account for which this holds. */
    const nextPush = async (holds: (pushed: Pushed) => boolean): Promise<Pushed> => {
      for (;;) {
        const { payload } = await socket.next();
        const { margin } = (payload as { data: { marginRatioChanged: { margin: Pushed } } }).data.marginRatioChanged;
        if (holds(margin)) return margin;
      }
    };
    const { db } = app.app.services;
    const statuses = async (): Promise<string[]> =>
      (await db.riskAlert.findMany({ orderBy: { seq: 'asc' } })).map(({ status }) => status);
    const set = (milliseconds: number): void => void (skew = milliseconds);
    return { app, service, alice, account, nextPush, statuses, set, db };
  }

  it('an hour ahead: prices of the present are stale, and still move margin states; fills go on', async () => {
    const { service, alice, account, nextPush, statuses, set, db } = await watched();
    const acknowledged: string[] = [];
    const buy = async (): Promise<void> => {
      const fillId = `ahead-${acknowledged.length}`;
      const bought = fill(account, 'BTCUSDT', 'BUY', '0.001', '20000', { fillId, fee: '0.01' });
      expect(await recordFills(service, bought)).toMatchObject({ recorded: 1, errors: [] });
      acknowledged.push(fillId);
    };
    await buy();
    set(HOUR);
    expect(await publishPrices(service, LOST)).toMatchObject({ accepted: 1, errors: [] });
    expect(await nextPush(({ status }) => status === 'LIQUIDATION')).toMatchObject({ stale: ['BTCUSDT'] });
    await buy();
    expect(await alice.ask(`{ account(id: "${account}") { ${MARGIN} } }`)).toMatchObject({
      account: { margin: { status: 'LIQUIDATION', stale: ['BTCUSDT'], accountVersion: 5 } },
    });
    set(0);
    // At once, not an hour later.
    expect(await publishPrices(service, CALM)).toMatchObject({ accepted: 1, errors: [] });
    expect(await nextPush(({ status }) => status === 'HEALTHY')).toMatchObject({ stale: [] });
    await buy();
    await nextPush(({ accountVersion }) => accountVersion === 6);
    await until(async () => (await statuses()).length === 2);
    expect(await statuses()).toEqual(['LIQUIDATION', 'HEALTHY']);
    await expectLedger(db, acknowledged);
  });

  it('an hour ahead, and the venue with it: once both are right, prices of the present count again', async () => {
    const { service, alice, account, nextPush, set } = await watched();
    set(HOUR);
    const at = new Date(Date.now() + HOUR).toISOString();
    const dated = { ...LOST, BTC: '60000' };
    expect(await publishPrices(service, dated, { at })).toMatchObject({ accepted: 2, errors: [] });
    expect(await nextPush(({ status }) => status === 'LIQUIDATION')).toMatchObject({ stale: [] });
    set(0);
    const seen = `{ account(id: "${account}") { ${MARGIN} } assets(symbols: ["BTC"]) { indexPrice { price stale staleReason } } }`;
    // Nobody knows how old a price is that is dated an hour ahead.
    expect(await alice.ask(seen)).toMatchObject({
      account: { margin: { status: 'LIQUIDATION', stale: ['BTCUSDT'] } },
      assets: [{ indexPrice: { price: '60000', stale: true, staleReason: 'CLOCK_AHEAD' } }],
    });
    expect(await publishPrices(service, { ...CALM, BTC: '50000' })).toMatchObject({ accepted: 2, errors: [] });
    expect(await nextPush(({ status }) => status === 'HEALTHY')).toMatchObject({ stale: [] });
    expect(await alice.ask(seen)).toMatchObject({
      account: { margin: { status: 'HEALTHY', stale: [] } },
      assets: [{ indexPrice: { price: '50000', stale: false, staleReason: null } }],
    });
    const past = `{ account(id: "${account}") { marginAt(at: "${new Date().toISOString()}") { margin { status stale } } } }`;
    expect(await alice.ask(past)).toEqual({ account: { marginAt: { margin: { status: 'HEALTHY', stale: [] } } } });
  });

  it('an hour behind: what the venue dates is of the future and refused by name, and taken once it is right', async () => {
    const { service, account, nextPush, statuses, set, db } = await watched();
    const before = fill(account, 'BTCUSDT', 'BUY', '0.001', '20000', { fillId: 'before', fee: '0.01' });
    expect(await recordFills(service, before)).toMatchObject({ recorded: 1, errors: [] });
    set(-HOUR);
    const ahead = fill(account, 'BTCUSDT', 'BUY', '0.001', '20000', { fillId: 'ahead', fee: '0.01' });
    expect(await recordFills(service, ahead)).toMatchObject({
      recorded: 0,
      errors: [{ code: 'INVALID_INPUT', field: ['input', 'fills', '0', 'at'] }],
    });
    expect(await publishPrices(service, LOST)).toMatchObject({
      accepted: 0,
      errors: [{ code: 'INVALID_INPUT', field: ['input', 'quotes', '0', 'at'] }],
    });
    // A venue whose clock agrees with this server's: recorded, and not before what was recorded already.
    const at = new Date(Date.now() - HOUR).toISOString();
    const behind = fill(account, 'BTCUSDT', 'BUY', '0.001', '20000', { fillId: 'behind', fee: '0.01', at });
    expect(await recordFills(service, behind)).toMatchObject({ recorded: 1, errors: [] });
    await nextPush(({ accountVersion }) => accountVersion === 5);
    set(0);
    expect(await recordFills(service, ahead, behind)).toMatchObject({ recorded: 1, alreadyKnown: 1, errors: [] });
    expect(await publishPrices(service, LOST)).toMatchObject({ accepted: 1, errors: [] });
    expect(await nextPush(({ status }) => status === 'LIQUIDATION')).toMatchObject({ stale: [], accountVersion: 6 });
    await until(async () => (await statuses()).length === 1);
    expect(await statuses()).toEqual(['LIQUIDATION']);
    await expectLedger(db, ['before', 'ahead', 'behind']);
  });

  it('set forwards and backwards: ratios and their audit keep their order', async () => {
    const { app, set, db } = await watched();
    const admin = await app.as('root', 'ADMIN');
    interface Made {
      readonly id: string;
      readonly version: number;
      readonly status: string;
      readonly effectiveFrom: string;
    }
    const send = async (mutation: 'changeCollateralRatio' | 'cancelCollateralRatio', input: object): Promise<Made> => {
      const type = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}Input`;
      const answer = await admin.ask<Record<string, { collateralRatio: Made; errors: object[] }>>(
        `mutation ($input: ${type}!) {
          ${mutation}(input: $input) { collateralRatio { id version status effectiveFrom } errors { code } } }`,
        { input: { reason: 'a test', force: true, ...input } },
      );
      expect(answer[mutation]?.errors).toEqual([]);
      return answer[mutation]?.collateralRatio as Made;
    };
    const made: Made[] = [];
    const change = (): Promise<Made> => {
      const expectedVersion = 1 + made.length;
      const input = { venue: 'BITGET', asset: 'BTC', ratio: '0.5', expectedVersion };
      return send('changeCollateralRatio', { ...input, idempotencyKey: `skew-${expectedVersion}` });
    };
    for (const skew of [0, HOUR, 0, -HOUR, 0]) {
      set(skew);
      made.push(await change());
    }
    expect(made.map(({ version }) => version)).toEqual([2, 3, 4, 5, 6]);
    const instants = made.map(({ effectiveFrom }) => effectiveFrom);
    expect(instants).toEqual([...instants].sort());
    // What follows a version that was dated an hour ahead waits for it. Nobody has to: those are cancelled, the last first.
    expect(made.at(-1)?.status).toBe('SCHEDULED');
    for (const { id, version } of made.slice(1).reverse()) {
      const cancelled = await send('cancelCollateralRatio', { id, idempotencyKey: `cancel-${version}` });
      expect(cancelled.status).toBe('CANCELLED');
    }
    made.push(await change());
    expect(made.at(-1)).toMatchObject({ version: 7, status: 'ACTIVE' });
    const audit = await db.auditEntry.findMany({
      where: { action: 'changeCollateralRatio' },
      orderBy: { seq: 'asc' },
    });
    expect(audit.map(({ after }) => (after as { version: number }).version)).toEqual([2, 3, 4, 5, 6, 7]);
    await expectLedger(db, []);
  });
});
