/**
 * Stored alerts for subscribers. New alerts are read once for all streams, whichever process stored them, and wake the
 * streams that they concern. Events and notices only say when to read. One that is lost, doubled or late costs a second
 * at most, and no alert.
 */
import type { Parts } from '../../platform/parts.js';
import { readAlertsAfter, readLastAlert, type AlertFilter, type AlertRecord } from './alert-records.js';
import { AlertRing } from './alert-ring.js';
import { AlertStream, type AlertSource } from './alert-stream.js';

export interface AlertStreamRequest extends AlertFilter {
  /** The alerts after this number first, then live; null: live only. */
  readonly after: bigint | null;
}

const EVERYTHING: AlertFilter = { owner: null, accountIds: null };
/** Alerts kept in memory. */
const RING = 10_000;
/** Alerts of one statement, for all streams. */
const BATCH = 1_000;
/** Alerts of one statement, for one stream that is behind. */
const PAGE = 100;
const POLL_MS = 1_000;

interface Waiter {
  readonly resolve: (last: bigint) => void;
  readonly reject: (error: unknown) => void;
}

export class AlertFeed {
  private readonly ring = new AlertRing(RING);
  private readonly streams = new Set<AlertStream>();
  /** Streams by what they were opened for. */
  private readonly byAccount = new Map<string, Set<AlertStream>>();
  private readonly byOwner = new Map<string, Set<AlertStream>>();
  private readonly ofEverything = new Set<AlertStream>();
  private readonly source: AlertSource;
  /** Calls that wait for the number of the last alert, from a read that has not begun yet. */
  private waiters: Waiter[] = [];
  private isReading = false;
  private poll: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(private readonly parts: Pick<Parts, 'db' | 'bus' | 'log'>) {
    this.source = {
      ring: this.ring,
      pageSize: PAGE,
      read: (filter, after, through) => readAlertsAfter(parts.db, filter, { after, through, limit: PAGE }),
      onError: (error) => this.parts.log.error({ err: error }, 'Alerts could not be read; trying again.'),
      onEnd: (stream) => this.forget(stream),
    };
    parts.bus.on('alerts', this.onAlerts);
    parts.bus.on('resync', this.look);
  }

  /**
   * Alerts of the accounts stored from this call on, or after a number; each once, in order. The caller must have
   * checked that the viewer may see the accounts. Null: no alert has the number yet.
   */
  async stream({ owner, accountIds, after }: AlertStreamRequest): Promise<AlertStream | null> {
    const last = await this.lastAlert();
    if (after !== null && after > last) return null;
    const stream = new AlertStream({ owner, accountIds }, after ?? last, this.source);
    if (this.closed) await stream.return();
    else this.remember(stream);
    return stream;
  }

  /** Ends all streams. */
  close(): void {
    this.closed = true;
    this.parts.bus.off('alerts', this.onAlerts);
    this.parts.bus.off('resync', this.look);
    this.endStreams();
  }

  private readonly onAlerts = ({ last }: { readonly last: bigint }): void => {
    if (last > this.ring.through) this.look();
  };

  /** Reads new alerts if there are subscribers. A failure is retried by the next poll. */
  private readonly look = (): void => {
    if (this.streams.size === 0) return;
    this.lastAlert().catch((error: unknown) => {
      if (!this.closed) this.parts.log.error({ err: error }, 'New alerts could not be read; trying again.');
    });
  };

  /**
   * The number of the last alert, read after this call; the ring then reaches up to it. Concurrent calls share a read.
   */
  private lastAlert(): Promise<bigint> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      if (!this.isReading) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isReading = true;
    while (this.waiters.length > 0) {
      const waiters = this.waiters;
      this.waiters = [];
      try {
        const last = await this.read();
        for (const { resolve } of waiters) resolve(last);
      } catch (error) {
        for (const { reject } of waiters) reject(error);
      }
    }
    this.isReading = false;
  }

  private async read(): Promise<bigint> {
    const { ring } = this;
    const last = await readLastAlert(this.parts.db);
    if (last < ring.through) this.startAnew(last);
    // Without subscribers the ring falls behind; a client that comes back soon is served from memory all the same.
    if (this.streams.size === 0 && ring.through + BigInt(BATCH) < last) ring.reset(last - BigInt(BATCH));
    while (ring.through < last) {
      const alerts = await readAlertsAfter(this.parts.db, EVERYTHING, {
        after: ring.through,
        through: last,
        limit: BATCH,
      });
      ring.append(alerts, alerts.length < BATCH ? last : (alerts.at(-1)?.seq ?? last));
      for (const alert of alerts) this.wake(alert);
    }
    return last;
  }

  /**
   * The database was put back to an earlier state: numbers are given a second time, and positions of streams are void.
   */
  private startAnew(last: bigint): void {
    this.parts.log.warn({ was: String(this.ring.through), is: String(last) }, 'The last alert has gone back.');
    this.ring.reset(last);
    this.endStreams();
  }

  private wake(alert: AlertRecord): void {
    for (const streams of [this.byAccount.get(alert.accountId), this.byOwner.get(alert.owner), this.ofEverything]) {
      if (streams !== undefined) for (const stream of streams) stream.wake(alert);
    }
  }

  private remember(stream: AlertStream): void {
    this.streams.add(stream);
    for (const [index, key] of this.placesOf(stream)) {
      const streams = index.get(key) ?? new Set();
      index.set(key, streams.add(stream));
    }
    if (stream.filter.accountIds === null && stream.filter.owner === null) this.ofEverything.add(stream);
    this.poll ??= setInterval(() => {
      if (!this.isReading) this.look();
    }, POLL_MS);
  }

  private forget(stream: AlertStream): void {
    this.streams.delete(stream);
    this.ofEverything.delete(stream);
    for (const [index, key] of this.placesOf(stream)) {
      const streams = index.get(key);
      streams?.delete(stream);
      if (streams?.size === 0) index.delete(key);
    }
    if (this.streams.size > 0 || this.poll === null) return;
    clearInterval(this.poll);
    this.poll = null;
  }

  private placesOf({ filter: { owner, accountIds } }: AlertStream): [Map<string, Set<AlertStream>>, string][] {
    if (accountIds !== null) return accountIds.map((id) => [this.byAccount, id]);
    return owner === null ? [] : [[this.byOwner, owner]];
  }

  private endStreams(): void {
    for (const stream of [...this.streams]) void stream.return();
  }
}
