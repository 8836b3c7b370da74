/** The alert writer stores each alert once, whichever transaction fails and whoever leads in between. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { LeadershipLostError } from '../../../src/cluster/leadership.js';
import { openDatabase, type Database } from '../../../src/platform/database/database.js';
import { createBus } from '../../../src/platform/events.js';
import { createLogger } from '../../../src/platform/log.js';
import { AlertWriter } from '../../../src/risk/alerts/alert-writer.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { startTcpProxy } from '../../support/services/tcp-proxy.js';
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
  newTerm,
  reportOf,
  startAt,
  setRule,
  stored,
  tell,
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
    await startAt(alertWriter, 1n);
    for (const id of ids) alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
    // Two alerts an account: two accounts at once.
    for (let chunk = 0; chunk < 4; chunk++) {
      list.push(fault);
      await expect(alertWriter.endBatch(AT)).rejects.toThrow(WIRE_CUT);
      await expect(startAt(alertWriter, 1n)).rejects.toThrow('endBatch must succeed first');
      expect(emitted.length).toBe(chunk);
      // With the next call this chunk goes through, and the one after it fails.
      list.push(null);
    }
    await alertWriter.endBatch(AT);
    expect(emitted).toEqual([4n, 8n, 12n, 14n]);
    const alerts = await db.riskAlert.findMany({ orderBy: { seq: 'asc' } });
    expect(alerts.map(({ seq }) => seq)).toEqual(Array.from({ length: 14 }, (_, index) => BigInt(index + 1)));
    expect(alerts.map(({ accountId }) => accountId).sort()).toEqual([...ids, ...ids].sort());
    expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 14n });
    expect(await db.outboxItem.count()).toBe(0);
  });

  it('also where a chunk without an alert is written twice', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    await addRounds(db, 1, 2);
    await setRule(db, id, 5, 4);
    const list: Fault[] = [];
    const alertWriter = await newAlertWriter(db, { next: faults(list) });
    await cycle(alertWriter, 1, { [id]: LONG(100) });
    await startAt(alertWriter, 2n);
    // The rule arms, and nothing fires.
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(1_000), MARKS)), POLICY);
    list.push('ANSWER_LOST');
    await expect(alertWriter.endBatch(AT)).rejects.toThrow(WIRE_CUT);
    await alertWriter.endBatch(AT);
    expect(await leadership(db)).toEqual({ takenRound: 2n, doneRound: 2n, lastAlert: 1n });
    expect(await db.alertState.count()).toBe(0);
    await cycle(alertWriter, 2, { [id]: LONG(100) });
    expect(await stored(db)).toHaveLength(2);
  });

  it.each([0, 1])(
    'a alertWriter that dies between two chunks leaves the rest to the next (round %i)',
    async (round) => {
      const ids = await makeAccounts(db, 3);
      await addRounds(db, 1);
      for (const id of ids) await tell(db, id);
      const list: (Fault | null)[] = [];
      const mortal = await newAlertWriter(db, { chunk: 1, next: faults(list) });
      await startAt(mortal, BigInt(round));
      for (const id of ids) mortal.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
      list.push(null, 'REFUSED');
      await expect(mortal.endBatch(AT)).rejects.toThrow(WIRE_CUT);
      expect(await stored(db)).toHaveLength(1);

      const next = await newAlertWriter(db);
      expect(next.unfinishedSeq).toBe(round === 0 ? null : 1n);
      const named = await startAt(next, BigInt(round));
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
    await expect(startAt(idle, 1n)).rejects.toThrow(LeadershipLostError);
    await startAt(busy, 1n);
    busy.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
    const term = await newTerm(db);
    const before = await db.duty.findMany();
    await expect(busy.endBatch(AT)).rejects.toThrow(LeadershipLostError);
    await expect(busy.endBatch(AT)).rejects.toThrow(LeadershipLostError);
    expect(await stored(db)).toEqual([]);
    expect(await db.outboxItem.count()).toBe(1);
    expect(await db.duty.findMany()).toEqual(before);
    expect(before).toMatchObject([{ term: term.number, takenRound: 1n, doneRound: 0n }]);
    const next = await newAlertWriter(db);
    expect(next.unfinishedSeq).toBe(1n);
    await cycle(next, 1, { [id]: LONG(12) });
    expect(await stored(db)).toHaveLength(2);
    expect((await newAlertWriter(db)).unfinishedSeq).toBeNull();
  });

  it('ends at once when leadership is lost, before the database knows', async () => {
    const [id = ''] = await makeAccounts(db, 1);
    const ended = new AbortController();
    const { number } = await newTerm(db);
    const parts = { db, bus: createBus(), log: createLogger('silent') };
    const alertWriter = await AlertWriter.begin(parts, { number, ended: ended.signal });
    await startAt(alertWriter, 0n);
    alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
    ended.abort();
    await expect(alertWriter.endBatch(AT)).rejects.toThrow(LeadershipLostError);
    expect(await stored(db)).toEqual([]);
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
      await startAt(alertWriter, 1n);
      for (const id of ids) alertWriter.evaluated(id, unitStatesOf(reportOf(LONG(12), MARKS)), POLICY);
      const cut = proxy.cutAtCommitOf('risk_alerts');
      await expect(alertWriter.endBatch(AT)).rejects.toThrow();
      await cut;
      // It was committed: only the answer is lost.
      expect(await stored(db)).toHaveLength(2);
      await proxy.restore();
      await alertWriter.endBatch(AT);
      expect(await stored(db)).toHaveLength(5);
      expect(await leadership(db)).toEqual({ takenRound: 1n, doneRound: 1n, lastAlert: 5n });
    } finally {
      await wired.close();
      await proxy.close();
    }
  });
});
