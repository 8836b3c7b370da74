import { COMMON_UNIT } from '../../margin/model.js';
import { Arg, Ctx, Field, FieldResolver, ID, ObjectType, Query, Resolver, Root } from 'type-graphql';

import type { Decimal } from '../../margin/decimal.js';
import type { AssetRecord } from '../../policy/rulebook/rulebook.js';
import type { StaleReason as Reason } from '../../market/staleness.js';
import { ANY_ROLE, Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import type { Context } from '../execution/context.js';
import { StaleReason } from '../types/enums.js';
import { globalId } from '../types/global-id.js';
import { boundedList } from '../types/lists.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

@ObjectType({ description: 'What one source says of a price.', simpleResolvers: true })
export class PriceSource {
  @Field(() => String, { description: 'The name under which the quotes were published.' })
  source!: string;

  @Field(() => DecimalScalar, { description: 'In what the price is in; above 0.' })
  price!: Decimal;

  @Field(() => DateTimeScalar, { description: 'When the source says it held.' })
  at!: Date;

  @Field(() => Boolean, { description: 'False: dropped as an extreme or as stale.' })
  used!: boolean;
}

@ObjectType({ description: 'A price, with what it was made from.', simpleResolvers: true })
export class Price {
  @Field(() => DecimalScalar, { description: 'In what the price is in; above 0.' })
  price!: Decimal;

  @Field(() => DateTimeScalar, { description: 'The newest instant among the sources that it was made from.' })
  at!: Date;

  @Field(() => Boolean, {
    description:
      'True: no source is fresh, or two that are lie more than 5 % apart; the last price goes on being used, but ' +
      'nothing that needs it may leave.',
  })
  stale!: boolean;

  @Field(() => StaleReason, { nullable: true, description: 'Why it is stale; null while it is fresh.' })
  staleReason!: Reason | null;

  @Field(() => [PriceSource], {
    description:
      'The newest quote of every source, by name. Empty where the price is 1 by definition, and for an index that is a product of two.',
  })
  sources!: readonly PriceSource[];
}

@ObjectType({
  implements: Node,
  description: 'Something that an account can hold or owe. Any role.',
  simpleResolvers: true,
})
export class Asset {
  @Field(() => String, { description: 'Case-sensitive: "BTC", "SlisBNB".' })
  symbol!: string;

  @Field(() => String, { description: 'The name for people.' })
  name!: string;

  @Field(() => Boolean, { description: 'False: counts as collateral, but cannot leave (bonus money).' })
  transferable!: boolean;

  @Field(() => Boolean, { description: 'False: is never sold to cover a debt (bonus money).' })
  convertible!: boolean;
}

@Resolver(() => Asset)
export class AssetResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() asset: AssetRecord): string {
    return globalId('Asset', asset.symbol);
  }

  @FieldResolver(() => Price, {
    nullable: true,
    description:
      'Price in `unit`: of the fresh sources, the mean without the highest and the lowest where there are three or more. ' +
      'While there is no fresh one in the unit: its price in USDT x the price of USDT in the unit, stale if either is. Null when ' +
      'there never was one.',
  })
  indexPrice(
    @Root() asset: AssetRecord,
    @Arg('unit', () => String, {
      nullable: true,
      description: 'The unit of a venue, which its accounts are valued in. Null: USDT.',
    })
    unit: string | null | undefined,
    @Ctx() { board, now }: Context,
  ): Price | null {
    return board.indexDetail(asset.symbol, now.getTime(), unit ?? COMMON_UNIT);
  }

  @FieldResolver(() => Asset, {
    nullable: true,
    description: 'The asset whose index price it takes; null: it has its own.',
  })
  pricedAs(@Root() asset: AssetRecord, @Ctx() { rulebook }: Context): AssetRecord | null {
    return asset.pricedAs === null ? null : (rulebook.assets.get(asset.pricedAs) ?? null);
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => [Asset], { description: 'The assets, by symbol. Any role. An unknown symbol is left out.' })
  assets(
    @Arg('symbols', () => [String], { nullable: true, description: 'Only these, at most 100; null: all.' })
    symbols: string[] | null | undefined,
    @Ctx() { rulebook }: Context,
  ): AssetRecord[] {
    const wanted = symbols == null ? [...rulebook.assets.keys()] : boundedList('symbols', symbols);
    return [...new Set(wanted)]
      .sort()
      .map((symbol) => rulebook.assets.get(symbol))
      .filter((asset) => asset !== undefined);
  }
}
