/** The alertWriter over a real database: what it stores, and what it stores once. */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { AlertWriter } from '../../../src/risk/alerts/alert-writer.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { LeadershipLostError } from '../../../src/cluster/leadership.js';
import { createBus } from '../../../src/platform/events.js';
import { openDatabase, type Database } from '../../../src/platform/database.js';
import { createLogger } from '../../../src/platform/log.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { startTcpProxy } from '../../support/services/tcp-proxy.js';
import {
  POLICY,
  WIRE_CUT,
  addRounds,
  clear,
  makeAccounts,
  newAlertWriter,
  newTerm,
  reportOf,
  setRule,
  tell,
  watched,
  type Fault,
  type Holding,
} from './writer-world.js';

let database: TestDatabase;
let db: Database;
let close: () => Promise<void>;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ db, close } = await database.open());
});

beforeEach(() => clear(db));

afterAll(async () => {
  await close();
  await database.drop();
});

const AT = new Date('2030-01-01T00:00:01.250Z');
/** At a mark of 100 the margin balance is 100 - 100 + usdt, and 10 are required. */
const LONG = (usdt: number): Holding => ({ usdt, cross: 100, isolated: null });
const MARKS = { BTCUSDT: 100, ETHUSDT: 100 };

/** A cycle over the accounts, each in the state that it is in. */
async function cycle(
  alertWriter: AlertWriter,
  round: number,
  holdings: Readonly<Record<string, Holding>>,
): Promise<string[]> {
  const ids = await alertWriter.startBatch(BigInt(round));
  for (const [id, holding] of Object.entries(holdings))
    alertWriter.evaluated(id, unitStatesOf(reportOf(holding, MARKS)), POLICY);
  await alertWriter.endBatch(AT);
  return [...ids];
}

/** Until the pause of what was postponed is over; a timer may fire a millisecond early. */
async function restOf(alertWriter: AlertWriter): Promise<void> {
  while ((alertWriter.retryInMs ?? 0) > 0) await sleep(alertWriter.retryInMs ?? 0);
}

/** By number: kind, status and what it was before. */
async function stored(): Promise<string[]> {
  const alerts = await db.riskAlert.findMany({ orderBy: { seq: 'asc' } });
  return alerts.map(({ seq, kind, previousStatus, status }) => `${seq} ${kind} ${previousStatus ?? ''} -> ${status}`);
}

async function leadership(): Promise<Record<string, bigint>> {
  const { takenRound, doneRound, lastAlert } = await db.duty.findUniqueOrThrow({ where: { id: 1 } });
  return { takenRound, doneRound, lastAlert };
}

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
    expect(await leadership()).toEqual({ takenRound: 3n, doneRound: 3n, lastAlert: 4n });
    expect(await db.priceRound.findMany({ where: { taken: true }, select: { seq: true } })).toEqual([{ seq: 3n }]);
    expect(await db.outboxItem.count()).toBe(0);
    expect(await db.alertState.findMany({ orderBy: { level: 'asc' } })).toEqual([
      { accountId: id, level: '', status: 'MARGIN_CALL', fired: [rule] },
      { accountId: id, level: 'ETHUSDT/LONG', status: 'LIQUIDATION', fired: [rule] },
    ]);

    // The position is closed, and the account has recovered: nothing is left to be remembered.
    await cycle(alertWriter, 3, { [id]: LONG(100) });
    expect((await stored()).slice(4)).toEqual([
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
    await alertWriter.startBatch(1n);
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
    await alertWriter.startBatch(1n);
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
    expect(await stored()).toHaveLength(2);
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
    await expect(alertWriter.startBatch(1n)).rejects.toThrow('Price batch 2 was taken already, 1 is older');
  });

  it('that could not go on is started again, and what it has collected stays', async () => {
    const [first = '', second = ''] = await makeAccounts(db, 2);
    await addRounds(db, 1, 2);
    await tell(db, first, 'AUTO_EXCHANGED', { entries: [7n] });
    const alertWriter = await newAlertWriter(db);
    await alertWriter.startBatch(1n);
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

describe('the outbox', () => {
  it('becomes alerts with the margin of the account, before what its machines fire', async () => {
    const [id = '', other = ''] = await makeAccounts(db, 2);
    const { id: ratioId } = await db.collateralRatio.findFirstOrThrow();
    const effectiveAt = new Date('2031-02-03T04:00:00Z');
    await tell(db, id);
    await tell(db, id, 'INTEREST_STARTED', { entries: [11n, 12n] });
    await tell(db, id, 'AUTO_EXCHANGED', { entries: [9_007_199_254_740_993n] });
    await tell(db, other, 'RATIO_SCHEDULED', { ratioId, effectiveAt });
    const alertWriter = await newAlertWriter(db);
    expect(await cycle(alertWriter, 0, { [id]: LONG(12), [other]: { usdt: 0, cross: null, isolated: null } })).toEqual([
      ...[id, other],
    ]);
    const alerts = await db.riskAlert.findMany({ orderBy: { seq: 'asc' } });
    const shown = alerts.map((alert) => ({ ...alert, marginBalance: alert.marginBalance.toFixed() }));
    const emitted = { accountId: id, status: 'MARGIN_CALL', previousStatus: null, marginBalance: '12', at: AT };
    expect(shown).toMatchObject([
      { ...emitted, kind: 'INTEREST_STARTED', entries: [11n, 12n] },
      { ...emitted, kind: 'AUTO_EXCHANGED', entries: [9_007_199_254_740_993n] },
      { ...emitted, kind: 'STATUS_CHANGED', previousStatus: 'HEALTHY', entries: [] },
      {
        ...{ accountId: other, kind: 'COLLATERAL_RATIO_SCHEDULED', ratioId, effectiveAt },
        ...{ status: 'NO_EXPOSURE', marginRatio: null, marginBalance: '0' },
      },
    ]);
    expect(await db.outboxItem.count()).toBe(0);
  });

  it('keeps outbox rows that arrive during a cycle for the next', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await tell(db, id);
    const alertWriter = await newAlertWriter(db);
    await alertWriter.startBatch(0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(100), MARKS)), POLICY);
    const later = [await tell(db, id), await tell(db, id, 'AUTO_EXCHANGED')];
    await alertWriter.endBatch(AT);
    expect((await db.outboxItem.findMany({ orderBy: { seq: 'asc' } })).map(({ seq }) => seq)).toEqual(later);
    expect(await stored()).toEqual([]);
    expect(await cycle(alertWriter, 0, { [id]: LONG(100) })).toEqual([id]);
    expect(await stored()).toEqual(['1 AUTO_EXCHANGED  -> HEALTHY']);
    expect(await db.outboxItem.count()).toBe(0);
  });

  it('keeps the rows of an account that could not be evaluated, for a later try that holds up no other account', async () => {
    const [id = '', other = ''] = await makeAccounts(db, 2);
    await tell(db, id, 'AUTO_EXCHANGED');
    await tell(db, id);
    const alertWriter = await newAlertWriter(db);
    expect(await cycle(alertWriter, 0, {})).toEqual([id]);
    const pauses = [alertWriter.retryInMs ?? 0];
    await tell(db, other, 'INTEREST_STARTED');
    expect(await cycle(alertWriter, 0, { [other]: LONG(100) })).toEqual([other]);
    expect(await stored()).toEqual(['1 INTEREST_STARTED  -> HEALTHY']);
    expect(await db.outboxItem.count()).toBe(2);

    await restOf(alertWriter);
    expect(await cycle(alertWriter, 0, {})).toEqual([id]);
    pauses.push(alertWriter.retryInMs ?? 0);
    expect(pauses.map((pause) => Math.ceil(pause / 500) * 500)).toEqual([500, 1_000]);
    await restOf(alertWriter);
    expect(await cycle(alertWriter, 0, { [id]: LONG(100) })).toEqual([id]);
    expect((await stored()).slice(1)).toEqual(['2 AUTO_EXCHANGED  -> HEALTHY']);
    expect(await db.outboxItem.count()).toBe(0);
    expect(alertWriter.retryInMs).toBeNull();
  });

  it('keeps what an evaluation cannot have seen, which was before it was read', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await tell(db, id);
    const alertWriter = await newAlertWriter(db);
    await alertWriter.startBatch(0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(100), MARKS)), POLICY);
    await tell(db, id, 'AUTO_EXCHANGED');
    // The cycle could not go on; it is started again, and fails to evaluate the account.
    await cycle(alertWriter, 0, {});
    expect(await db.outboxItem.count()).toBe(2);
    expect(await stored()).toEqual([]);
  });

  it('says whose rules are to be read again', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    const alertWriter = await newAlertWriter(db);
    const ratios = (): string[] => alertWriter.boundariesOf(id, POLICY).map((ratio) => ratio.toFixed());
    const ofStatuses = ['0.5', '0.475', '0.8', '0.76', '1', '0.95'];
    expect(ratios()).toEqual(ofStatuses);
    const high = await setRule(db, id, 10, 8);
    await setRule(db, id, 5, 4);
    await cycle(alertWriter, 0, { [id]: LONG(100) });
    expect(await stored()).toEqual(['1 RULE_FIRED  -> HEALTHY', '2 RULE_FIRED  -> HEALTHY']);
    expect(ratios()).toEqual([...ofStatuses, '0.05', '0.04', '0.1', '0.08']);
    await db.alertRule.delete({ where: { id: high } });
    await tell(db, id);
    await cycle(alertWriter, 0, { [id]: LONG(100) });
    expect(ratios()).toEqual([...ofStatuses, '0.05', '0.04']);
    expect((await db.alertState.findFirstOrThrow()).fired).toHaveLength(1);
  });

  it('may name a rule that is removed before its alert is stored: the alert stays, without it', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    const rule = await setRule(db, id, 5, 4);
    const alertWriter = await newAlertWriter(db);
    await alertWriter.startBatch(0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(100), MARKS)), POLICY);
    await db.alertRule.delete({ where: { id: rule } });
    await alertWriter.endBatch(AT);
    expect(await db.riskAlert.findMany()).toMatchObject([{ kind: 'RULE_FIRED', ruleId: null }]);
  });
});

describe('exactly once', () => {
  const faults = (list: (Fault | null)[]): (() => Fault | null) => {
    return () => list.shift() ?? null;
  };

  it.each<Fault>(['REFUSED', 'ANSWER_LOST'])('where every transaction of a cycle fails once: %s', async (fault) => {
    const ids = await makeAccounts(db, 7);
    await addRounds(db, 1);
    for (const id of ids) await tell(db, id, 'AUTO_EXCHANGED');
    const bus = createBus();
    const emitted: bigint[] = [];
    bus.on('alerts', ({ last }) => emitted.push(last));
    const list: (Fault | null)[] = [];
    const alertWriter = await newAlertWriter(db, { bus, chunk: 4, next: faults(list) });
    await alertWriter.startBatch(1n);
    for (const id of ids) alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
    // Two alerts an account: two accounts at once.
    for (let chunk = 0; chunk < 4; chunk++) {
      list.push(fault);
      await expect(alertWriter.endBatch(AT)).rejects.toThrow(WIRE_CUT);
      await expect(alertWriter.startBatch(1n)).rejects.toThrow('endBatch must succeed first');
      expect(emitted.length).toBe(chunk);
      // With the next call this chunk goes through, and the one after it fails.
      list.push(null);
    }
    await alertWriter.endBatch(AT);
    expect(emitted).toEqual([4n, 8n, 12n, 14n]);
    const alerts = await db.riskAlert.findMany({ orderBy: { seq: 'asc' } });
    expect(alerts.map(({ seq }) => seq)).toEqual(Array.from({ length: 14 }, (_, index) => BigInt(index + 1)));
    expect(alerts.map(({ accountId }) => accountId).sort()).toEqual([...ids, ...ids].sort());
    expect(await leadership()).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 14n });
    expect(await db.outboxItem.count()).toBe(0);
  });

  it('also where a chunk without an alert is written twice', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await addRounds(db, 1, 2);
    await setRule(db, id, 5, 4);
    const list: Fault[] = [];
    const alertWriter = await newAlertWriter(db, { next: faults(list) });
    await cycle(alertWriter, 1, { [id]: LONG(100) });
    await alertWriter.startBatch(2n);
    // The rule arms, and nothing fires.
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(1_000), MARKS)), POLICY);
    list.push('ANSWER_LOST');
    await expect(alertWriter.endBatch(AT)).rejects.toThrow(WIRE_CUT);
    await alertWriter.endBatch(AT);
    expect(await leadership()).toEqual({ takenRound: 2n, doneRound: 2n, lastAlert: 1n });
    expect(await db.alertState.count()).toBe(0);
    await cycle(alertWriter, 2, { [id]: LONG(100) });
    expect(await stored()).toHaveLength(2);
  });

  it.each([0, 1])(
    'a alertWriter that dies between two chunks leaves the rest to the next (round %i)',
    async (round) => {
      const ids = await makeAccounts(db, 3);
      await addRounds(db, 1);
      for (const id of ids) await tell(db, id);
      const list: (Fault | null)[] = [];
      const mortal = await newAlertWriter(db, { chunk: 1, next: faults(list) });
      await mortal.startBatch(BigInt(round));
      for (const id of ids) mortal.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
      list.push(null, 'REFUSED');
      await expect(mortal.endBatch(AT)).rejects.toThrow(WIRE_CUT);
      expect(await stored()).toHaveLength(1);

      const next = await newAlertWriter(db);
      expect(next.unfinishedSeq).toBe(round === 0 ? null : 1n);
      const named = await next.startBatch(BigInt(round));
      // The row of the first went with its alert.
      expect(named).toEqual(ids.slice(1));
      for (const id of named) next.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
      await next.endBatch(AT);
      const alerts = await db.riskAlert.findMany();
      expect(alerts.map(({ accountId }) => accountId).sort()).toEqual([...ids].sort());
    },
  );

  it('a alertWriter whose term is over writes nothing', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await addRounds(db, 1, 2);
    await tell(db, id, 'AUTO_EXCHANGED');
    const [idle, busy] = [await newAlertWriter(db), await newAlertWriter(db)];
    await expect(idle.startBatch(1n)).rejects.toThrow(LeadershipLostError);
    await busy.startBatch(1n);
    busy.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
    const term = await newTerm(db);
    const before = await db.duty.findMany();
    await expect(busy.endBatch(AT)).rejects.toThrow(LeadershipLostError);
    await expect(busy.endBatch(AT)).rejects.toThrow(LeadershipLostError);
    expect(await stored()).toEqual([]);
    expect(await db.outboxItem.count()).toBe(1);
    expect(await db.duty.findMany()).toEqual(before);
    expect(before).toMatchObject([{ term: term.number, takenRound: 1n, doneRound: 0n }]);
    const next = await newAlertWriter(db);
    expect(next.unfinishedSeq).toBe(1n);
    await cycle(next, 1, { [id]: LONG(12) });
    expect(await stored()).toHaveLength(2);
    expect((await newAlertWriter(db)).unfinishedSeq).toBeNull();
  });

  it('ends at once when leadership is lost, before the database knows', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    const ended = new AbortController();
    const { number } = await newTerm(db);
    const parts = { db, bus: createBus(), log: createLogger('silent') };
    const alertWriter = await AlertWriter.begin(parts, { number, ended: ended.signal });
    await alertWriter.startBatch(0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
    ended.abort();
    await expect(alertWriter.endBatch(AT)).rejects.toThrow(LeadershipLostError);
    expect(await stored()).toEqual([]);
  });

  (SERVER_URL === null ? it.skip : it)('where PostgreSQL commits and the wire breaks', async () => {
    const ids = await makeAccounts(db, 5);
    await addRounds(db, 1);
    const url = new URL(database.env.DATABASE_URL ?? '');
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    const wired = await openDatabase({ url: url.href, dataDir: '', poolSize: 2 });
    try {
      const alertWriter = await newAlertWriter(wired.db, { chunk: 2 });
      await alertWriter.startBatch(1n);
      for (const id of ids) alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
      const cut = proxy.cutAtCommitOf('risk_alerts');
      await expect(alertWriter.endBatch(AT)).rejects.toThrow();
      await cut;
      // It was committed: only the answer is lost.
      expect(await stored()).toHaveLength(2);
      await proxy.restore();
      await alertWriter.endBatch(AT);
      expect(await stored()).toHaveLength(5);
      expect(await leadership()).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 5n });
    } finally {
      await wired.close();
      await proxy.close();
    }
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

  it('alerts of one cycle are stored 5,000 at a time', async () => {
    const ids = await makeAccounts(db, 10_001);
    await addRounds(db, 1);
    const bus = createBus();
    const emitted: bigint[] = [];
    bus.on('alerts', ({ last }) => emitted.push(last));
    const alertWriter = await newAlertWriter(db, { bus });
    await alertWriter.startBatch(1n);
    const report = reportOf(LONG(12), MARKS);
    for (const id of ids) alertWriter.evaluated(id, unitStatesOf(report), POLICY);
    await alertWriter.endBatch(AT);
    expect(emitted).toEqual([5_000n, 10_000n, 10_001n]);
    const [counted] = await db.$queryRaw<object[]>`
      SELECT count(*)::int AS alerts, count(DISTINCT account_id)::int AS accounts, max(seq)::int AS last FROM risk_alerts`;
    expect(counted).toEqual({ alerts: 10_001, accounts: 10_001, last: 10_001 });
    const next = await newAlertWriter(db);
    expect([...next.accounts()].sort()).toEqual([...ids].sort());
    expect(next.unfinishedSeq).toBeNull();
  });
});
