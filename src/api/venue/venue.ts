import { Arg, Ctx, Field, FieldResolver, ID, Int, ObjectType, Query, Resolver, Root } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import type { MaintenanceTier as MaintenanceTierRecord } from '../../margin/model.js';
import type { PolicyVersion } from '../../policy/versions/policy-version.js';
import type { ChainRecord, InstrumentRecord, VenueRecord } from '../../policy/rulebook/rulebook.js';
import { ANY_ROLE, Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { Asset, Price } from './asset.js';
import { Chain } from './chain.js';
import type { Context } from '../execution/context.js';
import { MaintenanceTier } from './maintenance-tier.js';
import { MarginPolicy } from './margin-policy.js';
import { globalId } from '../types/global-id.js';
import { boundedList } from '../types/lists.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

const AT_DESCRIPTION = 'In force at this instant, past or to come; null: now.';

@ObjectType({
  implements: Node,
  description: 'A linear perpetual contract of one venue. Any role.',
  simpleResolvers: true,
})
export class Instrument {
  @Field(() => String, { description: 'Unique within its venue: "BTCUSDT".' })
  symbol!: string;

  @Field(() => DecimalScalar, { description: 'The highest leverage that can be set; a tier may allow less.' })
  maxLeverage!: Decimal;
}

@ObjectType({
  implements: Node,
  description: 'A trading venue, with margin rules of its own. Any role.',
  simpleResolvers: true,
})
export class Venue {
  @Field(() => String, { description: 'Unique, in capitals: "ASTER".' })
  code!: string;

  @Field(() => String, { description: 'The name for people.' })
  name!: string;
}

@Resolver(() => Instrument)
export class InstrumentResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() instrument: InstrumentRecord): string {
    return globalId('Instrument', instrument.venue, instrument.symbol);
  }

  @FieldResolver(() => Venue, { description: 'The venue that lists it.' })
  venue(@Root() instrument: InstrumentRecord, @Ctx() { rulebook }: Context): VenueRecord | undefined {
    return rulebook.venues.get(instrument.venue);
  }

  @FieldResolver(() => Asset, { description: 'What its size is counted in.' })
  baseAsset(@Root() instrument: InstrumentRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(instrument.baseAsset);
  }

  @FieldResolver(() => Asset, { description: 'What its price, its cost and its tiers are counted in.' })
  quoteAsset(@Root() instrument: InstrumentRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(instrument.quoteAsset);
  }

  @FieldResolver(() => Asset, {
    description: 'What its PnL, fees and isolated margin are booked in; at par with the quote asset.',
  })
  settlementAsset(@Root() instrument: InstrumentRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(instrument.settlementAsset);
  }

  @FieldResolver(() => DecimalScalar, {
    nullable: true,
    description: 'In the base asset, above 0: sizes at the venue are whole numbers of it. Null: not stated.',
  })
  sizeStep(@Root() { sizeStep }: InstrumentRecord): Decimal | null {
    return sizeStep;
  }

  @FieldResolver(() => Price, {
    nullable: true,
    description:
      'Price in the quote asset at which positions are valued, as the venue published it. Null when there never was one.',
  })
  markPrice(@Root() instrument: InstrumentRecord, @Ctx() { board, now }: Context): Price | null {
    return board.markDetail(instrument.venue, instrument.symbol, now.getTime());
  }

  @FieldResolver(() => [MaintenanceTier], { description: 'The tiers in force, contiguous from 0.' })
  tiers(
    @Root() instrument: InstrumentRecord,
    @Arg('at', () => DateTimeScalar, { nullable: true, description: AT_DESCRIPTION }) at: Date | null | undefined,
    @Ctx() { rulebook, now }: Context,
  ): readonly MaintenanceTierRecord[] {
    return rulebook.maintenanceTiers(instrument.venue, instrument.symbol, at ?? now);
  }

  @FieldResolver(() => Int, {
    description: 'The newest version of its tiers, also where it is still to take effect: what a change expects.',
  })
  tiersVersion(@Root() instrument: InstrumentRecord, @Ctx() { rulebook }: Context): number {
    return rulebook.maintenanceVersions(instrument.venue, instrument.symbol).at(-1)?.version ?? 0;
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => [Instrument], {
    description: 'The instruments, by venue and symbol. Any role. Unknown codes and symbols are left out.',
  })
  instruments(
    @Arg('venue', () => String, { nullable: true, description: 'Only of this venue; null: of all.' })
    venue: string | null | undefined,
    @Arg('symbols', () => [String], { nullable: true, description: 'Only these, at most 100; null: all.' })
    symbols: string[] | null | undefined,
    @Ctx() { rulebook }: Context,
  ): InstrumentRecord[] {
    const wanted = symbols == null ? null : new Set(boundedList('symbols', symbols));
    return [...rulebook.venues.keys()]
      .filter((code) => venue == null || code === venue)
      .flatMap((code) => instrumentsOf(rulebook, code))
      .filter((instrument) => wanted === null || wanted.has(instrument.symbol));
  }
}

@Resolver(() => Venue)
export class VenueResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() venue: VenueRecord): string {
    return globalId('Venue', venue.code);
  }

  @FieldResolver(() => Asset, { description: 'What everything is valued in here: index prices, values, margins.' })
  unit(@Root() venue: VenueRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(venue.unit);
  }

  @FieldResolver(() => Asset, { description: 'What counts in single-asset mode, in full; nothing else does.' })
  singleAsset(@Root() venue: VenueRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(venue.singleAsset);
  }

  @FieldResolver(() => [Chain], { description: 'The chains on which it keeps accounts; empty where it has none.' })
  chains(@Root() venue: VenueRecord, @Ctx() { rulebook }: Context): ChainRecord[] {
    return venue.chains.map((code) => rulebook.chains.get(code)).filter((chain) => chain !== undefined);
  }

  @FieldResolver(() => MarginPolicy, { description: 'The version of its margin rules that is in force.' })
  policy(
    @Root() venue: VenueRecord,
    @Arg('at', () => DateTimeScalar, { nullable: true, description: AT_DESCRIPTION }) at: Date | null | undefined,
    @Ctx() { rulebook, now }: Context,
  ): PolicyVersion {
    return rulebook.policyVersion(venue.code, at ?? now);
  }

  @FieldResolver(() => [Instrument], { description: 'What it lists, by symbol.' })
  instruments(@Root() venue: VenueRecord, @Ctx() { rulebook }: Context): InstrumentRecord[] {
    return instrumentsOf(rulebook, venue.code);
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => [Venue], { description: 'All venues, by code. Any role.' })
  venues(@Ctx() { rulebook }: Context): VenueRecord[] {
    return [...rulebook.venues.values()];
  }
}

function instrumentsOf(rulebook: Context['rulebook'], venue: string): InstrumentRecord[] {
  const found = [...(rulebook.instruments.get(venue)?.values() ?? [])];
  return found.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}
