import { afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { join } from 'node:path';

import { decimal, toPlain } from '../../src/margin/decimal.js';
import type { QuoteInput } from '../../src/market/prices.js';
import { pricesAt, readRecording, type Recording } from '../../src/demo/recording.js';
import { LOOP_START, quotesOf, startReplay, type Replay, type ReplayOptions } from '../../src/demo/replay.js';
import { PACKAGE_ROOT } from '../../src/platform/package-root.js';

const PRESENT = Date.parse('2026-01-01T00:00:00Z');
const INSTRUMENTS = [
  { venue: 'ASTER', symbol: 'BTCUSDT', baseAsset: 'BTC', quoteAsset: 'USDT' },
  { venue: 'UNIT', symbol: 'BTC-USDC', baseAsset: 'BTC', quoteAsset: 'USDC' },
  { venue: 'OWN', symbol: 'XYZUSDT', baseAsset: 'XYZ', quoteAsset: 'USDT' },
];

let recording: Recording;
beforeAll(async () => {
  recording = await readRecording(join(PACKAGE_ROOT, 'prisma', 'replay'));
});

describe('the quotes of a step', () => {
  it('are the index of every asset and the mark of every instrument whose base asset has one', () => {
    const at = new Date(PRESENT);
    const btc = { asset: 'BTC', source: 'replay:binance-us', price: decimal('19958.14') };
    const usdc = { asset: 'USDC', source: 'replay:binance-us', price: decimal('0.87') };
    expect(quotesOf([btc, usdc], INSTRUMENTS, ['USDC'], at)).toEqual([
      { ...btc, at },
      { ...usdc, at },
      { asset: 'USDT', unit: 'USDC', source: 'replay:binance-us', price: decimal('1.149425287356321839'), at },
      { venue: 'ASTER', instrument: 'BTCUSDT', source: 'replay:binance-us', price: decimal('19958.14'), at },
      {
        ...{ venue: 'UNIT', instrument: 'BTC-USDC', source: 'replay:binance-us' },
        ...{ price: decimal('22940.390804597701149425'), at },
      },
    ]);
  });
});

describe('the feed', () => {
  let replay: Replay | null = null;
  beforeEach(() => {
    jest.useFakeTimers({ now: PRESENT });
  });
  afterEach(async () => {
    const stopped = replay?.stop();
    await jest.runOnlyPendingTimersAsync();
    await stopped;
    jest.useRealTimers();
  });

  interface Step {
    /** Milliseconds after the start. */
    readonly after: number;
    /** BTC's price, which distinguishes recorded minutes. */
    readonly bitcoin: string;
    readonly quotes: readonly QuoteInput[];
  }

  function start(speed: number, more: Partial<ReplayOptions> = {}): Step[] {
    const steps: Step[] = [];
    const publish = async (quotes: readonly QuoteInput[]): Promise<void> => {
      const bitcoin = quotes.find(({ asset }) => asset === 'BTC')?.price ?? decimal(0);
      steps.push({ after: Date.now() - PRESENT, bitcoin: toPlain(bitcoin), quotes });
    };
    const options = { recording, speed, instruments: INSTRUMENTS, units: ['USDC'], publish, clock: Date.now };
    const unexpected = (error: unknown): void => {
      throw error;
    };
    replay = startReplay({ ...options, onSeam: async () => undefined, onError: unexpected, ...more });
    return steps;
  }

  /** BTC's recorded price, so many minutes after the start of the loop. */
  function recorded(minutes: number): string {
    const btc = pricesAt(recording, LOOP_START + minutes * 60_000).find(({ asset }) => asset === 'BTC');
    return btc === undefined ? '' : toPlain(btc.price);
  }

  it('plays at 600 a recorded minute each 100 ms, from the first instant on', async () => {
    const steps = start(600);
    await jest.advanceTimersByTimeAsync(23_000);
    expect(steps).toHaveLength(231);
    expect(steps.map(({ after }) => after)).toEqual(steps.map((_, index) => index * 100));
    expect(steps.map(({ bitcoin }) => bitcoin)).toEqual(steps.map((_, index) => recorded(index)));
    // 23 s are 230 minutes: 07:50, when USDC is at its lowest.
    const usdc = steps.at(-1)?.quotes.find(({ asset }) => asset === 'USDC');
    expect(usdc?.price.toFixed()).toMatch(/^0\.8692/);
  });

  it('publishes every price with the present instant', async () => {
    const steps = start(600);
    await jest.advanceTimersByTimeAsync(500);
    for (const { after, quotes } of steps) {
      expect(quotes).toHaveLength(23 + 1 + 2);
      expect(new Set(quotes.map(({ at }) => at.getTime() - PRESENT))).toEqual(new Set([after]));
    }
  });

  it('skips records at higher speeds, and never steps faster', async () => {
    const steps = start(6_000);
    await jest.advanceTimersByTimeAsync(300);
    expect(steps.map(({ after, bitcoin }) => [after, bitcoin])).toEqual([
      [0, recorded(0)],
      [100, recorded(10)],
      [200, recorded(20)],
      [300, recorded(30)],
    ]);
  });

  it('publishes again at lower speeds, at the latest after ten seconds', async () => {
    const steps = start(1);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(steps.map(({ after }) => after)).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
    expect(steps.map(({ bitcoin }) => bitcoin)).toEqual([...Array<string>(6).fill(recorded(0)), recorded(1)]);
  });

  it('skips, and never queues, what a slow database has no time for', async () => {
    let underWay = 0;
    const begun: number[] = [];
    start(600, {
      publish: async () => {
        underWay += 1;
        expect(underWay).toBe(1);
        begun.push(Date.now() - PRESENT);
        await new Promise((resolve) => setTimeout(resolve, 250));
        underWay -= 1;
      },
    });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(begun).toEqual([0, 300, 600, 900]);
  });

  it('starts over at the end, after the seam has been awaited', async () => {
    const seams: number[] = [];
    // 56 hours and a minute are 3,361 minutes; at 60,000 a second is 1,000 of them, and a step 100.
    const steps = start(60_000, {
      onSeam: async () => {
        seams.push(Date.now() - PRESENT);
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      },
    });
    await jest.advanceTimersByTimeAsync(3_399);
    expect([steps.length, seams]).toEqual([34, []]);
    await jest.advanceTimersByTimeAsync(5_000);
    expect([steps.length, seams]).toEqual([34, [3_400]]);
    await jest.advanceTimersByTimeAsync(101);
    expect(steps.slice(33).map(({ after, bitcoin }) => [after, bitcoin])).toEqual([
      [3_300, recorded(3_300)],
      [8_400, recorded(0)],
      [8_500, recorded(100)],
    ]);
  });

  it('goes on after an error, a second later', async () => {
    const errors: unknown[] = [];
    const begun: number[] = [];
    const away = new Error('away');
    start(600, {
      publish: async () => {
        begun.push(Date.now() - PRESENT);
        if (begun.length === 2) throw away;
      },
      onError: (error) => errors.push(error),
    });
    await jest.advanceTimersByTimeAsync(1_300);
    expect(begun).toEqual([0, 100, 1_100, 1_200, 1_300]);
    expect(errors).toEqual([away]);
  });

  it('stops after the step under way', async () => {
    let finish = (): void => undefined;
    const publish = jest.fn(() => new Promise<void>((resolve) => (finish = resolve)));
    start(600, { publish });
    let stopped = false;
    const stopping = replay?.stop().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(stopped).toBe(false);
    finish();
    await stopping;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(publish).toHaveBeenCalledTimes(1);
    replay = null;
  });
});
