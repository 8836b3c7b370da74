/** Mutations by which traders, and the venue's engine for them, set leverage and modes of accounts. */
import { Arg, Ctx, Field, ID, InputType, Mutation, ObjectType, Resolver } from 'type-graphql';

import type { CommandedAccount } from '../../ledger/owner-commands.js';
import type { AccountRecord } from '../../ledger/records.js';
import {
  setCollateralAsset,
  setCollateralMode,
  setLeverage,
  setMarginMode,
  setPositionMode,
} from '../../ledger/settings.js';
import type { Decimal } from '../../margin/decimal.js';
import type { Refusal } from '../../ledger/ledger-checks.js';
import { Access, commandsFor, viewerOf } from '../types/access.js';
import { Cost, TRANSACTION } from '../types/cost.js';
import { Account } from './account.js';
import { requireFewAlerts } from './alert-pause.js';
import { changedAccounts } from './changed-accounts.js';
import type { Context } from '../execution/context.js';
import { CollateralMode, MarginMode, PositionMode } from '../types/enums.js';
import { localId } from '../types/global-id.js';
import { UserError, userErrors } from '../types/refusals.js';
import { DecimalScalar } from '../types/scalars.js';

const OWN_ACCOUNT =
  "One of the trader's own accounts, or for services any; any other is answered as if it did not exist.";
const INSTRUMENT = "Symbol of an instrument of the account's venue.";

@InputType({ description: 'A leverage for one instrument.' })
export class SetLeverageInput {
  @Field(() => ID, { description: OWN_ACCOUNT })
  accountId!: string;

  @Field(() => String, { description: INSTRUMENT })
  instrument!: string;

  @Field(() => DecimalScalar, {
    description: 'A whole number from 1 to `InstrumentSetting.maxLeverage`.',
  })
  leverage!: Decimal;
}

@InputType({ description: 'A margin mode for one instrument.' })
export class SetMarginModeInput {
  @Field(() => ID, { description: OWN_ACCOUNT })
  accountId!: string;

  @Field(() => String, { description: INSTRUMENT })
  instrument!: string;

  @Field(() => MarginMode, { description: 'What shall stand behind positions that are opened from now on.' })
  marginMode!: keyof typeof MarginMode;
}

@InputType({ description: 'A position mode for an account.' })
export class SetPositionModeInput {
  @Field(() => ID, { description: OWN_ACCOUNT })
  accountId!: string;

  @Field(() => PositionMode, { description: 'How fills of one instrument shall add up.' })
  positionMode!: keyof typeof PositionMode;
}

@InputType({ description: 'A collateral mode for an account.' })
export class SetCollateralModeInput {
  @Field(() => ID, { description: OWN_ACCOUNT })
  accountId!: string;

  @Field(() => CollateralMode, { description: 'How its collateral shall count.' })
  collateralMode!: keyof typeof CollateralMode;
}

@InputType({ description: 'Whether an asset counts as collateral of an account.' })
export class SetCollateralAssetInput {
  @Field(() => ID, { description: OWN_ACCOUNT })
  accountId!: string;

  @Field(() => String, { description: 'Symbol of the asset. None of it need be held.' })
  asset!: string;

  @Field(() => Boolean, { description: 'Whether it shall count; false: it is taken out of the collateral.' })
  counts!: boolean;
}

const ACCOUNT_AFTER = 'The account after the change; null when it was refused.';
const WHY_REFUSED = 'Why it was refused; empty when it holds as asked.';

@ObjectType({ description: 'What became of a leverage.', simpleResolvers: true })
export class SetLeveragePayload {
  @Field(() => Account, { nullable: true, description: ACCOUNT_AFTER })
  account!: AccountRecord | null;

  @Field(() => [UserError], { description: WHY_REFUSED })
  errors!: readonly UserError[];
}

@ObjectType({ description: 'What became of a margin mode.', simpleResolvers: true })
export class SetMarginModePayload {
  @Field(() => Account, { nullable: true, description: ACCOUNT_AFTER })
  account!: AccountRecord | null;

  @Field(() => [UserError], { description: WHY_REFUSED })
  errors!: readonly UserError[];
}

@ObjectType({ description: 'What became of a position mode.', simpleResolvers: true })
export class SetPositionModePayload {
  @Field(() => Account, { nullable: true, description: ACCOUNT_AFTER })
  account!: AccountRecord | null;

  @Field(() => [UserError], { description: WHY_REFUSED })
  errors!: readonly UserError[];
}

@ObjectType({ description: 'What became of a collateral mode.', simpleResolvers: true })
export class SetCollateralModePayload {
  @Field(() => Account, { nullable: true, description: ACCOUNT_AFTER })
  account!: AccountRecord | null;

  @Field(() => [UserError], { description: WHY_REFUSED })
  errors!: readonly UserError[];
}

@ObjectType({ description: 'What became of a switch of an asset.', simpleResolvers: true })
export class SetCollateralAssetPayload {
  @Field(() => Account, { nullable: true, description: ACCOUNT_AFTER })
  account!: AccountRecord | null;

  @Field(() => [UserError], { description: WHY_REFUSED })
  errors!: readonly UserError[];
}

interface Payload {
  readonly account: AccountRecord | null;
  readonly errors: readonly UserError[];
}

@Resolver()
export class AccountSettingsResolver {
  @Access('TRADER', 'SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => SetLeveragePayload, {
    description:
      'Traders, on their own accounts; services, on any. Up and down to `InstrumentSetting.maxLeverage`. With a cross position: ' +
      'allowed when initial collateral + PnL covers the new total initial margin, or when that does not rise. Isolated: moves ' +
      'no margin; allowed when margin + min(0, unrealised PnL) covers the new initial margin.',
  })
  setLeverage(
    @Arg('input', () => SetLeverageInput, { description: 'The leverage.' }) input: SetLeverageInput,
    @Ctx() context: Context,
  ): Promise<Payload> {
    return change(context, input, (own) => setLeverage(context, { ...input, ...own }, context.now));
  }

  @Access('TRADER', 'SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => SetMarginModePayload, {
    description:
      'Traders, on their own accounts; services, on any. Refused while the instrument has a position or open orders, and to ISOLATED in ' +
      'multi-asset mode where the policy does not allow it.',
  })
  setMarginMode(
    @Arg('input', () => SetMarginModeInput, { description: 'The margin mode.' }) input: SetMarginModeInput,
    @Ctx() context: Context,
  ): Promise<Payload> {
    return change(context, input, (own) => setMarginMode(context, { ...input, ...own }, context.now));
  }

  @Access('TRADER', 'SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => SetPositionModePayload, {
    description:
      'Traders, on their own accounts; services, on any. Refused while the account has a position or open orders.',
  })
  setPositionMode(
    @Arg('input', () => SetPositionModeInput, { description: 'The position mode.' }) input: SetPositionModeInput,
    @Ctx() context: Context,
  ): Promise<Payload> {
    return change(context, input, (own) => setPositionMode(context, { ...input, ...own }, context.now));
  }

  @Access('TRADER', 'SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => SetCollateralModePayload, {
    description:
      "Traders, on their own accounts; services, on any. Refused while the account has open orders. To SINGLE_ASSET: refused while anything but the venue's " +
      '`singleAsset` is owed, or when the margin balance would not cover the initial margin. To either: refused while a ' +
      'position stands whose settlement asset does not count there (SETTLEMENT_NOT_ACCEPTED). To MULTI_ASSET: refused while an isolated position stands where the ' +
      'policy has none in that mode (all instruments then become CROSS), or when a platform cap is reached. Interest due ' +
      'is booked before, and debts past their thresholds are exchanged after.',
  })
  setCollateralMode(
    @Arg('input', () => SetCollateralModeInput, { description: 'The collateral mode.' }) input: SetCollateralModeInput,
    @Ctx() context: Context,
  ): Promise<Payload> {
    return change(context, input, (own) => setCollateralMode(context, { ...input, ...own }, context.now));
  }

  @Access('TRADER', 'SERVICE')
  @Cost(TRANSACTION)
  @Mutation(() => SetCollateralAssetPayload, {
    description:
      'Traders, on their own accounts; services, on any. Takes an asset out of the collateral, or puts it back in; what ' +
      'is set already passes. Out: what is held of it counts nothing, is never exchanged, uses no platform cap, and may ' +
      "leave entirely while nothing is owed; a debt in it counts in full. Refused for the venue's `singleAsset` and for an " +
      'asset in which a position or open orders are settled (SETTLEMENT_NOT_ACCEPTED); and where some of it counts, as taking ' +
      'all of it out would be, with INSUFFICIENT_MARGIN, or PRICE_UNAVAILABLE while a price that is needed is stale or ' +
      'missing. In: refused when a platform cap is reached (PLATFORM_CAP_REACHED), or while a balance of it never had a ' +
      'price (PRICE_UNAVAILABLE). An unknown asset is ASSET_NOT_FOUND. Debts past their thresholds are exchanged after.',
  })
  setCollateralAsset(
    @Arg('input', () => SetCollateralAssetInput, { description: 'The asset.' }) input: SetCollateralAssetInput,
    @Ctx() context: Context,
  ): Promise<Payload> {
    return change(context, input, (own) => setCollateralAsset(context, { ...input, ...own }, context.now));
  }
}

async function change(
  context: Context,
  input: { readonly accountId: string },
  make: (own: CommandedAccount) => Promise<readonly Refusal[]>,
): Promise<Payload> {
  const own = { accountId: localId('Account', input.accountId), owner: commandsFor(viewerOf(context)) };
  await requireFewAlerts(own, context);
  const refusals = await make(own);
  if (refusals.length > 0) return { account: null, errors: userErrors(refusals) };
  const [account = null] = await changedAccounts([own.accountId], context);
  return { account, errors: [] };
}
