/** The curves of the rules as rows of numbers, and where the rows are in one long array. */
import { liabilityCurve, maintenanceCurve, type MaintenanceSegment, type Segment } from '../../margin/curve.js';
import type { Policy } from '../../margin/model.js';

/** Numbers of one segment of a collateral curve: its cap, slope and intercept. */
export const COLLATERAL_STRIDE = 3;
/** Numbers of one segment of a maintenance curve: its sure end, its sure beginning, its slope and intercept. */
export const MAINTENANCE_STRIDE = 4;

/** Eight unit roundoffs. A boundary is within three of its float: moved by this it is on the sure side. */
export const NEAR = 2 ** -50;

/**
 * Sixteen unit roundoffs. A notional in floats that lies farther than this from a tier's floor (relative) is on the same
 * side as the exact one, be it of a position or of what orders could lead to. For the proofs see `valuation.ts` and
 * `order-valuation.ts`.
 */
const NEAR_TIER = 2 ** -49;

/** Covers the rounding of the scale itself. */
export const GENEROUS = 1 + 2 ** -20;

/** Where the tiers of each row are in one long array. Tiers that no longer fit move to its end. */
export class Room {
  private readonly rooms: { readonly first: number; readonly length: number }[] = [];
  private end = 0;

  /** Copies the division of another one. */
  follow(other: Room): void {
    this.rooms.push(...other.rooms);
    this.end = other.end;
  }

  place(row: number, length: number): number {
    const room = this.rooms[row];
    if (room !== undefined && room.length >= length) return room.first;
    const first = this.end;
    this.end += length;
    this.rooms[row] = { first, length };
    return first;
  }
}

/**
 * The curve is exact: each number is the float next to the segment's.
 *
 * @param goesOn above the last cap the last segment goes on
 */
export function collateralNumbers(segments: readonly Segment[], goesOn = false): number[] {
  return segments.flatMap(({ cap, slope, intercept }, index) => [
    cap === null || (goesOn && index === segments.length - 1) ? Infinity : cap.toNumber(),
    slope.toNumber(),
    intercept.toNumber(),
  ]);
}

export function maintenanceNumbers(segments: readonly MaintenanceSegment[]): number[] {
  return segments.flatMap(({ floor, cap, slope, intercept }, index) => {
    const isLast = index === segments.length - 1;
    return [
      isLast || cap === null ? Infinity : cap.toNumber() * (1 - NEAR_TIER),
      index === 0 ? -Infinity : floor.toNumber() * (1 + NEAR_TIER),
      slope.toNumber(),
      intercept.toNumber(),
    ];
  });
}

/** The largest (slope + |intercept| / floor) of instruments and of debts. */
export function scaleOf(policy: Policy): number {
  const ofInstruments = [...policy.instruments.values()].map(({ tiers }) => maintenanceCurve(tiers, policy));
  const ofDebts = [null, ...policy.assets.keys()].map(
    (asset) => liabilityCurve(asset ?? '', policy)?.maintenance ?? [],
  );
  let scale = 0;
  for (const { floor, slope, intercept } of [...ofInstruments, ...ofDebts].flat()) {
    const constant = intercept.isZero() ? 0 : intercept.abs().toNumber() / floor.toNumber();
    scale = Math.max(scale, slope.toNumber() + constant);
  }
  return scale;
}

export const UNIT_ROUNDOFF = 2 ** -53;

/** Error of the maintenance margin if the notional may still be in a lower tier. */
export function differenceBelow(notional: number, from: number, tiers: Float64Array, scale: number): number {
  let difference = 0;
  for (let tier = from; notional < (tiers[tier + 1] as number); tier -= MAINTENANCE_STRIDE) {
    const before = tier - MAINTENANCE_STRIDE;
    const here = notional * (tiers[tier + 2] as number) + (tiers[tier + 3] as number);
    const there = notional * (tiers[before + 2] as number) + (tiers[before + 3] as number);
    difference += Math.abs(here - there) + 16 * UNIT_ROUNDOFF * scale * notional;
  }
  return difference;
}
