/**
 * Events that one part of the process emits after a change. Events go up by the bus; calls go down by imports. A
 * listener must not throw and must not wait: it notes what to look at, and returns.
 */
import { EventEmitter } from 'node:events';

export interface Events {
  /** Prices that are stored and on the board now. */
  prices: [
    event: { readonly assets: readonly string[]; readonly marks: readonly { venue: string; instrument: string }[] },
  ];
  /** Accounts whose balances, positions, settings or alert rules may have changed, and why. */
  accounts: [
    event: {
      readonly ids: readonly string[];
      readonly cause: 'ACCOUNT' | 'INTEREST';
      /** This process has committed the versions, and holds them. */
      readonly isHeld?: boolean;
    },
  ];
  /** A version of a collateral ratio. The rulebook of this process has it already. */
  collateralRatio: [
    event: {
      /** Of the version. */
      readonly id: string;
      readonly venue: string;
      readonly chain: string | null;
      readonly asset: string;
      readonly change: 'SCHEDULED' | 'IN_FORCE' | 'CANCELLED';
    },
  ];
  /** Other rules of a venue than its ratios are in force now, or will be at an instant to come. */
  policy: [event: { readonly venue: string }];
  /** Venues, chains, assets or instruments were added or changed. The rulebook of this process has them already. */
  reference: [];
  /** Alerts up to this number are stored. */
  alerts: [event: { readonly last: bigint }];
  /** Notices of other processes may have been lost: compare every cache with the database. */
  resync: [];
}

export type Bus = EventEmitter<Events>;

export function createBus(): Bus {
  return new EventEmitter<Events>();
}
