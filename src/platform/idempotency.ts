/**
 * A mutation with an idempotency key has one effect, however often it is sent. The transaction of the effect takes the
 * key: a second request waits for the first and returns its result. A refused mutation has no effect, and its key stays
 * free.
 */
import { createHash } from 'node:crypto';

import { transact, type Database, type Transaction } from './database/database.js';
import type { Wait } from './database/wait.js';

const KEPT_MS = 24 * 60 * 60 * 1000;

export interface IdempotentRequest {
  /** Keys belong to the viewer. */
  readonly viewer: string;
  readonly key: string;
  readonly mutation: string;
  /** All of the input but the key, as plain data. */
  readonly input: unknown;
}

export type Outcome<Refusal> =
  /** It was done, now or before; `made` names what it made, so that the payload can be answered again. */
  | { readonly kind: 'done'; readonly made: string; readonly isNew: boolean }
  /** The key was used with another mutation or another input. */
  | { readonly kind: 'reused' }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] };

class RolledBack<Refusal> extends Error {
  constructor(readonly refusals: readonly Refusal[]) {
    super('Refused; the transaction is rolled back.');
  }
}

/** Does the work in one transaction, unless the same request was done before. */
export async function doOnce<Refusal>(
  db: Database,
  request: IdempotentRequest,
  now: Date,
  work: (tx: Transaction) => Promise<{ readonly made: string } | { readonly refusals: readonly Refusal[] }>,
  wait: Wait | null = null,
): Promise<Outcome<Refusal>> {
  const { viewer, key, mutation } = request;
  const inputHash = createHash('sha256').update(canonical(request.input)).digest('hex');
  try {
    const once = async (tx: Transaction): Promise<Outcome<Refusal>> => {
      // Only this one: others of the viewer may be held by a write that waits.
      await tx.idempotencyKey.deleteMany({ where: { viewer, key, createdAt: { lt: oldest(now) } } });
      const taken = await tx.$executeRaw`
        INSERT INTO idempotency_keys (viewer, key, mutation, input_hash, result, created_at)
        VALUES (${viewer}, ${key}, ${mutation}, ${inputHash}, '', ${now})
        ON CONFLICT (viewer, key) DO NOTHING`;
      if (taken === 0) {
        const known = await tx.idempotencyKey.findUniqueOrThrow({ where: { viewer_key: { viewer, key } } });
        const same = known.mutation === mutation && known.inputHash === inputHash;
        return same ? { kind: 'done', made: known.result, isNew: false } : { kind: 'reused' };
      }
      const done = await work(tx);
      if ('refusals' in done) throw new RolledBack(done.refusals);
      await tx.idempotencyKey.update({ where: { viewer_key: { viewer, key } }, data: { result: done.made } });
      return { kind: 'done', made: done.made, isNew: true };
    };
    return await transact(db, once, wait);
  } catch (error) {
    if (error instanceof RolledBack) return { kind: 'refused', refusals: error.refusals as readonly Refusal[] };
    throw error;
  }
}

/**
 * Which of these keys the viewer used within the time that they are kept. A request with such a key is answered from
 * what is stored, or refused: its work is not done again.
 */
export async function usedKeys(
  db: Database,
  viewer: string,
  keys: readonly string[],
  now: Date,
): Promise<ReadonlySet<string>> {
  // PostgreSQL keeps no NUL in a text: no such key was ever used.
  const possible = keys.filter((key) => !key.includes('\0'));
  const where = { viewer, key: { in: possible }, createdAt: { gte: oldest(now) } };
  const used = await db.idempotencyKey.findMany({ where, select: { key: true } });
  return new Set(used.map(({ key }) => key));
}

/** Deletes up to `limit` keys that are no longer kept, and returns how many. */
export async function forgetKeys(db: Database, now: Date, limit: number): Promise<number> {
  return db.$executeRaw`
    DELETE FROM idempotency_keys WHERE (viewer, key) IN (
      SELECT viewer, key FROM idempotency_keys WHERE created_at < ${oldest(now)}::timestamptz
      ORDER BY created_at LIMIT ${limit})`;
}

function oldest(now: Date): Date {
  return new Date(now.getTime() - KEPT_MS);
}

/** JSON with sorted keys, so that the order in which a client writes its fields does not matter. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
