/**
 * The one clock for every instant that is stored, and for what is compared with such instants. It follows the
 * database's clock, so that all servers on one database agree. Time passes by the monotonic timer of the process: the
 * wall clock of this machine may jump, and no stored instant jumps with it.
 */
import type { Database, Transaction } from './database/database.js';
import type { Logger } from './log.js';
import type { Problem } from './problems.js';

/** How often the clock of the database is read. */
export const MEASURE_MS = 5_000;
/** Reads at the start, of which the quickest counts. */
const FIRST_MEASURES = 3;
/** The quickest read of about a minute counts: a timer drifts by less than what a slow answer hides. */
const KEPT_MEASURES = 12;
/** A slower answer tells too little. */
const MAX_ROUND_TRIP_MS = 2_000;
/** Clocks further apart than this are a problem, and a step of the database's clock beyond it is doubted. */
const APART_MS = 2_000;
/**
 * How long a step of the database's clock must stand before it is followed. A clock that ran ahead and was set right
 * within this time leaves no trace.
 */
const STEP_STANDS_MS = 30_000;
/** Instants never go back by less than this: the clock waits. By more they do, when a step is followed. */
const MAX_WAIT_MS = 5_000;

/** All in milliseconds. */
interface Measure {
  /** Of the monotonic timer. */
  readonly at: number;
  /** The database's time since 1970, less the timer's. */
  readonly offset: number;
  /** Half the round trip: how far the offset may be wrong. */
  readonly error: number;
}

/** Reads the clock of the database, in milliseconds since 1970. No setting of the session changes the number. */
export async function readDatabaseClock(db: Database | Transaction): Promise<number> {
  const [row] = await db.$queryRaw<{ now: number }[]>`
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`;
  if (row === undefined) throw new Error('Expected the clock of the database, got no row.');
  return row.now;
}

export interface ClockOptions {
  /** Milliseconds since 1970 by the clock of the database. */
  readonly read: () => Promise<number>;
  readonly log: Logger;
  /** Milliseconds of a timer that is never set. */
  readonly timer?: () => number;
}

export class DatabaseClock {
  private measures: Measure[] = [];
  private best: Measure;
  /** The first measure of a step that is not followed yet. */
  private doubted: Measure | null = null;
  private answered = -Infinity;
  private measuring: Promise<void> | null = null;

  private constructor(
    private readonly options: Required<ClockOptions>,
    first: Measure,
  ) {
    this.best = first;
    this.keep(first);
  }

  static async open(options: ClockOptions): Promise<DatabaseClock> {
    const timer = options.timer ?? (() => performance.now());
    const clock = new DatabaseClock({ ...options, timer }, await measureOnce(options.read, timer));
    for (let more = 1; more < FIRST_MEASURES; more++) clock.keep(await measureOnce(options.read, timer));
    return clock;
  }

  /** Milliseconds since 1970. */
  readonly now = (): number => {
    const at = Math.floor(this.options.timer() + this.best.offset);
    if (at > this.answered || this.answered - at > MAX_WAIT_MS) this.answered = at;
    return this.answered;
  };

  /** Call it every few seconds. One that finds another under way does nothing. */
  measure(): Promise<void> {
    this.measuring ??= this.measureAgain().finally(() => (this.measuring = null));
    return this.measuring;
  }

  /** Whether the clocks of this machine and of the database agree. */
  problem(wall: number = Date.now()): Problem | null {
    if (this.doubted !== null) {
      const step = apart(this.doubted.offset - this.best.offset);
      const message = `The clock of the database has jumped: it is ${step} the time that has passed here. Look at the clocks of both machines.`;
      return { message, status: 'degraded' };
    }
    const ahead = wall - this.options.timer() - this.best.offset;
    if (Math.abs(ahead) <= APART_MS) return null;
    const message = `The clock of this machine is ${apart(ahead)} the clock of the database, by which all instants are stored. Set both right.`;
    return { message, status: 'degraded' };
  }

  private async measureAgain(): Promise<void> {
    try {
      this.take(await measureOnce(this.options.read, this.options.timer));
    } catch (error) {
      this.options.log.error({ err: error }, 'The clock of the database could not be read; trying again.');
    }
  }

  private take(measure: Measure): void {
    if (2 * measure.error > MAX_ROUND_TRIP_MS) return;
    if (this.agree(measure, this.best)) {
      this.doubted = null;
      this.keep(measure);
      return;
    }
    if (this.doubted === null || !this.agree(measure, this.doubted)) {
      this.doubted = measure;
      return;
    }
    if (measure.at - this.doubted.at < STEP_STANDS_MS) return;
    const milliseconds = Math.round(measure.offset - this.best.offset);
    this.options.log.warn({ milliseconds }, 'The clock of the database was set; instants follow it.');
    this.doubted = null;
    this.measures = [];
    this.keep(measure);
  }

  private keep(measure: Measure): void {
    this.measures = [...this.measures, measure].slice(-KEPT_MEASURES);
    this.best = this.measures.reduce((best, each) => (each.error <= best.error ? each : best));
  }

  private agree(a: Measure, b: Measure): boolean {
    return Math.abs(a.offset - b.offset) <= APART_MS + a.error + b.error;
  }
}

async function measureOnce(read: () => Promise<number>, timer: () => number): Promise<Measure> {
  const asked = timer();
  const told = await read();
  const at = timer();
  const error = (at - asked) / 2;
  return { at, offset: told - asked - error, error };
}

/** Such as "7200.0 s ahead of". */
function apart(milliseconds: number): string {
  return `${(Math.abs(milliseconds) / 1_000).toFixed(1)} s ${milliseconds > 0 ? 'ahead of' : 'behind'}`;
}
