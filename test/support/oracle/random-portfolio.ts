/**
 * Portfolios of every shape that the rules allow, read off a tape of random whole numbers: an empty tape is the
 * smallest portfolio, so that a failing case shrinks with its tape. Amounts often sit exactly on a tier's floor, and
 * the account exactly on a threshold.
 */
import type {
  Portfolio,
  PortfolioAsset,
  PortfolioInstrument,
  PortfolioOrders,
  PortfolioPosition,
  PortfolioTable,
  PortfolioLiability,
} from './portfolio.js';
import { minus, over, plainText, plus, rational, sign, times, type Rational } from './rational.js';
import { liquidationAt, stateOf } from './state.js';

/** Reads whole numbers off the tape; 0 for ever after its end. */
class Tape {
  private next = 0;
  /** Few digits everywhere, so that sums can meet exactly. */
  readonly tidy: boolean;

  constructor(private readonly numbers: readonly number[]) {
    this.tidy = this.below(2) === 0;
  }

  below(bound: number): number {
    const number = this.numbers[this.next++] ?? 0;
    return number % bound;
  }

  /** True once in `times`, never at the end of the tape. */
  once(times: number): boolean {
    return this.below(times) === times - 1;
  }

  pick<T>(first: T, ...others: readonly T[]): T {
    const index = this.below(others.length + 1);
    return index === 0 ? first : (others[index - 1] as T);
  }
}

/** mantissa x 10^exponent in plain notation. */
function scaled(mantissa: number, exponent: number): string {
  const factor = { n: 10n ** BigInt(Math.max(0, exponent)), d: 10n ** BigInt(Math.max(0, -exponent)) };
  return plainText(times({ n: BigInt(mantissa), d: 1n }, factor), 18) ?? '0';
}

/** Sometimes with noise to the 18th digit. */
function amount(tape: Tape, lowest: number, highest: number): string {
  const text = scaled(1 + tape.below(9_999), lowest + tape.below(highest - lowest + 1));
  if (tape.tidy || !tape.once(4)) return text;
  const noise = { n: BigInt(tape.below(1_000_000_007)) * BigInt(1 + tape.below(999_999_937)), d: 10n ** 18n };
  return plainText(plus(rational(text), noise), 18) ?? text;
}

/** 1e-9 to 1e9; sometimes of the kind by which every floor divides without a rest. */
function price(tape: Tape): string {
  if (tape.tidy) return scaled(1 + tape.below(999), tape.below(5) - 2);
  if (tape.once(3)) return scaled(tape.pick(1, 2, 5), tape.below(18) - 9);
  return amount(tape, -9, 5);
}

/** Rising, the first 0. */
function floors(tape: Tape, count: number): string[] {
  const list = ['0'];
  for (let index = 1; index < count; index++) {
    const step = scaled(tape.pick(1, 2, 5, 25), 1 + tape.below(5));
    list.push(plainText(plus(rational(list[index - 1] as string), rational(step)), 18) as string);
  }
  return list;
}

/** quantity = floor / price, where it has 18 digits at most. */
function onFloor(floor: string, unit: string): string | null {
  if (floor === '0') return null;
  return plainText(over(rational(floor), rational(unit)), 18);
}

const RATIOS = [
  '1',
  '0.9999',
  '0.975',
  '0.95',
  '0.9',
  '0.85',
  '0.8',
  '0.5',
  '0.1',
  '0',
  '0.123456789012345678',
] as const;
const RATES = ['0.004', '0.005', '0.0065', '0.01', '0.012', '0.02', '0.025', '0.05', '0.1', '0.125', '0.25', '0.5'];
const LEVERAGES = ['125', '100', '75', '50', '25', '20', '10', '7', '5', '3', '2', '1'];

function table(tape: Tape): PortfolioTable {
  const levels = floors(tape, 1 + tape.below(5));
  const capped = tape.once(4);
  const tiers = levels.map((floor, index) => ({
    floor,
    cap: levels[index + 1] ?? (capped ? (plainText(plus(rational(floor), rational('777')), 18) as string) : null),
    ratio: tape.pick(RATIOS[0], ...RATIOS),
  }));
  return { inCoins: tape.once(3), tiers, userCap: tape.once(4) ? (tape.once(6) ? '0' : amount(tape, -3, 3)) : null };
}

function asset(tape: Tape, index: number, earlier: readonly PortfolioAsset[]): PortfolioAsset {
  const own = price(tape);
  const listed = tape.once(8) ? null : table(tape);
  const parent = tape.once(6)
    ? tape.pick('USDT', ...earlier.filter((a) => a.pricedAs === null).map((a) => a.symbol))
    : null;
  const edge = listed?.tiers[tape.below(listed.tiers.length)]?.floor ?? '0';
  const exact = tape.once(3) && listed !== null ? onFloor(edge, listed.inCoins || parent !== null ? '1' : own) : null;
  const quantity = exact ?? (tape.once(20) ? '0' : amount(tape, -6, 4));
  return {
    symbol: `A${index}`,
    quantity: tape.once(4) && quantity !== '0' ? `-${quantity}` : quantity,
    price: tape.once(150) ? null : own,
    pricedAs: parent,
    stale: tape.once(40),
    transferable: !tape.once(20),
    table: listed,
  };
}

function instrument(tape: Tape, index: number, bases: readonly string[], progressive: boolean): PortfolioInstrument {
  const levels = floors(tape, 1 + tape.below(8));
  const first = tape.below(4);
  let charged: Rational = rational('0');
  const tiers = levels.map((floor, level) => {
    const rate = RATES[Math.min(first + level, RATES.length - 1)] as string;
    const before = RATES[Math.min(first + level - 1, RATES.length - 1)] as string;
    // amount[n] = amount[n-1] + floor[n] x (rate[n] - rate[n-1])
    if (level > 0) charged = plus(charged, times(rational(floor), minus(rational(rate), rational(before))));
    return {
      floor,
      cap: levels[level + 1] ?? (tape.once(2) ? plainText(plus(rational(floor), rational('5000')), 18) : null),
      rate,
      amount: progressive ? (plainText(charged, 36) as string) : '0',
      maxLeverage: LEVERAGES[Math.min(first + level, LEVERAGES.length - 1)] as string,
    };
  });
  return {
    symbol: `I${index}`,
    base: tape.pick('BASE', ...bases),
    settlement: 'USDT',
    mark: tape.once(150) ? null : price(tape),
    stale: tape.once(40),
    tiers,
  };
}

function position(tape: Tape, of: PortfolioInstrument, long: boolean, isolated: boolean): PortfolioPosition {
  const mark = of.mark ?? '1';
  const edge = of.tiers[tape.below(of.tiers.length)]?.floor ?? '0';
  // A notional of roughly 10 to 10^6, whatever the price.
  const notional = scaled(1 + tape.below(999), 1 + tape.below(4));
  const near = edge === '0' ? notional : times100(edge, tape.pick(99, 98, 95, 101));
  const size = (tape.once(3) ? onFloor(edge, mark) : null) ?? roughly(tape.once(2) ? near : notional, mark);
  const entry = times(rational(mark), rational(scaled(90 + tape.below(21), -2)));
  const cost = plainText(times(rational(size), entry), 56) as string;
  return {
    instrument: of.symbol,
    long,
    size,
    cost,
    leverage: tape.pick('20', '1', '2', '3', '7', '10', '50', '125'),
    isolated,
    margin: isolated ? roughly(notional, scaled(1 + tape.below(40), 0)) : '0',
  };
}

/** So many per cent of an amount. */
function times100(text: string, percent: number): string {
  return plainText(times(rational(text), { n: BigInt(percent), d: 100n }), 20) as string;
}

/** About value / unit, with few digits, and never 0. */
function roughly(value: string, unit: string): string {
  const quotient = over(rational(value), rational(unit));
  for (let digits = 2; digits <= 18; digits++) {
    const scale = 10n ** BigInt(digits);
    const units = (quotient.n * scale) / quotient.d;
    if (units > 100n) return plainText({ n: units, d: scale }, digits) as string;
  }
  return '0.000000000000000001';
}

/** Notionals that bring the position to the floor of a tier, or of the size of one. */
function resting(
  tape: Tape,
  of: PortfolioInstrument,
  held: PortfolioPosition | undefined,
  long: boolean | null,
): PortfolioOrders {
  const mark = of.mark ?? '1';
  const edge = rational(of.tiers[tape.below(of.tiers.length)]?.floor ?? '0');
  const own = held === undefined ? rational('0') : times(rational(held.size), rational(mark));
  const notional = (toEdge: Rational): string => {
    if (tape.once(4)) return '0';
    const exact = tape.once(3) && sign(toEdge) > 0 ? plainText(toEdge, 60) : null;
    return exact ?? amount(tape, 1, 4);
  };
  // An order in the direction of a position has to add what lacks to the edge; one against it has to add all of it.
  const [adds, reduces] = [notional(minus(edge, own)), notional(plus(edge, own))];
  const [buyNotional, sellNotional] = held?.long === false ? [reduces, adds] : [adds, reduces];
  const sizeOf = (value: string): string => (sign(rational(value)) === 0 ? '0' : roughly(value, mark));
  return {
    instrument: of.symbol,
    long,
    ...{ buySize: sizeOf(buyNotional), sellSize: sizeOf(sellNotional), buyNotional, sellNotional },
    leverage: held?.leverage ?? tape.pick('20', '1', '3', '125'),
  };
}

/** Orders in some instruments, with and without a position; and under each policy, those that ask one thing alone too. */
function withOrders(tape: Tape, drawn: Portfolio): Portfolio {
  const openOrders = tape.pick<readonly [boolean, boolean, boolean]>(
    ...([[false, false, false], [true, false, false], [true, true, false], [true, true, true], [false, true, false], [true, false, true], [true, true, false], [false, false, true]] as const), // prettier-ignore
  );
  const bases = drawn.assets.map(({ symbol }) => symbol);
  const alone = tape.once(3) ? [instrument(tape, drawn.instruments.length, bases, drawn.rules.progressive)] : [];
  const instruments = [...drawn.instruments, ...alone];
  const orders = instruments.flatMap((of) => {
    if (!tape.once(2)) return [];
    const sides = drawn.hedge ? [true, false] : [null];
    return sides.flatMap((long) => {
      if (long === false && !tape.once(2)) return [];
      const held = drawn.positions.find(
        (each) => each.instrument === of.symbol && (long === null || each.long === long),
      );
      return [resting(tape, of, held, long)];
    });
  });
  return { ...drawn, instruments, orders, rules: { ...drawn.rules, openOrders } };
}

function count(tape: Tape): number {
  return tape.once(12) ? tape.below(41) : tape.below(6);
}

export function randomPortfolio(numbers: readonly number[]): Portfolio {
  const tape = new Tape(numbers);
  const progressive = !tape.once(2);
  const hedge = tape.once(2);
  const rules = {
    liquidatesAtEquality: tape.once(2),
    progressive,
    liquidationFeeRate: tape.pick('0', '0.0006', '0.000000000000000007'),
    debtMarginRate: tape.pick('0', '0', '0.1', '0.033333333333333333'),
    warningRatio: '0.5',
    marginCallRatio: '0.8',
  };
  const multiAsset = !tape.once(5);
  const assets: PortfolioAsset[] = [
    {
      symbol: 'USDT',
      quantity: (tape.once(3) ? '-' : '') + amount(tape, -2, 4),
      price: null,
      pricedAs: null,
      stale: false,
      transferable: true,
      table: tape.once(4) ? table(tape) : null,
    },
  ];
  const held = Math.min(39, count(tape));
  for (let index = 0; index < held; index++) assets.push(asset(tape, index, assets.slice(1)));

  const bases = assets.map(({ symbol }) => symbol);
  const instruments: PortfolioInstrument[] = [];
  const positions: PortfolioPosition[] = [];
  const traded = count(tape);
  for (let index = 0; index < traded && positions.length < 39; index++) {
    const of = instrument(tape, index, bases, progressive);
    instruments.push(of);
    const isolated = tape.once(4);
    const long = !tape.once(2);
    positions.push(position(tape, of, long, isolated));
    if (hedge && tape.once(2)) positions.push(position(tape, of, !long, isolated));
  }
  const portfolio = { multiAsset, hedge, unit: 'USDT', single: 'USDT', rules, assets, instruments, positions };
  return solvent(tape, portfolio);
}

/** Initial tiers with so much of each ratio; or the same in the first tier, and so much beyond it. */
function withInitial(of: PortfolioTable | null, weight: string, onlyFirst: boolean): PortfolioTable | null {
  if (of === null || weight === '1') return of;
  const initialTiers = of.tiers.map((tier, index) => {
    const ratio = plainText(times(rational(tier.ratio), rational(weight)), 40) as string;
    return index === 0 && onlyFirst ? tier : { ...tier, ratio };
  });
  return { ...of, initialTiers };
}

/** Some instruments are settled in another asset than the unit, but in none that their own mark moves. */
function withSettlements(tape: Tape, portfolio: Portfolio): Portfolio {
  const isUsed = tape.once(2);
  const rootOf = (symbol: string): string =>
    portfolio.assets.find((each) => each.symbol === symbol)?.pricedAs ?? symbol;
  const instruments = portfolio.instruments.map((each) => {
    const others = portfolio.assets.filter(({ symbol }) => rootOf(symbol) !== rootOf(each.base));
    const settled = tape.pick(portfolio.unit, ...others.map(({ symbol }) => symbol));
    return isUsed ? { ...each, settlement: settled } : each;
  });
  // The oldest of the other assets counts alone where that is not the unit.
  const single = tape.once(4) ? (portfolio.assets[1]?.symbol ?? portfolio.unit) : portfolio.unit;
  return { ...portfolio, instruments, single };
}

/** Some venues require margin for debts by tables: of one asset, of all, or of both. */
function withLiabilities(tape: Tape, portfolio: Portfolio): Portfolio {
  const isUsed = tape.once(2);
  const tableOf = (asset: string | null): PortfolioLiability => {
    const levels = floors(tape, 1 + tape.below(4));
    const tiers = levels.map((floor, index) => {
      const rate = tape.pick('0.1', '0.05', '0', '0.2', '0.033333333333333333');
      const initial = plainText(times(rational(rate), rational(tape.pick('2', '1.25', '3'))), 20) as string;
      return {
        floor,
        cap: levels[index + 1] ?? (tape.once(2) ? plainText(plus(rational(floor), rational('777')), 18) : null),
        initial,
        maintenance: rate,
      };
    });
    return { asset, inCoins: tape.once(3), tiers };
  };
  const named = tape.pick(portfolio.assets[0]?.symbol, ...portfolio.assets.map(({ symbol }) => symbol)) ?? null;
  const tables = [tableOf(named), tableOf(null)].slice(tape.below(2), 1 + tape.below(2));
  if (!isUsed || tables.length === 0) return portfolio;
  return { ...portfolio, rules: { ...portfolio.rules, debtMarginRate: '0', liabilities: tables } };
}

/** Whether unrealised PnL counts as equity. */
function withEquity(tape: Tape, portfolio: Portfolio): Portfolio {
  return { ...portfolio, rules: { ...portfolio.rules, asEquity: tape.once(2) } };
}

/** Some traders have taken assets out of the collateral, now and then the unit too. */
function withSwitches(tape: Tape, portfolio: Portfolio): Portfolio {
  const isUsed = tape.once(2);
  const assets = portfolio.assets.map((each) => {
    const isOff = tape.once(each.symbol === portfolio.unit ? 8 : 3);
    return isUsed && isOff ? { ...each, switchedOff: true } : each;
  });
  return { ...portfolio, assets };
}

/** What the unit is called. */
function withUnit(tape: Tape, portfolio: Portfolio): Portfolio {
  const unit = tape.pick(portfolio.unit, 'USDC');
  const named = (symbol: string): string => (symbol === portfolio.unit ? unit : symbol);
  return {
    ...portfolio,
    unit,
    single: named(portfolio.single),
    assets: portfolio.assets.map((each) => ({
      ...each,
      symbol: named(each.symbol),
      pricedAs: each.pricedAs === null ? null : named(each.pricedAs),
    })),
    rules: {
      ...portfolio.rules,
      liabilities: (portfolio.rules.liabilities ?? []).map((each) => ({
        ...each,
        asset: each.asset === null ? null : named(each.asset),
      })),
    },
    instruments: portfolio.instruments.map((each) => ({
      ...each,
      base: named(each.base),
      settlement: named(each.settlement),
    })),
  };
}

/** Most accounts are not liquidatable; some sit exactly where the status changes. */
function solvent(tape: Tape, drawn: Portfolio): Portfolio {
  const multiple = rational(
    tape.pick('2.5', '7', '1.02', '1.1', '1.3', '1.7', '1.02', '1', '1', '1', '1.25', '2', '0'),
  );
  // Drawn last, so that a tape goes on meaning what it meant.
  const liquidationRatio = tape.pick<readonly [string, string]>(
    ...([['1', '1'], ['1', '1.05'], ['1', '1'], ['0.9', '1'], ['3', '3.7'], ['0.81', '0.9']] as const), // prettier-ignore
  );
  const transferFloor = tape.pick<readonly [string, string]>(
    ...([['0', '0'], ['0.1', '0'], ['0', '1.2'], ['0', '0'], ['0.05', '2.333333333333333333']] as const), // prettier-ignore
  );
  const weight = tape.pick('1', '0.9', '1', '0', '0.123456789');
  const onlyFirst = tape.once(2);
  const assets = drawn.assets.map((each) => ({ ...each, table: withInitial(each.table, weight, onlyFirst) }));
  const weighed = { ...drawn, assets, rules: { ...drawn.rules, liquidationRatio, transferFloor } };
  const asEquity = withEquity(tape, withLiabilities(tape, withSettlements(tape, withOrders(tape, weighed))));
  const portfolio = withSwitches(tape, withUnit(tape, asEquity));
  const state = stateOf(portfolio);
  if (sign(multiple) === 0) return portfolio;
  const [cash, ...others] = portfolio.assets;
  const least = over(state.maintenanceMargin, liquidationAt(portfolio));
  const missing = minus(times(least, multiple), state.marginBalance);
  const wanted = plus(rational(cash?.quantity ?? '0'), missing);
  const quantity = plainText(wanted, 18) ?? plainText({ n: (wanted.n * 100n) / wanted.d, d: 100n }, 2);
  if (cash === undefined || quantity === null) return portfolio;
  return { ...portfolio, assets: [{ ...cash, quantity }, ...others] };
}
