/**
 * The accounts that somebody watches, held in memory and assessed again when something that concerns them has happened.
 * News only mark accounts; the loop works through the marks at its own pace, so that a burst of ticks costs no queue and
 * the newest price wins.
 */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';

import { marginState } from '../ledger/margin-state.js';
import { readHoldings, type Holdings } from '../ledger/records.js';
import type { Decimal } from '../margin/decimal.js';
import type { PriceBoard } from '../market/price-board.js';
import type { Bus, News } from '../platform/bus.js';
import type { Database } from '../platform/database.js';
import type { Logger } from '../platform/log.js';
import type { Rulebook } from '../policy/rulebook.js';
import { WatchStream, type ChangeCause } from './watch-stream.js';

interface Watched {
  readonly streams: Set<WatchStream>;
  /** Null until it was read. */
  holdings: Holdings | null;
  /** Rises when the account changes; what was read before that is read again. */
  changes: number;
  /** The value of `changes` when `holdings` was read. */
  readAt: number;
}

/** So many accounts are assessed before the event loop gets its turn. */
const BATCH = 100;
const RETRY_MS = 500;

export interface LiveMarginsParts {
  readonly db: Database;
  readonly rulebook: Rulebook;
  readonly board: PriceBoard;
  readonly bus: Bus;
  readonly log: Logger;
  readonly clock: () => number;
}

export class LiveMargins {
  private readonly watched = new Map<string, Watched>();
  private readonly marked = new Map<string, ChangeCause>();
  private running = false;
  private closed = false;

  constructor(private readonly parts: LiveMarginsParts) {
    parts.bus.on('prices', (news) => this.onPrices(news));
    parts.bus.on('accounts', (ids) => this.onAccounts(ids));
    parts.bus.on('collateralRatio', (news) => this.onCollateralRatio(news));
  }

  /**
   * The state of each account, and then its state again whenever its status has changed or its ratio has moved by
   * `minChange`. The caller has made sure that the viewer may see the accounts.
   */
  watch(accountIds: readonly string[], minChange: Decimal): WatchStream {
    const stream = new WatchStream(accountIds, minChange, (ended) => this.forget(ended));
    for (const id of accountIds) {
      const watched = this.watched.get(id) ?? { streams: new Set(), holdings: null, changes: 1, readAt: 0 };
      this.watched.set(id, watched);
      watched.streams.add(stream);
      // The cause that explains the least: a stream calls its own first state SNAPSHOT, and other streams of the
      // account are told nothing new.
      this.mark(id, 'PRICE');
    }
    return stream;
  }

  close(): void {
    this.closed = true;
    for (const { streams } of this.watched.values()) for (const stream of [...streams]) void stream.return();
  }

  private forget(stream: WatchStream): void {
    for (const id of stream.accountIds) {
      const watched = this.watched.get(id);
      watched?.streams.delete(stream);
      if (watched?.streams.size === 0) this.watched.delete(id);
    }
  }

  private onPrices({ assets, marks }: News['prices'][0]): void {
    const priced = new Set(assets);
    const marked = new Set(marks.map(({ venue, instrument }) => `${venue}/${instrument}`));
    for (const [id, { holdings }] of this.watched) {
      if (holdings !== null && concerns(holdings, priced, marked)) this.mark(id, 'PRICE');
    }
  }

  private onAccounts(ids: readonly string[]): void {
    for (const id of ids) {
      const watched = this.watched.get(id);
      if (watched === undefined) continue;
      watched.changes += 1;
      this.mark(id, 'ACCOUNT');
    }
  }

  private onCollateralRatio({ venue, chain }: News['collateralRatio'][0]): void {
    for (const [id, { holdings }] of this.watched) {
      if (holdings?.account.venue === venue && holdings.account.chain === chain) this.mark(id, 'COLLATERAL_RATIO');
    }
  }

  /** The first cause stands until the account is assessed, but for a price, which explains the least. */
  private mark(id: string, cause: ChangeCause): void {
    if ((this.marked.get(id) ?? 'PRICE') === 'PRICE') this.marked.set(id, cause);
    if (!this.running && !this.closed) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      while (this.marked.size > 0 && !this.closed) {
        await yieldToEventLoop();
        const batch = [...this.marked].slice(0, BATCH);
        await this.read(batch.map(([id]) => id));
        for (const [id] of batch) this.assess(id);
      }
    } catch (error) {
      if (this.closed) return;
      // The marks stand: what could not be read is tried again.
      this.parts.log.error({ err: error }, 'Watched accounts could not be read; trying again.');
      setTimeout(() => void this.run(), RETRY_MS).unref();
      return;
    }
    this.running = false;
  }

  private async read(ids: readonly string[]): Promise<void> {
    const { db } = this.parts;
    // The entries themselves are kept: while this waits, an account may be forgotten and watched anew, and what is read
    // for the old entry says nothing of the new one.
    const behind = ids.flatMap((id) => {
      const watched = this.watched.get(id);
      return watched === undefined || watched.readAt === watched.changes ? [] : [{ id, watched, at: watched.changes }];
    });
    if (behind.length === 0) return;
    const found = await readHoldings(
      db,
      behind.map(({ id }) => id),
    );
    for (const { id, watched, at } of behind) {
      watched.holdings = found.get(id) ?? null;
      watched.readAt = at;
    }
  }

  private assess(id: string): void {
    const cause = this.marked.get(id);
    this.marked.delete(id);
    const watched = this.watched.get(id);
    if (cause === undefined || watched === undefined) return;
    // It changed, or was watched anew, while it was read: the mark goes back, and the next round reads it again.
    if (watched.readAt < watched.changes) {
      this.marked.set(id, cause);
      return;
    }
    if (watched.holdings === null) return;
    const { rulebook, board, clock, log } = this.parts;
    try {
      const state = marginState(watched.holdings, rulebook, board, new Date(clock()));
      for (const stream of watched.streams) stream.offer(state, cause);
    } catch (error) {
      // One account that cannot be assessed must not hold up those behind it.
      log.error({ err: error, account: id }, 'A watched account could not be assessed.');
    }
  }
}

function concerns(holdings: Holdings, assets: ReadonlySet<string>, marks: ReadonlySet<string>): boolean {
  for (const [asset, quantity] of holdings.balances) if (assets.has(asset) && !quantity.isZero()) return true;
  for (const { instrument, size } of holdings.positions.values()) {
    if (!size.isZero() && marks.has(`${holdings.account.venue}/${instrument}`)) return true;
  }
  return false;
}
