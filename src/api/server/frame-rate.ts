/** Bounds the frames of one client a second. A burst may use the allowance of a few seconds. */
const SAVED_SECONDS = 4;

/** Returns whether one more frame is allowed. */
export function frameRate(perSecond: number, clock: () => number = () => performance.now()): () => boolean {
  const most = perSecond * SAVED_SECONDS;
  let left = most;
  let last = clock();
  return () => {
    const now = clock();
    left = Math.min(most, left + ((now - last) / 1_000) * perSecond);
    last = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
