/**
 * The first of the whole numbers 1, 2, 3... that a rule refuses (rules: 22). The rule itself is asked, and never restated:
 * what it has to spare says where it needs to be asked.
 */
import { ONE, ZERO, decimal, min, max, wholeQuotientDown, type Decimal } from '../decimal.js';

/** What the rule says of one number. It passes if `always` allows it, and `either` or `or` does. */
export interface Sample {
  readonly at: Decimal;
  readonly passes: boolean;
  /** To spare of a condition that must hold; null: there is none. At least 0 where it holds. */
  readonly always: Decimal | null;
  /** To spare of two conditions of which one must hold: above 0, and at least 0. */
  readonly either: Decimal;
  readonly or: Decimal;
  /** The amounts that are rounded in `always`, and in the others. On one form each of them goes one way. */
  readonly rounded: { readonly always: readonly Decimal[]; readonly others: readonly Decimal[] };
}

export interface Search {
  /** Where another form of the rule begins, in rising order, from 1 on. In between, what is spared bends only downwards. */
  readonly starts: readonly Decimal[];
  /** The last number. */
  readonly most: Decimal;
  /** By how much roundings may move what is spared, at most. */
  readonly doubt: Decimal;
  /** Whether on one form nothing that is refused is followed by what passes, so that roundings need not be looked at. */
  readonly onlyFalls: boolean;
  readonly sample: (at: Decimal) => Sample;
}

/** So many numbers are asked of which roundings decide. */
const MAX_ASKED = 512;
/** So many are asked in all, whatever the rule says of what it has to spare: some 100 ms. */
const MAX_SAMPLES = 4_096;
const TWO: Decimal = decimal(2);
/** After so many guesses along a straight line the interval is halved, so that no form of the rule takes long. */
const GUESSES = 3;

/**
 * The first number that is refused; null: none is, up to `most`. Between two numbers that pass by more than roundings move,
 * on one form of the rule, all pass, since what bends only downwards lies above its chord. So do all between two that are
 * rounded alike. Elsewhere each number is asked. If there are more than `MAX_ASKED` of them, those that follow pass as the
 * ends of their interval do, within the last digit. After `MAX_SAMPLES` the first number that is not known to pass counts
 * as refused: what is answered is then too small, and never too large.
 */
export function firstRefused({ starts, most, ...rule }: Search): Decimal | null {
  const form = new OneForm(rule);
  for (const [index, start] of starts.entries()) {
    const first = rule.sample(start);
    if (!first.passes) return start;
    const next = starts[index + 1];
    const end = next === undefined ? most : next.minus(ONE);
    const refused = end.lte(start) ? null : form.refusedWithin(first, rule.sample(end), 0);
    if (refused !== null) return refused;
  }
  return null;
}

class OneForm {
  private left = MAX_ASKED;
  private samples = MAX_SAMPLES;

  constructor(private readonly rule: Omit<Search, 'starts' | 'most'>) {}

  /** The first refused number above `from`, which passes, up to `to`. */
  refusedWithin(from: Sample, to: Sample, turn: number): Decimal | null {
    const { doubt, onlyFalls, sample } = this.rule;
    if (to.at.minus(from.at).lte(ONE)) return to.passes ? null : to.at;
    const isDoubtful = spared(from).lt(doubt) && spared(to).lt(doubt);
    if (to.passes) {
      const isExact = onlyFalls || (isDoubtful && this.left === 0);
      if (holdsBetween(from, to, isExact ? ZERO : doubt)) return null;
    }
    if (isDoubtful && to.passes && this.left > 0) this.left -= 1;
    if (this.samples-- <= 0) return from.at.plus(ONE);
    const isHalved = to.passes || turn % (GUESSES + 1) === GUESSES;
    const between = sample(isHalved ? half(from, to) : guess(from, to, doubt));
    const refused = this.refusedWithin(from, between, turn + 1);
    return refused === null && between.passes ? this.refusedWithin(between, to, turn + 1) : refused;
  }
}

/**
 * Whether at both ends, and so in between, what must hold does, and one of the others: by so much, or at all where nothing
 * is rounded differently.
 */
function holdsBetween(from: Sample, to: Sample, spare: Decimal): boolean {
  const [isSame, areSame] = (['always', 'others'] as const).map((part) =>
    areAlike(from.rounded[part], to.rounded[part]),
  );
  const least = isSame === true ? ZERO : spare;
  const isAlways = [from, to].every(({ always }) => always?.gte(least) !== false);
  const leastOther = areSame === true ? ZERO : spare;
  const isEither = [from, to].every(({ either }) => either.gt(leastOther));
  return isAlways && (isEither || [from, to].every(({ or }) => or.gte(leastOther)));
}

function areAlike(some: readonly Decimal[], others: readonly Decimal[]): boolean {
  return some.length === others.length && some.every((amount, index) => others[index]?.eq(amount) === true);
}

function spared({ always, either, or }: Sample): Decimal {
  const any = max(either, or);
  return always === null ? any : min(always, any);
}

function half(from: Sample, to: Sample): Decimal {
  return wholeQuotientDown(from.at.plus(to.at), TWO);
}

/** Where the straight line between both comes down to what roundings may move, or from there to 0. */
function guess(from: Sample, to: Sample, doubt: Decimal): Decimal {
  const [high, low] = [spared(from), spared(to)];
  const aim = high.gt(doubt) ? doubt : ZERO;
  if (high.lte(low) || low.gte(aim) || high.lt(aim)) return half(from, to);
  const length = to.at.minus(from.at);
  const at = from.at.plus(wholeQuotientDown(length.times(high.minus(aim)), high.minus(low)));
  return max(from.at.plus(ONE), min(to.at.minus(ONE), at));
}
