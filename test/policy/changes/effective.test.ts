import { expect, it } from '@jest/globals';

import { MAX_DAYS_AHEAD, effectOf, overtakenBy } from '../../../src/policy/changes/effective.js';

const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const NOW = at(10);
/** A version that was recorded at one second and takes effect at another. */
const version = (createdAt: number, effectiveFrom: number) => ({
  ...{ version: 7, createdAt: at(createdAt), effectiveFrom: at(effectiveFrom) },
});

it.each<[string, Date | null, ReturnType<typeof version> | null, number | string]>([
  ['at once', null, version(1, 1), 10],
  ['at once, the first', null, null, 10],
  ['now', at(10), version(1, 1), 10],
  ['later', at(20), version(1, 1), 20],
  ['later, after what is scheduled', at(20), version(1, 19), 20],
  ['at once, when what was scheduled is in force', null, version(1, 10), 10],
  ['in the past', at(9), version(1, 1), 'EFFECTIVE_IN_THE_PAST'],
  ['in the past, and before what is scheduled', at(9), version(1, 19), 'EFFECTIVE_IN_THE_PAST'],
  ['at once, though one is scheduled', null, version(1, 11), 'EFFECTIVE_OUT_OF_ORDER'],
  ['before what is scheduled', at(20), version(1, 21), 'EFFECTIVE_OUT_OF_ORDER'],
  ['at the same instant as what is scheduled', at(20), version(1, 20), 'EFFECTIVE_OUT_OF_ORDER'],
  // Made at once by a server whose clock is ahead of this one.
  ['at once, after a version that is in force elsewhere', null, version(12, 12), 12],
  ['now, after a version that is in force elsewhere', at(10), version(12, 12), 'EFFECTIVE_OUT_OF_ORDER'],
])('takes effect %s', (_what, asked, last, expected) => {
  const effect = effectOf(asked, last, NOW);
  if (typeof expected === 'string') {
    expect(effect).toMatchObject({ refusal: { code: expected, field: ['effectiveFrom'] } });
  } else {
    // What was meant to be in force at once says so, for the next one.
    const createdAt = asked === null ? at(expected) : NOW;
    expect(effect).toEqual({ effectiveFrom: at(expected), createdAt });
  }
});

it('names the version and its instant, to be followed', () => {
  const effect = effectOf(at(20), version(1, 21), NOW);
  expect('refusal' in effect ? effect.refusal.message : '').toBe(
    'Version 7 takes effect at 2026-01-01T00:00:21.000Z: a new one can only follow it, at a later instant, or cancel it ' +
      'with `replaceScheduled`.',
  );
});

it('takes effect at most 400 days ahead, to a millisecond', () => {
  const furthest = NOW.getTime() + MAX_DAYS_AHEAD * 24 * 3_600_000;
  expect(effectOf(new Date(furthest), null, NOW)).toEqual({ effectiveFrom: new Date(furthest), createdAt: NOW });
  expect(effectOf(new Date(furthest + 1), null, NOW)).toMatchObject({
    refusal: { code: 'EFFECTIVE_TOO_FAR', field: ['effectiveFrom'] },
  });
});

it('overtakes what would take effect at the same instant or later, and was scheduled and not cancelled', () => {
  const all = [
    { ...version(1, 1), cancelledAt: null },
    { ...version(1, 19), cancelledAt: null },
    { ...version(1, 20), cancelledAt: null },
    { ...version(1, 30), cancelledAt: null },
    { ...version(1, 40), cancelledAt: at(5) },
    // Made at once by a server whose clock is ahead of this one.
    { ...version(50, 50), cancelledAt: null },
  ];
  expect(overtakenBy(at(20), all, NOW)).toEqual([all[2], all[3]]);
  expect(overtakenBy(null, all, NOW)).toEqual([all[1], all[2], all[3]]);
});
