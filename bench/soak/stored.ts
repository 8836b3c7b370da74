/** What the database holds after the soak, as the checks need it: versions of accounts, past prices, alerts. */
import type pg from 'pg';

import { readHoldingsAt } from '../../src/ledger/margin-at.js';
import { accountState, type Holdings } from '../../src/ledger/records.js';
import { decimal } from '../../src/margin/decimal.js';
import type { AccountState, Market, Policy, PriceState } from '../../src/margin/model.js';
import { assessMargin, type MarginReport } from '../../src/margin/state/assess.js';
import { pricesOfBatch } from '../../src/market/price-history.js';
import type { PriceSnapshot } from '../../src/market/price-snapshot.js';
import type { Database } from '../../src/platform/database/database.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import type { SentPrices } from './facts.js';
import { VENUE } from './venue.js';

const DAY_MS = 86_400_000;

export interface Version {
  readonly version: number;
  readonly at: Date;
}

export class Stored {
  evaluations = 0;
  private readonly prices = new Map<bigint, PriceSnapshot>();

  private constructor(
    readonly db: Database,
    readonly pool: pg.Pool,
    readonly rulebook: Rulebook,
    readonly policy: Policy,
  ) {}

  static async open(db: Database, pool: pg.Pool): Promise<Stored> {
    const rulebook = await Rulebook.load(db);
    return new Stored(db, pool, rulebook, rulebook.policy(VENUE, null, new Date()));
  }

  async rows<T extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    return (await this.pool.query<T>(sql, [...parameters])).rows;
  }

  /** In order. */
  async versionsOf(id: string): Promise<Version[]> {
    return this.rows<Version>('SELECT version, at FROM account_versions WHERE account_id = $1 ORDER BY version', [id]);
  }

  /** By version. */
  async holdingsOf(id: string, versions: readonly Version[]): Promise<Map<number, Holdings>> {
    const asked = versions.map(({ at }) => ({ account: { id, openedAt: new Date(0) }, at }));
    const found = await readHoldingsAt(this, asked);
    return new Map([...found.holdings.values()].map((holdings) => [holdings.account.version, holdings]));
  }

  async pricesOf(seq: bigint): Promise<PriceSnapshot> {
    const known =
      this.prices.get(seq) ?? (await pricesOfBatch(this.db, seq, { maxAge: DAY_MS, venues: this.rulebook.venues }));
    if (known === null) throw new Error(`The prices of batch ${seq} are not kept.`);
    this.prices.set(seq, known);
    return known;
  }

  stateOf(holdings: Holdings): AccountState {
    return accountState(holdings, this.rulebook);
  }

  assess(state: AccountState, prices: PriceSnapshot | SentPrices): MarginReport {
    this.evaluations += 1;
    return assessMargin(state, 'BTC' in prices ? marketOf(prices) : prices.marketOf(VENUE), this.policy);
  }
}

function marketOf({ BTC, ETH }: SentPrices): Market {
  const states = new Map([
    ['USDT', { price: decimal(1), stale: false }],
    ...Object.entries({ BTC, BTCUSDT: BTC, ETH, ETHUSDT: ETH }).map(
      ([symbol, price]) => [symbol, { price: decimal(price), stale: false }] as const,
    ),
  ]);
  const known = (symbol: string): PriceState | null => states.get(symbol) ?? null;
  return { index: known, mark: known };
}
