/**
 * Streams versions of collateral ratios when they are scheduled, take effect or are cancelled. A subscriber has at most
 * one pending item for each version. If it stops reading, it holds that much memory and delays nobody. It is then sent
 * the present state of each version, without the steps between.
 */
import type { Bus, Events } from '../../platform/events.js';
import type { RatioVersion } from '../../policy/versions/ratio-version.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { PullStream } from '../../platform/pull-stream.js';

/** Null: all. */
export interface RatioPlace {
  readonly venue: string | null;
  readonly chain: string | null;
}

export class RatioFeed {
  private readonly streams = new Set<RatioStream>();
  private readonly onRatio = ({ id, venue, chain }: Events['collateralRatio'][0]): void => {
    for (const stream of this.streams) if (isAt(stream.place, venue, chain)) stream.offer(id);
  };

  constructor(
    private readonly bus: Bus,
    private readonly rulebook: Pick<Rulebook, 'ratioVersion'>,
  ) {
    bus.on('collateralRatio', this.onRatio);
  }

  watch(place: RatioPlace): RatioStream {
    const stream = new RatioStream(place, this.rulebook, (ended) => this.streams.delete(ended));
    this.streams.add(stream);
    return stream;
  }

  close(): void {
    this.bus.off('collateralRatio', this.onRatio);
    for (const stream of [...this.streams]) void stream.return();
  }
}

function isAt(place: RatioPlace, venue: string, chain: string | null): boolean {
  return (place.venue === null || place.venue === venue) && (place.chain === null || place.chain === chain);
}

export class RatioStream extends PullStream<RatioVersion> {
  /** Ids of versions to send, oldest first. */
  private readonly queue = new Set<string>();

  constructor(
    readonly place: RatioPlace,
    private readonly rulebook: Pick<Rulebook, 'ratioVersion'>,
    private readonly onEnd: (stream: RatioStream) => void,
  ) {
    super();
  }

  offer(id: string): void {
    if (this.ended) return;
    this.queue.add(id);
    this.handOver();
  }

  protected take(): RatioVersion | undefined {
    for (const id of this.queue) {
      this.queue.delete(id);
      const version = this.rulebook.ratioVersion(id);
      // The rulebook has a version before any event of it, and keeps it. A version that it lacks cannot be sent.
      if (version !== null) return version;
    }
    return undefined;
  }

  protected onReturn(): void {
    this.queue.clear();
    this.onEnd(this);
  }
}
