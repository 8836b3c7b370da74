/** Enumerations of the API; their values are the domain's own words. */
import { registerEnumType } from 'type-graphql';

import { LEDGER_CODES } from '../../ledger/ledger-checks.js';
import { MARGIN_STATUSES } from '../../margin/model.js';
import { MARGIN_CODES } from '../../margin/refusal.js';
import { MARKET_CODES } from '../../market/refusal.js';
import { STALE_REASONS } from '../../market/staleness.js';
import { ROLES } from '../../platform/tokens.js';
import * as stored from '../../platform/prisma/enums.js';
import { POLICY_CODES } from '../../policy/versions/refusal.js';
import { ALERT_CODES } from '../../risk/alerts/refusal.js';

export const {
  CollateralMode,
  PositionMode,
  MarginMode,
  PositionSide,
  TradeSide,
  TierUnit,
  MaintenanceMethod,
  PnlCounts,
  ExchangeOrder,
  LedgerKind,
  FillKind,
  RiskAlertKind,
} = stored;

function enumOf<T extends string>(values: readonly T[]): { readonly [K in T]: K } {
  return Object.fromEntries(values.map((value) => [value, value])) as { readonly [K in T]: K };
}

export const MarginStatus = enumOf(MARGIN_STATUSES);
export const Role = enumOf(ROLES);
export const CollateralRatioStatus = enumOf(['SCHEDULED', 'ACTIVE', 'SUPERSEDED', 'CANCELLED']);
export const AccountOrder = enumOf(['NAME', 'RISK_DESC']);
export const MarginChangeCause = enumOf([
  'SNAPSHOT',
  'PRICE',
  'ACCOUNT',
  'COLLATERAL_RATIO',
  'POLICY',
  'INTEREST',
  'RESYNC',
]);
export const OrderWeight = enumOf(['WORST_SIDE', 'NONE']);
export const OpenLoss = enumOf(['INITIAL', 'NONE']);
export const StaleReason = enumOf(STALE_REASONS);
export const AlertSeverity = enumOf(['INFO', 'WARNING', 'CRITICAL']);
export const NoLiquidationPrice = enumOf(['NO_EXPOSURE', 'NOT_REACHABLE', 'UNPRICED', 'ALREADY_LIQUIDATABLE']);
export const NoMarginAsOf = enumOf(['BEFORE_OPENING', 'IN_THE_FUTURE', 'PRICES_NOT_KEPT']);
export const ErrorCode = enumOf([...MARGIN_CODES, ...MARKET_CODES, ...POLICY_CODES, ...LEDGER_CODES, ...ALERT_CODES]);

function register<T extends object>(
  values: T,
  name: string,
  description: string,
  each: Record<keyof T & string, string>,
): void {
  const texts = Object.entries<string>(each);
  const valuesConfig = Object.fromEntries(texts.map(([value, text]) => [value, { description: text }]));
  registerEnumType<object>(values, { name, description, valuesConfig });
}

register(CollateralMode, 'CollateralMode', "How the account's collateral counts.", {
  SINGLE_ASSET:
    "The venue's `singleAsset` counts in full, other positive balances count nothing; debts in any asset count in full.",
  MULTI_ASSET: "Every accepted asset counts through the tiers of its ratio on the account's chain; debts in full.",
});
register(PositionMode, 'PositionMode', 'How fills of one instrument add up.', {
  ONE_WAY: 'One position an instrument: a fill against it closes it, and what is more opens the other side.',
  HEDGE: 'A long and a short beside each other, without netting; a fill names its side.',
});
register(MarginMode, 'MarginMode', 'What stands behind a position.', {
  CROSS: 'The whole account.',
  ISOLATED: 'Only the margin that was set aside for it.',
});
register(PositionSide, 'PositionSide', 'The direction of a position.', {
  LONG: 'Gains when the mark price rises.',
  SHORT: 'Gains when the mark price falls.',
});
register(TradeSide, 'TradeSide', 'The direction of a fill.', {
  BUY: 'Opens or adds to a long, or closes a short.',
  SELL: 'Opens or adds to a short, or closes a long.',
});
register(TierUnit, 'TierUnit', 'What the floors and caps of collateral tiers are stated in.', {
  QUOTE_VALUE: "The value of the balance at index price, in the venue's unit.",
  QUANTITY: 'Coins.',
});
register(PnlCounts, 'PnlCounts', 'How unrealised PnL of cross positions counts in multi-asset mode.', {
  IN_FULL: 'Beside the collateral: each gain and loss in full.',
  AS_EQUITY:
    'With the balance of the asset that it is settled in: what is left goes through the tiers, a negative sum counts in full.',
});
register(MaintenanceMethod, 'MaintenanceMethod', 'How maintenance margin follows from the tier of a notional.', {
  PROGRESSIVE: 'Notional x rate less the amount of the tier: continuous where tiers meet.',
  FLAT: 'Notional x rate of the tier that holds the whole notional: it jumps where tiers meet.',
});
register(ExchangeOrder, 'ExchangeOrder', 'Which assets an automatic exchange sells for a debt.', {
  PRO_RATA: 'The same part of each that can be sold.',
  HIGHEST_RATIO_FIRST:
    'One after the other, each in full until the debt is covered: the one that counts most of its value first, of several ' +
    'the first by symbol.',
});
register(OrderWeight, 'OrderWeight', 'How resting orders are weighed for a requirement.', {
  WORST_SIDE:
    'By the largest position that they could lead to: all orders in its direction filled, or all against it. What that ' +
    'requires beyond the position as it is, is for the orders.',
  NONE: 'They require nothing.',
});
register(OpenLoss, 'OpenLoss', 'Whether what resting orders would lose at once adds to a requirement.', {
  INITIAL: 'Buys above the mark price and sells below it: what they would lose adds to initial margin.',
  NONE: 'It adds to nothing.',
});
register(
  MarginStatus,
  'MarginStatus',
  "From calm to lost, in the order of getting worse. The thresholds belong to the venue's policy.",
  {
    NO_EXPOSURE: 'Nothing is required, and the margin balance is not negative.',
    HEALTHY: 'Maintenance margin / margin balance is below the warning ratio.',
    WARNING: 'The ratio has reached the warning ratio.',
    MARGIN_CALL: 'The ratio has reached the margin call ratio.',
    LIQUIDATION:
      "The ratio has passed the policy's liquidation ratio, on the side of equality that it says, or the margin balance is negative.",
    UNPRICED: 'A position or a debt has no usable price, so nothing can be promised.',
  },
);
register(Role, 'Role', 'What the bearer of a token may do.', {
  TRADER: 'Sees and changes own accounts.',
  ADMIN: 'Reads all accounts, opens accounts, changes ratios and policies; moves no money.',
  SERVICE: "One of the venue's own systems: reads all accounts, opens accounts, publishes prices, fills and transfers.",
});
register(CollateralRatioStatus, 'CollateralRatioStatus', 'Where a version stands in time.', {
  SCHEDULED: 'Takes effect at an instant to come.',
  ACTIVE: 'In force.',
  SUPERSEDED: 'A later version is in force.',
  CANCELLED: 'Taken back before it took effect.',
});
register(AccountOrder, 'AccountOrder', 'The order of a list of accounts; without one they come by id, oldest first.', {
  NAME: 'By name, by code point; accounts of one name by id.',
  RISK_DESC:
    'UNPRICED first, then the lowest health factor of the cross account or of an isolated position, as the live monitor ' +
    'has last evaluated it; an account that moves meanwhile may come twice or be missed.',
});
register(MarginChangeCause, 'MarginChangeCause', 'Why a margin state is pushed.', {
  SNAPSHOT: 'The first state of the account in this stream.',
  PRICE: 'A price that concerns the account was published or aged.',
  ACCOUNT: 'The account was changed: a fill, a transfer, a setting.',
  COLLATERAL_RATIO: 'A collateral ratio of its venue and chain has taken effect.',
  POLICY: 'Other rules of its venue have taken effect.',
  INTEREST: 'Interest was booked.',
  RESYNC: 'Changes may not have been noticed for a while: this is the state as it is now.',
});
register(StaleReason, 'StaleReason', 'Why a price is stale: the last one goes on being used.', {
  AGED: 'No source has a quote that is fresh.',
  SOURCES_DISAGREE: 'Two sources are fresh, and lie more than 5 % apart.',
  CLOCK_AHEAD: 'No source is fresh, and one is dated more than a minute ahead, by a clock that was wrong.',
});
register(NoLiquidationPrice, 'NoLiquidationPrice', 'Why there is no liquidation price.', {
  NO_EXPOSURE: 'Nothing is required: there is nothing to be liquidated.',
  NOT_REACHABLE: 'At no price above 0 would it be liquidated, all other prices unchanged.',
  UNPRICED: 'A price that it takes is missing.',
  ALREADY_LIQUIDATABLE: 'It would be liquidated at the present price.',
});
register(NoMarginAsOf, 'NoMarginAsOf', 'Why there is no margin state of an instant.', {
  BEFORE_OPENING: 'The account was opened later.',
  IN_THE_FUTURE: 'The instant is still to come.',
  PRICES_NOT_KEPT: 'No prices are kept of that time, or the account is older than what is kept of it.',
});
register(LedgerKind, 'LedgerKind', 'Why a balance has changed.', {
  DEPOSIT: 'Money that came in.',
  WITHDRAWAL: 'Money that went out.',
  REALIZED_PNL: 'Profit or loss of what a fill closed, in the settlement asset, without the fee.',
  FEE: 'Fee of a fill; positive: a rebate.',
  FUNDING: 'Funding of a position.',
  INTEREST: 'Interest on a debt.',
  AUTO_EXCHANGE:
    'One side of an automatic exchange that covers a debt. The cost of what is sold is an entry EXCHANGE_COST beside it.',
  MARGIN_ADJUSTMENT: 'Between the balance and the margin set aside for an isolated position.',
  LIQUIDATION_FEE: 'Fee of a liquidation.',
  INSURANCE: 'What the insurance fund paid for an isolated position whose margin did not cover its loss.',
  EARN: 'To or from an earn product.',
  ADJUSTMENT: 'A correction by the venue.',
  TRANSFER: 'From or to another account of the venue; over both the sum is 0.',
  EXCHANGE_COST:
    'What an automatic exchange cost, negative, in the asset that was sold: the part of it for which no debt was credited.',
});
register(FillKind, 'FillKind', 'What a fill was at the venue. More may come.', {
  TRADE: 'A trade of the account’s own order.',
  LIQUIDATION: 'Made by the venue to liquidate the account.',
  ADL: 'Made by the venue to deleverage the account, as the other side of a liquidation.',
  SETTLEMENT: 'Made by the venue to close positions of an instrument that ends.',
  REVERSAL: 'Takes another fill back, in the direction opposite to it.',
});
register(AlertSeverity, 'AlertSeverity', 'How grave an alert is.', {
  INFO: 'To be known: a status that is calm again, and interest that was booked.',
  WARNING:
    'To be looked at soon: a warning, a rule that fired, a price that is missing, an exchange, a ratio that will change.',
  CRITICAL: 'To be acted on at once: a margin call, or liquidation.',
});
register(RiskAlertKind, 'RiskAlertKind', 'What an alert is about.', {
  STATUS_CHANGED: 'The status of the cross account or of an isolated position has changed.',
  RULE_FIRED: 'The margin ratio has reached that of an alert rule.',
  COLLATERAL_RATIO_SCHEDULED: 'A collateral ratio that concerns the account will change.',
  INTEREST_STARTED: 'Interest on a debt was booked for the first hour of a row of hours.',
  AUTO_EXCHANGED: 'Other assets were exchanged to cover a debt.',
});
register(ErrorCode, 'ErrorCode', 'Why something that was asked for was not done.', {
  ACCOUNT_NOT_FOUND: 'There is no such account, or it is not the viewer’s to see.',
  VENUE_NOT_FOUND: 'There is no such venue.',
  QUOTE_OUTDATED: 'A newer quote of the same source, or of the same mark, is known.',
  CHAIN_NOT_FOUND: 'The venue has no such chain, needs one, or has none.',
  ASSET_NOT_FOUND: 'There is no such asset.',
  INSTRUMENT_NOT_FOUND: 'There is no such instrument at that venue.',
  FILL_NOT_FOUND: 'The venue has recorded no such fill or trade.',
  POSITION_NOT_FOUND: 'There is no such open position, or it is not the viewer’s.',
  ALERT_RULE_NOT_FOUND: 'There is no such alert rule, or it is not the viewer’s.',
  ALERT_NOT_FOUND: 'There is no such alert, or it is not the viewer’s.',
  RATIO_NOT_FOUND: 'There is no such version of a collateral ratio.',
  RULE_NOT_FOUND: 'There is no such version of a rule.',
  INSUFFICIENT_MARGIN: 'What would be left does not cover the initial margin, or a floor for transfers.',
  INSUFFICIENT_BALANCE: 'There is less of the asset than that.',
  NOT_TRANSFERABLE: 'The asset counts as collateral, and cannot leave.',
  LEVERAGE_OUT_OF_RANGE: 'Leverage is a whole number from 1 to `InstrumentSetting.maxLeverage` at present.',
  MARGIN_MODE_LOCKED:
    'The margin mode of an instrument cannot change while the instrument has a position or open orders.',
  POSITION_MODE_LOCKED: 'The position mode cannot change while the account has a position or open orders.',
  ISOLATED_ONLY: 'Only a position in isolated margin has margin of its own.',
  ISOLATED_NOT_ALLOWED: 'The venue has no isolated margin in multi-asset mode.',
  COLLATERAL_MODE_LOCKED:
    'Open orders, or something that the other mode does not have, stand in the way; the message names it.',
  BELOW_MAINTENANCE_MARGIN: 'The margin of the position would be below its maintenance margin.',
  PLATFORM_CAP_REACHED: 'All accounts together may hold only so much of the asset as collateral.',
  SETTLEMENT_NOT_ACCEPTED:
    'The instrument is settled in an asset that does not count as collateral of this account, or would not once it is ' +
    'switched off. The asset of single-asset mode cannot be switched off either.',
  PRICE_UNAVAILABLE: 'A fresh price is needed, and there is none.',
  REVERSAL_IMPOSSIBLE: 'A recorded fact stands in the way of taking a fill back; the message names it.',
  RATIO_OUT_OF_RANGE:
    'A ratio must be from 0 to 1 and at most the exchange rate of its asset; an exchange rate above 0 and at most 1.',
  POLICY_INVALID:
    'Parameters of a policy contradict each other, maintenance tiers or collateral ratios; the message names them.',
  TIERS_INVALID:
    'Tiers must be contiguous from 0, without a gap or an overlap, and at most 50. Initial tiers count nowhere more. ' +
    'Maintenance rates fall nowhere where the method is FLAT and open orders count for maintenance margin.',
  GUARD_RAIL: 'A guard rail of the policy stands against the change, which `force` would pass.',
  EFFECTIVE_IN_THE_PAST: 'What is past stays as it was: a change takes effect now or later.',
  EFFECTIVE_TOO_FAR: 'A change takes effect at most 400 days ahead.',
  EFFECTIVE_OUT_OF_ORDER: 'A version is scheduled that takes effect at the same time or later; the message names it.',
  NOT_CANCELLABLE: 'Only a version that is scheduled can be cancelled.',
  VERSION_CONFLICT: 'Somebody else has made a newer version; the message names it.',
  ORDERS_OUTDATED: 'A report of the same open orders with this sequence, or a later one, is known.',
  ORDERS_REQUIRED: 'Open orders count for maintenance margin at the venue: a fill says what rests after it.',
  IDEMPOTENCY_KEY_REUSED: 'The key or id was used before, with other content.',
  LIMIT_EXCEEDED: 'There are as many as there may be; the message says how many, and what to do.',
  INVALID_INPUT: 'A value is outside what the field takes; the message says what was expected.',
});
