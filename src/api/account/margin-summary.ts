import { Ctx, Field, FieldResolver, Int, ObjectType, Resolver, Root } from 'type-graphql';

import type { MarginState } from '../../ledger/margin-state.js';
import type { CollateralContribution as Contribution } from '../../margin/state/collateral.js';
import { roundUp, type Decimal } from '../../margin/decimal.js';
import { Asset } from '../venue/asset.js';
import { CollateralRatio } from '../venue/collateral-ratio.js';
import type { Context } from '../execution/context.js';
import { MarginStatus } from '../types/enums.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

@ObjectType({ description: 'What the part of a balance in one tier counts.', simpleResolvers: true })
export class TierContribution {
  @Field(() => DecimalScalar, { description: "In the ratio's unit." })
  floor!: Decimal;

  @Field(() => DecimalScalar, { nullable: true, description: "In the ratio's unit. Null: without end." })
  cap!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'From 0 to 1.' })
  ratio!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      "The part of the value, where PnL counts as equity of the equity, that lies in this tier, in the venue's unit.",
  })
  value!: Decimal;

  @Field(() => DecimalScalar, { description: "value x ratio, in the venue's unit." })
  collateralValue!: Decimal;
}

@ObjectType({ description: 'Why an asset counts for what it counts.', simpleResolvers: true })
export class CollateralContribution {
  @Field(() => DecimalScalar, { description: 'In units of the asset; negative: owed.' })
  quantity!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'What counts: the quantity, and where `pnlCounts` is AS_EQUITY the PnL settled in the asset. In units of the asset.',
  })
  equity!: Decimal;

  @Field(() => DecimalScalar, { nullable: true, description: "In the venue's unit. Null without a price." })
  indexPrice!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: "quantity x indexPrice, in the venue's unit. Null without a price.",
  })
  value!: Decimal | null;

  @Field(() => DecimalScalar, {
    description: 'Part of the quantity, where PnL counts as equity of the equity, above a cap; it counts nothing.',
  })
  uncountedQuantity!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      "In the venue's unit: the sum over the tiers; of a debt its whole value, negative; 0 for what does not count.",
  })
  collateralValue!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      "In the venue's unit, the same by initial tiers: what counts when something is to be opened or taken out.",
  })
  initialCollateralValue!: Decimal;

  @Field(() => Boolean, {
    description:
      'The asset is taken out of the collateral, and so counts nothing where it is held; false in single-asset mode. In ' +
      '`marginAt` as it was then.',
  })
  switchedOff!: boolean;

  @Field(() => [TierContribution], {
    description: 'The tiers that the balance reaches into; empty for a debt and for what does not count.',
  })
  tiers!: readonly TierContribution[];
}

@Resolver(() => CollateralContribution)
export class CollateralContributionResolver {
  @FieldResolver(() => Asset, { description: 'The asset that is held or owed.' })
  asset(@Root() contribution: Contribution, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(contribution.asset);
  }

  @FieldResolver(() => DecimalScalar, {
    description: "What a debt requires as initial margin, in the venue's unit; 0 for what is not owed. Rounded up.",
  })
  initialMargin(@Root() { initialMargin }: Contribution): Decimal {
    return roundUp(initialMargin);
  }

  @FieldResolver(() => DecimalScalar, {
    description: "What a debt requires as maintenance margin, in the venue's unit; 0 for what is not owed. Rounded up.",
  })
  maintenanceMargin(@Root() { maintenanceMargin }: Contribution): Decimal {
    return roundUp(maintenanceMargin);
  }

  @FieldResolver(() => CollateralRatio, {
    nullable: true,
    description:
      'The version that was applied. Null for a debt, for an asset that is switched off, and where no ratio of the account’s chain applies.',
  })
  collateralRatio(@Root() contribution: Contribution, @Ctx() { rulebook }: Context): unknown {
    return contribution.tableId === null ? null : rulebook.ratioVersion(contribution.tableId);
  }
}

@ObjectType({
  description:
    "The cross-margin state of an account at one instant. Amounts in the venue's unit, each rounded by itself: in the last digits a " +
    'sum may differ from that of its shown parts. The owner, admins, services.',
  simpleResolvers: true,
})
export class MarginSummary {
  @Field(() => DateTimeScalar, { description: 'The instant of the prices and rules that were used.' })
  asOf!: Date;

  @Field(() => Int, { description: 'The version of the account that was assessed.' })
  accountVersion!: number;

  @Field(() => Int, { description: "The version of the venue's policy that was used." })
  policyVersion!: number;

  @Field(() => MarginStatus, { description: 'Of the cross account, without its isolated positions.' })
  status!: string;

  @Field(() => DecimalScalar, {
    description: 'All balances at index price, before ratios and caps; debts are negative.',
  })
  walletValue!: Decimal;

  @Field(() => DecimalScalar, { description: 'Balances after ratios, tiers and caps; debts count in full.' })
  collateralValue!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'The same by initial tiers: what counts when something is to be opened or taken out. At most collateralValue.',
  })
  initialCollateralValue!: Decimal;

  @Field(() => DecimalScalar, { description: 'Of cross positions, at mark price; negative: a loss.' })
  unrealizedPnl!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'collateralValue + unrealizedPnl, which is in collateralValue where `pnlCounts` is AS_EQUITY; may be negative.',
  })
  marginBalance!: Decimal;

  @Field(() => DecimalScalar, {
    description: 'What open positions, open orders and debts need to be opened; rounded up.',
  })
  initialMargin!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'The part of initialMargin that open orders need beyond the positions, those beside isolated positions included; ' +
      'rounded up. What each needs stands in `Account.openOrders`.',
  })
  openOrderInitialMargin!: Decimal;

  @Field(() => DecimalScalar, {
    description: 'What open positions and debts need to be kept, and open orders where the policy says so; rounded up.',
  })
  maintenanceMargin!: Decimal;

  @Field(() => DecimalScalar, { description: 'The part of maintenanceMargin that debts require; rounded up.' })
  liabilityMargin!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'max(0, initialCollateralValue + unrealizedPnl (as in marginBalance) - initialMargin); 0 while UNPRICED.',
  })
  availableMargin!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      "maintenanceMargin / marginBalance: liquidation is at the policy's `liquidationRatio`; rounded up. Null when nothing " +
      'is required, when the margin balance is not positive, and while UNPRICED.',
  })
  marginRatio!: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    description:
      "marginBalance / maintenanceMargin: the inverse, safe above 1 / the policy's `liquidationRatio`; rounded down. Null " +
      'when nothing is required, and while UNPRICED.',
  })
  healthFactor!: Decimal | null;

  @Field(() => [CollateralContribution], {
    description:
      'One for every balance other than 0, by symbol; then assets of which there is PnL alone, where it counts as equity.',
  })
  collateral!: readonly Contribution[];

  @Field(() => [String], { description: 'Symbols of the account that never had a price.' })
  unpriced!: readonly string[];

  @Field(() => [String], { description: 'Symbols of the account whose price is older than the limit.' })
  stale!: readonly string[];
}

/** Converts a margin state for the API. Copies field by field, because a spread is slow for events of subscriptions. */
export function marginSummary({ account, report, policy, asOf }: MarginState): MarginSummary {
  return {
    asOf,
    accountVersion: account.version,
    policyVersion: policy.version,
    status: report.status,
    walletValue: report.walletValue,
    collateralValue: report.collateralValue,
    initialCollateralValue: report.initialCollateralValue,
    unrealizedPnl: report.unrealizedPnl,
    marginBalance: report.marginBalance,
    initialMargin: roundUp(report.initialMargin),
    openOrderInitialMargin: roundUp(report.openOrderInitialMargin),
    maintenanceMargin: roundUp(report.maintenanceMargin),
    liabilityMargin: roundUp(report.liabilityMargin),
    availableMargin: report.availableMargin,
    marginRatio: report.marginRatio,
    healthFactor: report.healthFactor,
    collateral: report.collateral,
    unpriced: report.unpriced,
    stale: report.stale,
  };
}
