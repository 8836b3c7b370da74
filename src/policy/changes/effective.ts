/** When a new version takes effect. Versions follow each other in number and in time alike. */
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from '../versions/refusal.js';

interface Recorded {
  readonly version: number;
  readonly effectiveFrom: Date;
  readonly createdAt: Date;
}

export interface Effect {
  readonly effectiveFrom: Date;
  readonly createdAt: Date;
}

const FIELD = ['effectiveFrom'];
const DAY_MS = 24 * 60 * 60 * 1000;
/** How far ahead a change can be scheduled. A typing error in a year must not block a rule for ever. */
export const MAX_DAYS_AHEAD = 400;

/**
 * The requested instant, or now. It is refused in the past, too far ahead, and unless it lies after every scheduled
 * version. Two versions of one instant would contradict each other. A version between two others would follow one of
 * them in number and the other in time.
 *
 * @param asked null: at once
 * @param last the version that takes effect last of those that stand
 */
export function effectOf(asked: Date | null, last: Recorded | null, now: Date): Effect | { readonly refusal: Refusal } {
  if (asked !== null && asked < now) {
    const message = `Expected an instant to come, or none for at once; it was ${now.toISOString()} already.`;
    return { refusal: refuse('EFFECTIVE_IN_THE_PAST', message, FIELD) };
  }
  const furthest = new Date(now.getTime() + MAX_DAYS_AHEAD * DAY_MS);
  if (asked !== null && asked > furthest) {
    const message = `Expected an instant within ${MAX_DAYS_AHEAD} days, by ${furthest.toISOString()}.`;
    return { refusal: refuse('EFFECTIVE_TOO_FAR', message, FIELD) };
  }
  // A process whose clock is ahead made the last version, for effect at once. The new one takes the same instant.
  if (asked === null && last !== null && last.effectiveFrom > now && !wasScheduled(last)) {
    return { effectiveFrom: last.effectiveFrom, createdAt: last.effectiveFrom };
  }
  const effectiveFrom = asked ?? now;
  if (last !== null && last.effectiveFrom > now && last.effectiveFrom >= effectiveFrom) {
    const due = last.effectiveFrom.toISOString();
    const message =
      `Version ${last.version} takes effect at ${due}: a new one can only follow it, at a later instant, or cancel it ` +
      'with `replaceScheduled`.';
    return { refusal: refuse('EFFECTIVE_OUT_OF_ORDER', message, FIELD) };
  }
  return { effectiveFrom, createdAt: now };
}

/** The scheduled versions at the instant or later. A change that replaces them cancels them. */
export function overtakenBy<T extends Scheduled>(asked: Date | null, versions: readonly T[], now: Date): T[] {
  const effectiveFrom = asked ?? now;
  return versions.filter(
    (version) =>
      version.cancelledAt === null &&
      version.effectiveFrom > now &&
      version.effectiveFrom >= effectiveFrom &&
      wasScheduled(version),
  );
}

interface Scheduled extends Recorded {
  readonly cancelledAt: Date | null;
}

/** False: a process whose clock was ahead made the version for effect at once. */
function wasScheduled({ effectiveFrom, createdAt }: Recorded): boolean {
  return effectiveFrom > createdAt;
}

/** Refuses the second of two concurrent changes of one rule; null: no other change came first. */
export function problemOfVersion(expected: number, newest: number): Refusal | null {
  if (expected === newest) return null;
  const message = `The newest version is ${newest}, not ${expected}: look at it and decide again.`;
  return refuse('VERSION_CONFLICT', message, ['expectedVersion']);
}
