/** Fifths of scores, by how many are smaller, without sorting them all and without holding the event loop. */
import type { Slice } from '../../platform/yielding.js';

export const QUANTILES = 5;

/** So few are sorted at once: a millisecond. */
const SORTED = 16_384;
/** Scores that are moved between two looks at the clock. */
const LOOK = 8_192;
/** Scores that a pivot is the middle of. */
const SAMPLES = 33;

/**
 * The boundaries of one group: a score that exceeds the first k of them has the quantile k, which is floor(5 x smaller
 * scores / all). The k-th boundary is the largest score to which fewer than k fifths of all are smaller.
 *
 * @param positive the scores above 0, which are moved
 * @param all how many there are with those of 0
 */
export async function boundariesOf(positive: Float32Array, all: number, slice: Slice): Promise<number[]> {
  const zeros = all - positive.length;
  const boundaries: number[] = [];
  const isSmall = positive.length <= SORTED;
  if (isSmall) positive.sort();
  if (slice.isOver) await slice.yield();
  let from = 0;
  for (let k = 1; k < QUANTILES; k++) {
    const place = Math.ceil((k * all) / QUANTILES) - 1 - zeros;
    if (place < 0) boundaries.push(0);
    else {
      if (!isSmall) await settlePlace(positive, from, place, slice);
      boundaries.push(positive[place] as number);
      from = place;
    }
  }
  return boundaries;
}

export function quantileIn(boundaries: readonly number[], score: number): number {
  let quantile = 0;
  while (quantile < boundaries.length && score > (boundaries[quantile] as number)) quantile += 1;
  return quantile;
}

/** Moves scores from `from` on, until that of `place` is the one it would be if all were sorted, and none after it is smaller. */
async function settlePlace(scores: Float32Array, from: number, place: number, slice: Slice): Promise<void> {
  let [low, high] = [from, scores.length];
  while (high - low > SORTED) {
    const parts: Parts = { equal: low, next: low, larger: high };
    const pivot = pivotOf(scores, low, high);
    while (parts.next < parts.larger) {
      partition(scores, pivot, parts);
      if (slice.isOver) await slice.yield();
    }
    if (place < parts.equal) high = parts.equal;
    else if (place >= parts.larger) low = parts.larger;
    else return;
  }
  scores.subarray(low, high).sort();
  if (slice.isOver) await slice.yield();
}

/** Where each part begins: smaller scores come first, then equal ones, those not looked at, and larger ones. */
interface Parts {
  equal: number;
  next: number;
  larger: number;
}

/** Moves some scores to their part. It is no async function, in which such a loop would be slow. */
function partition(scores: Float32Array, pivot: number, parts: Parts): void {
  let { equal, next, larger } = parts;
  for (let left = Math.min(LOOK, larger - next); left > 0; left--) {
    const score = scores[next] as number;
    if (score < pivot) {
      scores[next++] = scores[equal] as number;
      scores[equal++] = score;
    } else if (score > pivot) {
      larger -= 1;
      scores[next] = scores[larger] as number;
      scores[larger] = score;
    } else next += 1;
  }
  parts.equal = equal;
  parts.next = next;
  parts.larger = larger;
}

function pivotOf(scores: Float32Array, low: number, high: number): number {
  const step = (high - 1 - low) / (SAMPLES - 1);
  const samples = Float32Array.from(
    { length: SAMPLES },
    (_, index) => scores[low + Math.floor(index * step)] as number,
  );
  return samples.sort()[(SAMPLES - 1) / 2] as number;
}
