/** Fifths of scores against counting, for each score, those that are smaller. */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';

import { Slice } from '../../../src/platform/yielding.js';
import { boundariesOf, quantileIn } from '../../../src/risk/impact/quantiles.js';

const RUNS = Number(process.env['QUANTILE_RUNS'] ?? 300);

function counted(scores: Float32Array): number[] {
  return Array.from(scores, (score) => {
    let smaller = 0;
    for (const other of scores) if (other < score) smaller += 1;
    return Math.floor((5 * smaller) / scores.length);
  });
}

/** The same, of many: the first place of a score among all in order is how many are smaller. */
function countedInOrder(scores: Float32Array): number[] {
  const smaller = new Map<number, number>();
  scores
    .slice()
    .sort()
    .forEach((score, place) => smaller.set(score, smaller.get(score) ?? place));
  return Array.from(scores, (score) => Math.floor((5 * (smaller.get(score) ?? NaN)) / scores.length));
}

async function quantilesOf(scores: Float32Array): Promise<number[]> {
  const boundaries = await boundariesOf(
    scores.filter((score) => score > 0),
    scores.length,
    new Slice(),
  );
  return Array.from(scores, (score) => quantileIn(boundaries, score));
}

it('are those of counting, among few scores of which many are equal', async () => {
  const score = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6 }), fc.float({ min: 0, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(fc.array(score, { minLength: 1, maxLength: 60 }), async (numbers) => {
      const scores = Float32Array.from(numbers);
      expect(await quantilesOf(scores)).toEqual(counted(scores));
    }),
    { numRuns: RUNS },
  );
});

it('are those of counting, among more than are sorted at once, in any order', async () => {
  const kinds = ['random', 'ascending', 'descending', 'equal', 'few', 'mostly 0'] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...kinds),
      fc.integer({ min: 4_000, max: 30_000 }),
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      async (kind, count, seed) => {
        let state = seed;
        const next = (): number => (state = Math.imul(state, 48_271) & 0x7fffffff) / 0x7fffffff;
        const scores = Float32Array.from({ length: count }, (_, index) => {
          if (kind === 'ascending') return index;
          if (kind === 'descending') return count - index;
          if (kind === 'equal') return 0.25;
          if (kind === 'few') return Math.floor(7 * next());
          if (kind === 'mostly 0') return next() < 0.7 ? 0 : next();
          return next();
        });
        expect(await quantilesOf(scores)).toEqual(countedInOrder(scores));
      },
    ),
    { numRuns: Math.ceil(RUNS / 10), examples: kinds.map((kind) => [kind, 10_000, 7]) },
  );
});
