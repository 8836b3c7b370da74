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

/**
 * At the instant that was asked for, or at once. Refused where it lies in the past, and where it does not lie after the
 * instant of every version that is still to come: two versions of one instant would contradict each other, and one
 * between two others would stand on what it never followed.
 *
 * @param asked null: at once
 * @param last the version that takes effect last of those that stand
 */
export function effectOf(asked: Date | null, last: Recorded | null, now: Date): Effect | { readonly refusal: Refusal } {
  if (asked !== null && asked < now) {
    const message = `Expected an instant to come, or none for at once; it was ${now.toISOString()} already.`;
    return { refusal: { ...refuse('EFFECTIVE_IN_THE_PAST', message), field: FIELD } };
  }
  // Of a process whose clock is ahead of this one: it was meant to be in force at once, and what follows it is as well.
  if (asked === null && last !== null && last.effectiveFrom > now && !wasScheduled(last)) {
    return { effectiveFrom: last.effectiveFrom, createdAt: last.effectiveFrom };
  }
  const effectiveFrom = asked ?? now;
  if (last !== null && last.effectiveFrom > now && last.effectiveFrom >= effectiveFrom) {
    const due = last.effectiveFrom.toISOString();
    const message = `Version ${last.version} takes effect at ${due}: a new one can only follow it, at a later instant.`;
    return { refusal: { ...refuse('EFFECTIVE_OUT_OF_ORDER', message), field: FIELD } };
  }
  return { effectiveFrom, createdAt: now };
}

function wasScheduled({ effectiveFrom, createdAt }: Recorded): boolean {
  return effectiveFrom > createdAt;
}

/** Of two who change the same thing at once the second is told; null: nobody came before. */
export function problemOfVersion(expected: number, newest: number): Refusal | null {
  if (expected === newest) return null;
  const message = `The newest version is ${newest}, not ${expected}: look at it and decide again.`;
  return { ...refuse('VERSION_CONFLICT', message), field: ['expectedVersion'] };
}
