import { LOCK_WAIT_MS, WRITE_WAIT_MS } from './session.js';

/**
 * The wait of one write, from its lanes to its locks. It is carried along, so that all its parts together have one bound.
 */
export class Wait {
  private readonly since = performance.now();

  constructor(private readonly ms: number = WRITE_WAIT_MS) {}

  /** Below 0 once it is over. */
  get leftMs(): number {
    return this.since + this.ms - performance.now();
  }

  /** It has waited so long that it may hold no connection while it waits on. */
  get isLate(): boolean {
    return performance.now() - this.since > LOCK_WAIT_MS;
  }
}
