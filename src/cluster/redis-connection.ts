/**
 * Two connections to Redis, from the first attempt to the first failure: one that publishes, one that listens. A line
 * is up once a pulse that was published on the one was heard on the other, and down when pulses are heard no more, which
 * also shows a Redis that keeps its connections and is silent. A line that is down stays down; the next is a new one.
 */
import { Redis } from 'ioredis';

/** How often a pulse is sent, and how many may be missed. */
const PULSE_MS = 500;
const MISSED_PULSES = 4;
/** Publishes that Redis has not answered yet: some hundred kilobytes, or a few megabytes of accounts. */
const MAX_UNANSWERED = 1_000;
/** For what is on its way when the line is closed. */
const CLOSE_MS = 500;

export interface RedisConnectionOptions {
  readonly url: string;
  readonly channel: string;
  /** On which nobody else listens. */
  readonly pulseChannel: string;
  readonly onUp: () => void;
  readonly onMessage: (text: string) => void;
  /** At every pulse that was heard. */
  readonly onPulse: () => void;
  /** Once; the reason holds nothing of the URL's password. */
  readonly onDown: (reason: string) => void;
}

export class RedisConnection {
  private readonly publisher: Redis;
  private readonly listener: Redis;
  private readonly timer: NodeJS.Timeout;
  private state: 'joining' | 'listening' | 'up' | 'down' = 'joining';
  private missed = 0;
  private unanswered = 0;

  constructor(private readonly options: RedisConnectionOptions) {
    this.publisher = this.client();
    this.listener = this.client();
    this.timer = setInterval(() => this.pulse(), PULSE_MS);
    void this.join();
  }

  get isUp(): boolean {
    return this.state === 'up';
  }

  /** False: it does not go out. True: it was written, which is no proof that it arrives; a failure ends the line. */
  publish(text: string): boolean {
    if (this.state !== 'up' || this.unanswered >= MAX_UNANSWERED) return false;
    this.unanswered += 1;
    this.publisher.publish(this.options.channel, text).then(
      () => (this.unanswered -= 1),
      (error: unknown) => this.down(error),
    );
    return true;
  }

  /** Publishes that were written, and of which nobody knows whether they have arrived. */
  get hasUnanswered(): boolean {
    return this.unanswered > 0;
  }

  /** After what was published has gone out, unless that takes long. */
  async close(): Promise<void> {
    if (this.state === 'up') {
      let timer: NodeJS.Timeout | undefined;
      const tooLate = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
      await Promise.race([this.publisher.quit().catch(() => undefined), tooLate]);
      clearTimeout(timer);
    }
    this.disconnect();
  }

  private client(): Redis {
    const client = new Redis(this.options.url, {
      lazyConnect: true,
      // What fails, fails at once and is known: nothing is kept, sent again or connected again behind the line's back.
      retryStrategy: () => null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      // The pulse is the check, and needs no right to INFO.
      enableReadyCheck: false,
      connectTimeout: PULSE_MS * MISSED_PULSES,
      disconnectTimeout: 0,
      connectionName: 'plimsoll',
    });
    client.on('error', (error: Error) => this.down(error));
    client.on('end', () => this.down(new Error('The connection has ended.')));
    return client;
  }

  private async join(): Promise<void> {
    const { channel, pulseChannel, onMessage } = this.options;
    try {
      await Promise.all([this.publisher.connect(), this.listener.connect()]);
      this.listener.on('message', (source: string, text: string) => {
        if (source === pulseChannel) this.receivePulse();
        else if (this.state === 'up') onMessage(text);
      });
      await this.listener.subscribe(channel, pulseChannel);
      if (this.state !== 'joining') return;
      this.state = 'listening';
      this.pulse();
    } catch (error) {
      this.down(error);
    }
  }

  private pulse(): void {
    // Counted and not measured by the clock: a process that was busy for seconds has not heard what is waiting for it.
    this.missed += 1;
    if (this.missed > MISSED_PULSES) this.down(new Error('Redis is silent.'));
    else if (this.state === 'listening' || this.state === 'up') {
      this.publisher.publish(this.options.pulseChannel, '').catch((error: unknown) => this.down(error));
    }
  }

  private receivePulse(): void {
    if (this.state === 'down') return;
    this.missed = 0;
    const isFirst = this.state === 'listening';
    this.state = 'up';
    if (isFirst) this.options.onUp();
    this.options.onPulse();
  }

  private down(error: unknown): void {
    if (this.state === 'down') return;
    this.disconnect();
    // The message alone: the error of a refused AUTH carries the command with its password.
    this.options.onDown(error instanceof Error ? error.message : String(error));
  }

  private disconnect(): void {
    this.state = 'down';
    clearInterval(this.timer);
    this.publisher.disconnect();
    this.listener.disconnect();
  }
}
