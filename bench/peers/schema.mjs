/** What the peers answer: a part of the product's schema, under the same names, over rows from any source. */
import { GraphQLScalarType } from 'graphql';

import { straightMargin } from './margin.mjs';

export const TYPES = `
  scalar Decimal
  scalar DateTime
  type Query { account(id: ID!): Account  accounts(first: Int = 20): AccountConnection! }
  type AccountConnection { nodes: [Account!]!  pageInfo: PageInfo! }
  type PageInfo { hasNextPage: Boolean! }
  type Venue { code: String!  name: String! }
  type Account {
    id: ID!  name: String!  owner: String!  collateralMode: String!  positionMode: String!  openedAt: DateTime!
    venue: Venue!  margin: Margin!
  }
  type Margin {
    status: String!  walletValue: Decimal!  collateralValue: Decimal!  unrealizedPnl: Decimal!  marginBalance: Decimal!
    initialMargin: Decimal!  maintenanceMargin: Decimal!  availableMargin: Decimal!  marginRatio: Decimal
    healthFactor: Decimal
  }`;

const PREFIX = 'Account:';

/**
 * @param source `account(id, owner, withHoldings)` and `accounts(owner, limit)`, each a row or rows as `pg` names them
 * @param rules of `openRules`; null: the source has no holdings
 */
export function resolversOf(source, rules) {
  return {
    Decimal: new GraphQLScalarType({ name: 'Decimal', serialize: (value) => value.toFixed() }),
    DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (value) => value.toISOString() }),
    Query: {
      account: (_root, { id }, { viewer }, info) => {
        const text = Buffer.from(id, 'base64url').toString();
        if (!text.startsWith(PREFIX)) return null;
        const asked = info.fieldNodes[0].selectionSet.selections;
        return source.account(
          text.slice(PREFIX.length),
          viewer,
          asked.some(({ name }) => name.value === 'margin'),
        );
      },
      accounts: async (_root, { first }, { viewer }) => {
        const rows = await source.accounts(viewer, first + 1);
        return { nodes: rows.slice(0, first), pageInfo: { hasNextPage: rows.length > first } };
      },
    },
    Account: {
      id: ({ id }) => Buffer.from(PREFIX + id).toString('base64url'),
      venue: ({ venue_code }) => source.venues.get(venue_code),
      collateralMode: ({ collateral_mode }) => collateral_mode,
      positionMode: ({ position_mode }) => position_mode,
      openedAt: ({ opened_at }) => opened_at,
      margin: (row) => straightMargin(row, rules),
    },
  };
}
