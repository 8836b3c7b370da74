/**
 * The queue of auto-deleveraging: the quantile of every position among those of its instrument and side (rules: 24). It
 * is computed from the columns, at the prices of one moment, and stands until the next computation.
 */
import type { PositionSide } from '../../margin/model.js';
import { Slice } from '../../platform/yielding.js';
import type { AccountColumns } from '../columns/account-columns.js';
import { grown } from '../columns/growth.js';
import { AdlScores, BATCH, groupOf } from './adl-scores.js';
import { boundariesOf, quantileIn } from './quantiles.js';

/** In place of a group: the account is no more. */
const GONE = 0xffffffff;
/** Positions between two looks at the clock. */
const LOOK = 4_096;

/** By group. */
type Boundaries = readonly (readonly number[] | undefined)[];

/** Positions of all accounts, in the order of their cross units. */
class Ranking {
  /** By cross unit: its first position, and that of the next unit. */
  readonly starts: Uint32Array;
  /** By position: `groupOf` it. */
  groups: Uint32Array;
  quantiles = new Uint8Array(0);
  count = 0;

  constructor(units: number, room: number) {
    this.starts = new Uint32Array(units + 1);
    this.groups = new Uint32Array(room);
  }

  get bytes(): number {
    return this.starts.byteLength + this.groups.byteLength + this.quantiles.byteLength;
  }

  /** Null: not there. */
  quantileOf(cross: number, group: number): number | null {
    const end = this.starts[cross + 1] ?? 0;
    for (let item = this.starts[cross] ?? 0; item < end; item++) {
      if (this.groups[item] === group) return this.quantiles[item] as number;
    }
    return null;
  }

  /** Writes the scores above 0 of these positions to the places of their groups. */
  gather(from: number, end: number, scores: Float32Array, groups: readonly Group[], positive: Float32Array): void {
    for (let item = from; item < end; item++) {
      const score = scores[item] as number;
      if (score === 0) continue;
      const group = groups[this.groups[item] as number];
      if (group !== undefined) positive[group.end++] = score;
    }
  }

  /** Writes the quantiles of these positions. */
  rank(from: number, end: number, scores: Float32Array, boundaries: Boundaries): void {
    for (let item = from; item < end; item++) {
      const ofGroup = boundaries[this.groups[item] as number];
      if (ofGroup !== undefined) this.quantiles[item] = quantileIn(ofGroup, scores[item] as number);
    }
  }

  forget(cross: number): void {
    const end = this.starts[cross + 1] ?? 0;
    for (let item = this.starts[cross] ?? 0; item < end; item++) this.groups[item] = GONE;
  }
}

/** Positions that are ranked among each other. */
interface Group {
  all: number;
  /** How many have a score above 0. */
  positive: number;
  /** Where its scores above 0 begin and end among those of all groups. */
  first: number;
  end: number;
}

export class AdlRanks {
  private ranking: Ranking | null = null;
  /** That which is being computed. */
  private draft: Ranking | null = null;
  private batch = new Uint32Array(BATCH);

  constructor(private readonly columns: AccountColumns) {}

  /** Memory of the ranking that stands. While the next one is computed, some three times as much is taken beside it. */
  get bytes(): number {
    return this.ranking?.bytes ?? 0;
  }

  /** From 0 to 4; null: the position was not there when it was last computed. */
  quantileOf(accountId: string, venue: string, instrument: string, side: PositionSide): number | null {
    const [cross] = this.columns.unitsOf(accountId);
    if (cross === undefined || this.ranking === null) return null;
    const price = this.columns.rules.prices.ofInstrument(venue, instrument);
    return this.ranking.quantileOf(cross, groupOf(price, side === 'SHORT'));
  }

  /** Call when an account is removed: its cross unit may be another account's next. */
  forget(cross: number): void {
    this.ranking?.forget(cross);
    this.draft?.forget(cross);
  }

  /** Ranks all positions anew. Calls must not overlap. */
  async compute(signal: AbortSignal): Promise<void> {
    const slice = new Slice();
    const draft = new Ranking(this.columns.units.end, this.columns.positions.row.length);
    this.draft = draft;
    try {
      const groups: Group[] = [];
      const scores = await this.list(draft, groups, slice, signal);
      const boundaries = await boundariesOfAll(draft, groups, scores, slice, signal);
      draft.quantiles = new Uint8Array(draft.count);
      for (let from = 0; from < draft.count; from += LOOK) {
        draft.rank(from, Math.min(from + LOOK, draft.count), scores, boundaries);
        if (slice.isOver) await pause(slice, signal);
      }
      this.ranking = draft;
    } finally {
      this.draft = null;
    }
  }

  /** Lists all positions in the draft, and counts those of each group. Returns their scores: seven digits are enough for an order. */
  private async list(draft: Ranking, groups: Group[], slice: Slice, signal: AbortSignal): Promise<Float32Array> {
    const { columns } = this;
    const { units, holdings, positions, orders } = columns;
    const scorer = new AdlScores({ units, holdings, positions, orders, rules: columns.rules.copy() });
    const { starts } = draft;
    let scores = new Float32Array(draft.groups.length);
    const add = (cross: number, group: number, exact: number): void => {
      const item = draft.count++;
      if (item >= scores.length) {
        scores = grown(scores, item + 1);
        draft.groups = grown(draft.groups, scores.length);
      }
      draft.groups[item] = group;
      scores[item] = exact;
      starts[cross + 1] = draft.count;
      const sizes = (groups[group] ??= { all: 0, positive: 0, first: 0, end: 0 });
      sizes.all += 1;
      // A float of seven digits may be 0 where the exact one is not.
      if (scores[item] > 0) sizes.positive += 1;
    };
    // Accounts that come later wait for the next computation.
    const end = starts.length - 1;
    for (let from = 0; from < end; from += BATCH) {
      const to = Math.min(from + BATCH, end);
      const { batch, count } = this.unitsOf(from, to);
      scorer.visit(batch, count, add);
      // A unit without positions ends where the one before it ends.
      for (let unit = from; unit < to; unit++) starts[unit + 1] ||= starts[unit] as number;
      if (slice.isOver) await pause(slice, signal);
    }
    return scores;
  }

  /** All units of the accounts whose cross units are among these, each account's together and its cross unit first. */
  private unitsOf(from: number, to: number): { readonly batch: Uint32Array; readonly count: number } {
    const { account, next } = this.columns.units;
    let count = 0;
    for (let cross = from; cross < to; cross++) {
      if (account[cross] !== cross) continue;
      if (count === this.batch.length) this.batch = grown(this.batch, count + 1);
      this.batch[count++] = cross;
      for (let isolated = next[cross] as number; isolated !== 0; isolated = next[isolated - 1] as number) {
        if (count === this.batch.length) this.batch = grown(this.batch, count + 1);
        this.batch[count++] = isolated - 1;
      }
    }
    return { batch: this.batch, count };
  }
}

/** One array holds the scores of all groups: many small ones would wake the garbage collector. */
async function boundariesOfAll(
  draft: Ranking,
  groups: readonly Group[],
  scores: Float32Array,
  slice: Slice,
  signal: AbortSignal,
): Promise<Boundaries> {
  let places = 0;
  // The numbers of groups have gaps, which `forEach` leaves out.
  groups.forEach((group) => {
    group.first = places;
    group.end = places;
    places += group.positive;
  });
  const positive = new Float32Array(places);
  for (let from = 0; from < draft.count; from += LOOK) {
    draft.gather(from, Math.min(from + LOOK, draft.count), scores, groups, positive);
    if (slice.isOver) await pause(slice, signal);
  }
  const boundaries: (readonly number[])[] = [];
  for (const [number, { all, first, end }] of Object.entries(groups)) {
    boundaries[Number(number)] = await boundariesOf(positive.subarray(first, end), all, slice);
    signal.throwIfAborted();
  }
  return boundaries;
}

async function pause(slice: Slice, signal: AbortSignal): Promise<void> {
  await slice.yield();
  signal.throwIfAborted();
}
