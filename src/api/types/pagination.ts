/** Relay connections: cursors, bounds on `first`, and the types of a connection. */
import { Field, ObjectType, type ClassType } from 'type-graphql';

import { badUserInput } from './api-error.js';
import { MAX_LIST } from './lists.js';
import type { Seal } from './seal.js';

export const PAGE_DEFAULT = 20;
export const FIRST_DESCRIPTION = `How many at most, from 1 to ${MAX_LIST}; anything else is BAD_USER_INPUT. Null: ${PAGE_DEFAULT}.`;
export const AFTER_DESCRIPTION = 'A cursor of an earlier page: the page begins after it.';

@ObjectType({ description: 'Where a page stands in its list.', simpleResolvers: true })
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether there are more after this page.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'Whether there are some before this page.' })
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

interface PageRequest<T, C> {
  readonly seal: Seal;
  /** Names the list; a cursor leads on in its own list only. */
  readonly list: string;
  /** Null: `PAGE_DEFAULT`. */
  readonly first: number | null;
  readonly after: string | null | undefined;
  readonly cursorOf: (item: T) => C;
  /** Up to `limit` items after the cursor. */
  readonly read: (after: C | null, limit: number) => Promise<readonly T[]> | readonly T[];
}

/** A page of a list whose cursors are tuples of texts; a cursor that this list did not give out is BAD_USER_INPUT. */
export async function pageOf<T, C extends readonly string[]>(request: PageRequest<T, C>): Promise<Page<T>> {
  const { seal, list, after, cursorOf, read } = request;
  const first = request.first ?? PAGE_DEFAULT;
  if (first < 1 || first > MAX_LIST) throw badUserInput(`Expected \`first\` from 1 to ${MAX_LIST}, got ${first}.`);
  const start = after == null ? null : (openCursor(seal, list, after) as unknown as C);
  // One item more than requested shows whether there is a next page.
  const items = await read(start, first + 1);
  const edges = items.slice(0, first).map((node) => ({ cursor: sealCursor(seal, list, cursorOf(node)), node }));
  return {
    edges,
    nodes: edges.map((edge) => edge.node),
    pageInfo: {
      hasNextPage: items.length > first,
      hasPreviousPage: start !== null,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

export function sealCursor(seal: Seal, list: string, parts: readonly string[]): string {
  return seal.seal(`cursor of ${list}`, JSON.stringify(parts));
}

export function openCursor(seal: Seal, list: string, cursor: string): readonly string[] {
  const text = seal.open(`cursor of ${list}`, cursor);
  if (text === null) throw badUserInput('Expected a cursor that an earlier page of this list gave out.');
  // What opens was sealed by `sealCursor`.
  return JSON.parse(text) as readonly string[];
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
