/** The hypothetical changes that a simulation takes. */
import { Field, InputType } from 'type-graphql';

import { ZERO, type Decimal } from '../../margin/decimal.js';
import type {
  CollateralMode as Mode,
  MarginMode as InstrumentMode,
  PositionSide as Side,
  TradeSide as Trade,
} from '../../margin/model.js';
import { CollateralMode, MarginMode, PositionSide, TradeSide } from '../types/enums.js';
import { DecimalScalar } from '../types/scalars.js';

@InputType({ description: 'A trade that is not made.' })
export class SimulatedTrade {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => TradeSide, { description: 'The direction.' })
  side!: Trade;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account, required there; ignored in one-way mode.',
  })
  positionSide?: Side | null;

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0, at most 1e15.' })
  size!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'In the quote asset; above 0, at most 1e12. Null: the present mark price.',
  })
  price?: Decimal | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    defaultValue: ZERO,
    description: 'In units of `feeAsset`, at most 1e15 either way; positive: paid, negative: a rebate.',
  })
  fee?: Decimal | null;

  @Field(() => String, {
    nullable: true,
    description: 'Symbol of the asset that the fee is in, and whose balance pays it. Null: the settlement asset.',
  })
  feeAsset?: string | null;
}

@InputType({ description: 'An order that does not rest, beside those that do.' })
export class SimulatedOrder {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => TradeSide, { description: 'The direction.' })
  side!: Trade;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account, required there; ignored in one-way mode.',
  })
  positionSide?: Side | null;

  @Field(() => DecimalScalar, { description: 'In the base asset; above 0, at most 1e15.' })
  size!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'The limit, in the quote asset; above 0, at most 1e12. Null: the present mark price.',
  })
  price?: Decimal | null;
}

@InputType({ description: 'A deposit or a withdrawal that is not made.' })
export class SimulatedTransfer {
  @Field(() => String, { description: 'Symbol of the asset.' })
  asset!: string;

  @Field(() => DecimalScalar, {
    description: 'In units of the asset, at most 1e15 either way, not 0. Positive: in; negative: out.',
  })
  quantity!: Decimal;
}

@InputType({
  description:
    "An asset's index price or an instrument's mark price as it might be; it moves only what it names. Of two for the " +
    'same price the last counts.',
})
export class SimulatedPrice {
  @Field(() => String, {
    description:
      "Symbol of an asset other than the venue's unit, or of an instrument of the account's venue. What is priced as the asset " +
      'follows; a price for an asset that is priced as another is one for that other.',
  })
  symbol!: string;

  @Field(() => DecimalScalar, {
    description: "Of an asset in the venue's unit, of an instrument in its quote asset; above 0, at most 1e12.",
  })
  price!: Decimal;
}

@InputType({ description: 'A leverage that is not set.' })
export class SimulatedLeverage {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => DecimalScalar, { description: "A whole number from 1 to the tier's maximum." })
  leverage!: Decimal;
}

@InputType({ description: 'A margin mode that is not set.' })
export class SimulatedMarginMode {
  @Field(() => String, { description: "Symbol of an instrument of the account's venue." })
  instrument!: string;

  @Field(() => MarginMode, { description: 'What positions in it are to have behind them.' })
  marginMode!: InstrumentMode;
}

@InputType({ description: 'A switch of an asset that is not made.' })
export class SimulatedCollateralAsset {
  @Field(() => String, { description: 'Symbol of the asset.' })
  asset!: string;

  @Field(() => Boolean, { description: 'Whether it is to count as collateral; false: it is taken out.' })
  counts!: boolean;
}

@InputType({ description: 'Margin that is not moved in or out of an isolated position.' })
export class SimulatedMargin {
  @Field(() => String, { description: 'Symbol of the instrument of a position that the account has.' })
  instrument!: string;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account. Null: the one position in the instrument.',
  })
  positionSide?: Side | null;

  @Field(() => DecimalScalar, {
    description:
      'In the settlement asset, at most 1e15 either way, not 0. Positive: into the margin; negative: out of it.',
  })
  quantity!: Decimal;
}

const AT_MOST = 'at most 100; null: none.';

@InputType({
  description:
    'Hypothetical changes, at most 100 in each list. They are applied in this order: collateral mode, collateral assets, ' +
    'margin modes, leverages, transfers, margins, orders, trades, and then the prices; within a list in its own.',
})
export class SimulationInput {
  @Field(() => [SimulatedTrade], { nullable: true, defaultValue: [], description: `Trades, ${AT_MOST}` })
  trades?: SimulatedTrade[] | null;

  @Field(() => [SimulatedOrder], {
    nullable: true,
    defaultValue: [],
    description: `Orders that rest from then on, before the trades, ${AT_MOST}`,
  })
  orders?: SimulatedOrder[] | null;

  @Field(() => [SimulatedTransfer], { nullable: true, defaultValue: [], description: `Transfers, ${AT_MOST}` })
  transfers?: SimulatedTransfer[] | null;

  @Field(() => [SimulatedPrice], {
    nullable: true,
    defaultValue: [],
    description: `Prices after all other changes, ${AT_MOST}`,
  })
  prices?: SimulatedPrice[] | null;

  @Field(() => [SimulatedLeverage], { nullable: true, defaultValue: [], description: `Leverages, ${AT_MOST}` })
  leverages?: SimulatedLeverage[] | null;

  @Field(() => [SimulatedCollateralAsset], {
    nullable: true,
    defaultValue: [],
    description: `Assets that are put into the collateral, or taken out of it, ${AT_MOST}`,
  })
  collateralAssets?: SimulatedCollateralAsset[] | null;

  @Field(() => [SimulatedMarginMode], {
    nullable: true,
    defaultValue: [],
    description: `Margin modes of instruments, ${AT_MOST}`,
  })
  marginModes?: SimulatedMarginMode[] | null;

  @Field(() => [SimulatedMargin], {
    nullable: true,
    defaultValue: [],
    description: `Margin of isolated positions, before the trades, ${AT_MOST}`,
  })
  margins?: SimulatedMargin[] | null;

  @Field(() => CollateralMode, { nullable: true, description: 'The mode to switch to. Null: as it is.' })
  collateralMode?: Mode | null;
}
