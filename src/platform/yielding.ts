/**
 * How CPU work gives way to the rest of the process. Work of requests waits in one queue, `yieldIfBusy`. A long loop in
 * the background runs for a slice and then lets the event loop go round once, `Slice`.
 */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';

/** How long work of the queue may hold the event loop, give or take the last piece. */
const QUEUE_MS = 8;
/** How long one loop in the background may hold it. It is shorter, since queued work may follow at once. */
const SLICE_MS = 4;

const queue: (() => void)[] = [];
/** When work of the queue first held the event loop since the loop was last free. Null: none has yet. */
let heldSince: number | null = null;
/** A piece is running, or a microtask that follows from it. */
let isRunning = false;

/**
 * Call before each piece of CPU work. Returns null if the loop was free for the last 8 ms; otherwise a promise, served
 * first come, first served.
 */
export function yieldIfBusy(): Promise<void> | null {
  if (queue.length === 0 && !isRunning && mayHold()) {
    begin();
    return null;
  }
  return new Promise((resolve) => queue.push(resolve));
}

function serveNext(): void {
  if (isRunning || queue.length === 0 || !mayHold()) return;
  begin();
  queue.shift()?.();
}

/** A piece ends after all microtasks that follow from it. */
function begin(): void {
  isRunning = true;
  queueMicrotask(() =>
    process.nextTick(() => {
      isRunning = false;
      serveNext();
    }),
  );
}

function mayHold(): boolean {
  const now = performance.now();
  if (heldSince === null) {
    heldSince = now;
    setImmediate(() => {
      heldSince = null;
      serveNext();
    });
  }
  return now - heldSince < QUEUE_MS;
}

/** Bounds how long one loop holds the event loop: `if (slice.isOver) await slice.yield()` in each pass. */
export class Slice {
  private end = performance.now() + SLICE_MS;

  get isOver(): boolean {
    return performance.now() > this.end;
  }

  /** Resolves when the event loop has gone round once; a new slice begins then. */
  async yield(): Promise<void> {
    await yieldToEventLoop();
    this.end = performance.now() + SLICE_MS;
  }
}
