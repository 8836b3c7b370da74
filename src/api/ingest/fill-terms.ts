/** What is an account's own in a fill, or in its side of a trade, as the venue reports it. */
import { Field, ID, InputType } from 'type-graphql';

import type { FillTerms } from '../../ledger/reported/fill-booking.js';
import { ZERO, type Decimal } from '../../margin/decimal.js';
import { FillKind, PositionSide } from '../types/enums.js';
import { localId } from '../types/global-id.js';
import { DecimalScalar } from '../types/scalars.js';
import { OrderAmountsInput } from './order-amounts.js';

@InputType()
export abstract class FillTermsInput {
  @Field(() => ID, { description: 'The account that traded.' })
  accountId!: string;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Which side of a hedged account, required there; ignored in one-way mode.',
  })
  positionSide?: 'LONG' | 'SHORT' | null;

  @Field(() => DecimalScalar, {
    nullable: true,
    defaultValue: ZERO,
    description: 'In units of `feeAsset`, at most 1e15 either way; positive: paid, negative: a rebate. Null: 0.',
  })
  fee!: Decimal | null;

  @Field(() => String, {
    nullable: true,
    description:
      'Symbol of the asset that the fee is in. In another one than the settlement asset its balance pays the fee, also where an isolated ' +
      'position is closed; a rebate in it is refused while it would count and never had a price. Null: the settlement asset.',
  })
  feeAsset?: string | null;

  @Field(() => FillKind, {
    nullable: true,
    defaultValue: 'TRADE',
    description: 'What it was at the venue; each kind is booked alike. Null: TRADE.',
  })
  kind!: keyof typeof FillKind | null;

  @Field(() => OrderAmountsInput, {
    nullable: true,
    description:
      'What rests in the instrument after it, in hedge mode on its side; taken with it, as by `reportOpenOrders`. Required ' +
      'where the policy counts open orders for maintenance margin and some are known there: the filled order would count ' +
      'twice. It is no part of the content under the id. Null: not said.',
  })
  openOrders?: OrderAmountsInput | null;
}

/** With what is left out. */
export function termsOf({ accountId, positionSide, fee, feeAsset, kind, openOrders }: FillTermsInput): FillTerms {
  return {
    accountId: localId('Account', accountId),
    positionSide: positionSide ?? null,
    fee: fee ?? ZERO,
    feeAsset: feeAsset ?? null,
    kind: kind ?? 'TRADE',
    openOrders: openOrders ?? null,
  };
}
