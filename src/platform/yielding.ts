/**
 * Long work in small pieces. Whoever computes asks for a turn before each piece: where nobody else computes and the
 * event loop has not been held for a slice, it is had at once; otherwise the pieces wait in a line, one is let go after
 * the other, and everything else of the process comes in between the slices.
 */

/** How long the event loop may be held, give or take the last piece. */
const SLICE_MS = 8;

const line: (() => void)[] = [];
/** When the loop was first held since it was last free; null: nobody has asked since. */
let heldSince: number | null = null;
/** A piece has its turn, or something that follows from it has. */
let taken = false;

/** Null: go on. Otherwise resolves when it is one's turn. */
export function turn(): Promise<void> | null {
  if (line.length === 0 && !taken && mayHold()) {
    take();
    return null;
  }
  return new Promise((resolve) => line.push(resolve));
}

function next(): void {
  if (taken || line.length === 0 || !mayHold()) return;
  take();
  line.shift()?.();
}

/** The turn ends after all that follows from the piece: microtasks that it has set off, and those that they set off. */
function take(): void {
  taken = true;
  queueMicrotask(() =>
    process.nextTick(() => {
      taken = false;
      next();
    }),
  );
}

function mayHold(): boolean {
  const now = performance.now();
  if (heldSince === null) {
    heldSince = now;
    setImmediate(() => {
      heldSince = null;
      next();
    });
  }
  return now - heldSince < SLICE_MS;
}
