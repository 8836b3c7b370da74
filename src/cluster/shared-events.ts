/**
 * Joins the bus of this process to those of others. Local events go out as notices. For a notice that comes in, the
 * database is read and a local event emitted, which is never sent on.
 */
import type { Prices } from '../market/prices.js';
import type { Parts } from '../platform/parts.js';
import { sleep } from '../platform/retry.js';
import type { Notice } from './notice.js';
import { Beats } from './beats.js';
import { openChannel, channelName, type Channel } from './channel.js';
import { emitNews } from '../policy/rulebook/rule-events.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';

interface Needed extends Parts {
  readonly redisUrl: string;
  readonly prices: Pick<Prices, 'board' | 'catchUp'>;
  readonly rulebook: Rulebook;
}

export interface SharedEvents {
  /** Whether notices go out and come in. */
  readonly connected: boolean;
  /** Names of other servers that do not hear this one by Redis, or are not heard by it, though both are connected. */
  readonly parted: readonly string[];
  /** Whether all changes of other servers are known here, as far as their notices have come. */
  readonly isInStep: boolean;
  close(): Promise<void>;
}

/** Call when prices and rules are loaded. Changes before the channel listens are made up for by the first resync. */
export async function openSharedEvents(parts: Needed): Promise<SharedEvents> {
  return new JoinedEvents(parts, await channelName(parts.db));
}

const RETRY_MS = 500;

/** Reads that are due. Requests that come during a read are merged into the next one. */
interface Wanted {
  prices: boolean;
  rules: boolean;
  resync: boolean;
}

class JoinedEvents implements SharedEvents {
  private readonly channel: Channel;
  private readonly beats: Beats;
  /** True while a notice of another process is emitted here; listeners run within `emit`. */
  private isFromChannel = false;
  /** `seq` of the newest price batch that this process has sent or received a notice of. */
  private knownSeq: bigint;
  /** From a gap until the loop has heard of it. */
  private isResyncing = true;
  private wanted: Wanted = { prices: false, rules: false, resync: false };
  private running: Promise<void> | null = null;
  private readonly closing = new AbortController();

  constructor(
    private readonly parts: Needed,
    channel: string,
  ) {
    const { redisUrl, bus, prices, log } = parts;
    this.knownSeq = prices.board.seq;
    this.channel = openChannel({
      url: redisUrl,
      channel,
      log,
      onMessage: (notice) => this.receive(notice),
      onGap: () => this.want('resync'),
    });
    this.beats = new Beats(parts, this.channel);
    bus.on('prices', () => this.sendPrices());
    bus.on('accounts', ({ ids, cause }) => this.send({ kind: 'accounts', ids, cause }));
    bus.on('collateralRatio', () => this.send({ kind: 'rules' }));
    bus.on('policy', () => this.send({ kind: 'rules' }));
    bus.on('reference', () => this.send({ kind: 'rules' }));
    bus.on('alerts', ({ last }) => this.send({ kind: 'alerts', last }));
  }

  private get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  get connected(): boolean {
    return this.channel.connected;
  }

  get parted(): readonly string[] {
    return this.beats.parted;
  }

  get isInStep(): boolean {
    return this.connected && !this.isResyncing && this.parted.length === 0;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.beats.close();
    await this.channel.close();
    await this.running;
  }

  private send(notice: Notice): void {
    if (!this.isFromChannel && !this.isClosed) this.channel.send(notice);
  }

  /**
   * Sends each batch once, and only if it did not come from another process. Prices that merely aged are not sent: they
   * age everywhere.
   */
  private sendPrices(): void {
    const { seq } = this.parts.prices.board;
    if (seq <= this.knownSeq) return;
    this.knownSeq = seq;
    this.send({ kind: 'prices', round: seq });
  }

  private receive(notice: Notice): void {
    const { bus, prices } = this.parts;
    switch (notice.kind) {
      case 'prices':
        if (notice.round > this.knownSeq) this.knownSeq = notice.round;
        if (notice.round > prices.board.seq) this.want('prices');
        break;
      case 'accounts':
        this.emitFromChannel(() => bus.emit('accounts', { ids: notice.ids, cause: notice.cause }));
        break;
      case 'alerts':
        this.emitFromChannel(() => bus.emit('alerts', { last: notice.last }));
        break;
      case 'beat':
        this.beats.hear(notice.server, notice.beat);
        break;
      case 'rules':
        this.want('rules');
        break;
    }
  }

  private emitFromChannel(emit: () => void): void {
    this.isFromChannel = true;
    try {
      emit();
    } finally {
      this.isFromChannel = false;
    }
  }

  private want(what: keyof Wanted): void {
    this.wanted[what] = true;
    if (what === 'resync') this.isResyncing = true;
    if (this.running === null && !this.isClosed) this.running = this.run().finally(() => (this.running = null));
  }

  private async run(): Promise<void> {
    while (!this.isClosed && Object.values(this.wanted).includes(true)) {
      const wanted = this.wanted;
      this.wanted = { prices: false, rules: false, resync: false };
      try {
        await this.read(wanted);
      } catch (error) {
        for (const what of ['prices', 'rules', 'resync'] as const) this.wanted[what] ||= wanted[what];
        this.parts.log.error({ err: error }, 'Changes of other servers could not be read; trying again.');
        await sleep(RETRY_MS, this.closing.signal);
      }
    }
  }

  private async read({ prices, rules, resync }: Wanted): Promise<void> {
    if (prices || resync) await this.parts.prices.catchUp();
    if (rules || resync) await this.readRules();
    if (!resync || this.isClosed) return;
    this.isResyncing = this.wanted.resync;
    this.parts.bus.emit('resync');
  }

  private async readRules(): Promise<void> {
    const { rulebook, db, bus, clock } = this.parts;
    const news = await rulebook.refresh(db);
    this.emitFromChannel(() => emitNews(bus, news, new Date(clock())));
  }
}
