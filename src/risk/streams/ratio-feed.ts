/**
 * Versions of collateral ratios as they are scheduled, take effect or are cancelled. What a subscriber is still to be told
 * is at most one item a version: one that stops reading holds that much memory, delays nobody, and then hears how each
 * version stands, not how it came to that.
 */
import type { Bus, Events } from '../../platform/events.js';
import type { RatioVersion } from '../../policy/versions/ratio-version.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { PullStream } from '../../platform/pull-stream.js';

/** Null: all of them. */
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
  /** In the order in which they became due. */
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
      // The rulebook has a version before there is news of it, and keeps it; one that it has not cannot be told of.
      if (version !== null) return version;
    }
    return undefined;
  }

  protected onReturn(): void {
    this.queue.clear();
    this.onEnd(this);
  }
}
