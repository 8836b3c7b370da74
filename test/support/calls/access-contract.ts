/** Who may call what, and whose is what: all of the schema, by name. */
import type { Role } from '../../../src/platform/tokens.js';

export const ROLES: readonly Role[] = ['TRADER', 'ADMIN', 'SERVICE'];

/** The contract: who may call what. */
export const CALLERS: Readonly<Record<string, readonly Role[]>> = {
  ...Object.fromEntries(
    [
      ...[
        'account',
        'accounts',
        'assets',
        'collateralRatioHistory',
        'collateralRatios',
        'instruments',
        'node',
        'nodes',
      ],
      ...['riskAlerts', 'ruleHistory', 'scheduledCollateralRatios', 'scheduledRules', 'venues', 'viewer'],
      ...['subscription riskAlerts', 'collateralRatioChanged', 'marginRatioChanged', 'marginRatiosChanged'],
    ].map((name) => [name, ROLES]),
  ),
  ...Object.fromEntries(
    [
      ...['auditLog', 'previewCollateralRatios', 'previewRuleChange', 'riskOverview'],
      ...['cancelCollateralRatio', 'cancelRuleChange', 'changeCollateralRatio'],
      ...['changeInterestRate', 'changeMaintenanceTiers', 'changeMarginPolicy'],
    ].map((name) => [name, ['ADMIN']]),
  ),
  ...Object.fromEntries(
    [
      ...['publishPrices', 'recordAccountTransfer', 'recordFills', 'recordLedgerEntries', 'recordTrades'],
      ...['recordTransfers', 'reportOpenOrders', 'reverseFill'],
    ].map((name) => [name, ['SERVICE']]),
  ),
  ...Object.fromEntries(
    [...['acknowledgeRiskAlert', 'acknowledgeRiskAlerts', 'removeAlertRule', 'setAlertRule', 'withdraw']].map(
      (name) => [name, ['TRADER']],
    ),
  ),
  // Of any account, where a service asks: the venue's engine owns them.
  ...Object.fromEntries(
    [
      'adjustPositionMargin',
      'setCollateralAsset',
      'setCollateralMode',
      'setLeverage',
      'setMarginMode',
      'setPositionMode',
    ].map((name) => [name, ['TRADER', 'SERVICE']]),
  ),
  openAccount: ['ADMIN', 'SERVICE'],
};

/** What each argument that takes an id names: a kind of what belongs to an account; null: nothing that does. */
export const NAMED: Readonly<Record<string, OwnedKind | null>> = {
  'account.id': 'Account',
  // Of the venue's making: external-ids.test.ts asks for hers.
  'account.externalId': null,
  'acknowledgeRiskAlert.input.id': 'RiskAlert',
  'acknowledgeRiskAlerts.input.accountIds': 'Account',
  'adjustPositionMargin.input.positionId': 'Position',
  // For admins, who may see all.
  'auditLog.subject': null,
  'cancelCollateralRatio.input.id': null,
  'cancelRuleChange.input.id': null,
  // Rules are everybody's to read.
  'ruleHistory.id': null,
  'marginRatioChanged.accountIds': 'Account',
  'marginRatiosChanged.accountIds': 'Account',
  'recordAccountTransfer.input.fromAccountId': 'Account',
  'recordAccountTransfer.input.toAccountId': 'Account',
  'recordFills.input.fills.accountId': 'Account',
  'recordLedgerEntries.input.entries.accountId': 'Account',
  'recordLedgerEntries.input.entries.positionId': 'Position',
  'recordTrades.input.trades.buyer.accountId': 'Account',
  'recordTrades.input.trades.seller.accountId': 'Account',
  'recordTransfers.input.transfers.accountId': 'Account',
  'removeAlertRule.input.id': 'AlertRule',
  'reportOpenOrders.input.orders.accountId': 'Account',
  'riskAlerts.accountIds': 'Account',
  'subscription riskAlerts.accountIds': 'Account',
  'setAlertRule.input.accountId': 'Account',
  'setCollateralAsset.input.accountId': 'Account',
  'setCollateralMode.input.accountId': 'Account',
  'setLeverage.input.accountId': 'Account',
  'setMarginMode.input.accountId': 'Account',
  'setPositionMode.input.accountId': 'Account',
  'withdraw.input.accountId': 'Account',
  // These take an id of any kind.
  'node.id': 'Account',
  'nodes.ids': 'Account',
};
/** Ids that their sender makes, and that belong to him or to the venue. */
export const MADE_BY_THE_SENDER =
  /^openAccount\.input\.externalId$|\.(idempotencyKey|fillId|tradeId|reversalId|transferId|entryId)$/;

/** Every type with an id; true: it belongs to an account. */
export const OWNED = {
  Account: true,
  AlertRule: true,
  Fill: true,
  LedgerEntry: true,
  Position: true,
  RiskAlert: true,
  Asset: false,
  // For admins only.
  AuditEntry: false,
  Chain: false,
  CollateralRatio: false,
  Instrument: false,
  MaintenanceTiers: false,
  MarginPolicy: false,
  Venue: false,
} as const;
export type OwnedKind = { [K in keyof typeof OWNED]: (typeof OWNED)[K] extends true ? K : never }[keyof typeof OWNED];
export const OWNED_KINDS = (Object.keys(OWNED) as (keyof typeof OWNED)[]).filter(
  (kind): kind is OwnedKind => OWNED[kind],
);
