import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import type { Database } from '../../../src/platform/database/database.js';
import { Audit, REFUSALS_A_MINUTE, readAuditEntries, type AuditEntry } from '../../../src/policy/changes/audit.js';
import { openTestDatabase } from '../../support/services/database.js';

let opened: { db: Database; close(): Promise<void> };
let db: Database;
let audit: Audit;
let minute = Date.UTC(2026, 0, 1);

beforeAll(async () => {
  opened = await openTestDatabase();
  db = opened.db;
});
afterAll(() => opened.close());
beforeEach(() => {
  audit = new Audit(db);
  minute += 60_000;
});

const fact = (actor: string, at = minute) => ({
  ...{ actor, action: 'changeCollateralRatio', subject: 'Venue:ASTER', subjectKey: 'ASTER', reason: 'x' },
  at: new Date(at),
});
const refuse = (actor: string, at = minute): Promise<void> =>
  audit.refused(fact(actor, at), [{ code: 'GUARD_RAIL', message: 'No.' }], { ratio: '0.1' });
const entriesOf = async (actor: string): Promise<AuditEntry[]> =>
  (await readAuditEntries(db, { before: null, limit: 1_000, subject: null })).filter((entry) => entry.actor === actor);

describe('the database', () => {
  it.each([
    ['a change', `UPDATE audit_entries SET actor = 'nobody'`],
    ['a change of nothing', `UPDATE audit_entries SET actor = 'nobody' WHERE false`],
    ['a deletion', 'DELETE FROM audit_entries'],
    ['emptying the table', 'TRUNCATE audit_entries'],
  ])('refuses %s', async (_what, sql) => {
    await refuse('before');
    const entries = await entriesOf('before');
    await expect(db.$executeRawUnsafe(sql)).rejects.toThrow('audit_entries is append-only');
    await expect(db.auditEntry.deleteMany()).rejects.toThrow('audit_entries is append-only');
    expect(await entriesOf('before')).toEqual(entries);
    expect(entries.length).toBeGreaterThan(0);
  });
});

describe('what was refused', () => {
  it('is kept with what was asked, and why it was not done', async () => {
    await refuse('asker');
    const [entry] = await entriesOf('asker');
    expect(entry).toMatchObject({ done: false, before: null, reason: 'x', subjectKey: 'ASTER', at: new Date(minute) });
    expect(JSON.parse(entry?.after ?? '')).toEqual({
      errors: [{ code: 'GUARD_RAIL', message: 'No.' }],
      asked: { ratio: '0.1' },
    });
  });

  it('is kept sixty times a minute of one actor; one line says that there was more', async () => {
    const all = Array.from({ length: REFUSALS_A_MINUTE + 20 }, (_none, index) => minute + index);
    for (const at of all) await refuse('busy', at);
    await refuse('calm');
    const entries = await entriesOf('busy');
    expect(entries).toHaveLength(REFUSALS_A_MINUTE + 1);
    expect(entries[0]?.reason).toBe(
      `More than 60 refusals in a minute: more of this actor are dropped until ${new Date(minute + 60_000).toISOString()}.`,
    );
    expect(await entriesOf('calm')).toHaveLength(1);
    await refuse('busy', minute + 60_000);
    expect(await entriesOf('busy')).toHaveLength(REFUSALS_A_MINUTE + 2);
  });

  it.each([
    ['NUL', 'a\0b'],
    ['half of a surrogate pair', 'a\ud800'],
    ['a pair where the text is cut', `${'x'.repeat(299)}\u{1f600}`],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])('is kept as far as it can be: %s', async (_what, text) => {
    await audit.refused({ ...fact('garbler'), subjectKey: text, reason: text }, [], { reason: text });
    const [entry] = await entriesOf('garbler');
    expect(entry?.subjectKey.length).toBeLessThanOrEqual(310);
    expect(entry?.reason?.length).toBeLessThanOrEqual(1_010);
    expect(entry?.after?.length).toBeLessThan(5_000);
    expect(JSON.parse(entry?.after ?? '')).toHaveProperty('asked');
  });
});
