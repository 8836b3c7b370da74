/**
 * What other processes have stored since the rulebook of this one was read. Versions are added and never taken away, and
 * are cancelled or applied once, so that equal counts mean that nothing is new: one statement, as a rule.
 */
import type { Database } from '../../platform/database.js';
import type { RatioVersion } from '../versions/ratio-version.js';

/** How many there are of what can be new. */
export interface RuleCounts {
  readonly ratios: number;
  readonly cancelled: number;
  readonly applied: number;
  readonly policies: number;
  readonly schedules: number;
}

export async function countRules(db: Database): Promise<RuleCounts> {
  const [row] = await db.$queryRaw<RuleCounts[]>`
    SELECT count(*)::int AS ratios, count(cancelled_at)::int AS cancelled, count(applied_at)::int AS applied,
      (SELECT count(*)::int FROM margin_policies) AS policies,
      (SELECT count(*)::int FROM maintenance_schedules) AS schedules
    FROM collateral_ratios`;
  if (row === undefined) throw new Error('Expected one row of counts, got none.');
  return row;
}

/** The ids of versions of ratios that are unknown, or have been cancelled or applied since. */
export async function changedRatioIds(db: Database, known: ReadonlyMap<string, RatioVersion>): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string; cancelled: boolean; applied: boolean }[]>`
    SELECT id, cancelled_at IS NOT NULL AS cancelled, applied_at IS NOT NULL AS applied FROM collateral_ratios`;
  return rows
    .filter(({ id, cancelled, applied }) => {
      const version = known.get(id);
      if (version === undefined) return true;
      return cancelled !== (version.cancelledAt !== null) || applied !== (version.appliedAt !== null);
    })
    .map(({ id }) => id);
}
