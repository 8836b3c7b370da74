/**
 * What one subscriber is still to be told: at most one state an account, the newest. A subscriber that stops reading
 * holds that much memory and delays nobody.
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
  /** What this stream said last of the account; null in its first state. */
  readonly previousStatus: MarginStatus | null;
  /** Rises by one with every state of the account; a gap means that states were skipped. */
  readonly sequence: number;
  readonly cause: ChangeCause;
}

/** An account of a stream. */
interface SentAccount {
  /** The newest state that was queued. */
  readonly last: LastSent;
  sequence: number;
  /** The newest state, while it is not handed over. */
  queued: Queued | null;
  /** Of the newest state that was handed over. */
  deliveredStatus: MarginStatus | null;
}

interface Queued {
  readonly state: MarginState;
  readonly cause: ChangeCause;
}

export class WatchStream extends PullStream<MarginUpdate> {
  private readonly sent = new Map<string, SentAccount>();
  /** Those with a state queued, in the order in which they became due. */
  private due: SentAccount[] = [];

  constructor(
    readonly accountIds: readonly string[],
    /** How far a ratio must have moved since the last state, at least. */
    readonly minChange: Decimal,
    private readonly onEnd: (stream: WatchStream) => void,
  ) {
    super();
  }

  /**
   * Queues the state if it is the first one of the account, or differs enough from the last.
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
      // After a gap everybody is told, whether it has moved or not.
      return;
    }
    sent.last.keep(state, unitStates);
    sent.sequence += 1;
    // A newer state takes the place of the older one.
    if (sent.queued === null) this.due.push(sent);
    // Until the first one was read, it is the first state that the subscriber sees.
    sent.queued = { state, cause: sent.deliveredStatus === null ? 'SNAPSHOT' : cause };
    this.handOver();
  }

  /** From where on the ratio of a level is to be told again. */
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
