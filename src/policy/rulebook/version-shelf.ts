/** The versions of one kind of rule in memory. */
import type { Database } from '../../platform/database.js';
import { changedIds, type VersionCounts } from '../versions/version-rows.js';
import type { VersionRecord } from '../versions/rule-version.js';
import type { KnownRules, VersionedRule } from '../versions/versioned-rule.js';

export class VersionShelf<V extends VersionRecord> {
  /** By rule, oldest version first. */
  private readonly byKey = new Map<string, V[]>();
  /** Also versions of venues, assets or instruments that this process does not know. */
  private readonly byId = new Map<string, V>();

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

  /** Adds a version as stored. UNKNOWN: this process does not know its venue, asset or instrument. */
  take(version: V, known: KnownRules): 'NEWS' | 'SAME' | 'UNKNOWN' {
    const before = this.byId.get(version.id);
    this.byId.set(version.id, version);
    // Another process may have stored a venue, asset or instrument that this one only learns when it restarts.
    if (!this.rule.isKnown(version, known)) return 'UNKNOWN';
    const key = this.rule.keyOf(version);
    const others = this.of(key).filter(({ id }) => id !== version.id);
    this.byKey.set(
      key,
      [...others, version].sort((a, b) => a.version - b.version),
    );
    return before === undefined || (before.cancelledAt === null && version.cancelledAt !== null) ? 'NEWS' : 'SAME';
  }

  /** Versions that were stored, cancelled or applied since; none are read while the counts are the same. */
  async changed(db: Database, { stored, cancelled, applied }: VersionCounts): Promise<V[]> {
    const known = [...this.byId.values()];
    const isSame =
      stored === known.length &&
      cancelled === known.filter(({ cancelledAt }) => cancelledAt !== null).length &&
      applied === known.filter(({ appliedAt }) => appliedAt !== null).length;
    return isSame ? [] : this.rule.read(db, { ids: await changedIds(db, this.rule.table, this.byId) });
  }
}
