/** Guard rails that only `force` overrides: notice of stricter rules, liquidations, and those of the kind of rule. */
import { decimal, quotientDown, type Decimal } from '../../margin/decimal.js';
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from '../versions/refusal.js';
import type { GuardRails } from '../versions/policy-version.js';
import type { VersionRecord } from '../versions/rule-version.js';
import type { Breach, KnownRules, VersionedRule } from '../versions/versioned-rule.js';

const HOUR_MS: Decimal = decimal(60 * 60 * 1000);

/**
 * The guard rails that a version breaks when it follows another, without those that depend on accounts.
 *
 * @param noticeMs from now until it takes effect
 * @param draft null: the version was made earlier
 */
export function breachesOf<V extends VersionRecord, D>(
  rule: VersionedRule<V, D>,
  followed: V | null,
  next: V,
  noticeMs: number,
  rails: GuardRails,
  draft: D | null,
  known: KnownRules,
): Breach[] {
  const found = rule.breaches(followed, next, rails, draft, known);
  const notice = quotientDown(decimal(noticeMs), HOUR_MS);
  const required = decimal(rails.guardMinNoticeHours);
  if (notice.gte(required) || !rule.isStricter(followed, next, known)) return found;
  const hours = Math.trunc(noticeMs / 3_600) / 1_000;
  const message = `it makes a rule stricter with ${hours} hours of notice, and takes ${rails.guardMinNoticeHours}`;
  return [...found, { message, field: 'effectiveFrom', required, available: notice }];
}

/** @param foreseen accounts that the change would bring into LIQUIDATION, and those of which nobody knows it */
export function liquidationBreaches(foreseen: { readonly liquidated: number; readonly unknown: number }): Breach[] {
  const { liquidated, unknown } = foreseen;
  const found: Breach[] = [];
  if (liquidated > 0) {
    found.push({ message: `it would lift ${accountsOf(liquidated)} to LIQUIDATION`, field: null });
  }
  if (unknown > 0) {
    const message = `${accountsOf(unknown)} of the venue cannot be read, so that nobody can tell what becomes of them`;
    found.push({ message, field: null });
  }
  return found;
}

function accountsOf(count: number): string {
  return `${count} ${count === 1 ? 'account' : 'accounts'}`;
}

/** One refusal that names all breaches. Its field and quantities are those of the first breach. */
export function guardRailRefusal(found: readonly Breach[]): Refusal | null {
  const [first] = found;
  if (first === undefined) return null;
  const all = found.map(({ message }) => message).join('; ');
  const message = `Without \`force\` the policy's guard rails stand against it: ${all}.`;
  const { field, required, available } = first;
  return {
    ...refuse('GUARD_RAIL', message, field === null ? undefined : [field]),
    ...(required === undefined ? {} : { required }),
    ...(available === undefined ? {} : { available }),
  };
}
