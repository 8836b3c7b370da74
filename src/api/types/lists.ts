import { ApiError } from './api-error.js';

/** Ids and symbols of one request, and items of one page. */
export const MAX_LIST = 100;
/** Fills, transfers, entries and quotes of one request. */
export const MAX_BATCH = 1_000;

/** Refuses a list that is longer than the contract allows. */
export function boundedList<T>(name: string, list: readonly T[], most = MAX_LIST): readonly T[] {
  if (list.length <= most) return list;
  throw new ApiError('LIMIT_EXCEEDED', `Expected at most ${most} items in \`${name}\`, got ${list.length}.`);
}
