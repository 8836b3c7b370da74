/**
 * What a position would be, had one of its fills not been (rules: 25). All recorded facts of the position are taken again
 * without the fill, in the order of recording, by the rules by which they were taken first. Sizes are in the base asset;
 * amounts are in the assets of the fills. Roundings are those of `applyFill`; nothing is rounded beside them.
 */
import { withPositions, type BalanceChange } from '../state/account.js';
import { ZERO, sum, type Decimal } from '../decimal.js';
import type { AccountState, PositionMode, PositionSide, PositionState } from '../model.js';
import { refuse, type Refusal } from '../refusal.js';
import { applyFill, type Fill } from './fill.js';

/** A recorded fact of the positions in one instrument. `name` tells the client which one it is. */
export type PositionFact =
  | { readonly kind: 'FILL'; readonly name: string; readonly fill: Fill; readonly positionMode: PositionMode }
  /** Isolated margin that a transfer, funding or a fee has moved; negative: out. */
  | { readonly kind: 'MARGIN'; readonly name: string; readonly side: PositionSide; readonly quantity: Decimal }
  /** The margin mode of the instrument, or the position mode, has changed: nothing was open. */
  | { readonly kind: 'MODE'; readonly name: string };

export interface PositionHistory {
  /** The positions in the instrument before the first fact. */
  readonly start: readonly PositionState[];
  /** In the order of recording. Fills that are reversed already are left out, with their reversals. */
  readonly facts: readonly PositionFact[];
  /** The place among the facts of the fill that is to be reversed. */
  readonly reversed: number;
}

export interface ReversalEffect {
  readonly refusal: null;
  /** What the facts come to with the fill: the positions as they are now. */
  readonly present: readonly PositionState[];
  /** The positions that are other ones without the fill, as they are then; size 0: closed. */
  readonly positions: readonly PositionState[];
  /** By what balances differ without the fill: one change for each kind and asset, none of 0. */
  readonly changes: readonly BalanceChange[];
  /** By what realised PnL differs, without fees. */
  readonly realizedPnl: Decimal;
}

/**
 * Takes one fill back (rules: 25): size, cost, realised PnL, fee and isolated margin are what they would be without it.
 * Funding and interest stay as they were booked.
 *
 * Refused with REVERSAL_IMPOSSIBLE, which names the fact in the way: the insurance fund paid for the fill; a later fill
 * closes one side and opens the other, or draws on insurance, with the fill or without it; a later fact could not have
 * been without the fill.
 *
 * @throws Error where the facts do not follow from each other
 */
export function reverseFill({
  start,
  facts,
  reversed,
}: PositionHistory): ReversalEffect | { readonly refusal: Refusal } {
  const fact = facts[reversed];
  if (fact?.kind !== 'FILL') throw new Error('Expected the fact that is reversed to be a fill.');
  const later = facts.slice(reversed + 1);
  const before = follow(start, facts.slice(0, reversed), isPossible);
  const taken = follow(before.positions, [fact], isPossible);
  const unfit = before.obstacle ?? taken.obstacle;
  if (unfit !== null) throw new Error(`The recorded facts of a position do not follow from each other: ${unfit}.`);
  if (isInsured(taken.changes)) return impossible(`the insurance fund paid for ${fact.name}`);
  const recorded = follow(taken.positions, later, isReversible);
  if (recorded.obstacle !== null) return impossible(recorded.obstacle);
  const without = follow(before.positions, later, isReversible);
  if (without.obstacle !== null) return impossible(without.obstacle);
  const changes = difference(without.changes, [...taken.changes, ...recorded.changes]);
  return {
    refusal: null,
    present: recorded.positions,
    positions: changedPositions(recorded.positions, without.positions),
    changes,
    realizedPnl: sum(changes.filter(({ kind }) => kind === 'REALIZED_PNL').map(({ quantity }) => quantity)),
  };
}

/** Why a fill cannot be reversed, in a clause. */
export function impossible(obstacle: string): { readonly refusal: Refusal } {
  return { refusal: refuse('REVERSAL_IMPOSSIBLE', `The fill cannot be reversed: ${obstacle}.`) };
}

/** What one fact does, or why it cannot be. */
interface Step {
  readonly positions: readonly PositionState[];
  readonly changes: readonly BalanceChange[];
  readonly obstacle: string | null;
  /** It closes one side and opens the other. */
  readonly isFlip?: boolean;
}

/** Why the step stops a run; null: it does not. */
type Judge = (step: Step, fact: PositionFact) => string | null;

const isPossible: Judge = ({ obstacle }) => obstacle;

const isReversible: Judge = ({ obstacle, changes, isFlip }, { name }) => {
  if (obstacle !== null) return obstacle;
  if (isFlip === true) return `${name} closes the position and opens the other side`;
  return isInsured(changes) ? `the insurance fund pays for ${name}` : null;
};

function isInsured(changes: readonly BalanceChange[]): boolean {
  return changes.some(({ kind }) => kind === 'INSURANCE');
}

/** Takes the facts one after the other; stops at the first that the judge does not let pass. */
function follow(start: readonly PositionState[], facts: readonly PositionFact[], judge: Judge): Step {
  const changes: BalanceChange[] = [];
  let positions = start;
  for (const fact of facts) {
    const step = take(positions, fact);
    const obstacle = judge(step, fact);
    if (obstacle !== null) return { positions, changes, obstacle };
    positions = step.positions;
    changes.push(...step.changes);
  }
  return { positions, changes, obstacle: null };
}

function take(positions: readonly PositionState[], fact: PositionFact): Step {
  const stopped = (obstacle: string): Step => ({ positions, changes: [], obstacle });
  switch (fact.kind) {
    case 'MODE':
      return positions.length === 0
        ? { positions, changes: [], obstacle: null }
        : stopped(`${fact.name} takes that nothing is open`);
    case 'MARGIN': {
      const held = positions.find(({ side }) => side === fact.side);
      const isolatedMargin = held?.isolatedMargin.plus(fact.quantity);
      if (held === undefined || isolatedMargin === undefined || isolatedMargin.isNegative()) {
        return stopped(`${fact.name} takes a position, or margin, that would not be there`);
      }
      const moved = positions.map((each) => (each === held ? { ...held, isolatedMargin } : each));
      return { positions: moved, changes: [], obstacle: null };
    }
    case 'FILL': {
      const { leverage, marginMode } = fact.fill;
      const account: AccountState = {
        ...{
          collateralMode: 'SINGLE_ASSET',
          switchedOff: [],
          positionMode: fact.positionMode,
          balances: [],
          openOrders: [],
        },
        // The settings at the time of the fill are those of its positions.
        positions: positions.map((position) => ({ ...position, leverage, marginMode })),
      };
      const effect = applyFill(account, fact.fill);
      if (effect.refusal !== null) return stopped(`${fact.name} closes more than there would be`);
      const { positions: after } = withPositions(account, effect.positions);
      return { positions: after, changes: effect.changes, obstacle: null, isFlip: effect.positions.length > 1 };
    }
  }
}

/** What the changes of one run come to, less those of another one. */
function difference(run: readonly BalanceChange[], other: readonly BalanceChange[]): BalanceChange[] {
  const totals = new Map<string, BalanceChange>();
  for (const change of [...run, ...other.map((each) => ({ ...each, quantity: each.quantity.negated() }))]) {
    const key = `${change.kind}/${change.asset}`;
    const before = totals.get(key)?.quantity ?? ZERO;
    totals.set(key, { ...change, quantity: before.plus(change.quantity) });
  }
  return [...totals.values()].filter(({ quantity }) => !quantity.isZero());
}

/** A position, as far as facts change it. */
export type PositionAmounts = Pick<PositionState, 'side' | 'size' | 'cost' | 'isolatedMargin'>;

/** The positions of one instrument that are not those of another time; closed where that has none. */
export function changedPositions<T extends PositionAmounts>(present: readonly T[], without: readonly T[]): T[] {
  const sideIn = (positions: readonly T[], side: PositionSide): T | undefined =>
    positions.find((position) => position.side === side);
  const sides = new Set([...present, ...without].map(({ side }) => side));
  return [...sides].flatMap((side) => {
    const [is, was] = [sideIn(present, side), sideIn(without, side)];
    if (is === undefined) return was === undefined ? [] : [was];
    if (was === undefined) return [{ ...is, size: ZERO, cost: ZERO, isolatedMargin: ZERO }];
    const isSame = is.size.eq(was.size) && is.cost.eq(was.cost) && is.isolatedMargin.eq(was.isolatedMargin);
    return isSame ? [] : [was];
  });
}
