import { getEventListeners } from 'node:events';

import { describe, expect, it } from '@jest/globals';

import { growingPause, retry, sleep } from '../../src/platform/retry.js';

/** Longer than any test may take. */
const FOR_EVER = 600_000;

/** Fails so many times, each time with another error. */
function failing(times: number): { work: () => Promise<string>; calls: () => number } {
  let calls = 0;
  const work = async (): Promise<string> => {
    calls += 1;
    if (calls <= times) throw new Error(`Failure ${calls}.`);
    return 'done';
  };
  return { work, calls: () => calls };
}

describe('sleep', () => {
  it('takes its time', async () => {
    const began = performance.now();
    await sleep(20, new AbortController().signal);
    expect(performance.now() - began).toBeGreaterThan(18);
  });

  it('ends at once when the signal is aborted meanwhile, or was before', async () => {
    const closing = new AbortController();
    const asleep = sleep(FOR_EVER, closing.signal);
    closing.abort();
    await asleep;
    await sleep(FOR_EVER, closing.signal);
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const { signal } = new AbortController();
    for (let time = 0; time < 20; time++) await sleep(1, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('retry', () => {
  it('answers what the first attempt that succeeds answers, and tells each failure', async () => {
    const { work } = failing(3);
    const heard: unknown[] = [];
    const pauses: number[] = [];
    const answer = await retry(work, {
      pause: (failures) => {
        pauses.push(failures);
        return 1;
      },
      signal: null,
      onError: (error, failures) => heard.push([String(error), failures]),
    });
    expect(answer).toBe('done');
    expect(heard).toEqual([
      ['Error: Failure 1.', 1],
      ['Error: Failure 2.', 2],
      ['Error: Failure 3.', 3],
    ]);
    expect(pauses).toEqual([1, 2, 3]);
  });

  it('pauses before each further attempt', async () => {
    const began = performance.now();
    await retry(failing(2).work, { pause: 15, signal: null, onError: () => undefined });
    expect(performance.now() - began).toBeGreaterThan(28);
  });

  it('ends a pause with the last failure when the signal is aborted', async () => {
    const closing = new AbortController();
    const { work, calls } = failing(Infinity);
    const tried = retry(work, {
      pause: FOR_EVER,
      signal: closing.signal,
      onError: () => setImmediate(() => closing.abort()),
    });
    await expect(tried).rejects.toThrow('Failure 1.');
    expect(calls()).toBe(1);
  });

  it('neither tells nor repeats what fails after the signal is aborted', async () => {
    const closing = new AbortController();
    const heard: unknown[] = [];
    const work = async (): Promise<never> => {
      closing.abort();
      throw new Error('Too late.');
    };
    const tried = retry(work, { pause: 1, signal: closing.signal, onError: (error) => heard.push(error) });
    await expect(tried).rejects.toThrow('Too late.');
    expect(heard).toEqual([]);
  });

  it('ends with what onError throws', async () => {
    const { work, calls } = failing(Infinity);
    const onError = (error: unknown, failures: number): void => {
      if (failures === 4) throw error;
    };
    await expect(retry(work, { pause: 1, signal: null, onError })).rejects.toThrow('Failure 4.');
    expect(calls()).toBe(4);
  });
});

it('lets pauses grow up to the longest, and cuts no more than half of one', () => {
  const pause = growingPause(50, 1_000);
  for (const [failures, full] of [
    [1, 50],
    [2, 100],
    [5, 800],
    [6, 1_000],
    [5_000, 1_000],
  ] as const) {
    const pauses = Array.from({ length: 200 }, () => pause(failures));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(full / 2);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(full);
    expect(new Set(pauses).size).toBeGreaterThan(100);
  }
});
