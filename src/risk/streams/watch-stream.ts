/**
 * States pending for one subscriber: at most one for each account, the newest. A subscriber that stops reading holds
 * that much memory and delays nobody.
 */
import type { Decimal } from '../../margin/decimal.js';
import type { MarginStatus } from '../../margin/model.js';
import type { MarginState } from '../../ledger/margin-state.js';
import type { UnitStates } from '../alerts/margin-units.js';
import type { Watch } from '../columns/quiet-range.js';
import { PullStream } from '../../platform/pull-stream.js';
import { LastSent } from './last-sent.js';

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

export class WatchStream extends PullStream<MarginUpdate> {
  private readonly sent = new Map<string, SentAccount>();
  /** Accounts with a queued state, oldest first. */
  private due: SentAccount[] = [];

  constructor(
    readonly accountIds: readonly string[],
    /** Least movement of a ratio since the last state. */
    readonly minChange: Decimal,
    private readonly onEnd: (stream: WatchStream) => void,
  ) {
    super();
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
    // A newer state replaces the queued one.
    if (sent.queued === null) this.due.push(sent);
    // Until the subscriber has read a state, the next one is its first.
    sent.queued = { state, cause: sent.deliveredStatus === null ? 'SNAPSHOT' : cause };
    this.handOver();
  }

  /** The movement from which a unit's ratio is sent again. */
  watchOf(accountId: string, unitState: string): Watch {
    const { minChange } = this;
    const sent = minChange.isZero() ? null : (this.sent.get(accountId)?.last.marginRatioOf(unitState) ?? null);
    return { lastSent: sent, minChange };
  }

  protected take(): MarginUpdate | undefined {
    const sent = this.due.shift();
    if (sent === undefined || sent.queued === null) return undefined;
    const { state, cause } = sent.queued;
    const { deliveredStatus: previousStatus, sequence } = sent;
    sent.queued = null;
    sent.deliveredStatus = state.report.status;
    return { state, previousStatus, sequence, cause };
  }

  protected onReturn(): void {
    this.due = [];
    this.onEnd(this);
  }
}
