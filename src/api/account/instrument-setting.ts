import { Arg, Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import { settingOf, type AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { maxLeverage } from '../../margin/change/leverage.js';
import type { InstrumentRecord } from '../../policy/rulebook/rulebook.js';
import { Account } from './account.js';
import { holdingsOf, marginOf } from './read-account.js';
import type { Context } from '../execution/context.js';
import { MarginMode } from '../types/enums.js';
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
}
