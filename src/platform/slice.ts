import { setImmediate as yieldToEventLoop } from 'node:timers/promises';

/** So long the event loop may be kept waiting, about. */
const SLICE_MS = 4;

/** Long work in pieces: how long it has gone on since the event loop had its turn. */
export class Slice {
  private end = performance.now() + SLICE_MS;

  get isOver(): boolean {
    return performance.now() > this.end;
  }

  async next(): Promise<void> {
    await yieldToEventLoop();
    this.end = performance.now() + SLICE_MS;
  }
}
