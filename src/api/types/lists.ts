import { ApiError } from './api-error.js';

/** Maximum of ids or symbols in one request, and of items in one page. */
export const MAX_LIST = 100;
/** Maximum of fills, transfers, entries or quotes in one request. */
export const MAX_BATCH = 1_000;

/** Refuses a list that is longer than the contract allows. */
export function boundedList<T>(name: string, list: readonly T[], most = MAX_LIST): readonly T[] {
  if (list.length <= most) return list;
  throw new ApiError('LIMIT_EXCEEDED', `Expected at most ${most} items in \`${name}\`, got ${list.length}.`);
}
