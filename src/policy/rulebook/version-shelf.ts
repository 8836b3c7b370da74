/** The versions of one kind of rule in memory. */
import type { Database } from '../../platform/database/database.js';
import { changedIds, type VersionCounts } from '../versions/version-rows.js';
import type { VersionRecord } from '../versions/rule-version.js';
import type { KnownRules, VersionedRule } from '../versions/versioned-rule.js';

export class VersionShelf<V extends VersionRecord> {
  /** By rule, oldest version first. */
  private readonly byKey = new Map<string, V[]>();
  /** Also versions of venues, assets or instruments that this process does not know. */
  private readonly byId = new Map<string, V>();
  private readonly unknownIds = new Set<string>();

  constructor(private readonly rule: VersionedRule<V, unknown>) {}

  /** All versions of one rule, oldest first; empty: there is none. */
  of(key: string): readonly V[] {
    return this.byKey.get(key) ?? [];
  }

  /** All versions of each rule. */
  get rules(): Iterable<readonly V[]> {
    return this.byKey.values();
  }

  find(id: string): V | null {
    const found = this.byId.get(id);
    return found !== undefined && this.byKey.has(this.rule.keyOf(found)) ? found : null;
  }

  /** Versions of venues, assets or instruments that this process did not know when it took them. */
  get unknown(): readonly V[] {
    return [...this.byId.values()].filter(({ id }) => this.unknownIds.has(id));
  }

  /** Adds a version as stored. UNKNOWN: this process does not know its venue, asset or instrument. */
  take(version: V, known: KnownRules): 'NEWS' | 'SAME' | 'UNKNOWN' {
    const before = this.byId.get(version.id);
    this.byId.set(version.id, version);
    // Another process may have stored a venue, asset or instrument that this one has not read yet.
    if (!this.rule.isKnown(version, known)) {
      this.unknownIds.add(version.id);
      return 'UNKNOWN';
    }
    const wasUnknown = this.unknownIds.delete(version.id);
    const key = this.rule.keyOf(version);
    const others = this.of(key).filter(({ id }) => id !== version.id);
    this.byKey.set(
      key,
      [...others, version].sort((a, b) => a.version - b.version),
    );
    const isNew = before === undefined || wasUnknown;
    return isNew || (before.cancelledAt === null && version.cancelledAt !== null) ? 'NEWS' : 'SAME';
  }

  /** Puts these versions in place of all. Returns the newest version of each rule that is not as it was. */
  replace(versions: readonly V[], known: KnownRules): V[] {
    const before = new Map(this.byKey);
    this.byKey.clear();
    this.byId.clear();
    this.unknownIds.clear();
    for (const version of versions) this.take(version, known);
    return [...this.byKey].flatMap(([key, now]) => {
      const newest = now.at(-1);
      return newest === undefined || traceOf(now) === traceOf(before.get(key) ?? []) ? [] : [newest];
    });
  }

  /** As the database counts them. */
  counts(): VersionCounts {
    const known = [...this.byId.values()];
    return {
      table: this.rule.table,
      stored: known.length,
      cancelled: known.filter(({ cancelledAt }) => cancelledAt !== null).length,
      applied: known.filter(({ appliedAt }) => appliedAt !== null).length,
    };
  }

  /** Versions that were stored, cancelled or applied since; none are read while the counts are the same. */
  async changed(db: Database, { stored, cancelled, applied }: VersionCounts): Promise<V[]> {
    const known = this.counts();
    const isSame = stored === known.stored && cancelled === known.cancelled && applied === known.applied;
    return isSame ? [] : this.rule.read(db, { ids: await changedIds(db, this.rule.table, this.byId) });
  }
}

/** Tells apart any two states of a rule. */
function traceOf(versions: readonly VersionRecord[]): string {
  return versions.map(({ id, cancelledAt }) => `${id} ${cancelledAt?.getTime()}`).join();
}

/** Whether any of the tables has fewer versions, or fewer that were cancelled or applied, than are known. */
export function areBehind(found: readonly VersionCounts[], known: readonly VersionCounts[]): boolean {
  return known.some(({ table, stored, cancelled, applied }) => {
    const now = found.find((each) => each.table === table);
    return now === undefined || now.stored < stored || now.cancelled < cancelled || now.applied < applied;
  });
}
