/** A database that took no writes for a while: sessions from that time are not used again. */
import { afterEach, describe, expect, it } from '@jest/globals';

import { isUnavailable } from '../../src/platform/database/database-errors.js';
import { transact, type Database } from '../../src/platform/database/database.js';
import { SERVER_URL, createTestDatabase, onServer } from '../support/services/database.js';
import { until } from '../support/until.js';

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Null: it was made. */
async function write(db: Database): Promise<unknown> {
  const made = transact(db, (tx) => tx.$executeRaw`UPDATE duty SET term = term + 1 WHERE id = 1`);
  return made.then(
    () => null,
    (error: unknown) => error,
  );
}

async function isWritable(db: Database): Promise<boolean> {
  const rows = await db.$queryRaw<{ value: string }[]>`SELECT current_setting('transaction_read_only') AS value`;
  return rows[0]?.value === 'off';
}

const MANY = Array.from({ length: 40 });

// Skipped without TEST_DATABASE_URL: PGlite has one session.
(SERVER_URL === null ? describe.skip : describe)('a database that takes writes again', () => {
  it('gets them, and is read, by new sessions only', async () => {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    const { db, pricesDb, close } = await database.open();
    undo.push(close);
    const all = [db, pricesDb];
    const name = new URL(database.env.DATABASE_URL ?? '').pathname.slice(1);
    expect(await Promise.all(MANY.map(() => write(db)))).toEqual(MANY.map(() => null));

    // As a node that lost its role is fenced: sessions of the time keep it for as long as they live.
    await onServer(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await onServer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
    await until(async () =>
      (await Promise.all(all.map(isWritable).map((each) => each.catch(() => true)))).every((is) => !is),
    );
    for (const error of await Promise.all(MANY.map(() => write(db)))) expect(isUnavailable(error)).toBe(true);
    expect((await Promise.all(MANY.map(() => isWritable(db)))).includes(true)).toBe(false);

    await onServer(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    const reset = performance.now();
    await until(async () => (await write(db)) === null);
    expect(performance.now() - reset).toBeLessThan(10_000);
    // Those that nobody has used since are swept out.
    await until(async () =>
      (await Promise.all(all.flatMap((each) => MANY.map(() => isWritable(each))))).every((is) => is),
    );
    expect(performance.now() - reset).toBeLessThan(20_000);
    expect(await Promise.all(MANY.map(() => write(db)))).toEqual(MANY.map(() => null));
  });
});
