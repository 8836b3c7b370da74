/** The only deletion of past prices: the database refuses it outside these transactions. */
import { thinPriceHistory, type Thinned, type Thinning } from '../market/history-thinning.js';
import { transact, type Database } from '../platform/database/database.js';

export async function thinPrices(db: Database, thinning: Thinning): Promise<Thinned> {
  return transact(db, async (tx) => {
    await tx.$executeRaw`SELECT set_config('plimsoll.thinning', 'on', true)`;
    return thinPriceHistory(tx, thinning);
  });
}
