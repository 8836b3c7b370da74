/**
 * The channel carries notices between the processes that share a database, by Redis. Notices may be lost, as long as
 * someone knows of the gap. A process that was cut off resyncs when it is connected again. A process that could not
 * send makes all others resync.
 */
import { createHash, randomUUID } from 'node:crypto';

import type { Database } from '../platform/database/database.js';
import type { Logger } from '../platform/log.js';
import { growingPause } from '../platform/retry.js';
import { readNotice, writeNotice, type Gap, type Notice } from './notice.js';
import { RedisConnection } from './redis-connection.js';

export interface ChannelOptions {
  readonly url: string;
  /** From `channelName`. */
  readonly channel: string;
  readonly log: Logger;
  /** A notice of another process. */
  readonly onMessage: (notice: Notice) => void;
  /** Notices may have been lost: this process has just begun to listen, or another one could not send. */
  readonly onGap: () => void;
}

export interface Channel {
  /** Whether notices go out and come in. */
  readonly connected: boolean;
  /**
   * Sends to the other processes. Never throws and never waits. While Redis is away, drops the notice and sends a gap
   * later.
   */
  send(notice: Notice): void;
  close(): Promise<void>;
}

const reconnectPause = growingPause(50, 1_000);
/** Characters of one message. A longer one is not ours. */
const MAX_TEXT = 100_000;

/**
 * One channel for each database, by whatever URL it is reached. The first migration's id is random, and a copy of the
 * database on the same server has another name.
 */
export async function channelName(db: Database): Promise<string> {
  const [row] = await db.$queryRaw<{ identity: string }[]>`
    SELECT id || '/' || current_database() AS identity FROM _prisma_migrations ORDER BY started_at, id LIMIT 1`;
  if (row === undefined) throw new Error('Expected a database that is migrated; _prisma_migrations has no row.');
  return `plimsoll:${createHash('sha256').update(row.identity).digest('hex').slice(0, 32)}`;
}

/** Returns at once. Connects in the background, and again after each failure. */
export function openChannel(options: ChannelOptions): Channel {
  return new RedisChannel(options);
}

class RedisChannel implements Channel {
  private readonly id = randomUUID();
  private connection: RedisConnection;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  /** Attempts since the last connection that worked. */
  private attempts = 0;
  private owesGap = false;

  constructor(private readonly options: ChannelOptions) {
    this.connection = this.connect();
  }

  get connected(): boolean {
    return this.connection.isUp;
  }

  send(notice: Notice): void {
    this.publish(notice);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    await this.connection.close();
  }

  private publish(notice: Notice | Gap): void {
    for (const text of writeNotice(this.id, notice)) if (!this.connection.publish(text)) this.owesGap = true;
  }

  private connect(): RedisConnection {
    const { url, channel } = this.options;
    return new RedisConnection({
      url,
      channel,
      pulseChannel: `${channel}:${this.id}`,
      onUp: () => this.onUp(),
      onMessage: (text) => this.receive(text),
      onPulse: () => this.sendOwedGap(),
      onDown: (reason) => this.onDown(reason),
    });
  }

  private onUp(): void {
    if (this.attempts > 0) this.options.log.info('Redis answers: notices go between the servers again.');
    this.attempts = 0;
    this.sendOwedGap();
    this.options.onGap();
  }

  /** Also called while connected: publishing may have been faster than Redis. */
  private sendOwedGap(): void {
    if (!this.owesGap) return;
    this.owesGap = false;
    this.publish({ kind: 'gap' });
  }

  private onDown(reason: string): void {
    if (this.connection.hasUnanswered) this.owesGap = true;
    if (this.closed) return;
    const { log } = this.options;
    log[this.attempts === 0 ? 'warn' : 'debug'](
      { reason },
      'Redis does not answer: this server neither sends nor receives notices; trying again.',
    );
    this.attempts += 1;
    this.retry = setTimeout(() => (this.connection = this.connect()), reconnectPause(this.attempts));
  }

  private receive(text: string): void {
    const { log, onMessage, onGap } = this.options;
    const received = text.length > MAX_TEXT ? null : readNotice(text);
    if (received === null) {
      log.debug({ text: text.slice(0, 200) }, 'A message from Redis is no notice; it is ignored.');
      return;
    }
    if (received.from === this.id) return;
    if (received.notice.kind === 'gap') onGap();
    else onMessage(received.notice);
  }
}
