/** What the alert writer makes of the outbox: an alert of each row, once its account was evaluated. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import type { Database } from '../../../src/platform/database/database.js';
import type { MarginStatus } from '../../../src/platform/prisma/enums.js';
import { storeLostStatuses } from '../../../src/risk/alerts/alert-store.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { openTestDatabase } from '../../support/services/database.js';
import {
  AT,
  LONG,
  MARKS,
  POLICY,
  clear,
  cycle,
  makeAccounts,
  newAlertWriter,
  reportOf,
  startAt,
  setRule,
  stored,
  tell,
} from './writer-world.js';

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  ({ db } = database);
});
beforeEach(() => clear(db));
afterAll(() => database.close());

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
    await startAt(alertWriter, 0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(100), MARKS)), POLICY);
    const later = [await tell(db, id), await tell(db, id, 'AUTO_EXCHANGED')];
    await alertWriter.endBatch(AT);
    expect((await db.outboxItem.findMany({ orderBy: { seq: 'asc' } })).map(({ seq }) => seq)).toEqual(later);
    expect(await stored(db)).toEqual([]);
    expect(await cycle(alertWriter, 0, { [id]: LONG(100) })).toEqual([id]);
    expect(await stored(db)).toEqual(['1 AUTO_EXCHANGED  -> HEALTHY']);
    expect(await db.outboxItem.count()).toBe(0);
  });

  it('keeps the rows of an account that could not be evaluated, for a later try that holds up no other account', async () => {
    const [id = '', other = ''] = await makeAccounts(db, 2);
    await tell(db, id, 'AUTO_EXCHANGED');
    await tell(db, id);
    const alertWriter = await newAlertWriter(db);
    expect(await startAt(alertWriter, 0n)).toEqual([id]);
    expect(await alertWriter.endBatch(AT)).toEqual([id]);
    await tell(db, other, 'INTEREST_STARTED');
    expect(await startAt(alertWriter, 0n, [id])).toEqual([other]);
    alertWriter.evaluated(other, unitStatesOf(reportOf(LONG(100), MARKS)), POLICY);
    expect(await alertWriter.endBatch(AT)).toEqual([]);
    expect(await stored(db)).toEqual(['1 INTEREST_STARTED  -> HEALTHY']);
    expect(await db.outboxItem.count()).toBe(2);

    expect(await cycle(alertWriter, 0, { [id]: LONG(100) })).toEqual([id]);
    expect((await stored(db)).slice(1)).toEqual(['2 AUTO_EXCHANGED  -> HEALTHY']);
    expect(await db.outboxItem.count()).toBe(0);
  });

  it('keeps what an evaluation cannot have seen, which was before it was read', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await tell(db, id);
    const alertWriter = await newAlertWriter(db);
    await startAt(alertWriter, 0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(100), MARKS)), POLICY);
    await tell(db, id, 'AUTO_EXCHANGED');
    // The cycle could not go on; it is started again, and fails to evaluate the account.
    await cycle(alertWriter, 0, {});
    expect(await db.outboxItem.count()).toBe(2);
    expect(await stored(db)).toEqual([]);
  });

  it('says once how a unit stands of which servers have sent several statuses that are lost', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    const lost = (...statuses: MarginStatus[]): Promise<void> =>
      storeLostStatuses(
        db,
        0n,
        statuses.map((status) => ({ accountId: id, unit: '', status })),
        AT,
      );
    // The clients of the first server believe what is true; those of the next ones do not.
    await lost('HEALTHY');
    await lost('WARNING');
    await lost('LIQUIDATION');
    await lost('WARNING');
    expect(await db.outboxItem.count()).toBe(3);
    const alertWriter = await newAlertWriter(db);
    await cycle(alertWriter, 0, { [id]: LONG(100) });
    expect(await stored(db)).toEqual(['1 STATUS_CHANGED WARNING -> HEALTHY']);
    expect(await db.outboxItem.count()).toBe(0);
    // A later server finds that the new history has said it.
    await lost('WARNING');
    expect(await db.outboxItem.count()).toBe(0);
  });

  it('says whose rules are to be read again', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    const alertWriter = await newAlertWriter(db);
    const ratios = (): string[] => alertWriter.boundariesOf(id, POLICY).map((ratio) => ratio.numerator.toFixed());
    const ofStatuses = ['0.5', '0.475', '0.8', '0.76', '1', '0.95'];
    expect(ratios()).toEqual(ofStatuses);
    const high = await setRule(db, id, 10, 8);
    await setRule(db, id, 5, 4);
    await cycle(alertWriter, 0, { [id]: LONG(100) });
    expect(await stored(db)).toEqual(['1 RULE_FIRED  -> HEALTHY', '2 RULE_FIRED  -> HEALTHY']);
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
    await startAt(alertWriter, 0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(100), MARKS)), POLICY);
    await db.alertRule.delete({ where: { id: rule } });
    await alertWriter.endBatch(AT);
    expect(await db.riskAlert.findMany()).toMatchObject([{ kind: 'RULE_FIRED', ruleId: null }]);
  });
});
