import type { AccountRecord } from '../../ledger/records.js';
import type { Context } from '../execution/context.js';

/** The accounts as a mutation has left them, whatever the same request has read before. */
export async function changedAccounts(ids: readonly string[], { loaders }: Context): Promise<AccountRecord[]> {
  for (const id of ids) {
    loaders.holdings.clear(id);
    loaders.margin.clear(id);
  }
  const holdings = await loaders.holdings.loadMany(ids);
  return holdings.flatMap((held) => {
    if (held instanceof Error) throw held;
    return held === null ? [] : [held.account];
  });
}
