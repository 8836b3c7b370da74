/**
 * Proves that notices go between all servers. A pulse that a server sends to itself proves only that some Redis is
 * there: servers on two Redis, or on a Redis and its replica, each hear themselves. So every server raises a beat in
 * the database and sends the same number by Redis. A beat that rises there, and is not heard here, is a server from
 * which this one is parted.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import type { Parts } from '../platform/parts.js';
import { exchangeBeats, removeBeats, type ServerRow } from './server-rows.js';
import type { Channel } from './channel.js';

const BEAT_MS = 750;
/** Beats in a row that were not heard. With the look that finds them: parting shows within about 4 seconds. */
const MISSED = 3n;

/** Another server. */
interface Other {
  readonly row: ServerRow;
  /** The last beat that was heard by Redis, or the first one that counts. */
  readonly heard: bigint;
}

export class Beats {
  private readonly id = randomUUID();
  private readonly name = `${hostname()}/${process.pid}`;
  private beat = 0n;
  private others: ReadonlyMap<string, Other> = new Map();
  /** Newest beats that were heard, also of servers whose rows were not read yet. */
  private readonly heard = new Map<string, bigint>();
  private wasConnected = false;
  private isParted = false;
  private isFailing = false;
  private beating: Promise<void> | null = null;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly parts: Pick<Parts, 'db' | 'log'>,
    private readonly channel: Channel,
  ) {
    this.timer = setInterval(() => this.next(), BEAT_MS);
    this.next();
  }

  /** A beat of another server has come by Redis. */
  hear(server: string, beat: bigint): void {
    if (server !== this.id) this.heard.set(server, beat);
  }

  /** Names of the servers that this one does not hear, or that do not hear this one. */
  get parted(): readonly string[] {
    // While Redis is away, that is the problem.
    if (!this.channel.connected) return [];
    return [...this.others.values()]
      .filter((other) => isUnheard(other) || other.row.unheard.includes(this.id))
      .map(({ row }) => row.name);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.beating;
    // A row that stays rises no more, which concerns nobody, and is removed by the others.
    await removeBeats(this.parts.db, this.id).catch((error: unknown) => {
      this.parts.log.debug({ err: error }, 'The row of this server stays; another one removes it.');
    });
  }

  private next(): void {
    this.beating ??= this.exchange().finally(() => (this.beating = null));
  }

  private async exchange(): Promise<void> {
    const { db, log } = this.parts;
    const { connected } = this.channel;
    const unheard = connected ? [...this.others].filter(([, other]) => isUnheard(other)).map(([server]) => server) : [];
    this.beat += 1n;
    // Sent first: who reads the row could have heard it.
    this.channel.send({ kind: 'beat', server: this.id, beat: this.beat });
    try {
      this.take(await exchangeBeats(db, { id: this.id, name: this.name, beat: this.beat, unheard }), connected);
      this.isFailing = false;
    } catch (error) {
      log[this.isFailing ? 'debug' : 'warn']({ err: error }, 'Beats could not be exchanged; trying again.');
      this.isFailing = true;
    }
  }

  private take(rows: readonly ServerRow[], connected: boolean): void {
    // What came before this server was connected, it cannot have heard.
    const isNew = connected && !this.wasConnected;
    this.wasConnected = connected;
    if (isNew) this.heard.clear();
    this.others = new Map(
      rows.map((row) => {
        const before = isNew ? undefined : this.others.get(row.id);
        return [row.id, { row, heard: this.heard.get(row.id) ?? before?.heard ?? row.beat }];
      }),
    );
    for (const server of this.heard.keys()) if (!this.others.has(server)) this.heard.delete(server);
    const { parted } = this;
    if (parted.length > 0 && !this.isParted) {
      this.parts.log.warn({ parted }, 'Servers do not hear each other by Redis, though each of them hears itself.');
    } else if (parted.length === 0 && this.isParted) {
      this.parts.log.info('All servers hear each other by Redis again.');
    }
    this.isParted = parted.length > 0;
  }
}

function isUnheard({ row, heard }: Other): boolean {
  return row.beat - heard >= MISSED;
}
