/** Whom changes of collateral ratios would hurt: before they are made, and as it was when they were. */
import { Arg, Ctx, Field, FieldResolver, Int, ObjectType, Query, Resolver, Root } from 'type-graphql';

import type { MarginState } from '../../ledger/margin-state.js';
import type { AccountRecord } from '../../ledger/records.js';
import type { Decimal } from '../../margin/decimal.js';
import type { CollateralTable } from '../../margin/model.js';
import { impactOf, type ChangedPlace } from '../../risk/impact/impact.js';
import type { Impact } from '../../risk/impact/impact-model.js';
import { readImpact, stateUnder } from '../../risk/impact/impact-record.js';
import { uuidv7 } from '../../platform/ids.js';
import { problemsOfDraft, rulesOfDraft, type RatioDraft } from '../../policy/changes/ratio-draft.js';
import { latest, ratioKey, withRatio, type RatioVersion } from '../../policy/versions/ratio-version.js';
import { Access, viewerOf } from '../types/access.js';
import { Cost, perAccount } from '../types/cost.js';
import { Account } from '../account/account.js';
import { CollateralRatio } from '../venue/collateral-ratio.js';
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

/** What an asset would count on one chain of one venue. */
interface RatioChange {
  readonly venue: string;
  readonly chain: string | null;
  readonly asset: string;
  readonly table: CollateralTable;
}

/** An impact, with the way to the accounts that it is worst for. */
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
    description: 'Of the changed assets over the affected accounts, in USDT, under the ratios in force; rounded down.',
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
      'Notional of the cross positions of the accounts that would become liquidatable, in USDT; those that are already ' +
      'do not count.',
  })
  notionalAtRisk!: Decimal;
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
    const drafts = boundedList('changes', changes).map((input) => {
      const read = changeOf(draftOf(input), context);
      if ('problem' in read) throw badUserInput(read.problem);
      return read.change;
    });
    const keys = drafts.map(({ venue, chain, asset }) => ratioKey(venue, chain, asset));
    const twice = keys.find((key, index) => keys.indexOf(key) !== index);
    if (twice !== undefined) throw badUserInput(`Expected one change of each ratio, got two of ${twice}.`);
    return answerOf(await previewOf(drafts, context));
  }
}

@Resolver(() => CollateralRatio)
export class RatioImpactResolver {
  @FieldResolver(() => CollateralRatioImpact, {
    nullable: true,
    description:
      'As it was computed when the change was made, at the prices of then. Null for a version that came with the ' +
      'reference data, and to everybody but admins.',
  })
  impact(@Root() version: RatioVersion, @Ctx() context: Context): ImpactAnswer | null {
    return storedImpact(version, context);
  }
}

/** The impact of a change that is about to be made; null: it cannot be made, and why is not said here. */
export async function impactOfDraft(draft: RatioDraft, context: Context): Promise<Impact | null> {
  const read = changeOf(draft, context);
  return 'problem' in read ? null : previewOf([read.change], context);
}

/** All changes together. */
function previewOf(changes: readonly RatioChange[], { loop, rulebook, now }: Context): Promise<Impact> {
  const places = new Map<string, ChangedPlace>();
  for (const { venue, chain, asset, table } of changes) {
    const key = ratioKey(venue, chain, '');
    const { policy } = places.get(key) ?? { policy: rulebook.policy(venue, chain, now) };
    places.set(key, { venue, chain, policy: withRatio(policy, asset, table) });
  }
  return impactOf(loop.accounts, loop.snapshot, [...places.values()]);
}

export function storedImpact(version: RatioVersion, context: Context): ImpactAnswer | null {
  if (version.impact === null || !viewerOf(context).roles.includes('ADMIN')) return null;
  const record = readImpact(version.impact);
  return {
    ...record,
    worst: async (first, { loaders }) => {
      const found = await loaders.holdings.loadMany(record.worst.slice(0, first));
      const accounts = found.flatMap((held) => (held === null || held instanceof Error ? [] : [held.account]));
      const states = await loaders.marginAt.loadMany(accounts.map((account) => ({ account, at: record.asOf })));
      return states.flatMap((state, index) => {
        if (state instanceof Error) throw state;
        const { margin } = state;
        if (margin === null) return [];
        const after = stateUnder(margin, withRatio(margin.policy, version.asset, version));
        return [impactOn(accounts[index] as AccountRecord, margin, after)];
      });
    },
  };
}

/** What a draft comes to when it follows what is there, or why it cannot be made. */
function changeOf(
  draft: RatioDraft,
  { rulebook }: Context,
): { readonly change: RatioChange } | { readonly problem: string } {
  const [problem] = problemsOfDraft(draft, rulebook);
  if (problem !== undefined) return { problem: problem.message };
  const { venue, chain, asset } = draft;
  const drafted = rulesOfDraft(draft, latest(rulebook.ratioVersions(venue, chain, asset)));
  if ('refusal' in drafted) return { problem: drafted.refusal.message };
  return { change: { venue, chain, asset, table: { ...drafted.rules, id: uuidv7() } } };
}

function answerOf(impact: Impact): ImpactAnswer {
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
