/**
 * Lanes: writes that share a key, such as an account, wait here for their turn, in order of arrival. So they wait before
 * they take a connection to the database, and hold nothing meanwhile. Writes without a common key run side by side.
 * A write enters all of its lanes at once: no two wait for each other.
 */
import { WRITE_WAIT_MS } from './database/session.js';
import { Wait } from './database/wait.js';

/** So many times the writes that one viewer may have in lanes may wait outside of them. */
const OUTSIDE = 10;

/** The write waited too long for its turn, and did not begin. */
export class LaneBusyError extends Error {
  /** @param keys the lanes in which others were ahead */
  constructor(readonly keys: readonly string[]) {
    super(`A write waited for its turn in vain, and did not begin: ${keys.join(', ')}.`);
    this.name = 'LaneBusyError';
  }
}

/** The viewer has too many writes that wait. The write did not begin. */
export class TooManyWritesError extends Error {
  constructor(readonly most: number) {
    super(`A viewer has ${most} writes that run or wait.`);
    this.name = 'TooManyWritesError';
  }
}

interface Write {
  readonly keys: readonly string[];
  readonly viewer: string | null;
  /** Settles what `run` returned, and resolves when the work has ended. */
  readonly begin: () => Promise<void>;
  readonly refuse: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
  /** Of its lanes, those in which others are ahead. Null: it is outside of them. */
  ahead: Set<string> | null;
}

/** The writes of one viewer. */
interface OfViewer {
  inLanes: number;
  readonly outside: Write[];
}

export class Lanes {
  /** By key, in order; the first one runs once it is the first in all of its lanes. */
  private readonly lanes = new Map<string, Write[]>();
  private readonly viewers = new Map<string, OfViewer>();

  /**
   * @param perViewer writes of one viewer in all lanes together. More wait outside of them, so that nobody's writes make
   *   others wait for long in a lane that both share.
   */
  constructor(
    private readonly perViewer: number,
    private readonly waitMs: number = WRITE_WAIT_MS,
  ) {}

  /**
   * Runs the work when all earlier writes of these keys have ended. Throws LaneBusyError where its turn does not come
   * in time, and TooManyWritesError.
   *
   * @param viewer null: without a bound
   */
  run<T>(keys: readonly string[], viewer: string | null, work: (wait: Wait) => Promise<T>): Promise<T> {
    const wait = new Wait(this.waitMs);
    return new Promise((resolve, reject) => {
      const begin = (): Promise<void> => work(wait).then(resolve, reject);
      this.enter({
        ...{ keys: [...new Set(keys)], viewer, begin, refuse: reject },
        ...{ timer: undefined, ahead: null },
      });
    });
  }

  /** Those of the keys for which no write runs or waits. */
  free(keys: readonly string[]): string[] {
    return keys.filter((key) => !this.lanes.has(key));
  }

  private enter(write: Write): void {
    const of = write.viewer === null ? null : this.ofViewer(write.viewer);
    if (of === null || of.inLanes < this.perViewer) this.join(write, of);
    else if (of.outside.length < this.perViewer * OUTSIDE) of.outside.push(write);
    else return write.refuse(new TooManyWritesError(this.perViewer * (OUTSIDE + 1)));
    if (write.ahead?.size !== 0) write.timer = setTimeout(() => this.giveUp(write), this.waitMs);
  }

  private join(write: Write, of: OfViewer | null): void {
    if (of !== null) of.inLanes += 1;
    write.ahead = new Set();
    for (const key of write.keys) {
      const lane = this.lanes.get(key);
      if (lane === undefined) this.lanes.set(key, [write]);
      else {
        lane.push(write);
        write.ahead.add(key);
      }
    }
    if (write.ahead.size === 0) this.begin(write);
  }

  private begin(write: Write): void {
    clearTimeout(write.timer);
    void write.begin().then(() => this.leave(write));
  }

  private giveUp(write: Write): void {
    if (write.ahead === null) {
      const outside = write.viewer === null ? [] : this.ofViewer(write.viewer).outside;
      outside.splice(outside.indexOf(write), 1);
      return write.refuse(new LaneBusyError(write.keys));
    }
    write.refuse(new LaneBusyError([...write.ahead]));
    this.leave(write);
  }

  private leave(write: Write): void {
    for (const key of write.keys) {
      const lane = this.lanes.get(key) ?? [];
      const place = lane.indexOf(write);
      lane.splice(place, 1);
      const next = lane[0];
      if (next === undefined) this.lanes.delete(key);
      else if (place === 0 && next.ahead?.delete(key) === true && next.ahead.size === 0) this.begin(next);
    }
    if (write.viewer !== null) this.admit(write.viewer);
  }

  /** Lets the next write of the viewer into its lanes. */
  private admit(viewer: string): void {
    const of = this.ofViewer(viewer);
    of.inLanes -= 1;
    const next = of.outside.shift();
    if (next !== undefined) this.join(next, of);
    else if (of.inLanes === 0) this.viewers.delete(viewer);
  }

  private ofViewer(viewer: string): OfViewer {
    const known = this.viewers.get(viewer) ?? { inLanes: 0, outside: [] };
    this.viewers.set(viewer, known);
    return known;
  }
}
