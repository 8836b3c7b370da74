/**
 * The alerts of one subscriber, in order, none skipped and none twice. Its position is the number up to which all
 * alerts were handed over. The next one comes from the ring, or from the database, a page at a time, if the ring begins
 * later. A subscriber that does not read holds one page at most.
 */
import { PullStream } from '../../platform/pull-stream.js';
import { retry } from '../../platform/retry.js';
import type { AlertFilter, AlertRecord } from './alert-records.js';
import type { AlertRing } from './alert-ring.js';

/** Without the acknowledgement: it may have come meanwhile, so it is read when a client asks. */
export type SentAlert = Omit<AlertRecord, 'acknowledgedAt'>;

/** Where a stream takes its alerts from. */
export interface AlertSource {
  readonly ring: AlertRing;
  /** One page of alerts that match the filter, above `after` and up to `through`, oldest first. */
  read(filter: AlertFilter, after: bigint, through: bigint): Promise<readonly AlertRecord[]>;
  /** Maximum of alerts in a page. */
  readonly pageSize: number;
  /** Called when a page could not be read; the stream tries again. */
  onError(error: unknown): void;
  onEnd(stream: AlertStream): void;
}

const RETRY_MS = 500;

export class AlertStream extends PullStream<SentAlert> {
  private readonly accountIds: ReadonlySet<string> | null;
  /** Read from the database, not handed over yet. */
  private page: AlertRecord[] = [];
  /** All stored alerts were handed over, and the subscriber waits. */
  private isUpToDate = false;
  /** While a page is read; aborted when the reader has left. */
  private reading: AbortController | null = null;

  private position: bigint;

  constructor(
    readonly filter: AlertFilter,
    /** The number of the alert before the first one that it sends. */
    readonly startsAfter: bigint,
    private readonly source: AlertSource,
  ) {
    super();
    this.position = startsAfter;
    this.accountIds = filter.accountIds === null ? null : new Set(filter.accountIds);
  }

  /** An alert that concerns this stream is in the ring. It may have been there before: the ring is filled anew. */
  wake({ seq }: AlertRecord): void {
    if (!this.isUpToDate || seq <= this.position) return;
    this.isUpToDate = false;
    // Alerts before this one did not concern the stream.
    this.position = seq - 1n;
    this.handOver();
  }

  /** What was read and not handed over is of a history that is lost. */
  forgetPage(): void {
    const [first] = this.page;
    if (first !== undefined) this.position = first.seq - 1n;
    this.page = [];
    this.isUpToDate = false;
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

  /** The next alert; null: none yet; 'behind': the ring begins later. */
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
      // Only up to the ring's end: later alerts come from the ring, or by the next read.
      const { through } = source.ring;
      const page = await source.read(this.filter, this.position, through);
      const isFull = page.length === source.pageSize;
      this.position = isFull ? (page.at(-1)?.seq ?? through) : through;
      if (!this.ended) this.page = [...page];
    };
    try {
      await retry(read, { pause: RETRY_MS, signal: this.reading.signal, onError: (error) => source.onError(error) });
    } catch (error) {
      // A reader that has left misses nothing.
      if (!this.ended) throw error;
    }
    this.reading = null;
    this.handOver();
  }
}

function withoutAcknowledgement({ acknowledgedAt: _asItWas, ...alert }: AlertRecord): SentAlert {
  return alert;
}
