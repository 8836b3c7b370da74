/** What-if: simulation and stress of a margin state, with the other inputs that they need. */
import type { MarginReport } from '../margin/state/assess.js';
import { ZERO, decimal, type Decimal } from '../margin/decimal.js';
import { refuse, within } from '../margin/refusal.js';
import { simulation, type SimulatedChanges } from '../margin/change/simulate.js';
import { stress } from '../margin/solve/stress.js';
import { problemOfPrice } from '../market/quote-check.js';
import type { Database } from '../platform/database/database.js';
import { yieldIfBusy } from '../platform/yielding.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { problemOfChange, problemOfFee, problemOfSize, type Refusal } from './ledger-checks.js';
import type { MarginState } from './margin-state.js';
import { cappedRatios, platformUsed } from './platform-caps.js';
import type { Holdings } from './records.js';

export interface WhatIf {
  readonly before: MarginState;
  readonly after: MarginState;
  /** Null: the venue would accept the changes. */
  readonly refusal: Refusal | null;
  /** Symbols whose stale price a trade or an order passed by only; by code point. */
  readonly stale: readonly string[];
}

/** Longest symbol; the refusal repeats it. */
const MAX_SYMBOL = 100;

/**
 * The state after changes that are not made (rules: 14). If a value could not occur in a real change, it is refused and
 * nothing is applied.
 */
export async function whatIf(
  { db, rulebook }: { readonly db: Database; readonly rulebook: Rulebook },
  before: MarginState,
  settings: Holdings['settings'],
  changes: SimulatedChanges,
): Promise<WhatIf> {
  const problem = problemOf(changes);
  if (problem !== null) return { before, after: before, refusal: problem, stale: [] };
  const usesRoom =
    changes.transfers.some(({ quantity }) => quantity.gt(ZERO)) ||
    changes.collateralAssets.some(({ counts }) => counts) ||
    changes.collateralMode === 'MULTI_ASSET';
  const platformRoom = usesRoom ? await roomUnderCaps(db, rulebook, before) : new Map<string, Decimal>();
  const { holds, market, policy } = before;
  const steps = simulation(holds, changes, market, policy, { settings, platformRoom });
  await yieldIfBusy();
  let step = steps.next();
  while (step.done !== true) {
    await yieldIfBusy();
    step = steps.next();
  }
  const made = step.value;
  const after: MarginState = {
    account: before.account,
    holds: made.account,
    market: made.market,
    policy,
    report: inOrder(made.after),
    asOf: before.asOf,
  };
  return { before, after, refusal: made.refusal, stale: made.stale };
}

/** The state under each shock, in order; `assets` null: all except the unit move. */
export function stressed(
  state: MarginState,
  shocks: readonly Decimal[],
  assets: readonly string[] | null,
): MarginState[] {
  const { holds, market, policy } = state;
  return stress(holds, market, policy, shocks, assets).map((report) => ({ ...state, report }));
}

/** Sorts added items by symbol, as in an account that is read. */
function inOrder(report: MarginReport): MarginReport {
  const byText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);
  return {
    ...report,
    collateral: [...report.collateral].sort((a, b) => byText(a.asset, b.asset)),
    positions: [...report.positions].sort((a, b) => byText(a.instrument, b.instrument) || byText(a.side, b.side)),
  };
}

/** By asset with a platform cap on the account's chain: coins still free. */
async function roomUnderCaps(
  db: Database,
  rulebook: Rulebook,
  { account, asOf }: MarginState,
): Promise<Map<string, Decimal>> {
  const capped = cappedRatios(rulebook, asOf, { venue: account.venue }).filter(({ chain }) => chain === account.chain);
  if (capped.length === 0) return new Map();
  const used = await platformUsed(db, capped);
  return new Map(
    capped.map(({ id, asset, platformCap }) => [asset, (platformCap ?? ZERO).minus(decimal(used.get(id) ?? '0'))]),
  );
}

/** The first value out of the bounds of the real change. */
function problemOf(changes: SimulatedChanges): Refusal | null {
  const { collateralAssets, marginModes, leverages, transfers, margins, orders, trades, prices } = changes;
  return (
    firstProblem('collateralAssets', collateralAssets, ({ asset }) => problemOfSymbol(asset, ['asset'])) ??
    firstProblem('marginModes', marginModes, ({ instrument }) => problemOfSymbol(instrument, ['instrument'])) ??
    firstProblem('leverages', leverages, ({ instrument }) => problemOfSymbol(instrument, ['instrument'])) ??
    firstProblem(
      'transfers',
      transfers,
      ({ asset, quantity }) => problemOfSymbol(asset, ['asset']) ?? problemOfChange(quantity, ['quantity']),
    ) ??
    firstProblem(
      'margins',
      margins,
      ({ instrument, quantity }) =>
        problemOfSymbol(instrument, ['instrument']) ?? problemOfChange(quantity, ['quantity']),
    ) ??
    firstProblem('orders', orders, problemOfOrder) ??
    firstProblem(
      'trades',
      trades,
      ({ fee, feeAsset, ...order }) =>
        problemOfOrder(order) ?? problemOfFee(fee, ['fee']) ?? problemOfSymbol(feeAsset ?? '', ['feeAsset']),
    ) ??
    firstProblem(
      'prices',
      prices,
      ({ symbol, price }) => problemOfSymbol(symbol, ['symbol']) ?? problemOfPrice(price, ['price']),
    )
  );
}

function problemOfOrder({
  instrument,
  size,
  price,
}: Pick<SimulatedChanges['orders'][number], 'instrument' | 'size' | 'price'>): Refusal | null {
  return (
    problemOfSymbol(instrument, ['instrument']) ??
    problemOfSize(size, 'size', ['size']) ??
    (price === null ? null : problemOfPrice(price, ['price']))
  );
}

function firstProblem<T>(
  list: string,
  items: readonly T[],
  problemOfItem: (item: T) => Refusal | null,
): Refusal | null {
  for (const [index, item] of items.entries()) {
    const problem = problemOfItem(item);
    if (problem !== null) return within([list, `${index}`], problem);
  }
  return null;
}

function problemOfSymbol(symbol: string, field: readonly string[]): Refusal | null {
  if (symbol.length <= MAX_SYMBOL) return null;
  return refuse('INVALID_INPUT', `Expected a symbol of at most ${MAX_SYMBOL} characters.`, field);
}
