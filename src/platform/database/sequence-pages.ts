/** Pages of rows that are numbered in the order of storing. */
import { Prisma } from '../prisma/client.js';

/** The numbers that a page is taken from. Its rows come with the highest number first. */
export interface SequenceRange {
  /** Numbers below this one, and above that one; null: unbounded. */
  readonly below: bigint | null;
  readonly above: bigint | null;
  readonly limit: number;
  /** The lowest numbers are wanted, not the highest. */
  readonly isOldest: boolean;
}

/** Instants of rows: from this one on, and before that one; null: unbounded. */
export interface TimeRange {
  readonly from: Date | null;
  readonly to: Date | null;
}

/** Every number of a row lies between these, so that a statement needs no case for what is unbounded. */
const LOWEST = -1n;
const HIGHEST = 2n ** 63n - 1n;

export function rangeInSql({ below, above, limit }: SequenceRange): Readonly<Record<string, string | number>> {
  return { below: String(below ?? HIGHEST), above: String(above ?? LOWEST), most: limit };
}

export function timesInSql({ from, to }: TimeRange): Readonly<Record<string, string>> {
  return { since: from?.toISOString() ?? '-infinity', until: to?.toISOString() ?? 'infinity' };
}

export function orderInSql(isOldest: boolean): Prisma.Sql {
  return isOldest ? Prisma.sql`ASC` : Prisma.sql`DESC`;
}

/**
 * Reads many pages with one statement for each of the two orders.
 *
 * @param read the rows of the pages, each with the number of its page
 */
export async function readPages<P extends SequenceRange, R extends { readonly page: number; readonly seq: bigint }>(
  pages: readonly P[],
  read: (pages: readonly (P & { readonly number: number })[], order: Prisma.Sql) => Promise<readonly R[]>,
): Promise<R[][]> {
  const numbered = pages.map((page, number) => ({ ...page, number }));
  const found = pages.map((): R[] => []);
  for (const isOldest of [false, true]) {
    const asked = numbered.filter((page) => page.isOldest === isOldest);
    if (asked.length === 0) continue;
    for (const row of await read(asked, orderInSql(isOldest))) found[row.page]?.push(row);
  }
  return found.map((rows) => rows.sort((a, b) => (a.seq > b.seq ? -1 : 1)));
}
