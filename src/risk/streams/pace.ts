/**
 * The pace of a stream: once a period it lets through all that is due. What comes in between waits, so that a newer state
 * of an account takes the place of an older one.
 */
export class Pace {
  private openFrom = -Infinity;
  private timer: NodeJS.Timeout | null = null;

  /** @param periodMs milliseconds from one opening to the next, above 0 */
  constructor(private readonly periodMs: number) {}

  /** Whether what is due may pass now. If it may, the next period begins. */
  opens(): boolean {
    const now = performance.now();
    if (now < this.openFrom) return false;
    this.openFrom = now + this.periodMs;
    return true;
  }

  /** Calls back once when the period is over. */
  whenOver(callback: () => void): void {
    if (this.timer !== null) return;
    this.timer = setTimeout(
      () => {
        this.timer = null;
        callback();
      },
      Math.max(this.openFrom - performance.now(), 0) + 1,
    );
    this.timer.unref();
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
