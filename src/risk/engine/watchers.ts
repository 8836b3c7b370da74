/** Watched accounts and their streams. These accounts are held as objects, since they are assessed often. */
import type { MarginState } from '../../ledger/margin-state.js';
import { accountState, type AccountRecord, type Holdings } from '../../ledger/records.js';
import type { AccountState } from '../../margin/model.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import type { RuleChange } from './account-cache.js';
import type { UnitStates } from '../alerts/margin-units.js';
import type { ChangeCause, Watcher } from '../streams/watch-stream.js';

/** An account with at least one watcher. */
export class Watched {
  readonly streams = new Set<Watcher>();
  /** Null until the account was read. */
  record: AccountRecord | null = null;
  holds: AccountState | null = null;
  /** Cause of the next evaluation. */
  cause: ChangeCause = 'PRICE';

  /** Offers the state to all watchers. The next cause is PRICE, unless something else happens. */
  send(state: MarginState, unitStates: UnitStates): void {
    for (const stream of this.streams) stream.offer(state, unitStates, this.cause);
    this.cause = 'PRICE';
  }
}

export class Watchers {
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly rulebook: Rulebook) {}

  /** Ids of all watched accounts. */
  get ids(): Iterable<string> {
    return this.watched.keys();
  }

  of(id: string): Watched | undefined {
    return this.watched.get(id);
  }

  add(stream: Watcher): void {
    stream.whenEnded(() => this.forget(stream));
    for (const id of stream.accountIds) {
      const watched = this.watched.get(id) ?? new Watched();
      this.watched.set(id, watched);
      watched.streams.add(stream);
    }
  }

  /**
   * Takes what was read of an account that was watched as `watched`. If the account was forgotten and watched anew
   * meanwhile, the data are not for the new watch.
   */
  hold(id: string, watched: Watched | undefined, holdings: Holdings, cause: ChangeCause): void {
    if (watched === undefined || this.watched.get(id) !== watched) return;
    watched.record = holdings.account;
    watched.holds = accountState(holdings, this.rulebook);
    watched.cause = cause;
  }

  /**
   * A rule that has taken effect is the next cause for accounts of its venue and chain, unless they have changed
   * themselves.
   */
  explain({ venue, chain, cause }: RuleChange): void {
    for (const watched of this.watched.values()) {
      const { record } = watched;
      if (watched.cause === 'PRICE' && record?.venue === venue && record.chain === chain) watched.cause = cause;
    }
  }

  close(): void {
    for (const { streams } of this.watched.values()) for (const stream of [...streams]) void stream.return();
  }

  private forget(stream: Watcher): void {
    for (const id of stream.accountIds) {
      const watched = this.watched.get(id);
      watched?.streams.delete(stream);
      if (watched?.streams.size === 0) this.watched.delete(id);
    }
  }
}
