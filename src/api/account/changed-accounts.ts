import type { AccountRecord, Holdings } from '../../ledger/records.js';
import type { Context } from '../execution/context.js';

/**
 * The accounts after a mutation. What the request's loaders read before the mutation is dropped.
 *
 * @param committed what the mutation knows of them, which is not read again
 */
export async function changedAccounts(
  ids: readonly string[],
  { loaders }: Context,
  committed?: ReadonlyMap<string, Holdings>,
): Promise<AccountRecord[]> {
  for (const id of ids) {
    loaders.holdings.clear(id);
    loaders.margin.clear(id);
    const holdings = committed?.get(id);
    if (holdings !== undefined) loaders.holdings.prime(id, holdings);
  }
  const holdings = await loaders.holdings.loadMany(ids);
  return holdings.flatMap((held) => {
    if (held instanceof Error) throw held;
    return held === null ? [] : [held.account];
  });
}
