/**
 * How much may be traded (rules: 22). The rule is that of a trade (rules: 14), and is asked; nothing of it stands here.
 */
import { ONE, SMALLEST_STEP, ZERO, decimal, max, roundUp, wholeQuotientDown, type Decimal } from '../decimal.js';
import type { AccountState, InstrumentRules, MarginMode, Market, Policy, PositionSide, TradeSide } from '../model.js';
import { refuse, within, type Refusal } from '../refusal.js';
import type { RealPiece } from '../solve/equity-pieces.js';
import { firstRefused, type Sample } from '../solve/first-refused.js';
import { closedSize, coverPieces, equityBends, notionalBends, startsOf, type EquityAt } from '../solve/size-bends.js';
import { staleLiabilities } from '../solve/transferable.js';
import { assessMargin, type MarginReport } from '../state/assess.js';
import { settlementAssetOf, settlementPriceOf } from '../state/settlement.js';
import { tradeRule, type WeighedTrade } from './acceptance.js';
import { checkMarginMode } from './modes.js';
import { fillTrade, setLeverage, type InstrumentSetting, type Step } from './simulation-steps.js';

/** The largest size of anything that is traded. */
const MAX_SIZE: Decimal = decimal('1e15');

export interface OpenSizeQuestion {
  readonly instrument: string;
  /** In hedge mode a BUY opens the long side and a SELL the short one. */
  readonly side: TradeSide;
  /** Null: as it is set. */
  readonly leverage: Decimal | null;
  /** In the quote asset, greater than 0; null: the present mark price. */
  readonly price: Decimal | null;
  /** Null: as it is set. */
  readonly marginMode: MarginMode | null;
  /** From 0 to 1: of size x price, rounded up at 18 digits, in the settlement asset. */
  readonly feeRate: Decimal;
  /** Sizes are whole numbers of it; null: of one unit of the 18th digit. */
  readonly step: Decimal | null;
}

/**
 * The largest size, in steps, which a venue would accept together with every smaller one (rules: 22), at most 1e15. After
 * the leverage is set as `setLeverage` would. 0 while that lacks margin, or while the mark, a debt or a cross position is
 * stale or has no price. Positive balances with a stale price count 0, and no debt is exchanged.
 *
 * Refused with INSTRUMENT_NOT_FOUND, with LEVERAGE_OUT_OF_RANGE, and with MARGIN_MODE_LOCKED or ISOLATED_NOT_ALLOWED where
 * the margin mode could not be set.
 *
 * @param setting what is set for the instrument
 */
export function maxOpenSize(
  account: AccountState,
  question: OpenSizeQuestion,
  setting: InstrumentSetting,
  market: Market,
  policy: Policy,
): { readonly size: Decimal; readonly refusal: Refusal | null } {
  const { instrument } = question;
  const rules = policy.instruments.get(instrument);
  if (rules === undefined) {
    return refused('instrument', refuse('INSTRUMENT_NOT_FOUND', `This venue has no instrument ${instrument}.`));
  }
  const marginMode = question.marginMode ?? setting.marginMode;
  const locked = checkMarginMode(instrument, marginMode, setting.marginMode, account, policy);
  if (locked !== null) return refused('marginMode', locked);
  const leverage = question.leverage ?? setting.leverage;
  const terms = { market, policy, platformRoom: new Map<string, Decimal>() };
  const set: Step =
    question.leverage === null
      ? { account, refusal: null }
      : setLeverage(account, rules, leverage, setting.leverage, terms);
  if (set.refusal?.code === 'LEVERAGE_OUT_OF_RANGE') return refused('leverage', set.refusal);
  const mark = market.mark(instrument);
  if (set.refusal !== null || mark === null || mark.stale) return { size: ZERO, refusal: null };
  const before = set.account;
  if (staleLiabilities(assessMargin(before, market, policy)).length > 0) return { size: ZERO, refusal: null };

  const priced = { ...question, price: question.price ?? mark.price, leverage, marginMode, mark: mark.price };
  return { size: largest(before, priced, rules, market, policy), refusal: null };
}

/** The question with what is set or quoted in place of what it leaves out. */
interface Priced extends OpenSizeQuestion {
  readonly price: Decimal;
  readonly mark: Decimal;
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
}

function largest(
  account: AccountState,
  question: Priced,
  rules: InstrumentRules,
  market: Market,
  policy: Policy,
): Decimal {
  const step = question.step ?? SMALLEST_STEP;
  const rule = tradeRule(account, market, policy);
  const weigh = (size: Decimal): WeighedTrade | null => {
    const filled = fill(account, question, size, market, policy);
    return filled.refusal === null ? rule(filled.account) : null;
  };
  // What cannot be filled at all, for a reason that no size changes.
  if (weigh(step) === null) return ZERO;
  const closed = closedSize(account, rules, question.side);
  const asset = settlementAssetOf(question.instrument, policy);
  const index = settlementPriceOf(question.instrument, market, policy)?.price ?? ONE;
  const pieces = coverPieces(asset, index, account, policy);
  const equityAt = (size: Decimal): EquityAt => {
    const held = weigh(size)?.report.collateral.find((each) => each.asset === asset);
    return { size, equity: held?.equity ?? ZERO };
  };
  const bendsBetween = (from: Decimal, to: Decimal): ReturnType<typeof equityBends> =>
    from.lt(to) ? equityBends(pieces, index, equityAt(from), equityAt(to)) : [];
  const sizes = [
    ...notionalBends(account, rules, question, policy),
    ...bendsBetween(step, closed),
    ...bendsBetween(max(closed, step), MAX_SIZE),
  ];
  // What a new isolated position sets aside at the mark is its initial margin, one quotient and one rounding.
  const isRoundedAlike =
    question.price.eq(question.mark) && !account.positions.some((each) => each.instrument === rules.symbol);
  const most = wholeQuotientDown(MAX_SIZE, step);
  const first = firstRefused({
    starts: startsOf(sizes, step, most),
    most,
    doubt: roundingOf(question, closed, pieces).times(max(ONE, index)),
    onlyFalls: onlyFalls(account, question, closed),
    sample: (at) => {
      const weighed = weigh(at.times(step));
      if (weighed === null) throw new RangeError(`${at.times(step).toFixed()} ${rules.symbol} could not be filled.`);
      const { refusal, stale, room, report } = weighed;
      const passes = refusal === null && stale.length === 0;
      return {
        at,
        passes,
        always: isRoundedAlike && room.isolated?.isZero() === true ? null : room.isolated,
        either: room.fall,
        or: room.cover,
        rounded: roundedIn(report, question),
      };
    },
  });
  return (first === null ? most : first.minus(ONE)).times(step);
}

/** Amounts of a trade that are rounded (rules: 1): what is booked, set aside and released, and initial margins. */
function roundedIn(
  { collateral, positions, openOrders }: MarginReport,
  { instrument, side }: Priced,
): Sample['rounded'] {
  const opens = side === 'BUY' ? 'LONG' : 'SHORT';
  const own = positions.filter((each) => each.instrument === instrument);
  const always = own.flatMap((each) => [each.isolatedMargin, each.initialMargin ?? ZERO]);
  const balances = collateral.map(({ quantity }) => quantity);
  const orders = openOrders.map(({ initialMargin }) => initialMargin ?? ZERO);
  // The cost of what is opened is exact, and moves with every step.
  const costs = own.map((each) => (each.side === opens ? ZERO : each.cost));
  return { always, others: [...always, ...balances, ...orders, ...costs] };
}

function fill(account: AccountState, question: Priced, size: Decimal, market: Market, policy: Policy): Step {
  const { instrument, side, price, feeRate } = question;
  const positionSide: PositionSide = side === 'BUY' ? 'LONG' : 'SHORT';
  const fee = roundUp(size.times(price).times(feeRate));
  return fillTrade(account, { instrument, side, positionSide, size, price, fee }, question, { market, policy });
}

/** By how much the roundings of one trade may move what it has to spare, in the settlement asset. */
function roundingOf({ marginMode, feeRate }: Priced, closed: Decimal, pieces: readonly RealPiece[]): Decimal {
  const isIsolated = marginMode === 'ISOLATED';
  // Initial margin; in isolated margin that of the position, of what its orders add, and the margin set aside.
  const required = decimal(isIsolated ? 3 : 1);
  // Released cost, PnL and released margin; the fee; margin set aside, and the part of the fee that closing bears.
  const booked = decimal((closed.isZero() ? 0 : 3) + (feeRate.isZero() ? 0 : 1) + (isIsolated ? 2 : 0));
  let steepest = ONE;
  for (const { slope } of pieces) steepest = max(steepest, slope);
  return SMALLEST_STEP.times(required.plus(booked.times(steepest)));
}

/**
 * Whether a larger trade never has more to spare than a smaller one on the same tiers, to the last digit: it only opens a
 * cross position, at a price that is no gain, and no order rests beside it.
 */
function onlyFalls({ openOrders }: AccountState, question: Priced, closed: Decimal): boolean {
  const { instrument, side, price, mark, marginMode } = question;
  const isGain = side === 'BUY' ? price.lt(mark) : price.gt(mark);
  const isBesideOrders = openOrders.some((orders) => orders.instrument === instrument);
  return marginMode === 'CROSS' && closed.isZero() && !isGain && !isBesideOrders;
}

function refused(field: string, refusal: Refusal): { readonly size: Decimal; readonly refusal: Refusal } {
  return { size: ZERO, refusal: within([field], refusal) };
}
