/**
 * What one part of the process tells the others after it has happened: news go up by the bus, calls go down by
 * imports. A listener must not throw and must not wait: it marks what has to be looked at, and returns.
 */
import { EventEmitter } from 'node:events';

export interface Events {
  /** Prices that are stored and on the board now. */
  prices: [
    news: { readonly assets: readonly string[]; readonly marks: readonly { venue: string; instrument: string }[] },
  ];
  /** Accounts whose balances, positions, settings or alert rules may have changed, and why. */
  accounts: [news: { readonly ids: readonly string[]; readonly cause: 'ACCOUNT' | 'INTEREST' }];
  /** A version of a collateral ratio; the rulebook of this process has it already. */
  collateralRatio: [
    news: {
      /** Of the version. */
      readonly id: string;
      readonly venue: string;
      readonly chain: string | null;
      readonly asset: string;
      readonly change: 'SCHEDULED' | 'IN_FORCE' | 'CANCELLED';
    },
  ];
  /** Other rules of a venue than its ratios are in force now, or will be at an instant to come. */
  policy: [news: { readonly venue: string }];
  /** Alerts up to this number are stored. */
  alerts: [news: { readonly last: bigint }];
  /** News of other processes may have been lost: copies have to be compared with the database. */
  resync: [];
}

export type Bus = EventEmitter<Events>;

export function createBus(): Bus {
  return new EventEmitter<Events>();
}
