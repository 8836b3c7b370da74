/** The venue of the soak: Bitget's rules, with small caps, isolated positions in both modes, exchanges and interest. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { PACKAGE_ROOT } from '../../src/platform/package-root.js';

export const VENUE = 'SOAK';

interface VenueFile {
  readonly policies: readonly object[];
  readonly collateralRatios: readonly object[];
}

/** Writes the folder for REFERENCE_DATA, and returns it. */
export function writeVenue(root: string): string {
  const folder = join(root, 'reference');
  mkdirSync(join(folder, 'venues'), { recursive: true });
  const bitget = JSON.parse(
    readFileSync(join(PACKAGE_ROOT, 'prisma', 'reference', 'venues', 'BITGET.json'), 'utf8'),
  ) as VenueFile;
  const policy = {
    ...bitget.policies[0],
    isolatedInMultiAsset: true,
    interest: { USDT: { hourlyRate: '0.0001', freeThreshold: '10' } },
    autoExchange: { USDT: '-2' },
    exchangeOrder: 'HIGHEST_RATIO_FIRST',
    exchangeRates: { BTC: '0.97', ETH: '0.92' },
  };
  const tiers = [{ floor: '0', cap: null, ratio: '0.95' }];
  const capped = { tierUnit: 'QUANTITY', userCap: '0.02', platformCap: '0.06', tiers };
  const ratios = {
    ...bitget.collateralRatios[0],
    reason: 'Small caps, which a minute reaches.',
    source: 'None.',
    ratios: { USDT: '1', ETH: '0.9', BTC: capped },
  };
  const venue = { ...bitget, code: VENUE, name: 'Soak', policies: [policy], collateralRatios: [ratios] };
  writeFileSync(join(folder, 'venues', `${VENUE}.json`), JSON.stringify(venue));
  return folder;
}
