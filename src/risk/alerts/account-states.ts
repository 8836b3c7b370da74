/** The states of an account's alert machines, as the leader holds them for all accounts that are not calm. */
import { MARGIN_STATUSES, type MarginStatus } from '../../margin/model.js';
import type { MachineState } from './alert-machine.js';
import { CROSS } from './margin-units.js';

/** By name of the margin unit; calm units are left out. */
export type AccountStates = ReadonlyMap<string, MachineState>;

const CROSS_ONLY = new Map<MarginStatus, AccountStates>(
  MARGIN_STATUSES.map((status) => [status, new Map([[CROSS, { status, fired: [] }]])]),
);

/**
 * The same states, shared by all accounts of which only the cross unit has a status and no rule has fired. In a crash
 * most accounts are such, and a map for each would take 300 bytes.
 */
export function shared(states: AccountStates): AccountStates {
  const cross = states.get(CROSS);
  if (states.size !== 1 || cross === undefined || cross.fired.length > 0) return states;
  return CROSS_ONLY.get(cross.status) ?? states;
}
