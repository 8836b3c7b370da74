/**
 * The alerts of one subscriber, in order, none skipped and none twice. It has a position, the number up to which
 * everything was handed over, and takes what comes next from where it is: from the ring while the ring reaches back that
 * far, else from the database, a page at a time. A subscriber that does not read holds a page at most.
 */
import { PullStream } from '../../platform/pull-stream.js';
import { retry } from '../../platform/retry.js';
import type { AlertFilter, AlertRecord } from './alert-records.js';
import type { AlertRing } from './alert-ring.js';

/** An alert as it is told: whether it was acknowledged is read when it is asked for, since it may have been meanwhile. */
export type SentAlert = Omit<AlertRecord, 'acknowledgedAt'>;

/** What a stream takes its alerts from. */
export interface AlertSource {
  readonly ring: AlertRing;
  /** A page of those that concern the filter, above `after` and up to `through`, oldest first. */
  read(filter: AlertFilter, after: bigint, through: bigint): Promise<readonly AlertRecord[]>;
  /** Of a page that `read` answers, at most. */
  readonly pageSize: number;
  /** Told when a page could not be read; it is tried again. */
  onError(error: unknown): void;
  onEnd(stream: AlertStream): void;
}

const RETRY_MS = 500;

export class AlertStream extends PullStream<SentAlert> {
  private readonly accountIds: ReadonlySet<string> | null;
  /** Of the database, not handed over yet. */
  private page: AlertRecord[] = [];
  /** Nothing that is stored is left for it, and somebody waits for the next. */
  private isUpToDate = false;
  /** While a page is read; aborted when the reader has left. */
  private reading: AbortController | null = null;

  constructor(
    readonly filter: AlertFilter,
    private position: bigint,
    private readonly source: AlertSource,
  ) {
    super();
    this.accountIds = filter.accountIds === null ? null : new Set(filter.accountIds);
  }

  /** An alert that concerns it has come into the ring. */
  wake({ seq }: AlertRecord): void {
    if (!this.isUpToDate) return;
    this.isUpToDate = false;
    // What came before did not concern it.
    this.position = seq - 1n;
    this.handOver();
  }

  protected take(): SentAlert | undefined {
    if (this.reading !== null || this.isUpToDate) return undefined;
    const next = this.page.shift() ?? this.fromRing();
    if (next === 'behind') void this.readPage();
    else if (next === null) this.isUpToDate = true;
    else return withoutAcknowledgement(next);
    return undefined;
  }

  protected onReturn(): void {
    this.page = [];
    this.reading?.abort();
    this.source.onEnd(this);
  }

  /** The next one; null: there is none yet; 'behind': the ring does not reach back that far. */
  private fromRing(): AlertRecord | 'behind' | null {
    const { ring } = this.source;
    if (this.position < ring.from) return 'behind';
    const next = ring.firstAfter(this.position, (alert) => this.isConcernedBy(alert));
    if (next !== null) this.position = next.seq;
    return next;
  }

  private isConcernedBy({ owner, accountId }: AlertRecord): boolean {
    return (
      (this.filter.owner === null || this.filter.owner === owner) &&
      (this.accountIds === null || this.accountIds.has(accountId))
    );
  }

  private async readPage(): Promise<void> {
    const { source } = this;
    this.reading = new AbortController();
    const read = async (): Promise<void> => {
      // No further than the ring: what comes next is there, and will be until this page is handed over, or is read then.
      const { through } = source.ring;
      const page = await source.read(this.filter, this.position, through);
      const isFull = page.length === source.pageSize;
      this.position = isFull ? (page.at(-1)?.seq ?? through) : through;
      if (!this.ended) this.page = [...page];
    };
    try {
      await retry(read, { pause: RETRY_MS, signal: this.reading.signal, onError: (error) => source.onError(error) });
    } catch (error) {
      // Of a reader that has left nothing is missed.
      if (!this.ended) throw error;
    }
    this.reading = null;
    this.handOver();
  }
}

function withoutAcknowledgement({ acknowledgedAt: _asItWas, ...alert }: AlertRecord): SentAlert {
  return alert;
}
