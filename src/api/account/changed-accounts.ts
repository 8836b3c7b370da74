import type { AccountRecord } from '../../ledger/records.js';
import type { Context } from '../execution/context.js';

/** The accounts after a mutation. What the request's loaders read before the mutation is dropped. */
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
