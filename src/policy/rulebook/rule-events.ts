/** Emits the events of a changed rule inside this process, after the rulebook has the version. */
import type { Bus } from '../../platform/events.js';
import type { Database } from '../../platform/database/database.js';
import { isRatio } from '../versions/ratio-version.js';
import type { VersionRecord } from '../versions/rule-version.js';
import type { RuleNews } from './reference-rows.js';
import type { Rulebook } from './rulebook.js';

export function emitRule(bus: Bus, version: VersionRecord, now: Date): void {
  const { id, venue, effectiveFrom, cancelledAt } = version;
  if (!isRatio(version)) {
    bus.emit('policy', { venue });
    return;
  }
  const change = cancelledAt !== null ? 'CANCELLED' : effectiveFrom > now ? 'SCHEDULED' : 'IN_FORCE';
  bus.emit('collateralRatio', { id, venue, chain: version.chain, asset: version.asset, change });
}

/** Events of several versions: one for each ratio, and one a venue for all other rules. */
export function emitRules(bus: Bus, versions: readonly VersionRecord[], now: Date): void {
  const heard = new Set<string>();
  for (const version of versions) {
    if (!isRatio(version) && heard.has(version.venue)) continue;
    if (!isRatio(version)) heard.add(version.venue);
    emitRule(bus, version, now);
  }
}

/** Events of what other processes have stored. */
export function emitNews(bus: Bus, { versions, hasReference }: RuleNews, now: Date): void {
  if (hasReference) bus.emit('reference');
  emitRules(bus, versions, now);
}

/** Reads all versions anew, after the database went back. Every venue's rules count as changed. */
export async function reloadRules(
  { db, rulebook, bus }: { readonly db: Database; readonly rulebook: Rulebook; readonly bus: Bus },
  now: Date,
): Promise<void> {
  emitNews(bus, await rulebook.reload(db), now);
  for (const venue of rulebook.venues.keys()) bus.emit('policy', { venue });
}

/** Reads what other processes have stored, and emits the same events as for a change in this process. */
export async function refreshRules(
  { db, rulebook, bus }: { readonly db: Database; readonly rulebook: Rulebook; readonly bus: Bus },
  now: Date,
): Promise<void> {
  emitNews(bus, await rulebook.refresh(db), now);
}
