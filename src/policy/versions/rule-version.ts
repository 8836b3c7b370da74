/** The common fields of all versions, and their order in time: past, in force, scheduled. */

export type RuleStatus = 'SCHEDULED' | 'ACTIVE' | 'SUPERSEDED' | 'CANCELLED';

/** One version of one rule. Never edited: it takes effect or is cancelled, each once. */
export interface VersionRecord {
  /** The kind of the rule, which is the type of the version's global id. */
  readonly kind: string;
  readonly id: string;
  /** From 1, rising by one with every change of the rule. */
  readonly version: number;
  readonly venue: string;
  readonly effectiveFrom: Date;
  /** When it took effect, which is late if no process ran at that time. Null: not yet, or never. */
  readonly appliedAt: Date | null;
  readonly cancelledAt: Date | null;
  readonly cancelledBy: string | null;
  readonly cancelReason: string | null;
  /** The impact computed when the change was made, as JSON of risk/impact. Null: none was computed. */
  readonly impact: string | null;
  readonly reason: string;
  readonly source: string | null;
  readonly changedBy: string | null;
  readonly createdAt: Date;
}

/** The last instant that there is. */
const END_OF_TIME = new Date(8.64e15);

interface Dated {
  readonly version: number;
  readonly effectiveFrom: Date;
  readonly cancelledAt?: Date | null;
}

/** The newest version that has taken effect and was not cancelled; of one instant, the higher version. */
export function inForce<T extends Dated>(versions: readonly T[], at: Date): T | null {
  let found: T | null = null;
  for (const version of versions) {
    if (version.effectiveFrom > at || (version.cancelledAt ?? null) !== null) continue;
    if (found === null || precedes(found, version)) found = version;
  }
  return found;
}

/** The versions that have taken effect and were not cancelled, in the order in which they did. */
export function inEffect<T extends Dated>(versions: readonly T[], at: Date): T[] {
  return versions
    .filter(({ effectiveFrom, cancelledAt }) => effectiveFrom <= at && (cancelledAt ?? null) === null)
    .sort((a, b) => (precedes(a, b) ? -1 : 1));
}

/** The versions that can hold at the instant or after it, whichever of those that are scheduled are cancelled. */
export function fromThenOn<T extends Dated>(versions: readonly T[], at: Date): T[] {
  const now = inForce(versions, at);
  return versions.filter((version) => version === now || (version.effectiveFrom > at && version.cancelledAt == null));
}

/** The version that takes effect last: the one in force, unless others are scheduled. Null where none stands. */
export function latest<T extends Dated>(versions: readonly T[]): T | null {
  return inForce(versions, END_OF_TIME);
}

/** When the version is superseded; null while nothing follows it. */
export function effectiveTo(version: VersionRecord, all: readonly VersionRecord[]): Date | null {
  let next: VersionRecord | null = null;
  for (const other of all) {
    if (other.cancelledAt !== null || !precedes(version, other)) continue;
    if (next === null || precedes(other, next)) next = other;
  }
  return next === null ? null : next.effectiveFrom;
}

export function statusOf(version: VersionRecord, all: readonly VersionRecord[], at: Date): RuleStatus {
  if (version.cancelledAt !== null) return 'CANCELLED';
  if (version.effectiveFrom > at) return 'SCHEDULED';
  const end = effectiveTo(version, all);
  return end !== null && end <= at ? 'SUPERSEDED' : 'ACTIVE';
}

function precedes(a: Dated, b: Dated): boolean {
  const gap = a.effectiveFrom.getTime() - b.effectiveFrom.getTime();
  return gap < 0 || (gap === 0 && a.version < b.version);
}
