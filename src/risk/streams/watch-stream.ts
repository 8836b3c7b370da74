/**
 * States pending for one subscriber: at most one for each account, the newest. A subscriber that stops reading holds
 * that much memory and delays nobody. One that asks for a pace is sent what is due once a period.
 */
import type { Decimal } from '../../margin/decimal.js';
import type { MarginStatus } from '../../margin/model.js';
import type { MarginState } from '../../ledger/margin-state.js';
import type { UnitStates } from '../alerts/margin-units.js';
import type { Watch } from '../columns/quiet-range.js';
import { PullStream } from '../../platform/pull-stream.js';
import { LastSent } from './last-sent.js';
import { Pace } from './pace.js';

export type ChangeCause = 'SNAPSHOT' | 'PRICE' | 'ACCOUNT' | 'COLLATERAL_RATIO' | 'POLICY' | 'INTEREST' | 'RESYNC';

export interface MarginUpdate {
  readonly state: MarginState;
  /** Status in the last state that this stream sent of the account; null in its first. */
  readonly previousStatus: MarginStatus | null;
  /** Rises by one with every state of the account; a gap means skipped states. */
  readonly sequence: number;
  readonly cause: ChangeCause;
}

/** A stream's record of one account. */
interface SentAccount {
  /** The newest state that was queued. */
  readonly last: LastSent;
  sequence: number;
  /** The newest state until it is handed over. */
  queued: Queued | null;
  /** Status of the last state that was handed over. */
  deliveredStatus: MarginStatus | null;
}

interface Queued {
  readonly state: MarginState;
  readonly cause: ChangeCause;
}

/** What a subscriber of margin states asks for. */
export interface WatchOptions {
  readonly accountIds: readonly string[];
  /** Least movement of a ratio since the last state. */
  readonly minChange: Decimal;
  /** Milliseconds from one sending of the stream to the next, first states left out; null: each is sent at once. */
  readonly everyMs: number | null;
}

/** A stream, whatever its items are. */
export type Watcher = Pick<WatchStream<unknown>, 'accountIds' | 'offer' | 'watchOf' | 'whenEnded' | 'return'>;

/** An item is what the subscriber is sent as one event. */
abstract class WatchStream<T> extends PullStream<T> {
  readonly accountIds: readonly string[];
  private readonly minChange: Decimal;
  private readonly pace: Pace | null;
  private readonly sent = new Map<string, SentAccount>();
  /** Accounts with a queued state that waits for the pace, oldest first. */
  private paced: SentAccount[] = [];
  /** Accounts with a queued state that may be handed over, oldest first. */
  private due: SentAccount[] = [];
  private onEnd: () => void = () => undefined;

  constructor({ accountIds, minChange, everyMs }: WatchOptions) {
    super();
    this.accountIds = accountIds;
    this.minChange = minChange;
    this.pace = everyMs === null ? null : new Pace(everyMs);
  }

  /** Calls back when the stream has ended. */
  whenEnded(callback: () => void): void {
    this.onEnd = callback;
  }

  /**
   * Queues the first state of an account, and each that differs enough from the last.
   *
   * @param unitStates of the state
   */
  offer(state: MarginState, unitStates: UnitStates, cause: ChangeCause): void {
    if (this.ended) return;
    const { id } = state.account;
    let sent = this.sent.get(id);
    if (sent === undefined) {
      sent = { last: new LastSent(this.minChange), sequence: 0, queued: null, deliveredStatus: null };
      this.sent.set(id, sent);
    } else if (cause !== 'RESYNC' && !sent.last.differsFrom(state, unitStates)) {
      // After a RESYNC every state is sent, moved or not.
      return;
    }
    sent.last.keep(state, unitStates);
    sent.sequence += 1;
    const isFirst = sent.deliveredStatus === null;
    // A newer state replaces the queued one.
    if (sent.queued === null) (this.pace === null || isFirst ? this.due : this.paced).push(sent);
    // Until the subscriber has read a state, the next one is its first.
    // A price that follows while the state waits explains it less than what came before.
    const why = cause === 'PRICE' ? (sent.queued?.cause ?? cause) : cause;
    sent.queued = { state, cause: isFirst ? 'SNAPSHOT' : why };
    this.onOffer();
  }

  /** The movement from which a unit's ratio is sent again. */
  watchOf(accountId: string, unitState: string): Watch {
    const { minChange } = this;
    const sent = minChange.isZero() ? null : (this.sent.get(accountId)?.last.marginRatioOf(unitState) ?? null);
    return { lastSent: sent, minChange };
  }

  /** A state was offered. */
  protected onOffer(): void {
    this.handOver();
  }

  /** The oldest update that may be sent now. */
  protected takeUpdate(): MarginUpdate | undefined {
    this.openPaced();
    const sent = this.due.shift();
    if (sent === undefined || sent.queued === null) return undefined;
    const { state, cause } = sent.queued;
    const { deliveredStatus: previousStatus, sequence } = sent;
    sent.queued = null;
    sent.deliveredStatus = state.report.status;
    // Of first states a period begins only where none is running: others wait for theirs no longer than before.
    if (previousStatus === null) this.pace?.opens();
    return { state, previousStatus, sequence, cause };
  }

  protected onReturn(): void {
    this.due = [];
    this.paced = [];
    this.pace?.close();
    this.onEnd();
  }

  /** What waits may be handed over, too, with a state that does not wait. */
  protected joinPaced(): void {
    if (this.due.length > 0) this.release();
  }

  private openPaced(): void {
    if (this.pace === null || this.paced.length === 0) return;
    if (this.pace.opens()) this.release();
    else this.pace.whenOver(() => this.handOver());
  }

  private release(): void {
    this.due.push(...this.paced);
    this.paced = [];
  }
}

/** Each update is an event of its own. */
export class UpdateStream extends WatchStream<MarginUpdate> {
  protected take(): MarginUpdate | undefined {
    return this.takeUpdate();
  }
}

/** All updates that are due are one event. */
export class UpdateListStream extends WatchStream<readonly MarginUpdate[]> {
  private isGathering = false;

  /** The accounts of one evaluation are offered one after the other; they belong into one list. */
  protected override onOffer(): void {
    if (this.isGathering) return;
    this.isGathering = true;
    setImmediate(() => {
      this.isGathering = false;
      this.handOver();
    });
  }

  protected take(): readonly MarginUpdate[] | undefined {
    this.joinPaced();
    const updates: MarginUpdate[] = [];
    for (let next = this.takeUpdate(); next !== undefined; next = this.takeUpdate()) updates.push(next);
    return updates.length === 0 ? undefined : updates;
  }
}
