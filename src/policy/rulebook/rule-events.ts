/** Tells the other parts of this process what has become of a rule, after the rulebook has it. */
import type { Bus } from '../../platform/events.js';
import type { Database } from '../../platform/database.js';
import type { RatioVersion } from '../versions/ratio-version.js';
import type { Rulebook } from './rulebook.js';

export function emitRatio(bus: Bus, version: RatioVersion, now: Date): void {
  const { id, venue, chain, asset, effectiveFrom, cancelledAt } = version;
  const change = cancelledAt !== null ? 'CANCELLED' : effectiveFrom > now ? 'SCHEDULED' : 'IN_FORCE';
  bus.emit('collateralRatio', { id, venue, chain, asset, change });
}

/** Brings in what other processes have stored, and tells it as it would have been told here. */
export async function refreshRules(
  { db, rulebook, bus }: { readonly db: Database; readonly rulebook: Rulebook; readonly bus: Bus },
  now: Date,
): Promise<void> {
  const { ratios, venues } = await rulebook.refresh(db);
  for (const version of ratios) emitRatio(bus, version, now);
  for (const venue of venues) bus.emit('policy', { venue });
}
