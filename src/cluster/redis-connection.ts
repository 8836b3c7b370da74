/**
 * A pair of Redis clients: one publishes, one listens. Lives until its first failure; the next attempt is a new pair.
 * It is up once a pulse that it published was received. It is down when pulses stay away, which also finds a Redis that
 * is silent on open sockets.
 */
import { Redis } from 'ioredis';

/** Pulse interval, and how many pulses may be missed. */
const PULSE_MS = 500;
const MISSED_PULSES = 4;
/** Publishes without an answer: up to some hundred kilobytes, or a few megabytes of account ids. */
const MAX_UNANSWERED = 1_000;
/** For publishes under way at close. */
const CLOSE_MS = 500;

export interface RedisConnectionOptions {
  readonly url: string;
  readonly channel: string;
  /** Only this process listens here. */
  readonly pulseChannel: string;
  readonly onUp: () => void;
  readonly onMessage: (text: string) => void;
  /** At every pulse that was received. */
  readonly onPulse: () => void;
  /** Called once. The reason must not contain the URL's password. */
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

  /** False: not sent. True: written, which does not prove delivery; a failure ends the connection. */
  publish(text: string): boolean {
    if (this.state !== 'up' || this.unanswered >= MAX_UNANSWERED) return false;
    this.unanswered += 1;
    this.publisher.publish(this.options.channel, text).then(
      () => (this.unanswered -= 1),
      (error: unknown) => this.down(error),
    );
    return true;
  }

  /** Some publishes were written and may not have arrived. */
  get hasUnanswered(): boolean {
    return this.unanswered > 0;
  }

  /** Waits for publishes under way, at most CLOSE_MS. */
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
      // Failures must show at once: ioredis must not queue, resend or reconnect by itself.
      retryStrategy: () => null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      // The pulse is the check, and needs no permission for INFO.
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
    // Count pulses instead of time: a process that was busy for seconds has pulses waiting in its socket.
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
    // Only the message: the error of a refused AUTH carries the command with its password.
    this.options.onDown(error instanceof Error ? error.message : String(error));
  }

  private disconnect(): void {
    this.state = 'down';
    clearInterval(this.timer);
    this.publisher.disconnect();
    this.listener.disconnect();
  }
}
