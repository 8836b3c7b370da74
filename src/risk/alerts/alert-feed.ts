/**
 * Stored alerts for subscribers. New alerts are read once for all streams, whichever process stored them, and wake the
 * streams that they concern. Events and notices only say when to read. One that is lost, doubled or late costs a second
 * at most, and no alert.
 */
import type { LostStatus } from '../../platform/outbox.js';
import type { Parts } from '../../platform/parts.js';
import { firstKeptAlert, readAlertsAfter, readLastAlert, type AlertFilter, type AlertRecord } from './alert-records.js';
import { AlertRing } from './alert-ring.js';
import { storeLostStatuses } from './alert-store.js';
import { AlertStream, type AlertSource } from './alert-stream.js';
import { nameOf } from './margin-units.js';

export interface AlertStreamRequest extends AlertFilter {
  /** The alerts after this number first, then live; null: live only. */
  readonly after: bigint | null;
}

/** Beyond the last alert; or alerts after it are no longer kept. */
export type CursorProblem = 'BEYOND' | 'EXPIRED';

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

  /** @param recheck looks whether the database went back; resolves when everything was read anew */
  constructor(
    private readonly parts: Pick<Parts, 'db' | 'bus' | 'log'>,
    private readonly recheck: () => Promise<void> = async () => undefined,
  ) {
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
   * checked that the viewer may see the accounts.
   */
  async stream({ owner, accountIds, after }: AlertStreamRequest): Promise<AlertStream | CursorProblem> {
    let last = await this.lastAlert();
    if (last < this.ring.through || (after !== null && after > last)) {
      // The database may have gone back just now: numbers leap when that is found.
      await this.recheck();
      last = await this.lastAlert();
    }
    if (after !== null && after > last) return 'BEYOND';
    // What follows the ring's beginning is in memory.
    const isInMemory = after === null || after >= this.ring.from;
    if (!isInMemory && after + 1n < (await firstKeptAlert(this.parts.db))) return 'EXPIRED';
    const stream = new AlertStream({ owner, accountIds }, after ?? last, this.source);
    if (this.closed) await stream.return();
    else this.remember(stream);
    return stream;
  }

  /**
   * Another history of the database has begun. Alerts after the last one that both share are lost: they are sent no
   * more, and where one said a status that is no longer true, the leader says it anew. Streams go on, since numbers of
   * the new history lie beyond all of the lost one.
   */
  async takeHistory(shared: bigint, at: Date): Promise<void> {
    const lost = new Map<string, LostStatus>();
    for (const { kind, accountId, instrument, side, status } of this.ring.after(shared)) {
      const unit = nameOf(instrument, side);
      if (kind === 'STATUS_CHANGED') lost.set(`${accountId} ${unit}`, { accountId, unit, status });
    }
    await storeLostStatuses(this.parts.db, shared, [...lost.values()], at);
    this.ring.reset(shared);
    for (const stream of this.streams) stream.forgetPage();
    this.look();
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
    // The database went back, which every server finds within a second.
    if (last < ring.through) return last;
    if (this.streams.size === 0 && ring.through < last) await this.skip(last);
    while (ring.through < last) {
      const after = ring.through;
      const alerts = await readAlertsAfter(this.parts.db, EVERYTHING, { after, through: last, limit: BATCH });
      // Another history has begun meanwhile: what lies between is not in the ring any more.
      if (ring.through !== after) continue;
      ring.append(alerts, alerts.length < BATCH ? last : (alerts.at(-1)?.seq ?? last));
      for (const alert of alerts) this.wake(alert);
    }
    return last;
  }

  /**
   * Without subscribers the ring falls behind; a client that comes back soon is served from memory all the same. The
   * ring must not seem to hold what is no longer kept.
   */
  private async skip(last: bigint): Promise<void> {
    const kept = (await firstKeptAlert(this.parts.db)) - 1n;
    const recent = last - BigInt(BATCH);
    const from = kept > recent ? kept : recent;
    if (this.ring.through < from) this.ring.reset(from);
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
