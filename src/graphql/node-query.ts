import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';

import { ANY_ROLE, Access } from './access.js';
import { visibleAccount } from './account.js';
import type { Context } from './context.js';
import { parseGlobalId, type NodeType } from './global-id.js';
import { boundedList } from './lists.js';
import { Node } from './node.js';
import { positionsOf } from './position.js';

/** How each type is found by the parts of its local id; null where there is none, or it is not the viewer's to see. */
const FINDERS: Record<NodeType, (local: string[], context: Context) => unknown> = {
  Venue: ([code = ''], { rulebook }) => rulebook.venues.get(code),
  Chain: ([code = ''], { rulebook }) => rulebook.chains.get(code),
  Asset: ([symbol = ''], { rulebook }) => rulebook.assets.get(symbol),
  Instrument: ([venue = '', symbol = ''], { rulebook }) => rulebook.instrument(venue, symbol),
  CollateralRatio: ([id = ''], { rulebook }) => rulebook.ratioVersion(id),
  Account: ([id = ''], context) => visibleAccount(id, context),
  Position: async ([accountId = '', instrument, side], context) => {
    if ((await visibleAccount(accountId, context)) === null) return null;
    const positions = await positionsOf(accountId, context);
    return positions.find((position) => position.instrument === instrument && position.side === side);
  },
  LedgerEntry: ([seq = ''], context) => ofVisibleAccount(context.loaders.ledgerEntry, seq, context),
  Fill: ([seq = ''], context) => ofVisibleAccount(context.loaders.fill, seq, context),
};

/** How many parts a local id has: an id has one spelling, and what comes after it is not overlooked. */
const PARTS: Partial<Record<NodeType, number>> = { Instrument: 2, Position: 3 };

/** A row that belongs to an account, if the account is the viewer's to see. */
async function ofVisibleAccount(
  loader: { load(seq: bigint): Promise<{ readonly accountId: string } | null> },
  seq: string,
  context: Context,
): Promise<unknown> {
  if (!/^[1-9]\d{0,17}$/.test(seq)) return null;
  const row = await loader.load(BigInt(seq));
  return row !== null && (await visibleAccount(row.accountId, context)) !== null ? row : null;
}

@Resolver()
export class NodeResolver {
  @Access(...ANY_ROLE)
  @Query(() => Node, {
    nullable: true,
    description: "The object with this id. Any role; null where there is none, or it is not the viewer's to see.",
  })
  async node(
    @Arg('id', () => ID, { description: 'A global id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<unknown> {
    const parsed = parseGlobalId(id);
    if (parsed === null || !Object.hasOwn(FINDERS, parsed.type)) return null;
    const type = parsed.type as NodeType;
    if (parsed.local.length !== (PARTS[type] ?? 1)) return null;
    const found = await FINDERS[type](parsed.local, context);
    return found === undefined || found === null ? null : { ...found, __typename: type };
  }

  @Access(...ANY_ROLE)
  @Query(() => [Node], {
    nullable: 'items',
    description:
      "The objects with these ids, in the order asked. Any role; null where there is none, or it is not the viewer's to see.",
  })
  nodes(
    @Arg('ids', () => [ID], { description: 'Global ids, at most 100.' }) ids: string[],
    @Ctx() context: Context,
  ): Promise<unknown[]> {
    return Promise.all(boundedList('ids', ids).map((id) => this.node(id, context)));
  }
}
