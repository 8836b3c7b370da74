/** An account whose positions in one instrument are isolated. */
import type { Api } from '../services/api.js';
import { call } from './trader-calls.js';
import { openHolding } from './venue-system.js';

/** A position of BTC-PERP would be isolated, at 10x. */
export async function openIsolated(service: Api, balances: Record<string, string> = { USDT: '5000' }): Promise<string> {
  const accountId = await openHolding(service, balances, { venue: 'ASCENDEX' });
  const setting = { accountId, instrument: 'BTC-PERP' };
  for (const [mutation, input] of [
    ['setMarginMode', { ...setting, marginMode: 'ISOLATED' }],
    ['setLeverage', { ...setting, leverage: '10' }],
  ] as const) {
    const { errors } = await call(service, mutation, input);
    if (errors.length > 0) throw new Error(`${mutation} was refused: ${JSON.stringify(errors)}`);
  }
  return accountId;
}
