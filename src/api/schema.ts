import 'reflect-metadata';

import { lexicographicSortSchema, printSchema, type GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';

import { guardRootFields } from './types/access.js';
import { AccountConnectionResolver, AccountResolver } from './account/account.js';
import { AccountSettingsResolver } from './account/account-settings.js';
import { AccountAlertRulesResolver, AlertRuleResolver } from './risk/alert-rule.js';
import { AssetResolver } from './venue/asset.js';
import { AuditEntryResolver } from './admin/audit.js';
import { auditForbidden } from './admin/audited.js';
import { AccountBalancesResolver, BalanceResolver } from './account/balance.js';
import { ChainResolver } from './venue/chain.js';
import { CollateralRatioChangedResolver } from './venue/collateral-ratio-changed.js';
import { CollateralRatioImpactResolver, RuleImpactResolver } from './admin/collateral-ratio-impact.js';
import { AssetRatiosResolver, CollateralRatioQueries } from './venue/collateral-ratio-queries.js';
import { callDirectly } from './types/direct-resolvers.js';
import { giveWay } from './execution/give-way.js';
import { AccountHistoryResolver, FillResolver, LedgerEntryResolver } from './account/history.js';
import { InstrumentSettingsResolver } from './account/instrument-setting.js';
import { AccountInterestResolver, InterestEstimateResolver } from './account/interest-estimate.js';
import { LIMITS } from './execution/limits.js';
import { limitsInWords } from './execution/limits-in-words.js';
import { EquityHistoryResolver } from './past/equity-history.js';
import { MarginAsOfResolver } from './past/margin-at.js';
import { MarginRatioChangedResolver } from './risk/margin-ratio-changed.js';
import { CollateralContributionResolver } from './account/margin-summary.js';
import { WithdrawalsResolver } from './account/withdrawals.js';
import { NodeResolver } from './node-query.js';
import { CancelRuleChange } from './admin/cancel-rule-change.js';
import { RuleHistory } from './admin/rule-history.js';
import { RULE_KINDS } from './admin/rule-kinds.js';
import { RulePreview } from './admin/rule-preview.js';
import { AccountOpenOrdersResolver } from './account/open-orders.js';
import { PortfolioResolver } from './account/portfolio.js';
import { AccountPositionsResolver, PositionFieldsResolver, PositionResolver } from './account/position.js';
import { RecordEventsResolver, RecordFillsPayloadResolver } from './ingest/record-events.js';
import { ReportOpenOrdersResolver } from './ingest/report-open-orders.js';
import { RecordAccountTransferResolver } from './ingest/record-account-transfer.js';
import { RecordTradesResolver } from './ingest/record-trades.js';
import { ReverseFillResolver } from './ingest/reverse-fill.js';
import { RecordLedgerEntriesResolver } from './ingest/record-ledger-entries.js';
import { AlertsPageResolver } from './risk/alert-page.js';
import { RiskAlertResolver } from './risk/risk-alert.js';
import { AcknowledgeAlertsResolver } from './risk/acknowledge-alerts.js';
import { AlertTextResolver } from './risk/alert-text.js';
import { AccountAlertsResolver, RiskAlertStreamResolver, RiskAlertsResolver } from './risk/risk-alerts.js';
import { RiskOverviewResolver } from './risk/risk-overview.js';
import { RuleVersionResolver } from './venue/rule-version.js';
import { InstrumentResolver, VenueResolver } from './venue/venue.js';
import { ViewerResolver } from './account/viewer.js';
import { SimulatedPositionFieldsResolver, WhatIfResolver } from './account/what-if.js';

/** type-graphql has no place for descriptions of the root types. */
const ROOTS: Record<string, string> = {
  Query: 'What can be asked: over HTTP, WebSocket or server-sent events.',
  Mutation: 'What can be done: over HTTP POST only, one after the other in the order of the document.',
  Subscription: 'What can be followed: over WebSocket or server-sent events.',
};

/** Every class with resolvers. */
const RESOLVERS = [
  AccountAlertRulesResolver,
  AccountAlertsResolver,
  AcknowledgeAlertsResolver,
  AlertTextResolver,
  AccountBalancesResolver,
  AccountConnectionResolver,
  AccountHistoryResolver,
  AccountInterestResolver,
  AccountOpenOrdersResolver,
  AccountPositionsResolver,
  AccountResolver,
  AccountSettingsResolver,
  AlertRuleResolver,
  AlertsPageResolver,
  AssetRatiosResolver,
  AssetResolver,
  AuditEntryResolver,
  BalanceResolver,
  CancelRuleChange,
  ChainResolver,
  CollateralContributionResolver,
  CollateralRatioChangedResolver,
  CollateralRatioImpactResolver,
  CollateralRatioQueries,
  FillResolver,
  InstrumentResolver,
  InstrumentSettingsResolver,
  InterestEstimateResolver,
  LedgerEntryResolver,
  EquityHistoryResolver,
  MarginAsOfResolver,
  MarginRatioChangedResolver,
  WithdrawalsResolver,
  NodeResolver,
  PositionFieldsResolver,
  PositionResolver,
  RecordAccountTransferResolver,
  RecordTradesResolver,
  ReverseFillResolver,
  RecordEventsResolver,
  RecordFillsPayloadResolver,
  RecordLedgerEntriesResolver,
  ReportOpenOrdersResolver,
  RiskAlertResolver,
  RiskAlertStreamResolver,
  RiskAlertsResolver,
  RiskOverviewResolver,
  RuleHistory,
  RuleImpactResolver,
  RulePreview,
  RuleVersionResolver,
  SimulatedPositionFieldsResolver,
  VenueResolver,
  PortfolioResolver,
  ViewerResolver,
  WhatIfResolver,
  ...RULE_KINDS.flatMap(({ resolvers }) => resolvers),
] as const;

/** The executable schema: a check of roles in front of every root field, a yield in front of every long field. */
export function createSchema(): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: RESOLVERS,
    validate: false,
    // It asks the new schema for an introspection: a third of a second of each start. The first operation validates it.
    skipCheck: true,
    // Subscriptions have their own sources, but type-graphql requires a pub/sub.
    pubSub: { publish: () => undefined, subscribe: () => neverYields() },
  });
  for (const [name, description] of Object.entries(ROOTS)) {
    const root = schema.getType(name);
    if (root !== undefined) root.description = description;
  }
  schema.description = limitsInWords(LIMITS);
  return giveWay(auditForbidden(guardRootFields(callDirectly(schema, RESOLVERS))));
}

/** The text of schema.graphql, sorted, so that a change of the API is a small diff. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(createSchema()))}\n`;
}

async function* neverYields(): AsyncGenerator<never> {
  // Never used, since every subscription names its own source.
}
