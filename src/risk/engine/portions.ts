/**
 * Hands what the alert writer has collected to the database, while the evaluation goes on. One portion is stored at a
 * time; when another is full, the evaluation waits. So memory holds two portions, however many accounts a cycle wakes.
 */
import type { AlertWriter } from '../alerts/alert-writer.js';

export class Portions {
  private storing: Promise<void> | null = null;
  private hasFailed = false;

  /** @param store stores a portion of the alert writer's; it tries again by itself */
  constructor(
    private readonly writer: AlertWriter | null,
    private readonly store: () => Promise<void>,
  ) {}

  /** Null: no alerts are written, or no longer. */
  get alertWriter(): AlertWriter | null {
    return this.hasFailed ? null : this.writer;
  }

  /** Call after each assessment. Null: it may go on at once. */
  handOver(): Promise<void> | null {
    return this.alertWriter?.isFull === true ? this.next() : null;
  }

  /** Resolves when no portion is being stored any more. Throws what has ended the storing. */
  async end(): Promise<void> {
    await this.storing;
  }

  private async next(): Promise<void> {
    // A failure is thrown at the end: watchers are sent their states all the same.
    await this.storing?.catch(() => undefined);
    if (this.hasFailed) return;
    this.storing = this.store();
    this.storing.catch(() => (this.hasFailed = true));
  }
}
