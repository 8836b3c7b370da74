/** How the margin loop gets on: how long its cycles take, and for how long work has been due without one that ended. */
import type { Problem } from '../../platform/problems.js';

const LATE_MS = 10_000;

export class CyclePace {
  /** When work became due after the last cycle that ended; null: none is due. */
  private dueSince: number | null = null;
  private begunAt = 0;
  private wokenAt: number | null = null;

  /** @param onCycle hears how long each cycle took that ended, in milliseconds */
  constructor(private readonly onCycle: (milliseconds: number) => void = () => undefined) {}

  /** There is work. */
  due(): void {
    this.wokenAt ??= performance.now();
    this.dueSince ??= this.wokenAt;
  }

  /** A cycle begins, which takes all work that is known. */
  begin(): void {
    this.begunAt = performance.now();
    this.dueSince ??= this.begunAt;
    this.wokenAt = null;
  }

  end(): void {
    this.dueSince = this.wokenAt;
    this.onCycle(performance.now() - this.begunAt);
  }

  problem(): Problem | null {
    const ms = this.dueSince === null ? 0 : performance.now() - this.dueSince;
    if (ms < LATE_MS) return null;
    const seconds = Math.round(ms / 1_000);
    return { message: `The margin loop has not ended a cycle for ${seconds} s: pushes wait.`, status: 'degraded' };
  }
}
