/**
 * Policies that were put together, each for as long as the same rules hold: within that it is one object, by which others
 * know that nothing has changed. Questions about the past do not take the present out of it.
 */
import type { Policy } from '../../margin/model.js';

interface CachedPolicy {
  readonly policy: Policy;
  readonly from: number;
  /** The next instant at which a version takes effect. */
  readonly until: number;
}

/** Of one venue and chain. */
const MAX_POLICIES = 8;

export class PolicyCache {
  /** By venue, then chain: the last that were asked for, newest first. */
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

  /**
   * A version was added or cancelled: from its instant on that changes what holds; before it, only for how long.
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
