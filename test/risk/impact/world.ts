/** Accounts of one place in columns, changes of its rules, and what assessing every account twice says of a change. */
import { textOf } from '../../../src/ledger/account-text.js';
import { maintenanceAmounts } from '../../../src/margin/curve.js';
import { ZERO, decimal, type Decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import type { AccountState, Market, MarginStatus, OpenOrders, Policy, PriceState } from '../../../src/margin/model.js';
import { assessMargin, type MarginReport } from '../../../src/margin/state/assess.js';
import type { PriceSnapshot } from '../../../src/market/price-snapshot.js';
import { AccountColumns } from '../../../src/risk/columns/account-columns.js';
import type { KnownAccounts } from '../../../src/risk/columns/known-accounts.js';
import { PriceColumn } from '../../../src/risk/columns/price-column.js';
import { RuleColumns } from '../../../src/risk/columns/rule-columns.js';
import { unitStatesOf, type KnownUnit } from '../columns/adversary.js';

export const VENUE = 'VENUE';

export interface World {
  readonly accounts: KnownAccounts;
  readonly snapshot: PriceSnapshot;
  readonly market: Market;
  readonly policy: Policy;
  readonly states: ReadonlyMap<string, AccountState>;
}

export function worldOf(states: readonly AccountState[], market: Market, policy: Policy): World {
  const columns = new AccountColumns(new RuleColumns(new PriceColumn()));
  const { ruleSet } = columns.rules.setPolicy(VENUE, null, policy);
  const byCross = new Map<number, AccountState>();
  const byId = new Map<string, AccountState>();
  const put = (number: number, state: AccountState): void => {
    const id = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
    const [cross = 0] = columns.put(id, ruleSet, textOf(state), (columns.versionOf(id) ?? 0) + 1);
    byCross.set(cross, { ...state, balances: state.balances.filter(({ quantity }) => !quantity.isZero()) });
    byId.set(id, state);
  };
  // Put twice, the second time backwards: the units of an account then no longer stand in a row.
  states.forEach((state, number) => put(number, { ...state, positions: [...state.positions].reverse() }));
  [...states.entries()].reverse().forEach(([number, state]) => put(number, state));
  const { prices } = columns.rules;
  for (const asset of policy.assets.keys()) {
    if (asset !== policy.unit) prices.set(prices.ofAsset(asset, policy.unit), market.index(asset)?.price ?? null);
  }
  for (const symbol of policy.instruments.keys()) {
    prices.set(prices.ofInstrument(VENUE, symbol), market.mark(symbol)?.price ?? null);
  }
  return {
    accounts: {
      columns,
      ruleSets: [{ venue: VENUE, chain: null, policy }],
      stateAt: (cross) => byCross.get(cross) as AccountState,
      ruleSetAt: () => ({ venue: VENUE, chain: null, policy }),
      placeOf: (venue, chain) => (venue === VENUE && chain === null ? { ruleSet, policy } : null),
    },
    snapshot: { seq: 1n, asOf: new Date('2026-01-01T00:00:00Z'), marketOf: () => market },
    market,
    policy,
    states: byId,
  };
}

export const CHANGES = {
  ratios: ['dropRatio', 'lowerRatios', 'repeatRatios'],
  thresholds: ['warningRatio', 'marginCallRatio', 'liquidationRatio'],
  equality: ['equality'],
  fee: ['fee'],
  method: ['method'],
  debts: ['debtMarginRate', 'liabilities'],
  equity: ['pnlCounts'],
  orders: ['orderMaintenance', 'openLoss'],
  tiers: ['oneTable', 'higherRates', 'shiftedFloors', 'leverageOnly'],
} as const;
export type Change = (typeof CHANGES)[keyof typeof CHANGES][number];

/** The policy as the rulebook would put it together after such a change. */
export function changed(policy: Policy, change: Change): Policy {
  const ratios = [...policy.collateralRatios];
  switch (change) {
    case 'dropRatio':
      return { ...policy, collateralRatios: new Map(ratios.slice(1)) };
    case 'lowerRatios':
      return withRatios(policy, (ratio) => ratio.times('0.7'), 2);
    case 'repeatRatios':
      return withRatios(policy, (ratio) => ratio, 1);
    case 'warningRatio':
      return { ...policy, warningRatio: decimal('0.3') };
    case 'marginCallRatio':
      return { ...policy, marginCallRatio: decimal('0.52') };
    case 'liquidationRatio':
      return { ...policy, liquidationRatio: new Fraction(decimal('0.9'), decimal('1.1')) };
    case 'equality':
      return { ...policy, liquidatesAtEquality: !policy.liquidatesAtEquality };
    case 'fee':
      return { ...policy, liquidationFeeRate: policy.liquidationFeeRate.plus('0.05') };
    case 'method':
      return withMethod(policy, policy.maintenanceMethod === 'FLAT' ? 'PROGRESSIVE' : 'FLAT');
    case 'debtMarginRate':
      return { ...policy, liabilities: [], debtMarginRate: policy.debtMarginRate.isZero() ? decimal('0.08') : ZERO };
    case 'orderMaintenance': {
      const maintenance = policy.openOrders.maintenance === 'NONE' ? 'WORST_SIDE' : 'NONE';
      return { ...policy, openOrders: { ...policy.openOrders, maintenance } };
    }
    case 'openLoss':
      return { ...policy, openOrders: { ...policy.openOrders, openLoss: 'INITIAL' } };
    case 'liabilities':
      return { ...policy, debtMarginRate: ZERO, liabilities: policy.liabilities.length > 0 ? [] : LIABILITIES };
    case 'pnlCounts':
      return { ...policy, pnlCounts: policy.pnlCounts === 'IN_FULL' ? 'AS_EQUITY' : 'IN_FULL' };
    case 'oneTable':
      return withRates(policy, (rate) => rate.times(2), 1);
    case 'higherRates':
      return withRates(policy, (rate) => rate.times('1.9').plus('0.01'), Infinity);
    case 'shiftedFloors':
      return withTables(policy, (tier) => {
        return { ...tier, floor: tier.floor.times('0.5'), cap: tier.cap === null ? null : tier.cap.times('0.5') };
      });
    case 'leverageOnly':
      return withTables(policy, (tier) => ({ ...tier, maxLeverage: decimal(1) }));
  }
}

const LIABILITIES: Policy['liabilities'] = [
  {
    asset: null,
    tierUnit: 'QUOTE_VALUE',
    tiers: [
      { floor: ZERO, cap: decimal(1_000), initialRate: decimal('0.1'), maintenanceRate: decimal('0.05') },
      { floor: decimal(1_000), cap: null, initialRate: decimal('0.4'), maintenanceRate: decimal('0.2') },
    ],
  },
];

type Table = Policy['instruments'] extends ReadonlyMap<string, { readonly tiers: readonly (infer T)[] }> ? T : never;

function withTables(policy: Policy, change: (tier: Table) => Table, count = Infinity): Policy {
  const instruments = [...policy.instruments].map(([symbol, rules], index) => {
    const tiers = index < count ? rules.tiers.map(change) : rules.tiers;
    return [symbol, { ...rules, tiers }] as const;
  });
  return withMethod({ ...policy, instruments: new Map(instruments) }, policy.maintenanceMethod);
}

function withRates(policy: Policy, change: (rate: Decimal) => Decimal, count: number): Policy {
  return withTables(policy, (tier) => ({ ...tier, maintenanceRate: change(tier.maintenanceRate) }), count);
}

function withMethod(policy: Policy, method: Policy['maintenanceMethod']): Policy {
  const instruments = [...policy.instruments].map(([symbol, rules]) => {
    const amounts = maintenanceAmounts(method, rules.tiers);
    const tiers = rules.tiers.map((tier, index) => ({ ...tier, maintenanceAmount: amounts[index] ?? ZERO }));
    return [symbol, { ...rules, tiers }] as const;
  });
  return { ...policy, maintenanceMethod: method, instruments: new Map(instruments) };
}

function withRatios(policy: Policy, change: (ratio: Decimal) => Decimal, count: number): Policy {
  const ratios = [...policy.collateralRatios].map(([asset, table], index) => {
    if (index >= count) return [asset, table] as const;
    const tiers = table.tiers.map((tier) => ({ ...tier, ratio: change(tier.ratio) }));
    return [asset, { ...table, id: `${table.id}, changed`, tiers }] as const;
  });
  return { ...policy, collateralRatios: new Map(ratios) };
}

/** An account whose units are assessed under both policies. */
interface Twice {
  readonly id: string;
  readonly isMultiAsset: boolean;
  readonly before: MarginReport;
  readonly after: MarginReport;
  /** Without positions and orders. */
  readonly held: Readonly<Record<'before' | 'after', MarginReport>>;
  readonly units: readonly { readonly before: KnownUnit; readonly after: KnownUnit; readonly isTouched: boolean }[];
}

/** What `Impact` should say, by assessing every account twice. Amounts are exact, in plain notation. */
export interface Expected {
  readonly affected: readonly string[];
  readonly atRisk: readonly string[];
  readonly concerned: readonly string[];
  readonly cross: Readonly<Record<string, number>>;
  readonly isolated: Readonly<Record<string, number>>;
  readonly sums: Readonly<Record<Sum, string>>;
  /** By account: the worst of its touched units after; accounts without a ratio are left out. */
  readonly ranked: ReadonlyMap<string, KnownUnit>;
}

type Sum =
  | 'collateralValueBefore'
  | 'collateralValueAfter'
  | 'maintenanceMarginBefore'
  | 'maintenanceMarginAfter'
  | 'notionalAtRisk';

export function expectedOf({ states, market, policy }: World, other: Policy): Expected {
  const all = [...states].map(([id, state]) => twiceOf(id, state, market, policy, other));
  const isAtRisk = ({ before, after }: Twice['units'][number]): boolean =>
    after.status === 'LIQUIDATION' && before.status !== 'LIQUIDATION';
  const isConcerned = ({ before, after }: Twice['units'][number]): boolean =>
    before.status !== after.status || isAbove(after, before, decimal('1.05'));
  const ranked = new Map<string, KnownUnit>();
  for (const { id, units } of all) {
    for (const { after, isTouched } of units) {
      if (!isTouched || after.status === 'UNPRICED' || after.status === 'NO_EXPOSURE') continue;
      const known = ranked.get(id);
      if (known === undefined || isAbove(after, known, decimal(1)) || isDeeper(after, known)) ranked.set(id, after);
    }
  }
  const idsOf = (is: (unit: Twice['units'][number]) => boolean): string[] =>
    all.filter(({ units }) => units.some(is)).map(({ id }) => id);
  return {
    affected: idsOf(({ isTouched }) => isTouched),
    atRisk: idsOf(isAtRisk),
    concerned: idsOf(isConcerned),
    cross: countsOf(all.flatMap(({ units }) => units.slice(0, 1))),
    isolated: countsOf(all.flatMap(({ units }) => units.slice(1))),
    sums: sumsOf(all, policy, other, isAtRisk),
    ranked,
  };
}

function twiceOf(id: string, state: AccountState, market: Market, policy: Policy, other: Policy): Twice {
  const [before, after] = [assessMargin(state, market, policy), assessMargin(state, market, other)];
  const unitsAfter = unitStatesOf(after);
  const units = unitStatesOf(before).map((unit, index) => ({
    before: unit,
    after: unitsAfter[index] as KnownUnit,
    isTouched: isTouched(state, index, policy, other),
  }));
  const alone = { ...state, positions: [], openOrders: [] };
  const held = { before: assessMargin(alone, market, policy), after: assessMargin(alone, market, other) };
  return { id, isMultiAsset: state.collateralMode === 'MULTI_ASSET', before, after, held, units };
}

/** An amount of a position in the venue's unit; 0 without a price. */
function inUnit(amount: Decimal | null, settlementPrice: PriceState | null): Decimal {
  return amount === null || settlementPrice === null ? ZERO : amount.times(settlementPrice.price);
}

function isTouched(state: AccountState, unit: number, policy: Policy, other: Policy): boolean {
  const isolated = state.positions.filter(({ marginMode }) => marginMode === 'ISOLATED');
  const positions =
    unit === 0 ? state.positions.filter(({ marginMode }) => marginMode === 'CROSS') : isolated.slice(unit - 1, unit);
  const balances = unit === 0 ? state.balances : [];
  const owes = balances.some(({ quantity }) => quantity.lt(0));
  const haveOtherMeaning =
    policy.liquidatesAtEquality !== other.liquidatesAtEquality ||
    policy.liquidationRatio.cmp(other.liquidationRatio) !== 0 ||
    !policy.warningRatio.eq(other.warningRatio) ||
    !policy.marginCallRatio.eq(other.marginCallRatio);
  const resting = unit === 0 ? state.openOrders.filter(canOpen) : [];
  const asksOfOrders = [policy, other].some(({ openOrders }) => openOrders.maintenance === 'WORST_SIDE');
  const asksOfDebts = [policy, other].some(
    ({ debtMarginRate, liabilities }) => !debtMarginRate.isZero() || liabilities.length > 0,
  );
  const asEquity = [policy, other].some(({ pnlCounts }) => pnlCounts === 'AS_EQUITY');
  const settledIn = positions.map(({ instrument }) => policy.instruments.get(instrument)?.settlementAsset ?? '');
  const equities = unit === 0 && state.collateralMode === 'MULTI_ASSET' && asEquity ? settledIn : [];
  // What is switched off counts nothing by any ratio.
  const countsOtherwise = (asset: string): boolean =>
    !state.switchedOff.includes(asset) && hasOtherRatio(asset, policy, other);
  const haveOtherEquity =
    policy.pnlCounts !== other.pnlCounts || haveOtherDebts(policy, other) || (haveOtherMeaning && asksOfDebts);
  return (
    (state.collateralMode === 'MULTI_ASSET' &&
      balances.some(({ asset, quantity }) => quantity.gt(0) && countsOtherwise(asset))) ||
    positions.some(({ instrument }) => hasOtherTable(instrument, policy, other)) ||
    (owes && haveOtherDebts(policy, other)) ||
    equities.some((asset) => haveOtherEquity || countsOtherwise(asset)) ||
    (resting.length > 0 && hasOtherOrders(policy, other)) ||
    (asksOfOrders && resting.some(({ instrument }) => hasOtherTable(instrument, policy, other))) ||
    (haveOtherMeaning && (positions.length > 0 || (owes && asksOfDebts) || (resting.length > 0 && asksOfOrders)))
  );
}

function haveOtherDebts(policy: Policy, other: Policy): boolean {
  const requiredOf = ({ debtMarginRate, liabilities }: Policy): string => JSON.stringify([debtMarginRate, liabilities]);
  return requiredOf(policy) !== requiredOf(other);
}

function hasOtherOrders(policy: Policy, other: Policy): boolean {
  return JSON.stringify(policy.openOrders) !== JSON.stringify(other.openOrders);
}

/** In hedge mode orders against their side open nothing. */
function canOpen({ side, buySize, sellSize }: OpenOrders): boolean {
  return (side !== 'SHORT' && buySize.gt(0)) || (side !== 'LONG' && sellSize.gt(0));
}

function hasOtherRatio(asset: string, policy: Policy, other: Policy): boolean {
  return policy.collateralRatios.get(asset)?.id !== other.collateralRatios.get(asset)?.id;
}

function hasOtherTable(instrument: string, policy: Policy, other: Policy): boolean {
  const tableOf = (of: Policy): string =>
    JSON.stringify([of.maintenanceMethod, of.liquidationFeeRate, of.instruments.get(instrument)?.tiers]);
  return tableOf(policy) !== tableOf(other);
}

function countsOf(units: readonly { readonly before: KnownUnit; readonly after: KnownUnit }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { before, after } of units) {
    const key: `${MarginStatus}/${MarginStatus}` = `${before.status}/${after.status}`;
    if (before.status !== after.status) counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

function sumsOf(
  all: readonly Twice[],
  policy: Policy,
  other: Policy,
  isAtRisk: (unit: Twice['units'][number]) => boolean,
): Record<Sum, string> {
  const sum = (amounts: readonly Decimal[]): string =>
    amounts.reduce((total, amount) => total.plus(amount), ZERO).toFixed();
  const collateral = (report: MarginReport): Decimal[] =>
    report.collateral
      .filter(({ asset, quantity }) => quantity.gt(0) && hasOtherRatio(asset, policy, other))
      .map(({ collateralValue }) => collateralValue);
  const multiAsset = all.filter(({ isMultiAsset }) => isMultiAsset);
  const required = (report: MarginReport, held: MarginReport): Decimal[] => [
    ...report.positions
      .filter(({ instrument }) => hasOtherTable(instrument, policy, other))
      .map(({ maintenanceMargin, settlementPrice }) => inUnit(maintenanceMargin, settlementPrice)),
    ...report.openOrders
      .filter(({ instrument }) => hasOtherOrders(policy, other) || hasOtherTable(instrument, policy, other))
      .map(({ maintenanceMargin, settlementPrice }) => inUnit(maintenanceMargin, settlementPrice)),
    ...(haveOtherDebts(policy, other) ? held.collateral : []).map(({ maintenanceMargin }) => maintenanceMargin),
  ];
  const notionals = all.flatMap(({ units, after }) => {
    const isolated = after.positions.filter(({ marginMode }) => marginMode === 'ISOLATED');
    return units.flatMap((unit, index) => {
      if (!isAtRisk(unit)) return [];
      const cross = after.positions.filter(({ marginMode }) => marginMode === 'CROSS');
      const positions = index === 0 ? cross : isolated.slice(index - 1, index);
      return positions.map(({ notional, settlementPrice }) => inUnit(notional, settlementPrice));
    });
  });
  return {
    collateralValueBefore: sum(multiAsset.flatMap(({ held }) => collateral(held.before))),
    collateralValueAfter: sum(multiAsset.flatMap(({ held }) => collateral(held.after))),
    maintenanceMarginBefore: sum(all.flatMap(({ before, held }) => required(before, held.before))),
    maintenanceMarginAfter: sum(all.flatMap(({ after, held }) => required(after, held.after))),
    notionalAtRisk: sum(notionals),
  };
}

/** A ratio above so many times another one; without a positive balance it is infinite. */
export function isAbove(unit: KnownUnit, than: KnownUnit, times: Decimal): boolean {
  const isInfinite = ({ marginBalance, maintenanceMargin }: KnownUnit): boolean =>
    marginBalance.lt(0) || (marginBalance.isZero() && !maintenanceMargin.isZero());
  if (isInfinite(than)) return false;
  if (isInfinite(unit)) return true;
  return unit.maintenanceMargin
    .times(than.marginBalance)
    .gt(than.maintenanceMargin.times(unit.marginBalance).times(times));
}

/** Of two units without a positive balance, the one with the lower balance. */
export function isDeeper(unit: KnownUnit, than: KnownUnit): boolean {
  const [own, other] = [unit, than].map(({ marginBalance, rate }) => marginBalance.times(rate)) as [Decimal, Decimal];
  return own.lte(0) && other.lte(0) && own.lt(other);
}
