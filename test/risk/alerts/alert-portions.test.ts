/**
 * Alerts that are stored in portions while the cycle goes on: each once, whichever transaction fails, whichever process leads
 * next, and whatever is locked or evaluated again in between.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import type { Database } from '../../../src/platform/database/database.js';
import { createBus } from '../../../src/platform/events.js';
import type { AlertWriter } from '../../../src/risk/alerts/alert-writer.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import {
  AT,
  LONG,
  MARKS,
  POLICY,
  WIRE_CUT,
  addRounds,
  clear,
  cycle,
  leadership,
  makeAccounts,
  newAlertWriter,
  reportOf,
  startAt,
  stored,
  tell,
  watched,
  type Fault,
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

/** At a mark of 100, 10 are required. */
const [CALLED, LOST, CALM] = [LONG(12), LONG(5), LONG(100)];

function evaluate(alertWriter: AlertWriter, holding: ReturnType<typeof LONG>, ...ids: string[]): void {
  for (const id of ids) alertWriter.evaluated(id, unitStatesOf(reportOf(holding, MARKS)), POLICY);
}

/** Of the alerts, in the order of storing. */
async function accounts(): Promise<string[]> {
  return (await db.riskAlert.findMany({ orderBy: { seq: 'asc' } })).map(({ accountId }) => accountId);
}

it('stores what is collected, and calls the price batch done with the last portion only', async () => {
  const ids = await makeAccounts(db, 5);
  await addRounds(db, 1);
  const bus = createBus();
  const emitted: bigint[] = [];
  bus.on('alerts', ({ last }) => emitted.push(last));
  const alertWriter = await newAlertWriter(db, { bus, chunk: 2 });
  await startAt(alertWriter, 1n);
  expect(alertWriter.isFull).toBe(false);
  evaluate(alertWriter, CALLED, ...ids.slice(0, 2));
  expect(alertWriter.isFull).toBe(true);
  await alertWriter.storePortion(AT);
  expect(alertWriter.isFull).toBe(false);
  expect(await accounts()).toEqual(ids.slice(0, 2));
  expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 0n, lastAlert: 2n });
  evaluate(alertWriter, CALLED, ...ids.slice(2));
  await alertWriter.storePortion(AT);
  await alertWriter.endBatch(AT);
  expect(await accounts()).toEqual(ids);
  expect(emitted).toEqual([2n, 4n, 5n]);
  expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 5n });
});

it('says that a first portion is full after 250 alerts, and the next ones after 1,000', async () => {
  const ids = await makeAccounts(db, 1_250);
  const alertWriter = await newAlertWriter(db);
  await startAt(alertWriter, 0n);
  evaluate(alertWriter, CALLED, ...ids.slice(0, 249));
  expect(alertWriter.isFull).toBe(false);
  evaluate(alertWriter, CALLED, ...ids.slice(249, 300));
  expect(alertWriter.isFull).toBe(true);
  await alertWriter.storePortion(AT);
  expect(await db.riskAlert.count()).toBe(250);
  evaluate(alertWriter, CALLED, ...ids.slice(300, 1_249));
  expect(alertWriter.isFull).toBe(false);
  evaluate(alertWriter, CALLED, ...ids.slice(1_249));
  expect(alertWriter.isFull).toBe(true);
  await alertWriter.endBatch(AT);
  expect(await accounts()).toEqual(ids);
});

it.each<Fault>(['REFUSED', 'ANSWER_LOST'])(
  'stores a portion once that fails while others are evaluated: %s',
  async (fault) => {
    const ids = await makeAccounts(db, 6);
    await addRounds(db, 1);
    const list: (Fault | null)[] = [];
    const alertWriter = await newAlertWriter(db, { chunk: 2, next: () => list.shift() ?? null });
    await startAt(alertWriter, 1n);
    for (let from = 0; from < 4; from += 2) {
      evaluate(alertWriter, CALLED, ...ids.slice(from, from + 2));
      list.push(fault);
      await expect(alertWriter.storePortion(AT)).rejects.toThrow(WIRE_CUT);
      // Once more at the same prices: nothing new.
      evaluate(alertWriter, CALLED, ...ids.slice(from, from + 2));
      await alertWriter.storePortion(AT);
    }
    evaluate(alertWriter, CALLED, ...ids.slice(4));
    list.push(fault);
    await expect(alertWriter.storePortion(AT)).rejects.toThrow(WIRE_CUT);
    await expect(startAt(alertWriter, 1n)).rejects.toThrow('endBatch must succeed first');
    await alertWriter.endBatch(AT);
    expect(await accounts()).toEqual(ids);
    expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 6n });
  },
);

it.each([1, 2, 3])(
  'leaves what is not stored to the next leader, and nothing else: %i portions stored',
  async (portions) => {
    const ids = await makeAccounts(db, 8);
    await addRounds(db, 1);
    for (const id of ids.slice(0, 4)) await tell(db, id, 'AUTO_EXCHANGED');
    const mortal = await newAlertWriter(db, { chunk: 2 });
    await startAt(mortal, 1n);
    for (let portion = 0; portion < portions; portion++) {
      evaluate(mortal, CALLED, ...ids.slice(2 * portion, 2 * portion + 2));
      await mortal.storePortion(AT);
    }
    // It has evaluated all, and dies.
    evaluate(mortal, CALLED, ...ids);

    const next = await newAlertWriter(db, { chunk: 3 });
    expect(next.unfinishedSeq).toBe(1n);
    await startAt(next, 1n);
    evaluate(next, CALLED, ...ids);
    await next.endBatch(AT);
    const alerts = await db.riskAlert.findMany();
    const stored = alerts.map(({ accountId, kind }) => `${ids.indexOf(accountId)} ${kind}`).sort();
    const expected = ids.flatMap((_, index) => [
      `${index} STATUS_CHANGED`,
      ...(index < 4 ? [`${index} AUTO_EXCHANGED`] : []),
    ]);
    expect(stored).toEqual(expected.sort());
    expect(await db.outboxItem.count()).toBe(0);
    expect((await newAlertWriter(db)).unfinishedSeq).toBeNull();
  },
);

it('steps machines on from what is being stored', async () => {
  const [id = ''] = await makeAccounts(db, 1);
  await addRounds(db, 1);
  // Evaluated while the transaction is made, which waits for nothing else.
  let meanwhile: (() => void) | null = null;
  const slow = watched(db, (name) => {
    if (name === '$transaction') meanwhile?.();
  });
  const alertWriter = await newAlertWriter(slow, { chunk: 1 });
  await startAt(alertWriter, 1n);
  evaluate(alertWriter, CALLED, id);
  meanwhile = () => {
    meanwhile = null;
    evaluate(alertWriter, CALLED, id);
    evaluate(alertWriter, LOST, id);
  };
  await alertWriter.storePortion(AT);
  expect(meanwhile).toBeNull();
  await alertWriter.endBatch(AT);
  expect(await stored(db)).toEqual([
    '1 STATUS_CHANGED HEALTHY -> MARGIN_CALL',
    '2 STATUS_CHANGED MARGIN_CALL -> LIQUIDATION',
  ]);
  expect(await db.alertState.findMany()).toMatchObject([{ status: 'LIQUIDATION' }]);
});

it('makes the alerts of the outbox with those of the machines, once the account is evaluated', async () => {
  const [first = '', second = ''] = await makeAccounts(db, 2);
  await tell(db, first, 'AUTO_EXCHANGED');
  await tell(db, second, 'INTEREST_STARTED');
  const alertWriter = await newAlertWriter(db, { chunk: 1 });
  await startAt(alertWriter, 0n);
  evaluate(alertWriter, CALLED, first);
  await alertWriter.storePortion(AT);
  expect(await stored(db)).toEqual(['1 AUTO_EXCHANGED  -> MARGIN_CALL', '2 STATUS_CHANGED HEALTHY -> MARGIN_CALL']);
  expect(await db.outboxItem.count()).toBe(1);
  // Nothing of the second has changed: its row waits for the end.
  evaluate(alertWriter, CALM, second);
  await alertWriter.storePortion(AT);
  expect(await db.outboxItem.count()).toBe(1);
  await alertWriter.endBatch(AT);
  expect((await stored(db)).slice(2)).toEqual(['3 INTEREST_STARTED  -> HEALTHY']);
  expect(await db.outboxItem.count()).toBe(0);
});

it('does not make them again in a cycle that had to begin anew', async () => {
  const [id = '', other = ''] = await makeAccounts(db, 2);
  await tell(db, id, 'AUTO_EXCHANGED');
  const alertWriter = await newAlertWriter(db, { chunk: 1 });
  await startAt(alertWriter, 0n);
  evaluate(alertWriter, CALLED, id);
  await alertWriter.storePortion(AT);
  evaluate(alertWriter, CALLED, other);
  await cycle(alertWriter, 0, { [id]: CALLED, [other]: CALLED });
  expect(await accounts()).toEqual([id, id, other]);
  expect(await db.outboxItem.count()).toBe(0);
});

// PGlite has one session, and nobody beside it who could lock a row.
(SERVER_URL === null ? describe.skip : describe)('of an account that is locked', () => {
  /** Until the returned function is called. */
  async function locked(id: string): Promise<() => Promise<void>> {
    const other = await database.open();
    let release = (): void => undefined;
    const free = new Promise<void>((resolve) => (release = resolve));
    let isLocked = (): void => undefined;
    const begun = new Promise<void>((resolve) => (isLocked = resolve));
    const transaction = other.db.$transaction(
      async (tx) => {
        await tx.$queryRaw`SELECT FROM accounts WHERE id = ${id}::uuid FOR UPDATE`;
        isLocked();
        await free;
      },
      { timeout: 30_000 },
    );
    await begun;
    return async () => {
      release();
      await transaction;
      await other.close();
    };
  }

  it('waits for a later portion if it is evaluated again, and keeps its order', async () => {
    const [first = '', second = '', third = ''] = await makeAccounts(db, 3);
    await addRounds(db, 1);
    const alertWriter = await newAlertWriter(db, { chunk: 3 });
    await startAt(alertWriter, 1n);
    const unlock = await locked(second);
    evaluate(alertWriter, CALLED, first, second, third);
    await alertWriter.storePortion(AT);
    expect(await accounts()).toEqual([first, third]);
    await unlock();
    evaluate(alertWriter, LOST, second);
    await alertWriter.endBatch(AT);
    expect((await stored(db)).slice(2)).toEqual([
      '3 STATUS_CHANGED HEALTHY -> MARGIN_CALL',
      '4 STATUS_CHANGED MARGIN_CALL -> LIQUIDATION',
    ]);
    expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 4n });
  });

  it('waits for the next cycle, and so does the price batch', async () => {
    const [first = '', second = ''] = await makeAccounts(db, 2);
    await addRounds(db, 1);
    await tell(db, second, 'AUTO_EXCHANGED');
    const alertWriter = await newAlertWriter(db, { chunk: 2 });
    await startAt(alertWriter, 1n);
    const unlock = await locked(second);
    evaluate(alertWriter, CALLED, first, second);
    await alertWriter.storePortion(AT);
    await alertWriter.endBatch(AT);
    expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 0n, lastAlert: 1n });
    await unlock();
    expect(await cycle(alertWriter, 1, { [first]: CALLED, [second]: CALLED })).toEqual([]);
    expect(await accounts()).toEqual([first, second, second]);
    expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 3n });
    expect(await db.outboxItem.count()).toBe(0);
  });
});
