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
import { MaintenanceMethod } from '../types/enums.js';
import { globalId } from '../types/global-id.js';
import { boundedList } from '../types/lists.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

const AT_DESCRIPTION = 'In force at this instant, past or to come; null: now.';

@ObjectType({ description: "What a debt in one asset costs under a venue's policy.", simpleResolvers: true })
export class InterestRule {
  @Field(() => Asset, { description: 'The asset that is owed, and in which the interest is charged.' })
  asset!: unknown;

  @Field(() => DecimalScalar, { description: 'Per full hour, as a part of 1.' })
  hourlyRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'In units of the asset, positive: no interest on a debt within it.' })
  freeThreshold!: Decimal;
}

@ObjectType({ description: 'When a debt in one asset is covered by selling others.', simpleResolvers: true })
export class AutoExchangeThreshold {
  @Field(() => Asset, { description: 'The asset that is owed.' })
  asset!: unknown;

  @Field(() => DecimalScalar, { description: 'Below this balance (negative) other assets are converted.' })
  balance!: Decimal;
}

@ObjectType({ description: 'How a venue covers debts by selling other assets.', simpleResolvers: true })
export class AutoExchangeRule {
  @Field(() => [AutoExchangeThreshold], { description: 'One for each asset that is covered.' })
  thresholds!: readonly AutoExchangeThreshold[];
}

@ObjectType({
  description:
    'What a change of a collateral ratio needs `force` for; beside these, a lower tier that counts less than a higher one, ' +
    'and USDT that counts less than 0.99.',
  simpleResolvers: true,
})
export class GuardRails {
  @Field(() => DecimalScalar, {
    description: 'Largest step of a ratio, e.g. 0.1: of what the next coin counts, at any size of a balance.',
  })
  maxStep!: Decimal;

  @Field(() => Int, {
    description: 'Shortest notice, in hours, of a cut: of a ratio at any size of a balance, or of a cap.',
  })
  minNoticeHours!: number;
}

@ObjectType({
  description: "A venue's margin rules in force: which formula, where the boundary lies, what debt costs. Any role.",
  simpleResolvers: true,
})
export class MarginPolicy {
  @Field(() => Int, { description: 'From 1; a change is a new version.' })
  version!: number;

  @Field(() => Boolean, {
    description: 'True: liquidated when the margin balance is at or below maintenance margin; false: only when below.',
  })
  liquidatesAtEquality!: boolean;

  @Field(() => MaintenanceMethod, { description: 'How maintenance margin follows from the tiers.' })
  maintenanceMethod!: string;

  @Field(() => DecimalScalar, { description: 'Added to the maintenance rate of every position, as a part of 1.' })
  liquidationFeeRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'The margin ratio from which on the status is WARNING.' })
  warningRatio!: Decimal;

  @Field(() => DecimalScalar, { description: 'The margin ratio from which on the status is MARGIN_CALL.' })
  marginCallRatio!: Decimal;

  @Field(() => Boolean, { description: 'Whether isolated positions are allowed in multi-asset mode.' })
  isolatedInMultiAsset!: boolean;

  @Field(() => DecimalScalar, {
    description: 'Value of debts x this rate is required as initial and maintenance margin.',
  })
  debtMarginRate!: Decimal;

  @Field(() => DateTimeScalar, { description: 'When this version took effect, or will.' })
  effectiveFrom!: Date;

  @Field(() => String, { description: 'Why it was changed, in words.' })
  reason!: string;

  @Field(() => String, { nullable: true, description: 'The document that it comes from; null for a change made here.' })
  source!: string | null;

  @Field(() => DateTimeScalar, { description: 'When it was recorded.' })
  createdAt!: Date;
}

@Resolver(() => MarginPolicy)
export class MarginPolicyResolver {
  @FieldResolver(() => [InterestRule], { description: 'One for each asset on whose debts interest is charged.' })
  interest(@Root() policy: PolicyVersion, @Ctx() { rulebook }: Context): InterestRule[] {
    return policy.interest.map((rule) => ({ ...rule, asset: rulebook.assets.get(rule.asset) }));
  }

  @FieldResolver(() => AutoExchangeRule, { nullable: true, description: 'Null where the venue converts nothing.' })
  autoExchange(@Root() policy: PolicyVersion, @Ctx() { rulebook }: Context): AutoExchangeRule | null {
    if (policy.autoExchange.length === 0) return null;
    return {
      thresholds: policy.autoExchange.map((rule) => ({ ...rule, asset: rulebook.assets.get(rule.asset) })),
    };
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: 'Subject of the admin who made the change. Admins; null for everybody else, and for reference data.',
  })
  changedBy(@Root() policy: PolicyVersion, @Ctx() { viewer }: Context): string | null {
    return viewer?.roles.includes('ADMIN') === true ? policy.changedBy : null;
  }

  @FieldResolver(() => GuardRails, { description: 'What a change of a collateral ratio has to keep to.' })
  guardRails(@Root() policy: PolicyVersion): GuardRails {
    return { maxStep: policy.guardMaxStep, minNoticeHours: policy.guardMinNoticeHours };
  }
}

@ObjectType({ description: 'What a notional between floor and cap needs, and allows.', simpleResolvers: true })
export class MaintenanceTier {
  @Field(() => Int, { description: 'From 1.' })
  tier!: number;

  @Field(() => DecimalScalar, { description: 'Of the notional, in USDT; included.' })
  floor!: Decimal;

  @Field(() => DecimalScalar, {
    nullable: true,
    description: 'Of the notional, in USDT; not included. Null: without end. Above the last cap the last tier goes on.',
  })
  cap!: Decimal | null;

  @Field(() => DecimalScalar, { description: 'As a part of 1; without the liquidation fee of the policy.' })
  maintenanceRate!: Decimal;

  @Field(() => DecimalScalar, { description: 'In USDT, deducted where the method is PROGRESSIVE; 0 where it is FLAT.' })
  maintenanceAmount!: Decimal;

  @Field(() => DecimalScalar, { description: 'The highest leverage that counts in this tier.' })
  maxLeverage!: Decimal;
}

@ObjectType({
  implements: Node,
  description: 'A perpetual contract of one venue, quoted and settled in USDT. Any role.',
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
  @Field(() => String, { description: 'ASTER, BITGET, ASCENDEX.' })
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

  @FieldResolver(() => Asset, { description: 'What its price and its PnL are counted in: USDT.' })
  quoteAsset(@Root() instrument: InstrumentRecord, @Ctx() { rulebook }: Context): unknown {
    return rulebook.assets.get(instrument.quoteAsset);
  }

  @FieldResolver(() => Price, {
    nullable: true,
    description:
      'Price in USDT at which positions are valued, as the venue published it. Null when there never was one.',
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
