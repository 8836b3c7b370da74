import type { MarginCode, RefusalOf } from '../margin/refusal.js';

export const MARKET_CODES = ['VENUE_NOT_FOUND', 'QUOTE_OUTDATED'] as const;
export type MarketCode = MarginCode | (typeof MARKET_CODES)[number];
export type Refusal = RefusalOf<MarketCode>;
