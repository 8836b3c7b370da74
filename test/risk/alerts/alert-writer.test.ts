/** The alert writer's cycles over a real database: what they store, and how many statements they take. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import type { Database } from '../../../src/platform/database/database.js';
import { createBus } from '../../../src/platform/events.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { openTestDatabase } from '../../support/services/database.js';
import {
  AT,
  LONG,
  MARKS,
  POLICY,
  addRounds,
  clear,
  cycle,
  leadership,
  makeAccounts,
  newAlertWriter,
  reportOf,
  startAt,
  setRule,
  stored,
  tell,
  watched,
} from './writer-world.js';

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  ({ db } = database);
});
beforeEach(() => clear(db));
afterAll(() => database.close());

describe('a cycle', () => {
  it('stores what fired with all that it says, and what is remembered of it', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await addRounds(db, 1, 2, 3);
    const rule = await setRule(db, id, 60, 50);
    const bus = createBus();
    const emitted: bigint[] = [];
    bus.on('alerts', ({ last }) => emitted.push(last));
    const alertWriter = await newAlertWriter(db, { bus });
    expect(alertWriter.unfinishedSeq).toBeNull();
    expect([...alertWriter.accounts()]).toEqual([id]);

    // Cross: 10 / 12. Isolated: 7 + 100 - 105 is 2, of 10.
    const isolated = { cost: 105, margin: 7 };
    expect(await cycle(alertWriter, 3, { [id]: { usdt: 12, cross: 100, isolated } })).toEqual([id]);
    const alerts = await db.riskAlert.findMany({ orderBy: { seq: 'asc' } });
    const rows = alerts.map(({ marginRatio, marginBalance, maintenanceMargin, ...rest }) => ({
      ...rest,
      numbers: [marginRatio?.toFixed(), marginBalance.toFixed(), maintenanceMargin.toFixed()],
    }));
    const common = {
      ...{ accountId: id, round: 3n, at: AT, acknowledgedAt: null, effectiveAt: null, ratioId: null, entries: [] },
      ...{ instrument: null, side: null, previousStatus: null, ruleId: null },
    };
    const ofCross = { ...common, status: 'MARGIN_CALL', numbers: ['0.833333333333333334', '12', '10'] };
    const position = { instrument: 'ETHUSDT', side: 'LONG', status: 'LIQUIDATION', numbers: ['5', '2', '10'] };
    const ofPosition = { ...common, ...position };
    expect(rows).toEqual([
      { ...ofCross, seq: 1n, kind: 'STATUS_CHANGED', previousStatus: 'HEALTHY' },
      { ...ofCross, seq: 2n, kind: 'RULE_FIRED', ruleId: rule },
      { ...ofPosition, seq: 3n, kind: 'STATUS_CHANGED', previousStatus: 'HEALTHY' },
      { ...ofPosition, seq: 4n, kind: 'RULE_FIRED', ruleId: rule },
    ]);
    expect(emitted).toEqual([4n]);
    expect(await leadership(db)).toEqual({ takenRound: 3n, doneRound: 3n, lastAlert: 4n });
    expect(await db.priceRound.findMany({ where: { taken: true }, select: { seq: true } })).toEqual([{ seq: 3n }]);
    expect(await db.outboxItem.count()).toBe(0);
    expect(await db.alertState.findMany({ orderBy: { level: 'asc' } })).toEqual([
      { accountId: id, level: '', status: 'MARGIN_CALL', fired: [rule] },
      { accountId: id, level: 'ETHUSDT/LONG', status: 'LIQUIDATION', fired: [rule] },
    ]);

    // The position is closed, and the account has recovered: nothing is left to be remembered.
    await cycle(alertWriter, 3, { [id]: LONG(100) });
    expect((await stored(db)).slice(4)).toEqual([
      '5 STATUS_CHANGED MARGIN_CALL -> HEALTHY',
      '6 STATUS_CHANGED LIQUIDATION -> NO_EXPOSURE',
    ]);
    const closed = await db.riskAlert.findUniqueOrThrow({ where: { seq: 6n } });
    expect(closed).toMatchObject({ instrument: 'ETHUSDT', side: 'LONG', marginRatio: null });
    expect([closed.marginBalance.toFixed(), closed.maintenanceMargin.toFixed()]).toEqual(['0', '0']);
    expect(await db.alertState.count()).toBe(0);
  });

  it('rounds as a query does: the balance down, the requirement up', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await addRounds(db, 1);
    const alertWriter = await newAlertWriter(db);
    await startAt(alertWriter, 1n);
    const report = reportOf(LONG(5), MARKS);
    const digit = decimal('0.0000000000000000001');
    const marginBalance = report.marginBalance.negated().minus(digit);
    const maintenanceMargin = report.maintenanceMargin.plus(digit);
    alertWriter.evaluated(id, unitStatesOf({ ...report, marginBalance, maintenanceMargin }), POLICY);
    await alertWriter.endBatch(AT);
    const alert = await db.riskAlert.findFirstOrThrow();
    expect([alert.marginBalance.toFixed(), alert.maintenanceMargin.toFixed()]).toEqual([
      '-5.000000000000000001',
      '10.000000000000000001',
    ]);
  });

  it('stores the alerts of all others where one has an amount that no column holds', async () => {
    const [absurd = '', ordinary = ''] = await makeAccounts(db, 2);
    await addRounds(db, 1);
    const alertWriter = await newAlertWriter(db);
    await startAt(alertWriter, 1n);
    const report = reportOf(LONG(5), MARKS);
    alertWriter.evaluated(
      absurd,
      unitStatesOf({ ...report, marginBalance: decimal('-1e30'), marginRatio: decimal('1e30') }),
      POLICY,
    );
    alertWriter.evaluated(ordinary, unitStatesOf(report), POLICY);
    await alertWriter.endBatch(AT);
    const alert = await db.riskAlert.findUniqueOrThrow({ where: { seq: 1n } });
    const largest = `${'9'.repeat(30)}.${'9'.repeat(18)}`;
    expect([alert.marginBalance.toFixed(), alert.marginRatio?.toFixed()]).toEqual([`-${largest}`, largest]);
    expect(await stored(db)).toHaveLength(2);
  });

  it('costs one read where there is nothing new, and no transaction', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await addRounds(db, 1);
    const calls: string[] = [];
    const alertWriter = await newAlertWriter(watched(db, (call) => calls.push(call)));
    await cycle(alertWriter, 1, { [id]: LONG(12) });
    expect(calls).toContain('$transaction');
    calls.length = 0;
    await cycle(alertWriter, 1, { [id]: LONG(12) });
    expect(calls).toEqual(['$queryRaw']);
  });

  it('refuses a price batch that is older than the last one that was taken', async () => {
    await addRounds(db, 1, 2);
    const alertWriter = await newAlertWriter(db);
    await cycle(alertWriter, 2, {});
    await expect(startAt(alertWriter, 1n)).rejects.toThrow('Price batch 2 was taken already, 1 is older');
  });

  it('that could not go on is started again, and what it has collected stays', async () => {
    const [first = '', second = ''] = await makeAccounts(db, 2);
    await addRounds(db, 1, 2);
    await tell(db, first, 'AUTO_EXCHANGED', { entries: [7n] });
    const alertWriter = await newAlertWriter(db);
    await startAt(alertWriter, 1n);
    alertWriter.evaluated(first, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
    await cycle(alertWriter, 2, { [first]: LONG(12), [second]: LONG(12) });
    const alerts = await db.riskAlert.findMany({ orderBy: { seq: 'asc' }, select: { kind: true, round: true } });
    expect(alerts).toEqual([
      { kind: 'AUTO_EXCHANGED', round: 2n },
      { kind: 'STATUS_CHANGED', round: 1n },
      { kind: 'STATUS_CHANGED', round: 2n },
    ]);
  });
});

// At the end of the file: these leave many rows behind.
describe('many', () => {
  it('outbox rows are read 5,000 at a time', async () => {
    const ids = await makeAccounts(db, 3);
    const rows = Array.from({ length: 5_001 }, (_, index) => ({ accountId: ids[Math.floor(index / 2_500)] ?? '' }));
    await db.outboxItem.createMany({ data: rows.map((row) => ({ ...row, kind: 'CHANGED', at: AT })) });
    const alertWriter = await newAlertWriter(db);
    const holdings = Object.fromEntries(ids.map((id) => [id, LONG(100)]));
    expect(await cycle(alertWriter, 0, holdings)).toEqual(ids.slice(0, 2));
    expect(await cycle(alertWriter, 0, holdings)).toEqual(ids.slice(2));
    expect(await cycle(alertWriter, 0, holdings)).toEqual([]);
  });

  it('alerts of one cycle are stored 1,000 at a time', async () => {
    const ids = await makeAccounts(db, 2_001);
    await addRounds(db, 1);
    const bus = createBus();
    const emitted: bigint[] = [];
    bus.on('alerts', ({ last }) => emitted.push(last));
    const alertWriter = await newAlertWriter(db, { bus });
    await startAt(alertWriter, 1n);
    const report = reportOf(LONG(12), MARKS);
    for (const id of ids) alertWriter.evaluated(id, unitStatesOf(report), POLICY);
    await alertWriter.endBatch(AT);
    expect(emitted).toEqual([1_000n, 2_000n, 2_001n]);
    const [counted] = await db.$queryRaw<object[]>`
      SELECT count(*)::int AS alerts, count(DISTINCT account_id)::int AS accounts, max(seq)::int AS last FROM risk_alerts`;
    expect(counted).toEqual({ alerts: 2_001, accounts: 2_001, last: 2_001 });
    const next = await newAlertWriter(db);
    expect([...next.accounts()].sort()).toEqual([...ids].sort());
    expect(next.unfinishedSeq).toBeNull();
  });
});
