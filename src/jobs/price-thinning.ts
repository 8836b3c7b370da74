/** Nobody else lets past prices go: the database refuses it outside of these transactions. */
import { thinPriceHistory, type Thinned, type Thinning } from '../market/history-thinning.js';
import { transact, type Database } from '../platform/database.js';

/** One bounded batch, in a transaction of its own. */
export async function thinPrices(db: Database, thinning: Thinning): Promise<Thinned> {
  return transact(db, async (tx) => {
    await tx.$executeRaw`SELECT set_config('plimsoll.thinning', 'on', true)`;
    return thinPriceHistory(tx, thinning);
  });
}
