import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';

import { isUuid } from '../platform/ids.js';
import { readAuditEntry } from '../policy/changes/audit.js';
import { ANY_ROLE, Access } from './types/access.js';
import { ANSWER_ONLY, Cost } from './types/cost.js';
import { visibleAccount } from './account/read-account.js';
import type { Context } from './execution/context.js';
import { openGlobalId, type NodeType } from './types/global-id.js';
import { boundedList } from './types/lists.js';
import { Node } from './types/node.js';
import { positionsOf } from './account/position.js';

/** Finds a node of each type by the parts of its local id. Null: there is none, or the viewer may not see it. */
const FINDERS: Record<NodeType, (local: string[], context: Context) => unknown> = {
  Venue: ([code = ''], { rulebook }) => rulebook.venues.get(code),
  Chain: ([code = ''], { rulebook }) => rulebook.chains.get(code),
  Asset: ([symbol = ''], { rulebook }) => rulebook.assets.get(symbol),
  Instrument: ([venue = '', symbol = ''], { rulebook }) => rulebook.instrument(venue, symbol),
  Account: ([id = ''], context) => visibleAccount(id, context),
  Position: async ([accountId = '', instrument, side], context) => {
    if ((await visibleAccount(accountId, context)) === null) return null;
    const positions = await positionsOf(accountId, context);
    return positions.find((position) => position.instrument === instrument && position.side === side);
  },
  LedgerEntry: ([seq], context) => ofVisibleAccount(context.loaders.ledgerEntry, numberOf(seq), context),
  Fill: ([seq], context) => ofVisibleAccount(context.loaders.fill, numberOf(seq), context),
  RiskAlert: ([seq], context) => ofVisibleAccount(context.loaders.alert, numberOf(seq), context),
  AlertRule: ([id = ''], context) => ofVisibleAccount(context.loaders.alertRule, isUuid(id) ? id : null, context),
  AuditEntry: ([local], { db, viewer }) => {
    return viewer?.roles.includes('ADMIN') === true ? readAuditEntry(db, numberOf(local)) : null;
  },
};

/** The number of parts of a local id. An id with further parts is refused, so that each id has one spelling. */
const PARTS: Partial<Record<NodeType, number>> = { Instrument: 2, Position: 3 };

/** A number of a sequence: such an id opens only if it was sealed here. */
function numberOf(local: string | undefined): bigint {
  return BigInt(local ?? '0');
}

/** An id of no other type may be that of a rule's version. */
async function find(type: string, local: string[], context: Context): Promise<unknown> {
  const isNodeType = (name: string): name is NodeType => Object.hasOwn(FINDERS, name);
  if (local.length !== ((isNodeType(type) ? PARTS[type] : undefined) ?? 1)) return null;
  return isNodeType(type) ? FINDERS[type](local, context) : context.rulebook.version(type, local[0] ?? '');
}

/** A row that belongs to an account, if the account is the viewer's to see. */
async function ofVisibleAccount<K>(
  loader: { load(key: K): Promise<{ readonly accountId: string } | null> },
  key: K | null,
  context: Context,
): Promise<unknown> {
  if (key === null) return null;
  const row = await loader.load(key);
  return row !== null && (await visibleAccount(row.accountId, context)) !== null ? row : null;
}

@Resolver()
export class NodeResolver {
  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => Node, {
    nullable: true,
    description: "The object with this id. Any role; null where there is none, or it is not the viewer's to see.",
  })
  async node(
    @Arg('id', () => ID, { description: 'A global id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<unknown> {
    const parsed = openGlobalId(context.seal, id);
    if (parsed === null) return null;
    const found = await find(parsed.type, parsed.local, context);
    return found === undefined || found === null ? null : { ...found, __typename: parsed.type };
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
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
