/**
 * Caches assembled policies. While the same rules hold, the cache returns the same object, so that callers can compare
 * by identity. Several are kept, so that queries about the past do not evict the present one.
 */
import type { Policy } from '../../margin/model.js';

interface CachedPolicy {
  readonly policy: Policy;
  readonly from: number;
  /** The next instant at which a version takes effect. */
  readonly until: number;
}

/** Cached policies of one venue and chain. */
const MAX_POLICIES = 8;

export class PolicyCache {
  /** By venue, then chain; the policy made last comes first. */
  private readonly cached = new Map<string, Map<string | null, CachedPolicy[]>>();

  /** @param instants at which a rule of that venue and chain changes */
  get(venue: string, chain: string | null, at: Date, make: () => Policy, instants: () => readonly number[]): Policy {
    const instant = at.getTime();
    const ofVenue = this.cached.get(venue) ?? new Map<string | null, CachedPolicy[]>();
    const cached = ofVenue.get(chain) ?? [];
    const found = cached.find(({ from, until }) => from <= instant && instant < until);
    if (found !== undefined) return found.policy;
    const all = instants();
    const from = Math.max(-Infinity, ...all.filter((each) => each <= instant));
    const made = { policy: make(), from, until: firstAfter(instant, all) };
    this.cached.set(venue, ofVenue.set(chain, [made, ...cached.slice(0, MAX_POLICIES - 1)]));
    return made.policy;
  }

  /** Forgets all policies. */
  clear(): void {
    this.cached.clear();
  }

  /**
   * A version was added or cancelled. Policies from its instant on are dropped; those before it only get another end.
   *
   * @param instants at which a rule of that venue changes, by chain
   * @param only the chain that it concerns; undefined: all
   */
  change(
    version: { readonly venue: string; readonly effectiveFrom: Date },
    instants: (chain: string | null) => readonly number[],
    only?: string | null,
  ): void {
    const ofVenue = this.cached.get(version.venue);
    for (const [chain, cached] of ofVenue ?? []) {
      if (only !== undefined && chain !== only) continue;
      const all = instants(chain);
      const still = cached.filter(({ from }) => from < version.effectiveFrom.getTime());
      ofVenue?.set(
        chain,
        still.map(({ policy, from }) => ({ policy, from, until: firstAfter(from, all) })),
      );
    }
  }
}

function firstAfter(instant: number, instants: readonly number[]): number {
  return Math.min(Infinity, ...instants.filter((each) => each > instant));
}
