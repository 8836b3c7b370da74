/** Common part of all changes by admins: one effect a key, and an audit entry for each change, made or refused. */
import type { Refusal } from '../versions/refusal.js';
import type { Bus } from '../../platform/events.js';
import type { Database, Transaction } from '../../platform/database/database.js';
import { doOnce, type IdempotentRequest } from '../../platform/idempotency.js';
import type { Audit } from './audit.js';
import { keyReused, problemOfKey } from '../versions/problems.js';
import type { VersionRecord } from '../versions/rule-version.js';
import type { VersionedRule } from '../versions/versioned-rule.js';
import type { Rulebook } from '../rulebook/rulebook.js';

export interface AdminParts {
  readonly db: Database;
  readonly rulebook: Rulebook;
  readonly bus: Bus;
  readonly audit: Audit;
  readonly clock: () => number;
}

/** The subject of the change, for the audit. */
export interface ChangeSubject {
  /** Type and local id; null if the change itself makes the subject. */
  readonly subject: string | null;
  readonly subjectKey: string;
  readonly reason: string | null;
}

/** The result of a change: ids from which a repeated request is answered, and the facts for the audit. */
export interface Made {
  readonly made: string;
  readonly subject?: string;
  readonly before: unknown;
  readonly after: unknown;
}

export type ChangeOutcome =
  | { readonly made: string; readonly isNew: boolean; readonly refusals: readonly [] }
  | { readonly made: null; readonly refusals: readonly Refusal[] };

/** Does the work and writes its audit entry in one transaction. A repeated key writes no second entry. */
export async function changeOnce(
  { db, audit }: Pick<AdminParts, 'db' | 'audit'>,
  request: IdempotentRequest,
  about: ChangeSubject,
  now: Date,
  work: (tx: Transaction) => Promise<Made | { readonly refusals: readonly Refusal[] }>,
): Promise<ChangeOutcome> {
  const fact = { actor: request.viewer, action: request.mutation, ...about, at: now };
  const refused = async (refusals: readonly Refusal[]): Promise<ChangeOutcome> => {
    await audit.refused(fact, refusals, request.input);
    return { made: null, refusals };
  };
  const problemOfRequest = problemOfKey(request.key);
  if (problemOfRequest !== null) return refused([problemOfRequest]);
  const outcome = await doOnce<Refusal>(db, request, now, async (tx) => {
    const done = await work(tx);
    if ('refusals' in done) return done;
    await audit.done(tx, { ...fact, subject: done.subject ?? fact.subject }, done.before, done.after);
    return { made: done.made };
  });
  if (outcome.kind === 'refused') return refused(outcome.refusals);
  if (outcome.kind === 'reused') return refused([keyReused()]);
  return { made: outcome.made, isNew: outcome.isNew, refusals: [] };
}

/** Serialises changes of one rule: the second admin waits, then finds the first one's version. Held until commit. */
export async function lockRule<V extends VersionRecord, D>(
  tx: Transaction,
  { lockPrefix }: VersionedRule<V, D>,
  key: string,
): Promise<void> {
  await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${lockPrefix + key}, 0))::text`;
}
