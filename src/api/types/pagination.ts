/** Relay connections: cursors, bounds on pages, and the types of a connection. */
import { ArgsType, Field, Int, ObjectType, type ClassType } from 'type-graphql';

import type { SequenceRange } from '../../platform/database/sequence-pages.js';
import { badUserInput } from './api-error.js';
import { MAX_LIST } from './lists.js';
import type { Seal } from './seal.js';

export const PAGE_DEFAULT = 20;
export const FIRST_DESCRIPTION = `How many at most, from 1 to ${MAX_LIST}; anything else is BAD_USER_INPUT. Null: ${PAGE_DEFAULT}.`;
export const AFTER_DESCRIPTION = 'A cursor of an earlier page: the page begins after it.';

@ObjectType({ description: 'Where a page stands in its list.', simpleResolvers: true })
export class PageInfo {
  @Field(() => Boolean, {
    description: 'Whether there are more after this page; where it ends before a cursor, whether there may be.',
  })
  hasNextPage!: boolean;

  @Field(() => Boolean, {
    description: 'Whether there are some before this page; where it begins after a cursor, whether there may be.',
  })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'Of the first item; null on an empty page.' })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: 'Of the last item, to go on from; null on an empty page.' })
  endCursor!: string | null;
}

export interface Edge<T> {
  readonly cursor: string;
  readonly node: T;
}

export interface Page<T> {
  readonly edges: readonly Edge<T>[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfo;
}

/** Arguments of a list that is read from either end. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
  readonly first?: number | null;

  @Field(() => String, { nullable: true, description: AFTER_DESCRIPTION })
  readonly after?: string | null;

  @Field(() => Int, {
    nullable: true,
    description:
      `The last ones instead of the first, in the same order: how many at most, from 1 to ${MAX_LIST}; anything else is ` +
      'BAD_USER_INPUT. `first` is of no effect beside it. Null: the first ones.',
  })
  readonly last?: number | null;

  @Field(() => String, { nullable: true, description: 'A cursor of another page: the page ends before it.' })
  readonly before?: string | null;
}

/** The part of a list that a page is taken from, and from which end. */
export interface PageRange<C> {
  /** Only what comes after this in the list, and before that; null: unbounded. */
  readonly after: C | null;
  readonly before: C | null;
  readonly limit: number;
  /** The last items are wanted. They may be read in either order. */
  readonly isFromEnd: boolean;
}

interface ListRequest<T, C> {
  readonly seal: Seal;
  /** Names the list; a cursor leads on in its own list only. */
  readonly list: string;
  readonly cursorOf: (item: T) => C;
}

interface PageRequest<T, C> extends ListRequest<T, C> {
  /** Null: `PAGE_DEFAULT`. */
  readonly first: number | null;
  readonly after: string | null | undefined;
  /** Up to `limit` items after the cursor. */
  readonly read: (after: C | null, limit: number) => Promise<readonly T[]> | readonly T[];
}

/** A page of a list whose cursors are tuples of texts; a cursor that this list did not give out is BAD_USER_INPUT. */
export async function pageOf<T, C extends readonly string[]>(request: PageRequest<T, C>): Promise<Page<T>> {
  const { first, after, read } = request;
  return pageFrom({
    ...request,
    args: { first, after: after ?? null },
    read: (range: PageRange<C>) => read(range.after, range.limit),
  });
}

/**
 * A page from either end of a list.
 *
 * @param request.read up to `limit` items of the range, in the order of the list
 */
export async function pageFrom<T, C extends readonly string[]>({
  seal,
  list,
  args: { first, after, last, before },
  cursorOf,
  read,
}: ListRequest<T, C> & {
  readonly args: PageArgs;
  readonly read: (range: PageRange<C>) => Promise<readonly T[]> | readonly T[];
}): Promise<Page<T>> {
  const isFromEnd = last != null;
  const size = isFromEnd ? sizeOf('last', last) : sizeOf('first', first ?? PAGE_DEFAULT);
  const start = after == null ? null : (openCursor(seal, list, after) as unknown as C);
  const end = before == null ? null : (openCursor(seal, list, before) as unknown as C);
  // One item more than requested shows whether there is another page.
  const items = await read({ after: start, before: end, limit: size + 1, isFromEnd });
  const hasMore = items.length > size;
  const shown = isFromEnd ? items.slice(-size) : items.slice(0, size);
  const edges = shown.map((node) => ({ cursor: sealCursor(seal, list, cursorOf(node)), node }));
  return {
    edges,
    nodes: edges.map((edge) => edge.node),
    pageInfo: {
      hasNextPage: (hasMore && !isFromEnd) || (end !== null && edges.length > 0),
      hasPreviousPage: (hasMore && isFromEnd) || (start !== null && edges.length > 0),
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

function sizeOf(name: string, asked: number): number {
  if (asked >= 1 && asked <= MAX_LIST) return asked;
  throw badUserInput(`Expected \`${name}\` from 1 to ${MAX_LIST}, got ${asked}.`);
}

export function sealCursor(seal: Seal, list: string, parts: readonly string[]): string {
  return seal.seal(`cursor of ${list}`, JSON.stringify(parts));
}

export function openCursor(seal: Seal, list: string, cursor: string): readonly string[] {
  const parts = findCursor(seal, list, cursor);
  if (parts === null) throw badUserInput('Expected a cursor that an earlier page of this list gave out.');
  return parts;
}

/** Null: this list did not give it out. */
export function findCursor(seal: Seal, list: string, cursor: string): readonly string[] | null {
  const text = seal.open(`cursor of ${list}`, cursor);
  // What opens was sealed by `sealCursor`.
  return text === null ? null : (JSON.parse(text) as readonly string[]);
}

/** A page of a list with the newest first, whose cursors are numbers of a sequence. */
export function sequenceRange({ after, before, limit, isFromEnd }: PageRange<readonly string[]>): SequenceRange {
  return { below: sequenceOf(after), above: sequenceOf(before), limit, isOldest: isFromEnd };
}

/** A cursor that is one number of a sequence. */
export function sequenceOf(cursor: readonly string[] | null): bigint | null {
  return cursor === null ? null : BigInt(cursor[0] ?? '0');
}

/** Of an interface. */
type AbstractClass<T> = abstract new () => T;

/** The connection and edge types of a node type. */
export function connectionOf<T extends object>(
  name: string,
  node: () => ClassType<T> | AbstractClass<T>,
  what: string,
): { Connection: ClassType<Page<T>>; Edge: ClassType<Edge<T>> } {
  @ObjectType(`${name}Edge`, { description: `One of the ${what} on a page.`, simpleResolvers: true })
  class EdgeType implements Edge<T> {
    @Field(() => String, { description: 'Where to go on from: `after`.' })
    cursor!: string;

    @Field(node, { description: 'The item itself.' })
    node!: T;
  }

  @ObjectType(`${name}Connection`, { description: `A page of ${what}.` })
  class ConnectionType implements Page<T> {
    @Field(() => [EdgeType], { description: 'The items, each with its cursor.' })
    edges!: readonly EdgeType[];

    @Field(() => [node()], { description: 'The items alone.' })
    nodes!: readonly T[];

    @Field(() => PageInfo, { description: 'Where this page stands in the list.' })
    pageInfo!: PageInfo;
  }
  return { Connection: ConnectionType, Edge: EdgeType };
}
