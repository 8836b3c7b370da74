/** The reference data that ships, and its parts. */
import { join } from 'node:path';

import { toPlain } from '../../../src/margin/decimal.js';
import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import type { RatioData, ReferenceData, VenueData } from '../../../src/policy/reference/reference-model.js';

export const SEED: string = join(PACKAGE_ROOT, 'prisma', 'reference');

export function venueOf(data: ReferenceData, code: string): VenueData {
  const found = data.venues.find((venue) => venue.code === code);
  if (found === undefined) throw new Error(`There is no venue ${code}.`);
  return found;
}

/** "2 2024-05-01 0.95": number, day and ratio of each version. */
export function versions(venue: VenueData, key: string): string[] {
  return venue.ratios
    .filter((ratio) => ratio.key === key)
    .map((ratio) => `${ratio.version} ${ratio.effectiveFrom.toISOString().slice(0, 10)} ${flatRatio(ratio)}`);
}

export function flatRatio({ tiers: [first, ...more] }: RatioData): string {
  return first === undefined || more.length > 0 ? 'tiers' : toPlain(first.ratio);
}
