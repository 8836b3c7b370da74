import { Arg, Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import { settingOf, type AccountRecord } from '../../ledger/records.js';
import { ONE, ZERO, type Decimal } from '../../margin/decimal.js';
import { maxLeverage } from '../../margin/change/leverage.js';
import { maxOpenSize } from '../../margin/change/max-open-size.js';
import type { MarginMode as InstrumentMode, TradeSide as Direction } from '../../margin/model.js';
import { problemOfPrice } from '../../market/quote-check.js';
import type { InstrumentRecord } from '../../policy/rulebook/rulebook.js';
import { Account } from './account.js';
import { holdingsOf, marginOf } from './read-account.js';
import type { Context } from '../execution/context.js';
import { badUserInput, unknownInstrument } from '../types/api-error.js';
import { Cost } from '../types/cost.js';
import { MarginMode, TradeSide } from '../types/enums.js';
import { boundedList } from '../types/lists.js';
import { DecimalScalar } from '../types/scalars.js';
import { Instrument } from '../venue/venue.js';

@ObjectType({
  description: 'What an account has set for an instrument, with or without a position in it.',
  simpleResolvers: true,
})
export class InstrumentSetting {
  @Field(() => Instrument, { description: "An instrument of the account's venue." })
  instrument!: InstrumentRecord;

  @Field(() => DecimalScalar, {
    description: "A whole number from 1; 20, or the instrument's maximum where that is less, until it is set.",
  })
  leverage!: Decimal;

  @Field(() => DecimalScalar, {
    description:
      'What leverage may be set to at most: for the present notional, in hedge mode that of the larger side. Where the ' +
      'policy weighs open orders, for the worst side that they could lead to.',
  })
  maxLeverage!: Decimal;

  @Field(() => MarginMode, { description: 'What stands behind its positions; CROSS until it is set.' })
  marginMode!: string;
}

@Resolver(() => Account)
export class InstrumentSettingsResolver {
  @FieldResolver(() => [InstrumentSetting], {
    description: 'Leverage and margin mode per instrument, by symbol, with or without a position.',
  })
  async instrumentSettings(
    @Root() account: AccountRecord,
    @Arg('instruments', () => [String], {
      nullable: true,
      description: "Only these symbols, at most 100, unknown ones left out; null: all of the account's venue.",
    })
    symbols: string[] | null | undefined,
    @Ctx() context: Context,
  ): Promise<InstrumentSetting[]> {
    const listed = context.rulebook.instruments.get(account.venue) ?? new Map<string, InstrumentRecord>();
    const wanted = symbols == null ? [...listed.keys()] : boundedList('instruments', symbols);
    const holdings = await holdingsOf(account.id, context);
    const { holds, market, policy } = await marginOf(account.id, context);
    return [...new Set(wanted)].sort().flatMap((symbol) => {
      const instrument = listed.get(symbol);
      const rules = policy.instruments.get(symbol);
      if (instrument === undefined || rules === undefined) return [];
      const { leverage, marginMode } = settingOf(holdings, instrument);
      return [{ instrument, leverage, maxLeverage: maxLeverage(rules, holds, market, policy), marginMode }];
    });
  }

  @Cost(50, { isLong: true })
  @FieldResolver(() => DecimalScalar, {
    description:
      'The largest size that may be traded at once, in the base asset: the venue would accept it and every smaller one, as ' +
      "`simulate` does, and one step more it would not. Steps are the instrument's `sizeStep`, or else units of the 18th " +
      'digit. From 0, at most 1e15, rounded down. What closes a position comes first, and what opens the other side is in it. Auto-exchange is left out, and positive balances with a ' +
      'stale price count 0. 0 while the mark of the instrument, a debt, a cross position or what open orders require is stale ' +
      'or without a price, and where that leverage would lack margin. BAD_USER_INPUT: an unknown instrument, leverage out of ' +
      'range, a margin mode that could not be set, and a price or a rate out of bounds.',
  })
  async maxOpenSize(
    @Root() account: AccountRecord,
    @Arg('instrument', () => String, { description: "Symbol of an instrument of the account's venue." })
    symbol: string,
    @Arg('side', () => TradeSide, {
      description: 'The direction. In a hedged account a BUY opens the long side, and a SELL the short one.',
    })
    side: Direction,
    @Arg('leverage', () => DecimalScalar, {
      nullable: true,
      description: 'As `setLeverage` would set it before. Null: as it is set.',
    })
    leverage: Decimal | null | undefined,
    @Arg('price', () => DecimalScalar, {
      nullable: true,
      description: 'In the quote asset; above 0, at most 1e12. Null: the present mark price.',
    })
    price: Decimal | null | undefined,
    @Arg('marginMode', () => MarginMode, {
      nullable: true,
      description:
        'As `setMarginMode` would set it before; while there is a position only its own. Null: as it is set.',
    })
    marginMode: InstrumentMode | null | undefined,
    @Arg('feeRate', () => DecimalScalar, {
      nullable: true,
      description: 'From 0 to 1: the fee by size x price, rounded up, which the settlement asset pays. Null: 0.',
    })
    feeRate: Decimal | null | undefined,
    @Ctx() context: Context,
  ): Promise<Decimal> {
    const problem = price == null ? null : problemOfPrice(price, ['price']);
    if (problem !== null) throw badUserInput(`${problem.message} (\`price\`)`);
    const rate = feeRate ?? ZERO;
    if (rate.isNegative() || rate.gt(ONE)) throw badUserInput('Expected `feeRate` from 0 to 1.');
    const instrument = context.rulebook.instruments.get(account.venue)?.get(symbol);
    if (instrument === undefined) throw unknownInstrument(account.venue, symbol);
    const setting = settingOf(await holdingsOf(account.id, context), instrument);
    const { holds, market, policy } = await marginOf(account.id, context);
    const asked = { leverage: leverage ?? null, price: price ?? null, marginMode: marginMode ?? null, feeRate: rate };
    const question = { instrument: symbol, side, ...asked, step: instrument.sizeStep };
    const { size, refusal } = maxOpenSize(holds, question, setting, market, policy);
    if (refusal !== null) throw badUserInput(`${refusal.message} (\`${refusal.field?.join('.') ?? 'instrument'}\`)`);
    return size;
  }
}
