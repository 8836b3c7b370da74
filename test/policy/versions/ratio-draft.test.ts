/** What a draft of a ratio keeps of the version that it follows, and when it must say more. */
import { describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { rulesOfDraft, type RatioDraft } from '../../../src/policy/versions/ratio-draft.js';

const tier = (floor: string, cap: string | null, ratio: string) => ({
  floor: decimal(floor),
  cap: cap === null ? null : decimal(cap),
  ratio: decimal(ratio),
});

const NEWEST = {
  asset: 'BTC',
  tierUnit: 'QUOTE_VALUE',
  tiers: [tier('0', null, '0.95')],
  initialTiers: [tier('0', '100000', '0.9'), tier('100000', null, '0')],
  userCap: null,
  platformCap: null,
} as const;

const drafted = (draft: Partial<RatioDraft>) =>
  rulesOfDraft({ venue: 'BITGET', chain: null, asset: 'BTC', ...draft }, NEWEST);

describe('initial tiers that a draft leaves out', () => {
  it('stay', () => {
    expect(drafted({ ratio: decimal('0.96') })).toMatchObject({ rules: { initialTiers: NEWEST.initialTiers } });
  });

  it('are asked for where their caps would mean another unit', () => {
    const draft = { tierUnit: 'QUANTITY', tiers: NEWEST.tiers } as const;
    expect(drafted(draft)).toMatchObject({ refusal: { code: 'INVALID_INPUT', field: ['initialTiers'] } });
    expect(drafted({ ...draft, initialTiers: null })).toMatchObject({ rules: { initialTiers: null } });
  });

  it('are named where the tiers fall below them', () => {
    const { refusal } = drafted({ ratio: decimal('0.85') }) as { refusal: { code: string; message: string } };
    expect(refusal.code).toBe('TIERS_INVALID');
    expect(refusal.message).toContain('They would be kept: send others, or null.');
  });
});
