import 'reflect-metadata';

import { lexicographicSortSchema, printSchema, type GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';

import { guardRootFields } from './access.js';
import { AccountConnectionResolver, AccountResolver } from './account.js';
import { AccountSettingsResolver } from './account-settings.js';
import { AccountAlertRulesResolver, AlertRuleResolver } from './alert-rule.js';
import { AssetResolver } from './asset.js';
import { AuditEntryResolver } from './audit.js';
import { auditForbidden } from './audited.js';
import { AccountBalancesResolver, BalanceResolver } from './balance.js';
import { ChainResolver } from './chain.js';
import { CollateralRatioResolver } from './collateral-ratio.js';
import { CollateralRatioChangedResolver } from './collateral-ratio-changed.js';
import { CollateralRatioImpactResolver, RatioImpactResolver } from './collateral-ratio-impact.js';
import { CollateralRatioChanges } from './collateral-ratio-changes.js';
import { AssetRatiosResolver, CollateralRatioQueries } from './collateral-ratio-queries.js';
import { giveWay } from './give-way.js';
import { AccountHistoryResolver, FillResolver, LedgerEntryResolver } from './history.js';
import { InstrumentSettingsResolver } from './instrument-setting.js';
import { LIMITS, limitsInWords } from './limits.js';
import { MarginAsOfResolver } from './margin-as-of.js';
import { MarginRatioChangedResolver } from './margin-ratio-changed.js';
import { CollateralContributionResolver } from './margin-summary.js';
import { MoneyResolver } from './money.js';
import { NodeResolver } from './node-query.js';
import { PolicyChanges } from './policy-changes.js';
import { AccountPositionsResolver, PositionFieldsResolver, PositionResolver } from './position.js';
import { RecordFactsResolver } from './record-facts.js';
import { RecordLedgerEntriesResolver } from './record-ledger-entries.js';
import { RiskAlertResolver } from './risk-alert.js';
import { AccountAlertsResolver, RiskAlertStreamResolver, RiskAlertsResolver } from './risk-alerts.js';
import { RiskOverviewResolver } from './risk-overview.js';
import { InstrumentResolver, MarginPolicyResolver, VenueResolver } from './venue.js';
import { ViewerResolver } from './viewer.js';
import { SimulatedPositionFieldsResolver, WhatIfResolver } from './what-if.js';

/** The library has no place where the roots could be described. */
const ROOTS: Record<string, string> = {
  Query: 'What can be asked: over HTTP, WebSocket or server-sent events.',
  Mutation: 'What can be done: over HTTP POST only, one after the other in the order of the document.',
  Subscription: 'What can be followed: over WebSocket or server-sent events.',
};

/** The executable schema, with the check of roles in front of every root field, and a wait before what takes long. */
export function createSchema(): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [
      AccountAlertRulesResolver,
      AccountAlertsResolver,
      AccountBalancesResolver,
      AccountConnectionResolver,
      AccountHistoryResolver,
      AccountPositionsResolver,
      AccountResolver,
      AccountSettingsResolver,
      AlertRuleResolver,
      AssetRatiosResolver,
      AssetResolver,
      AuditEntryResolver,
      BalanceResolver,
      ChainResolver,
      CollateralContributionResolver,
      CollateralRatioChangedResolver,
      CollateralRatioChanges,
      CollateralRatioImpactResolver,
      CollateralRatioQueries,
      CollateralRatioResolver,
      FillResolver,
      InstrumentResolver,
      InstrumentSettingsResolver,
      LedgerEntryResolver,
      MarginPolicyResolver,
      MarginAsOfResolver,
      MarginRatioChangedResolver,
      MoneyResolver,
      NodeResolver,
      PolicyChanges,
      PositionFieldsResolver,
      PositionResolver,
      RatioImpactResolver,
      RecordFactsResolver,
      RecordLedgerEntriesResolver,
      RiskAlertResolver,
      RiskAlertStreamResolver,
      RiskAlertsResolver,
      RiskOverviewResolver,
      SimulatedPositionFieldsResolver,
      VenueResolver,
      ViewerResolver,
      WhatIfResolver,
    ],
    validate: false,
    // Subscriptions bring their own sources; the library only wants to have a pub/sub at hand.
    pubSub: { publish: () => undefined, subscribe: () => neverYields() },
  });
  for (const [name, description] of Object.entries(ROOTS)) {
    const root = schema.getType(name);
    if (root !== undefined) root.description = description;
  }
  schema.description = limitsInWords(LIMITS);
  return giveWay(auditForbidden(guardRootFields(schema)));
}

/** What stands in schema.graphql: sorted, so that a change of the API is a small difference. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(createSchema()))}\n`;
}

async function* neverYields(): AsyncGenerator<never> {
  // Every subscription names its own source.
}
