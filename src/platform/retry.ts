/** Waiting, and trying again. An aborted signal ends every pause at once, so that no stop waits for one. */

/** Resolves after the time, or at once when the signal is aborted: look at the signal afterwards. */
export function sleep(milliseconds: number, signal: AbortSignal | null): Promise<void> {
  if (isAborted(signal)) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener('abort', end, { once: true });
  });
}

export interface RetryOptions {
  /** Milliseconds before the next attempt; or a function of how many attempts have failed. */
  readonly pause: number | ((failures: number) => number);
  /** Ends the pause and all further attempts. Null: `onError` ends them. */
  readonly signal: AbortSignal | null;
  /** Hears of each failure before the pause. Throws when no further attempt makes sense. */
  readonly onError: (error: unknown, failures: number) => void;
}

/** Calls `work` until it succeeds. Throws its last error once the signal is aborted, or what `onError` throws. */
export async function retry<T>(work: () => Promise<T>, { pause, signal, onError }: RetryOptions): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (isAborted(signal)) throw error;
      onError(error, failures);
      await sleep(typeof pause === 'number' ? pause : pause(failures), signal);
      if (isAborted(signal)) throw error;
    }
  }
}

/** Doubles from the first pause to the longest. Up to half is cut at random: processes must not all return at once. */
export function growingPause(first: number, longest: number): (failures: number) => number {
  return (failures) => Math.min(longest, first * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

function isAborted(signal: AbortSignal | null): boolean {
  return signal?.aborted === true;
}
