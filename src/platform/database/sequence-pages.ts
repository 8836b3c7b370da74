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
  return {
    since: from === null ? '-infinity' : instantInSql(from),
    until: to === null ? 'infinity' : instantInSql(to),
  };
}

/** The database has no year 0, and nothing was recorded in it. */
function instantInSql(instant: Date): string {
  return instant.getUTCFullYear() < 1 ? '-infinity' : instant.toISOString();
}

export function orderInSql(isOldest: boolean): Prisma.Sql {
  return isOldest ? Prisma.sql`ASC` : Prisma.sql`DESC`;
}

/**
 * Reads many pages with one statement for each order and shape that they have. A condition that a page does not state is
 * then left out of its statement: no index serves one that may be null.
 *
 * @param shapeOf names what a page states
 * @param read the rows of pages of one shape, each with the number of its page
 */
export async function readPages<P extends SequenceRange, R extends { readonly page: number; readonly seq: bigint }>(
  pages: readonly P[],
  shapeOf: (page: P) => string,
  read: (pages: readonly [P & Numbered, ...(P & Numbered)[]], order: Prisma.Sql) => Promise<readonly R[]>,
): Promise<R[][]> {
  const alike = new Map<string, [P & Numbered, ...(P & Numbered)[]]>();
  for (const [number, page] of pages.entries()) {
    const shape = `${page.isOldest} ${shapeOf(page)}`;
    const others = alike.get(shape);
    if (others === undefined) alike.set(shape, [{ ...page, number }]);
    else others.push({ ...page, number });
  }
  const found = pages.map((): R[] => []);
  for (const some of alike.values()) {
    for (const row of await read(some, orderInSql(some[0].isOldest))) found[row.page]?.push(row);
  }
  return found.map((rows) => rows.sort((a, b) => (a.seq > b.seq ? -1 : 1)));
}

/** The place of a page among those that are asked for. */
export interface Numbered {
  readonly number: number;
}

/** Names a page for a loader, so that one that is asked for twice is read once. */
export function pageKey({ below, above, limit, isOldest }: SequenceRange, ...rest: readonly unknown[]): string {
  return JSON.stringify([String(below), String(above), limit, isOldest, ...rest]);
}
