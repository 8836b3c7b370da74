/** The venue's own books: what was sent to the servers, and what they acknowledged; and the prices that it sent. */
import { decimal } from '../../src/margin/decimal.js';

/** How late a server may know a price that another one took, while Redis is away or after it was frozen. */
const KNOWN_LATE_MS = 8_000;
/** How long a request may wait for its account after it came. */
const WAIT_MS = 5_000;

export type FactKind = 'transfer' | 'accountTransfer' | 'fill' | 'trade' | 'reversal' | 'entry' | 'withdrawal';

export interface Fact {
  readonly kind: FactKind;
  /** Of its kind alone. A withdrawal has none in the database: its content is one of its own. */
  readonly id: string;
  /** Everything else, as `contentOf` writes it. */
  readonly content: string;
}

/** Numbers are written alike: "1.50" and "1.5" are the same. */
export function contentOf(...parts: readonly string[]): string {
  return parts.map((part) => (/^-?\d+(\.\d+)?$/.test(part) ? decimal(part).toFixed() : part)).join(' ');
}

/** In milliseconds of this process. */
interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Prices that were sent together; of an asset and of its instrument they are the same. */
export interface SentPrices {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** From the request to the answer. Null: nobody has acknowledged them; they may have been taken all the same. */
  asked: Interval | null;
  readonly BTC: string;
  readonly ETH: string;
}

export class Facts {
  /** By kind and id. */
  private readonly known = new Map<string, Fact>();
  private readonly acknowledged: { readonly fact: Fact; readonly asked: Interval }[] = [];
  private readonly losses: Interval[] = [];
  /** In order. */
  readonly prices: SentPrices[] = [];

  sent(fact: Fact): void {
    this.known.set(`${fact.kind} ${fact.id}`, fact);
  }

  /** @param from when the request was sent that is answered now */
  acknowledge(fact: Fact, from: number): void {
    this.acknowledged.push({ fact, asked: { from, to: performance.now() } });
  }

  /** What was acknowledged meanwhile, or asked for, may be lost. */
  mayLose(from: number): void {
    this.losses.push({ from, to: performance.now() });
  }

  /** What was sent under this id; undefined: nothing. */
  contentOf(kind: FactKind, id: string): string | undefined {
    return this.known.get(`${kind} ${id}`)?.content;
  }

  /** Those by which a server may have decided at an instant: servers learn of a price late, and requests wait. */
  pricesAbout(at: Date): SentPrices[] {
    const [from, to] = [at.getTime() - KNOWN_LATE_MS, at.getTime() + WAIT_MS];
    // The last one before them that was surely taken, and not lost, or one that came after it, was the newest then.
    const first = this.prices.findLastIndex(
      ({ at: sentAt, asked }) => sentAt <= from && asked !== null && !this.mayBeLost(asked),
    );
    return this.prices.slice(Math.max(0, first)).filter((sent) => sent.at <= to);
  }

  /** All that was acknowledged and cannot have been lost. */
  get lasting(): Fact[] {
    return this.acknowledged.filter(({ asked }) => !this.mayBeLost(asked)).map(({ fact }) => fact);
  }

  private mayBeLost(asked: Interval): boolean {
    return this.losses.some(({ from, to }) => asked.from < to && asked.to > from);
  }
}
