/** The difference of two policies of one place, as far as it touches the margin state of an account. */
import type { CollateralTable, InstrumentRules, Policy } from '../../margin/model.js';

export interface RuleDifference {
  /** Assets whose positive balances count by another version. */
  readonly assets: ReadonlySet<string>;
  /** Instruments whose positions are under other tiers, another fee or another method. */
  readonly instruments: ReadonlySet<string>;
  /** The margin for debts differs. */
  readonly debtMargin: boolean;
  /** The same ratio may mean another status. */
  readonly statuses: boolean;
  /** One of the policies requires margin for debts, so that a debt alone has a ratio. */
  readonly debtsRequire: boolean;
  /** One of the policies counts PnL as equity, so that positions are part of what an asset counts. */
  readonly equities: boolean;
  /** PnL counts otherwise. */
  readonly pnlCounts: boolean;
  /** What resting orders require differs. */
  readonly orders: boolean;
  /** One of the policies requires maintenance margin for orders, so that orders alone have a ratio. */
  readonly ordersRequire: boolean;
}

export function differenceOf(before: Policy, after: Policy): RuleDifference {
  return {
    assets: keysThatDiffer(before.collateralRatios, after.collateralRatios, isSameVersion),
    instruments: keysThatDiffer(
      before.instruments,
      after.instruments,
      before.maintenanceMethod === after.maintenanceMethod && before.liquidationFeeRate.eq(after.liquidationFeeRate)
        ? haveSameTiers
        : () => false,
    ),
    debtMargin: liabilitiesOf(before) !== liabilitiesOf(after),
    statuses:
      before.liquidatesAtEquality !== after.liquidatesAtEquality ||
      before.liquidationRatio.cmp(after.liquidationRatio) !== 0 ||
      !before.warningRatio.eq(after.warningRatio) ||
      !before.marginCallRatio.eq(after.marginCallRatio),
    debtsRequire: [before, after].some(
      ({ debtMarginRate, liabilities }) => !debtMarginRate.isZero() || liabilities.length > 0,
    ),
    equities: before.pnlCounts === 'AS_EQUITY' || after.pnlCounts === 'AS_EQUITY',
    pnlCounts: before.pnlCounts !== after.pnlCounts,
    orders: (['initial', 'maintenance', 'openLoss'] as const).some(
      (name) => before.openOrders[name] !== after.openOrders[name],
    ),
    ordersRequire: [before, after].some(({ openOrders }) => openOrders.maintenance === 'WORST_SIDE'),
  };
}

/** What is required for debts, as a text to compare. */
function liabilitiesOf({ debtMarginRate, liabilities }: Policy): string {
  return JSON.stringify([debtMarginRate, liabilities]);
}

function keysThatDiffer<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  isSame: (a: T, b: T) => boolean,
): ReadonlySet<string> {
  const differing = [...new Set([...before.keys(), ...after.keys()])].filter((key) => {
    const [a, b] = [before.get(key), after.get(key)];
    return a === undefined || b === undefined || !isSame(a, b);
  });
  return new Set(differing);
}

/** By identity: a draft with equal tiers is a change nevertheless, which touches holders of the asset. */
function isSameVersion(a: CollateralTable, b: CollateralTable): boolean {
  return a.id === b.id;
}

function haveSameTiers({ tiers: a }: InstrumentRules, { tiers: b }: InstrumentRules): boolean {
  if (a === b) return true;
  return (
    a.length === b.length &&
    a.every((tier, index) => {
      const other = b[index];
      return (
        other !== undefined &&
        tier.floor.eq(other.floor) &&
        (tier.cap === null ? other.cap === null : other.cap !== null && tier.cap.eq(other.cap)) &&
        tier.maintenanceRate.eq(other.maintenanceRate) &&
        tier.maintenanceAmount.eq(other.maintenanceAmount) &&
        tier.maxLeverage.eq(other.maxLeverage)
      );
    })
  );
}
