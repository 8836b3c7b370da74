import 'reflect-metadata';

import { lexicographicSortSchema, printSchema, type GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';

import { guardRootFields } from './access.js';
import { AccountConnectionResolver, AccountResolver } from './account.js';
import { AssetResolver } from './asset.js';
import { ChainResolver } from './chain.js';
import { AssetRatiosResolver, CollateralRatioResolver } from './collateral-ratio.js';
import { AccountHistoryResolver, FillResolver, LedgerEntryResolver } from './history.js';
import { MarginRatioChangedResolver } from './margin-ratio-changed.js';
import { CollateralContributionResolver } from './margin-summary.js';
import { NodeResolver } from './node-query.js';
import { AccountPositionsResolver, PositionResolver } from './position.js';
import { RecordFactsResolver } from './record-facts.js';
import { InstrumentResolver, MarginPolicyResolver, VenueResolver } from './venue.js';
import { ViewerResolver } from './viewer.js';

/** The executable schema, with the check of roles in front of every root field. */
export function createSchema(): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [
      AccountConnectionResolver,
      AccountHistoryResolver,
      AccountPositionsResolver,
      AccountResolver,
      AssetRatiosResolver,
      AssetResolver,
      ChainResolver,
      CollateralContributionResolver,
      CollateralRatioResolver,
      FillResolver,
      InstrumentResolver,
      LedgerEntryResolver,
      MarginPolicyResolver,
      MarginRatioChangedResolver,
      NodeResolver,
      PositionResolver,
      RecordFactsResolver,
      VenueResolver,
      ViewerResolver,
    ],
    validate: false,
    // Subscriptions bring their own sources; the library only wants to have a pub/sub at hand.
    pubSub: { publish: () => undefined, subscribe: () => neverYields() },
  });
  return guardRootFields(schema);
}

/** What stands in schema.graphql: sorted, so that a change of the API is a small difference. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(createSchema()))}\n`;
}

async function* neverYields(): AsyncGenerator<never> {
  // Every subscription names its own source.
}
