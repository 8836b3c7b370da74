/** What a viewer has in all own accounts. */
import { Ctx, Field, FieldResolver, Int, ObjectType, Resolver, Root } from 'type-graphql';

import { findAccounts } from '../../ledger/accounts.js';
import type { MarginState } from '../../ledger/margin-state.js';
import { sum, type Decimal } from '../../margin/decimal.js';
import { COMMON_UNIT, MARGIN_STATUSES, type MarginStatus as Status } from '../../margin/model.js';
import { worstStatus } from '../../margin/state/status.js';
import type { Viewer as ViewerRecord } from '../../platform/tokens.js';
import type { Context } from '../execution/context.js';
import { ApiError } from '../types/api-error.js';
import { Cost } from '../types/cost.js';
import { MarginStatus } from '../types/enums.js';
import { DecimalScalar } from '../types/scalars.js';
import { Asset } from '../venue/asset.js';
import { setAsideIn } from './account-list.js';
import { marginOf } from './read-account.js';
import { Viewer } from './viewer.js';

/** Accounts that are summed: some 20 ms of work. */
const MAX_ACCOUNTS = 500;
const COST_OF_ALL = 400;

@ObjectType({
  description: 'Sums over accounts, all in one asset. The viewer whose accounts they are.',
  simpleResolvers: true,
})
export class PortfolioTotals {
  @Field(() => Asset, { description: 'What the sums are in.' })
  unit!: unknown;

  @Field(() => DecimalScalar, {
    description: 'Of `MarginSummary.walletValue`, so without isolated margin; negative: more is owed.',
  })
  walletValue!: Decimal;

  @Field(() => DecimalScalar, {
    description: 'Of `MarginSummary.unrealizedPnl`, so of cross positions; negative: a loss.',
  })
  unrealizedPnl!: Decimal;

  @Field(() => DecimalScalar, { description: 'Of `MarginSummary.marginBalance`; may be negative.' })
  marginBalance!: Decimal;
}

@ObjectType({ description: 'What a viewer has in all own accounts. That viewer.', simpleResolvers: true })
export class Portfolio {
  @Field(() => Int, { description: `How many accounts, from 0 to ${MAX_ACCOUNTS}.` })
  accounts!: number;

  @Field(() => Int, {
    description:
      'Further accounts of the viewer that this server cannot read at the moment: they are in none of the sums.',
  })
  setAside!: number;

  @Field(() => MarginStatus, {
    nullable: true,
    description:
      'The worst status of all accounts and of their isolated positions, in the order NO_EXPOSURE, HEALTHY, WARNING, ' +
      'MARGIN_CALL, LIQUIDATION, UNPRICED. Null without an account.',
  })
  worstStatus!: Status | null;

  @Field(() => [PortfolioTotals], {
    description:
      "Sums in each unit in which the accounts' venues value, by symbol. What has no price is in none: `MarginSummary.unpriced`.",
  })
  byUnit!: readonly PortfolioTotals[];

  @Field(() => PortfolioTotals, {
    nullable: true,
    description:
      `The sums of all accounts in ${COMMON_UNIT}, each unit at its index price, a stale one at its last. Null while a unit ` +
      'never had a price.',
  })
  total!: PortfolioTotals | null;
}

@Resolver(() => Viewer)
export class PortfolioResolver {
  @Cost(COST_OF_ALL, { isLong: true })
  @FieldResolver(() => Portfolio, {
    nullable: true,
    description:
      `What all own accounts come to now. Null, with the error LIMIT_EXCEEDED, for more than ${MAX_ACCOUNTS} accounts: page ` +
      'through `accounts`, and sum.',
  })
  async portfolio(@Root() { subject }: ViewerRecord, @Ctx() context: Context): Promise<Portfolio> {
    const query = { visibleTo: subject, orderBy: 'ID' } as const;
    const without = context.loop.setAside.ids;
    const found = await findAccounts(context.db, { ...query, without }, null, MAX_ACCOUNTS + 1);
    if (found.length > MAX_ACCOUNTS) {
      throw new ApiError('LIMIT_EXCEEDED', `Expected at most ${MAX_ACCOUNTS} accounts; page through them.`);
    }
    const states = await Promise.all(found.map(({ id }) => marginOf(id, context)));
    const units = [...new Set(states.map(({ policy }) => policy.unit))].sort();
    const byUnit = units.map((unit) =>
      totalsOf(
        unit,
        states.filter(({ policy }) => policy.unit === unit),
        context,
      ),
    );
    return {
      accounts: found.length,
      setAside: (await setAsideIn(context, { ...query, statuses: null })).length,
      worstStatus: worstOf(states),
      byUnit,
      total: inCommonUnit(byUnit, units, context),
    };
  }
}

function totalsOf(unit: string, states: readonly MarginState[], { rulebook }: Context): PortfolioTotals {
  const reports = states.map(({ report }) => report);
  return {
    unit: rulebook.assets.get(unit),
    walletValue: sum(reports.map(({ walletValue }) => walletValue)),
    unrealizedPnl: sum(reports.map(({ unrealizedPnl }) => unrealizedPnl)),
    marginBalance: sum(reports.map(({ marginBalance }) => marginBalance)),
  };
}

/** Null: a unit never had a price. */
function inCommonUnit(
  byUnit: readonly PortfolioTotals[],
  units: readonly string[],
  { board, now, rulebook }: Context,
): PortfolioTotals | null {
  const priced = byUnit.flatMap((totals, place) => {
    const price = board.indexDetail(units[place] ?? '', now.getTime(), COMMON_UNIT)?.price;
    return price === undefined ? [] : [{ totals, price }];
  });
  if (priced.length < byUnit.length) return null;
  const total = (amountOf: (totals: PortfolioTotals) => Decimal): Decimal =>
    sum(priced.map(({ totals, price }) => amountOf(totals).times(price)));
  return {
    unit: rulebook.assets.get(COMMON_UNIT),
    walletValue: total(({ walletValue }) => walletValue),
    unrealizedPnl: total(({ unrealizedPnl }) => unrealizedPnl),
    marginBalance: total(({ marginBalance }) => marginBalance),
  };
}

function worstOf(states: readonly MarginState[]): Status | null {
  let worst = -1;
  for (const { report } of states) worst = Math.max(worst, MARGIN_STATUSES.indexOf(worstStatus(report)));
  return MARGIN_STATUSES[worst] ?? null;
}
