import 'reflect-metadata';

import { lexicographicSortSchema, printSchema, type GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';

import { guardRootFields } from './access.js';
import { AccountConnectionResolver, AccountResolver } from './account.js';
import { AccountSettingsResolver } from './account-settings.js';
import { AssetResolver } from './asset.js';
import { AccountBalancesResolver, BalanceResolver } from './balance.js';
import { ChainResolver } from './chain.js';
import { AssetRatiosResolver, CollateralRatioResolver } from './collateral-ratio.js';
import { AccountHistoryResolver, FillResolver, LedgerEntryResolver } from './history.js';
import { InstrumentSettingsResolver } from './instrument-setting.js';
import { MarginRatioChangedResolver } from './margin-ratio-changed.js';
import { CollateralContributionResolver } from './margin-summary.js';
import { MoneyResolver } from './money.js';
import { NodeResolver } from './node-query.js';
import { AccountPositionsResolver, PositionFieldsResolver, PositionResolver } from './position.js';
import { RecordFactsResolver } from './record-facts.js';
import { RecordLedgerEntriesResolver } from './record-ledger-entries.js';
import { InstrumentResolver, MarginPolicyResolver, VenueResolver } from './venue.js';
import { ViewerResolver } from './viewer.js';
import { SimulatedPositionFieldsResolver, WhatIfResolver } from './what-if.js';

/** The executable schema, with the check of roles in front of every root field. */
export function createSchema(): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [
      AccountBalancesResolver,
      AccountConnectionResolver,
      AccountHistoryResolver,
      AccountPositionsResolver,
      AccountResolver,
      AccountSettingsResolver,
      AssetRatiosResolver,
      AssetResolver,
      BalanceResolver,
      ChainResolver,
      CollateralContributionResolver,
      CollateralRatioResolver,
      FillResolver,
      InstrumentResolver,
      InstrumentSettingsResolver,
      LedgerEntryResolver,
      MarginPolicyResolver,
      MarginRatioChangedResolver,
      MoneyResolver,
      NodeResolver,
      PositionFieldsResolver,
      PositionResolver,
      RecordFactsResolver,
      RecordLedgerEntriesResolver,
      SimulatedPositionFieldsResolver,
      VenueResolver,
      ViewerResolver,
      WhatIfResolver,
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
