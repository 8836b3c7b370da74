/**
 * The impact of a change of rules. Every margin unit that the change touches is valued in floats before and after. If
 * they leave a doubt about a status, the account is assessed exactly. So the counts are those of `assessMargin`. Sums
 * are exact.
 */
import { ZERO, type Decimal } from '../../margin/decimal.js';
import type { Policy } from '../../margin/model.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import { sleep } from '../../platform/retry.js';
import { Slice } from '../../platform/yielding.js';
import { addMove, type Impact, type Move, type Moves } from './impact-model.js';
import { ImpactOnPlace, MAX_WORST } from './impact-on-place.js';
import { compareRatios } from './unit-comparison.js';

/** The rules as they would be at one venue on one chain. */
export interface ChangedPlace {
  readonly venue: string;
  readonly chain: string | null;
  /** The whole policy, assembled as the rulebook does it: amounts of tiers follow the method. */
  readonly policy: Policy;
}

/** All accounts as the margin loop holds them. Prices are those of the accounts' columns. */
export interface HeldAccounts {
  readonly allAccounts: KnownAccounts;
  readonly snapshot: PriceSnapshot;
  readonly setAside: { unreadableAt(venue: string): number };
}

/** For how long a loop that is busy is waited for. */
const CATCH_UP_MS = 1_000;

/**
 * What this server has acknowledged of accounts counts in the next impact. Call it outside of transactions: the loop reads
 * the database.
 */
export async function catchUp(loop: { idle(): Promise<void> }): Promise<void> {
  const late = new AbortController();
  await Promise.race([loop.idle(), sleep(CATCH_UP_MS, late.signal)]);
  late.abort();
}

/**
 * The impact of all changes together, against the rules under which the accounts are held now. Places without accounts
 * change nothing.
 */
export async function impactOf(held: HeldAccounts, places: readonly ChangedPlace[]): Promise<Impact> {
  const { allAccounts: accounts, snapshot } = held;
  const parts = [];
  for (const { venue, chain, policy } of places) {
    const place = accounts.placeOf(venue, chain);
    if (place !== null) parts.push(new ImpactOnPlace(accounts, place, snapshot.marketOf(venue), policy));
  }
  for (const part of parts) await part.run(new Slice());
  const venues = new Set(places.map(({ venue }) => venue));
  const setAside = [...venues].reduce((sum, venue) => sum + held.setAside.unreadableAt(venue), 0);
  return { ...joined(parts), asOf: snapshot.asOf, setAside };
}

function joined(parts: readonly ImpactOnPlace[]): Omit<Impact, 'asOf' | 'setAside'> {
  const sum = (amountOf: (part: ImpactOnPlace) => Decimal): Decimal =>
    parts.reduce((total, part) => total.plus(amountOf(part)), ZERO);
  const count = (numberOf: (part: ImpactOnPlace) => number): number =>
    parts.reduce((total, part) => total + numberOf(part), 0);
  return {
    accountsAffected: count((part) => part.accountsAffected),
    accountsAtRisk: count((part) => part.accountsAtRisk),
    collateralValueBefore: sum((part) => part.totals.collateralValues[0]),
    collateralValueAfter: sum((part) => part.totals.collateralValues[1]),
    maintenanceMarginBefore: sum((part) => part.totals.maintenanceMargins[0]),
    maintenanceMarginAfter: sum((part) => part.totals.maintenanceMargins[1]),
    transitions: joinedMoves(parts.map(({ crossMoves }) => crossMoves)).map(({ units, ...move }) => {
      return { ...move, accounts: units };
    }),
    isolatedTransitions: joinedMoves(parts.map(({ isolatedMoves }) => isolatedMoves)).map(({ units, ...move }) => {
      return { ...move, positions: units };
    }),
    notionalAtRisk: sum((part) => part.totals.notionalAtRisk),
    worst: parts
      .flatMap((part) => part.worst)
      .sort((a, b) => compareRatios(b.unit, a.unit))
      .slice(0, MAX_WORST)
      .map(({ impact }) => impact),
    concerned: parts.flatMap((part) => part.concerned),
  };
}

function joinedMoves(parts: readonly Moves[]): Move[] {
  const all: Moves = new Map();
  for (const moves of parts) for (const move of moves.values()) addMove(all, move);
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, move]) => move);
}
