/**
 * What one part of the process tells the others after it has happened: news go up by the bus, calls go down by
 * imports. A listener must not throw and must not wait: it marks what has to be looked at, and returns.
 */
import { EventEmitter } from 'node:events';

export interface News {
  /** Prices that are stored and on the board now. */
  prices: [
    news: { readonly assets: readonly string[]; readonly marks: readonly { venue: string; instrument: string }[] },
  ];
  /** Accounts whose balances, positions or settings have changed. */
  accounts: [ids: readonly string[]];
  /** A collateral ratio that has taken effect. */
  collateralRatio: [news: { readonly venue: string; readonly chain: string | null; readonly asset: string }];
}

export type Bus = EventEmitter<News>;

export function createBus(): Bus {
  return new EventEmitter<News>();
}
