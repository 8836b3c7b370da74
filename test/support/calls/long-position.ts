/** An account that one price leaves in peace and another one takes. */
import type { Api } from '../services/api.js';
import { fill, openAccount, recordFills, recordTransfers, transfer } from './venue-system.js';

/** At 20,000 an account with 200 USDT and 0.1 BTC is calm, and at 18,000 it is lost. */
export const CALM = { 'BITGET/BTCUSDT': '20000' };
export const LOST = { 'BITGET/BTCUSDT': '18000' };

export async function openLong(service: Api, owner = 'alice'): Promise<string> {
  const id = await openAccount(service, { owner });
  await recordTransfers(service, transfer(id, 'USDT', '200'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'));
  return id;
}

/** Many of them, in few requests. */
export async function openLongs(service: Api, count: number, owner = 'alice'): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) ids.push(await openAccount(service, { owner }));
  await recordTransfers(service, ...ids.map((id) => transfer(id, 'USDT', '200')));
  await recordFills(service, ...ids.map((id) => fill(id, 'BTCUSDT', 'BUY', '0.1', '20000')));
  return ids;
}
