/**
 * The venues' rules as the prefilter needs them, in typed arrays. A rule set is the policy of one venue on one chain.
 * Each asset (as it counts in one collateral mode, or switched off) and each instrument (by how its settlement asset
 * counts) of a rule set has a row. So an item of an account only names its row. Rows keep their numbers when a policy changes; their contents are overwritten.
 */
import { COUNTS_NOTHING, collateralCurve, liabilityCurve, maintenanceCurve } from '../../margin/curve.js';
import { collateralTableOf, countingOf, countsUnpricedAbove, pricedBy } from '../../margin/state/collateral.js';
import type { Fraction } from '../../margin/fraction.js';
import type { AssetCounting, CollateralChoice, Policy } from '../../margin/model.js';
import { settlementAssetOf } from '../../margin/state/settlement.js';
import { haveSameThresholds, statusBoundaries } from '../../margin/state/status.js';
import { GENEROUS, NEAR, Room, collateralNumbers, maintenanceNumbers, scaleOf } from './curve-rows.js';
import { grown } from './growth.js';
import type { PriceColumn } from './price-column.js';

interface RuleSet {
  readonly venue: string;
  policy: Policy;
  readonly collateral: Map<string, AssetRow>;
  readonly instruments: Map<string, InstrumentRow>;
}

interface AssetRow {
  readonly row: number;
  readonly counting: AssetCounting;
  readonly asset: string;
}

interface InstrumentRow {
  readonly row: number;
  readonly instrument: string;
  /** How PnL counts where it counts with its settlement asset. */
  readonly settled: 'MULTI_ASSET' | 'SWITCHED_OFF';
}

/** Orders are weighed for initial margin; for maintenance margin; what they would lose takes a mark price. */
const ORDERS_WEIGH = 1;
export const ORDERS_MAINTAIN = 2;
export const ORDERS_LOSE = 4;

export class RuleColumns {
  // --- By row of an asset ---
  collateralPrice = new Uint32Array(0);
  /** Index of the first tier in `collateralTiers`. */
  collateralTier = new Uint32Array(0);
  /** Maximum of coins that count; Infinity: all, 0: none. */
  userCap = new Float64Array(0);
  /** 1: the tiers are in coins; 0: in value. */
  inCoins = new Uint8Array(0);
  /**
   * Coins from which a missing price matters, because a quantity above counts; Infinity: it never does. A quantity of
   * exactly so many counts nothing, yet its float may be that of a larger one.
   */
  countsFrom = new Float64Array(0);
  collateralTiers = new Float64Array(0);
  /** Index of the first tier of its debts in `collateralTiers`, as those of the collateral are; 0: nothing is required. */
  liabilityTier = new Uint32Array(0);
  /** 1: those tiers are in coins. */
  owedInCoins = new Uint8Array(0);

  // --- By row of an instrument ---
  instrumentPrice = new Uint32Array(0);
  /** The price of its settlement asset. */
  settlementPrice = new Uint32Array(0);
  /** The row of its settlement asset in multi-asset mode, or switched off, where PnL counts with that asset. */
  settlementRow = new Uint32Array(0);
  /** Index of the first tier in `maintenanceTiers`. */
  maintenanceTier = new Uint32Array(0);
  maintenanceTiers = new Float64Array(0);

  // --- By rule set ---
  /** 1: PnL counts as equity. */
  isPnlEquity = new Uint8Array(0);
  /** The sum of what the policy asks of orders; 0: nothing that the floats value. */
  ordersAsk = new Uint8Array(0);
  /** No maintenance margin, nor any step of its sum, is larger than this times notional (or debt). */
  maintenanceScale = new Float64Array(0);
  /** Surely below every ratio at which something happens. */
  calmBelow = new Float64Array(0);

  private readonly ruleSets: RuleSet[] = [];
  private readonly numbers = new Map<string, number>();
  private collateralRows = 0;
  private instrumentRows = 0;
  private readonly collateralRoom = new Room();
  private readonly maintenanceRoom = new Room();

  constructor(readonly prices: PriceColumn) {}

  /**
   * A copy in which this policy replaces that of the rule set, at the prices of this moment. Later changes do not
   * affect the copy.
   */
  copyWith(ruleSet: number, policy: Policy): RuleColumns {
    const copy = this.copy();
    const { venue, collateral, instruments } = this.rules(ruleSet);
    copy.writeRequirements(ruleSet, policy);
    for (const { row, counting, asset } of collateral.values()) copy.writeCollateral(row, asset, counting, policy);
    for (const { instrument, row } of instruments.values()) copy.writeInstrument(row, venue, instrument, policy);
    return copy;
  }

  /** A copy at the prices and rules of this moment, which values units. Later changes do not affect it. */
  copy(): RuleColumns {
    const copy = new RuleColumns(this.prices.copy());
    const { collateralRoom, maintenanceRoom } = copy;
    for (const [name, column] of Object.entries(this)) {
      if (ArrayBuffer.isView(column)) Object.assign(copy, { [name]: (column as Float64Array).slice() });
    }
    collateralRoom.follow(this.collateralRoom);
    maintenanceRoom.follow(this.maintenanceRoom);
    // Rows added later are not in the copy: a value by them is NaN.
    copy.collateralPrice = copy.collateralPrice.subarray(0, this.collateralRows);
    copy.instrumentPrice = copy.instrumentPrice.subarray(0, this.instrumentRows);
    copy.settlementPrice = copy.settlementPrice.subarray(0, this.instrumentRows);
    return copy;
  }

  /** Null: that venue and chain have no policy here yet. */
  ruleSet(venue: string, chain: string | null): number | null {
    return this.numbers.get(`${venue}\0${chain ?? ''}`) ?? null;
  }

  /**
   * Sets the policy in force. Returns the number of the rule set, and whether ratios now mean other statuses.
   *
   * @param boundaries every ratio at which something happens in any account
   */
  setPolicy(
    venue: string,
    chain: string | null,
    policy: Policy,
    boundaries: readonly Fraction[] = statusBoundaries(policy),
  ): { ruleSet: number; thresholdsChanged: boolean } {
    const known = this.ruleSet(venue, chain);
    const ruleSet = known ?? this.ruleSets.length;
    const before = this.ruleSets[ruleSet];
    if (before === undefined) {
      this.numbers.set(`${venue}\0${chain ?? ''}`, ruleSet);
      this.ruleSets.push({ venue, policy, collateral: new Map(), instruments: new Map() });
    }
    const thresholdsChanged = before === undefined || !haveSameThresholds(before.policy, policy);
    const rules = this.rules(ruleSet);
    rules.policy = policy;
    if (ruleSet >= this.maintenanceScale.length) {
      this.ordersAsk = grown(this.ordersAsk, ruleSet + 1);
      this.maintenanceScale = grown(this.maintenanceScale, ruleSet + 1);
      this.isPnlEquity = grown(this.isPnlEquity, ruleSet + 1);
      this.calmBelow = grown(this.calmBelow, ruleSet + 1);
    }
    this.calmBelow[ruleSet] = Math.min(...boundaries.map((boundary) => boundary.toNumber())) * (1 - NEAR);
    this.writeRequirements(ruleSet, policy);
    for (const { row, counting, asset } of rules.collateral.values())
      this.writeCollateral(row, asset, counting, policy);
    for (const item of rules.instruments.values()) {
      this.writeInstrument(item.row, venue, item.instrument, policy);
      this.writeSettlement(ruleSet, item);
    }
    return { ruleSet, thresholdsChanged };
  }

  /** Whether an item of the rule set takes another price under this policy: its asset or instrument was changed or added. */
  movesPrices(ruleSet: number, policy: Policy): boolean {
    const { venue, collateral, instruments } = this.rules(ruleSet);
    return (
      [...collateral.values()].some(
        ({ row, asset }) => this.collateralPrice[row] !== this.prices.ofAsset(pricedBy(asset, policy), policy.unit),
      ) ||
      [...instruments.values()].some(
        ({ instrument, row }) =>
          this.instrumentPrice[row] !== this.priceOf(venue, instrument, policy) ||
          this.settlementPrice[row] !== this.settlementPriceOf(instrument, policy),
      )
    );
  }

  collateralRow(ruleSet: number, choice: CollateralChoice, asset: string): number {
    return this.assetRow(ruleSet, countingOf(asset, choice), asset);
  }

  private assetRow(ruleSet: number, counting: AssetCounting, asset: string): number {
    const { collateral, policy } = this.rules(ruleSet);
    const key = `${counting}\0${asset}`;
    const known = collateral.get(key);
    if (known !== undefined) return known.row;
    const row = this.collateralRows++;
    if (row >= this.collateralPrice.length) {
      this.collateralPrice = grown(this.collateralPrice, row + 1);
      this.collateralTier = grown(this.collateralTier, row + 1);
      this.userCap = grown(this.userCap, row + 1);
      this.inCoins = grown(this.inCoins, row + 1);
      this.countsFrom = grown(this.countsFrom, row + 1);
      this.liabilityTier = grown(this.liabilityTier, row + 1);
      this.owedInCoins = grown(this.owedInCoins, row + 1);
    }
    collateral.set(key, { row, counting, asset });
    this.writeCollateral(row, asset, counting, policy);
    return row;
  }

  instrumentRow(ruleSet: number, choice: CollateralChoice, instrument: string): number {
    const rules = this.rules(ruleSet);
    const isOff = countingOf(settlementAssetOf(instrument, rules.policy), choice) === 'SWITCHED_OFF';
    const key = isOff ? `off\0${instrument}` : instrument;
    const known = rules.instruments.get(key);
    if (known !== undefined) return known.row;
    const row = this.instrumentRows++;
    if (row >= this.instrumentPrice.length) {
      this.instrumentPrice = grown(this.instrumentPrice, row + 1);
      this.settlementPrice = grown(this.settlementPrice, row + 1);
      this.settlementRow = grown(this.settlementRow, row + 1);
      this.maintenanceTier = grown(this.maintenanceTier, row + 1);
    }
    const item: InstrumentRow = { row, instrument, settled: isOff ? 'SWITCHED_OFF' : 'MULTI_ASSET' };
    rules.instruments.set(key, item);
    this.writeInstrument(row, rules.venue, instrument, rules.policy);
    this.writeSettlement(ruleSet, item);
    return row;
  }

  /** The asset of a row, and how it counts. */
  assetAt(ruleSet: number, row: number): Omit<AssetRow, 'row'> {
    for (const item of this.rules(ruleSet).collateral.values()) if (item.row === row) return item;
    throw new Error(`The rule set ${ruleSet} has no asset in row ${row}.`);
  }

  /** The symbol of an instrument's row. */
  instrumentAt(ruleSet: number, row: number): string {
    for (const item of this.rules(ruleSet).instruments.values()) if (item.row === row) return item.instrument;
    throw new Error(`The rule set ${ruleSet} has no instrument in row ${row}.`);
  }

  /** An instrument without rules is valued as without a price. */
  private priceOf(venue: string, instrument: string, policy: Policy): number {
    return policy.instruments.has(instrument) ? this.prices.ofInstrument(venue, instrument) : this.prices.never;
  }

  private settlementPriceOf(instrument: string, policy: Policy): number {
    // Orders in it are then unpriced, as they are exactly; a position is so by its mark.
    if (!policy.instruments.has(instrument)) return this.prices.never;
    return this.prices.ofAsset(pricedBy(settlementAssetOf(instrument, policy), policy), policy.unit);
  }

  private rules(ruleSet: number): RuleSet {
    const rules = this.ruleSets[ruleSet];
    if (rules === undefined) throw new Error(`There is no rule set ${ruleSet}.`);
    return rules;
  }

  private writeRequirements(ruleSet: number, policy: Policy): void {
    const { initial, maintenance, openLoss } = policy.openOrders;
    this.ordersAsk[ruleSet] =
      (initial === 'WORST_SIDE' ? ORDERS_WEIGH : 0) +
      (maintenance === 'WORST_SIDE' ? ORDERS_MAINTAIN : 0) +
      (openLoss === 'INITIAL' ? ORDERS_LOSE : 0);
    this.maintenanceScale[ruleSet] = scaleOf(policy) * GENEROUS;
    this.isPnlEquity[ruleSet] = policy.pnlCounts === 'AS_EQUITY' ? 1 : 0;
  }

  private writeCollateral(row: number, asset: string, counting: AssetCounting, policy: Policy): void {
    this.collateralPrice[row] = this.prices.ofAsset(pricedBy(asset, policy), policy.unit);
    const table = collateralTableOf(asset, counting, policy);
    const { segments } = table === null ? COUNTS_NOTHING : collateralCurve(table);
    const liability = liabilityCurve(asset, policy);
    const ofDebts = collateralNumbers(liability?.maintenance ?? [], true);
    const tiers = [...collateralNumbers(segments), ...ofDebts];
    const first = this.collateralRoom.place(row, tiers.length);
    if (first + tiers.length > this.collateralTiers.length) {
      this.collateralTiers = grown(this.collateralTiers, first + tiers.length);
    }
    this.collateralTiers.set(tiers, first);
    this.collateralTier[row] = first;
    this.liabilityTier[row] = liability === null ? 0 : first + tiers.length - ofDebts.length;
    this.owedInCoins[row] = liability?.tierUnit === 'QUANTITY' ? 1 : 0;
    this.userCap[row] = table === null ? 0 : (table.userCap?.toNumber() ?? Infinity);
    this.inCoins[row] = table?.tierUnit === 'QUANTITY' ? 1 : 0;
    this.countsFrom[row] = countsUnpricedAbove(asset, counting, policy)?.toNumber() ?? Infinity;
  }

  /** An instrument may be known only later; it keeps its settlement asset. */
  private writeSettlement(ruleSet: number, { row, instrument, settled }: InstrumentRow): void {
    const asset = settlementAssetOf(instrument, this.rules(ruleSet).policy);
    this.settlementRow[row] = this.assetRow(ruleSet, settled, asset);
  }

  private writeInstrument(row: number, venue: string, instrument: string, policy: Policy): void {
    const rules = policy.instruments.get(instrument);
    this.instrumentPrice[row] = this.priceOf(venue, instrument, policy);
    this.settlementPrice[row] = this.settlementPriceOf(instrument, policy);
    const tiers = maintenanceNumbers(maintenanceCurve(rules?.tiers ?? [], policy));
    const first = this.maintenanceRoom.place(row, tiers.length);
    if (first + tiers.length > this.maintenanceTiers.length) {
      this.maintenanceTiers = grown(this.maintenanceTiers, first + tiers.length);
    }
    this.maintenanceTiers.set(tiers, first);
    this.maintenanceTier[row] = first;
  }
}
