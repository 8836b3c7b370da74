/** The instruments of a venue's file: their assets, and the versions of their maintenance tiers. */
import { maintenanceAmounts } from '../../margin/curve.js';
import { ZERO, toPlain, type Decimal } from '../../margin/decimal.js';
import type { MaintenanceMethod, MaintenanceTier, Policy } from '../../margin/model.js';
import { maintenanceTierProblems, problemOfFallingRates, type MaintenanceTierDraft } from '../versions/tiers.js';
import type { JsonValue } from './reference-json.js';
import type { InstrumentData, Version } from './reference-model.js';
import {
  VERSION_FIELDS,
  holding,
  inOrder,
  member,
  readVersion,
  refuseProblems,
  type KnownCodes,
} from './reference-parts.js';

type DatedPolicy = Version & Pick<Policy, 'maintenanceMethod' | 'openOrders'>;
/** Of the venue's file. */
type PoliciesInOrder = readonly [DatedPolicy, ...DatedPolicy[]];

export function readInstrument(
  file: JsonValue,
  known: KnownCodes,
  parities: readonly Parity[],
  policies: PoliciesInOrder,
): InstrumentData {
  const required = ['symbol', 'baseAsset', 'quoteAsset', 'maxLeverage', 'maintenance'];
  const field = file.record(required, ['settlementAsset', 'sizeStep']);
  const maxLeverage = field('maxLeverage').decimalWithin(1, null);
  const schedules = inOrder(field('maintenance').list(), (value) => {
    const version = value.record([...VERSION_FIELDS, 'tiers']);
    const dated = readVersion(version);
    const { maintenanceMethod } = holding(policies, dated.effectiveFrom);
    return { ...dated, tiers: readMaintenanceTiers(version('tiers'), maintenanceMethod, maxLeverage) };
  });
  const [first, ...others] = schedules;
  if (first === undefined) throw field('maintenance').refuse('expected at least one version of tiers');
  refuseFallingRates(field('maintenance'), [first, ...others], policies);
  return {
    symbol: readSymbol(field('symbol'), known),
    ...readAssets(field, known, parities),
    maxLeverage,
    sizeStep: readSizeStep(field('sizeStep')),
    schedules,
  };
}

function readSizeStep(file: JsonValue): Decimal | null {
  if (file.isAbsent) return null;
  const step = file.decimalWithin(0, null);
  if (step.isZero()) throw file.unexpected('a decimal above 0');
  return step;
}

/** Tiers and policies are versions apart: whichever of them hold together must not contradict each other. */
function refuseFallingRates(
  file: JsonValue,
  schedules: readonly [Schedule, ...Schedule[]],
  policies: PoliciesInOrder,
): void {
  for (const { effectiveFrom: at } of [...schedules, ...policies]) {
    const schedule = holding(schedules, at);
    const problem = problemOfFallingRates(schedule.tiers, holding(policies, at));
    if (problem !== null) throw (file.list()[schedule.version - 1] ?? file).refuse(problem.message);
  }
}

type Schedule = InstrumentData['schedules'][number];

/** Prices are named by their symbol alone in simulations and in lists of what is stale or unpriced. */
function readSymbol(file: JsonValue, known: KnownCodes): string {
  const symbol = file.text();
  if (known.assets.has(symbol)) throw file.refuse(`${symbol} is an asset: an instrument needs a symbol of its own`);
  return symbol;
}

/** Two assets that the venue takes for one another, such as USD and USDC. */
export type Parity = readonly [string, string];

export function readParities(file: JsonValue, known: KnownCodes): Parity[] {
  if (file.isAbsent) return [];
  return file.list().map((pair): Parity => {
    const [one, other, ...more] = pair.list().map((asset) => member(asset, known.assets, 'an asset of assets.json'));
    if (one === undefined || other === undefined || more.length > 0) throw pair.unexpected('two assets');
    return [one, other];
  });
}

/**
 * Marks are in the quote asset and PnL is booked in the settlement asset, so both must be worth the same. A contract that
 * is settled in what it is about (inverse, coin-margined) is not linear in its mark: no rule here fits it.
 */
function readAssets(
  field: (name: string) => JsonValue,
  known: KnownCodes,
  parities: readonly Parity[],
): Pick<InstrumentData, 'baseAsset' | 'quoteAsset' | 'settlementAsset'> {
  const asset = (name: string): string => member(field(name), known.assets, 'an asset of assets.json');
  const [baseAsset, quoteAsset] = [asset('baseAsset'), asset('quoteAsset')];
  const settlementAsset = field('settlementAsset').isAbsent ? quoteAsset : asset('settlementAsset');
  const pricedBy = (symbol: string): string => known.assets.get(symbol)?.pricedAs ?? symbol;
  if (pricedBy(baseAsset) === pricedBy(settlementAsset)) {
    const message = `settled in ${settlementAsset}, which its base ${baseAsset} moves: inverse contracts are not supported`;
    throw field(field('settlementAsset').isAbsent ? 'quoteAsset' : 'settlementAsset').refuse(message);
  }
  const areAtPar = parities.some((pair) => pair.includes(quoteAsset) && pair.includes(settlementAsset));
  if (quoteAsset !== settlementAsset && !areAtPar) {
    const message = `settled in ${settlementAsset} and quoted in ${quoteAsset}, which the venue does not state \`atPar\``;
    throw field('settlementAsset').refuse(message);
  }
  return { baseAsset, quoteAsset, settlementAsset };
}

function readMaintenanceTiers(file: JsonValue, method: MaintenanceMethod, maxLeverage: Decimal): MaintenanceTier[] {
  const rows = file.list().map((row) => row.record(['floor', 'cap', 'rate', 'maxLeverage'], ['amount']));
  const drafts: MaintenanceTierDraft[] = rows.map((field) => ({
    floor: field('floor').decimal(),
    cap: field('cap').isNull ? null : field('cap').decimal(),
    maintenanceRate: field('rate').decimal(),
    maxLeverage: field('maxLeverage').decimalWithin(1, null),
  }));
  refuseProblems(file, maintenanceTierProblems(drafts));
  const amounts = maintenanceAmounts(method, drafts);
  return drafts.map((draft, index) => {
    const field = rows[index] as (name: string) => JsonValue;
    const amount = amounts[index] ?? ZERO;
    const stated = field('amount');
    // Amounts stated in the file are compared with the computed ones, which finds a typing error in a floor or rate.
    if (!stated.isAbsent && !stated.decimal().eq(amount)) {
      throw stated.unexpected(`${toPlain(amount)}, which floors and rates give where the method is ${method}`);
    }
    if (draft.maxLeverage.gt(maxLeverage)) throw field('maxLeverage').unexpected(`at most ${toPlain(maxLeverage)}`);
    return { ...draft, tier: index + 1, maintenanceAmount: amount };
  });
}
