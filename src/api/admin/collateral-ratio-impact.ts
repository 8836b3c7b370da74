/** The impact of changes of collateral ratios: of drafts, and as stored with each version. */
import { Arg, Ctx, Field, FieldResolver, Int, ObjectType, Query, Resolver, Root } from 'type-graphql';

import type { MarginState } from '../../ledger/margin-state.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import { catchUp, impactOf } from '../../risk/impact/impact.js';
import type { Impact } from '../../risk/impact/impact-model.js';
import { readImpact, stateUnder } from '../../risk/impact/impact-record.js';
import { draftedVersion, placesUnder } from '../../policy/changes/change-rule.js';
import { collateralRatio } from '../../policy/versions/collateral-ratio.js';
import type { VersionRecord } from '../../policy/versions/rule-version.js';
import { Access, viewerOf } from '../types/access.js';
import { Cost, perAccount } from '../types/cost.js';
import { Account } from '../account/account.js';
import { RuleVersion } from '../venue/rule-version.js';
import { CollateralRatioDraft, draftOf } from './collateral-ratio-draft.js';
import type { Context } from '../execution/context.js';
import { MarginStatus } from '../types/enums.js';
import { badUserInput } from '../types/api-error.js';
import { boundedList } from '../types/lists.js';
import { MarginSummary, marginSummary } from '../account/margin-summary.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';

@ObjectType({ description: 'How many accounts move from one status to another. Admins.', simpleResolvers: true })
export class StatusTransition {
  @Field(() => MarginStatus, { description: 'Of the cross account, before.' })
  from!: string;

  @Field(() => MarginStatus, { description: 'Of the cross account, after.' })
  to!: string;

  @Field(() => Int, { description: 'How many.' })
  accounts!: number;
}

@ObjectType({ description: 'One account that a change would hit. Admins.', simpleResolvers: true })
export class AccountImpact {
  @Field(() => Account, { description: 'The account.' })
  account!: AccountRecord;

  @Field(() => MarginSummary, { description: 'Its cross-margin state under the ratios in force.' })
  before!: MarginSummary;

  @Field(() => MarginSummary, { description: 'The same, under the changed ratios.' })
  after!: MarginSummary;
}

/** An impact, with a resolver of the accounts that it hurts most. */
export type ImpactAnswer = Omit<Impact, 'worst' | 'concerned'> & {
  readonly worst: (first: number, context: Context) => Promise<AccountImpact[]>;
};

const WORST_DEFAULT = 10;
const MAX_WORST = 100;
const MAX_CHANGES = 100;

@ObjectType({
  description:
    'What changes of collateral ratios, all together, do to every account, at the prices of `asOf`. Admins; to others null.',
})
export class CollateralRatioImpact {
  @Field(() => DateTimeScalar, { description: 'The instant of prices and accounts.' })
  asOf!: Date;

  @Field(() => Int, { description: 'Multi-asset accounts with a positive balance of a changed asset there.' })
  accountsAffected!: number;

  @Field(() => DecimalScalar, {
    description:
      "Of balances of the changed assets over the affected accounts, without PnL, in the venue's unit, under the ratios in force; rounded down.",
  })
  collateralValueBefore!: Decimal;

  @Field(() => DecimalScalar, { description: 'The same under the changed ratios; rounded down.' })
  collateralValueAfter!: Decimal;

  @Field(() => [StatusTransition], {
    description: 'How many cross accounts move from one status to another; those that stay are left out.',
  })
  transitions!: readonly StatusTransition[];

  @Field(() => DecimalScalar, {
    description:
      "Notional of the cross positions of the accounts that would become liquidatable, in the venue's unit; those that " +
      'are already do not count.',
  })
  notionalAtRisk!: Decimal;

  @Field(() => Int, {
    nullable: true,
    description:
      'Accounts of the venue that could not be read then: they are in none of these numbers. Null for a change of a ' +
      'release that did not count them.',
  })
  setAside!: number | null;
}

@Resolver(() => CollateralRatioImpact)
export class CollateralRatioImpactResolver {
  @FieldResolver(() => [AccountImpact], { description: 'The accounts hit worst, by margin ratio after.' })
  worst(
    @Root() impact: ImpactAnswer,
    @Arg('first', () => Int, {
      nullable: true,
      defaultValue: WORST_DEFAULT,
      description: `How many at most, from 1 to ${MAX_WORST}. Null: ${WORST_DEFAULT}.`,
    })
    first: number | null,
    @Ctx() context: Context,
  ): Promise<AccountImpact[]> {
    const asked = first ?? WORST_DEFAULT;
    if (asked < 1 || asked > MAX_WORST) {
      throw badUserInput(`Expected \`first\` from 1 to ${MAX_WORST}, got ${asked}.`);
    }
    return impact.worst(asked, context);
  }

  @Access('ADMIN')
  @Cost(perAccount('compared'))
  @Query(() => CollateralRatioImpact, {
    description:
      'Admins. What the changes, all together, would do to every account at the present prices, without making them. ' +
      'A draft that could not be made is BAD_USER_INPUT.',
  })
  async previewCollateralRatios(
    @Arg('changes', () => [CollateralRatioDraft], { description: `From 1 to ${MAX_CHANGES}, each of another ratio.` })
    changes: CollateralRatioDraft[],
    @Ctx() context: Context,
  ): Promise<ImpactAnswer> {
    if (changes.length === 0) throw badUserInput('Expected at least one change in `changes`.');
    const { rulebook, loop, now } = context;
    const drafts = boundedList('changes', changes).map((input) => {
      const drafted = draftedVersion(collateralRatio, draftOf(input), rulebook, now);
      if ('refusals' in drafted) throw badUserInput(drafted.refusals[0]?.message ?? 'The draft could not be made.');
      return drafted.version;
    });
    const keys = drafts.map((version) => version.ratioKey);
    const twice = keys.find((key, index) => keys.indexOf(key) !== index);
    if (twice !== undefined) throw badUserInput(`Expected one change of each ratio, got two of ${twice}.`);
    await catchUp(loop);
    return answerOf(await impactOf(loop, placesUnder(collateralRatio, drafts, rulebook, now)));
  }
}

@Resolver(() => RuleVersion)
export class RuleImpactResolver {
  @FieldResolver(() => CollateralRatioImpact, {
    nullable: true,
    description:
      'As it was computed when the change was made, at the prices of then. Null for a version that came with the ' +
      'reference data, and to everybody but admins.',
  })
  impact(@Root() version: VersionRecord, @Ctx() context: Context): ImpactAnswer | null {
    return storedImpact(version, context);
  }
}

export function storedImpact(version: VersionRecord, context: Context): ImpactAnswer | null {
  if (version.impact === null || !viewerOf(context).roles.includes('ADMIN')) return null;
  const record = readImpact(version.impact);
  return {
    ...record,
    worst: async (first, { loaders, rulebook }) => {
      const found = await loaders.holdings.loadMany(record.worst.slice(0, first));
      const accounts = found.flatMap((held) => (held === null || held instanceof Error ? [] : [held.account]));
      const states = await loaders.marginAt.loadMany(accounts.map((account) => ({ account, at: record.asOf })));
      return states.flatMap((state, index) => {
        if (state instanceof Error) throw state;
        const { margin } = state;
        if (margin === null) return [];
        const { venue, chain } = margin.account;
        const changed = rulebook.policyWith(venue, chain, record.asOf, [version]);
        return [impactOn(accounts[index] as AccountRecord, margin, stateUnder(margin, changed))];
      });
    },
  };
}

export function answerOf(impact: Impact): ImpactAnswer {
  return {
    ...impact,
    worst: async (first, { loaders }) => {
      const worst = impact.worst.slice(0, first);
      const found = await loaders.holdings.loadMany(worst.map(({ accountId }) => accountId));
      return worst.flatMap(({ holds, market, before, after }, index) => {
        const held = found[index];
        if (held instanceof Error) throw held;
        if (held == null) return [];
        const state = { account: held.account, holds, market, asOf: impact.asOf };
        return [impactOn(held.account, { ...state, ...before }, { ...state, ...after })];
      });
    },
  };
}

function impactOn(account: AccountRecord, before: MarginState, after: MarginState): AccountImpact {
  return { account, before: marginSummary(before), after: marginSummary(after) };
}
