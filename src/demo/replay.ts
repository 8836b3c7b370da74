/**
 * Plays the recording over and over, faster than it happened, with instants moved to the present. Every step publishes
 * every price, so that none becomes stale while it runs.
 */
import { ONE, quotientHalfEven, type Decimal } from '../margin/decimal.js';
import { COMMON_UNIT } from '../margin/model.js';
import type { QuoteInput } from '../market/prices.js';
import { sleep } from '../platform/retry.js';
import { MINUTE_MS, pricesAt, type RecordedPrice, type Recording } from './recording.js';

/** Four hours before USDC is at its lowest: at the default speed it falls within the first half minute. */
export const LOOP_START: number = Date.parse('2023-03-11T04:00:00Z');

/** A step costs a transaction and an evaluation of every account; viewers need at most ten a second. */
const SHORTEST_STEP_MS = 100;
/** Well below the age at which a price is stale by default. */
const MAX_STEP_MS = 10_000;
/** After an error, most likely because the database is away. */
const PAUSE_AFTER_ERROR_MS = 1_000;

export interface ReplayOptions {
  readonly recording: Recording;
  /** Recorded time by real time: at 600, a recorded minute takes 100 ms. Greater than 0. */
  readonly speed: number;
  readonly instruments: readonly ReplayedInstrument[];
  /** Other units than USDT in which venues value everything. */
  readonly units: readonly string[];
  /** Awaited. While it is slow, the replay skips records; it never queues them. */
  readonly publish: (quotes: readonly QuoteInput[]) => Promise<unknown>;
  /** Awaited at the end of the recording, before its first step comes again. */
  readonly onSeam: () => Promise<void>;
  /** Errors of `publish` and `onSeam`. The replay goes on, and retries. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

export interface ReplayedInstrument {
  readonly venue: string;
  readonly symbol: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
}

/** Position of the replay: what it plays at the instant `at`. */
export interface ReplayPosition {
  readonly speed: number;
  readonly at: Date;
  readonly recordedAt: Date;
}

export interface Replay {
  position(): ReplayPosition;
  /** Resolves when the step under way has ended; no other begins. */
  stop(): Promise<void>;
}

/** Publishes the first step at once. */
export function startReplay(options: ReplayOptions): Replay {
  const { recording, speed, clock } = options;
  const stepMs = Math.min(Math.max(MINUTE_MS / speed, SHORTEST_STEP_MS), MAX_STEP_MS);
  const stopping = new AbortController();
  const { signal } = stopping;
  let began = clock();

  const play = async (): Promise<void> => {
    let due = began;
    while (!signal.aborted) {
      try {
        if (LOOP_START + (clock() - began) * speed >= recording.end) {
          await options.onSeam();
          began = due = clock();
        }
        const now = clock();
        const prices = pricesAt(recording, LOOP_START + (now - began) * speed);
        await options.publish(quotesOf(prices, options.instruments, options.units, new Date(now)));
        due = nextDue(due, stepMs, clock());
      } catch (error) {
        options.onError(error);
        due = clock() + Math.max(stepMs, PAUSE_AFTER_ERROR_MS);
      }
      await sleep(Math.max(0, due - clock()), signal);
    }
  };

  const played = play();
  return {
    position: () => {
      const now = clock();
      return { speed, at: new Date(now), recordedAt: new Date(LOOP_START + (now - began) * speed) };
    },
    stop: (): Promise<void> => {
      stopping.abort();
      return played;
    },
  };
}

/** The first instant after `now` that is a whole number of steps after `due`: late steps are skipped. */
function nextDue(due: number, stepMs: number, now: number): number {
  const steps = Math.floor(Math.max(0, now - due) / stepMs) + 1;
  return due + steps * stepMs;
}

/**
 * Index quotes as recorded, and USDT in each other unit of a venue. The mark of every instrument is
 * the index of its base asset, in the asset that it is quoted in, half-even.
 */
export function quotesOf(
  prices: readonly RecordedPrice[],
  instruments: readonly ReplayedInstrument[],
  units: readonly string[],
  at: Date,
): QuoteInput[] {
  const byAsset = new Map(prices.map((recorded) => [recorded.asset, recorded]));
  const inQuote = (price: Decimal, quoteAsset: string): Decimal | null => {
    const rate = quoteAsset === COMMON_UNIT ? ONE : byAsset.get(quoteAsset)?.price;
    return rate === undefined ? null : quotientHalfEven(price, rate);
  };
  const marks = instruments.flatMap(({ venue, symbol, baseAsset, quoteAsset }) => {
    const recorded = byAsset.get(baseAsset);
    const price = recorded === undefined ? null : inQuote(recorded.price, quoteAsset);
    return recorded === undefined || price === null ? [] : [mark(venue, symbol, { ...recorded, price }, at)];
  });
  const rates = units.flatMap((unit) => {
    const [price, source] = [inQuote(ONE, unit), byAsset.get(unit)?.source];
    return price === null || source === undefined ? [] : [{ asset: COMMON_UNIT, unit, price, source, at }];
  });
  return [...prices.map((recorded) => ({ ...recorded, at })), ...rates, ...marks];
}

function mark(venue: string, instrument: string, recorded: { price: Decimal; source: string }, at: Date): QuoteInput {
  return { venue, instrument, price: recorded.price, source: recorded.source, at };
}
