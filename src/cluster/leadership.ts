/**
 * The leader writes alerts and runs timed jobs: one process of all that share the database. Its term is a number that
 * only rises. Every transaction of the leader checks the term first, so a replaced leader can write nothing more.
 */
import type { Database, Transaction } from '../platform/database/database.js';
import type { Logger } from '../platform/log.js';
import type { Problem } from '../platform/problems.js';
import { sleep } from '../platform/retry.js';
import { Prisma } from '../platform/prisma/client.js';
import { PLACE } from './history-rows.js';
import { LeaderSession } from './leader-session.js';

const NO_ROW = 'Expected the one row of the table duty, got none; are the migrations applied?';

/** The time in which this process is the leader. */
export interface Term {
  readonly number: bigint;
  /** Where the database was when it began. The same number may be given again where commits were lost. Absent: PGlite. */
  readonly place?: string;
  /** Aborted when leadership is lost. */
  readonly ended: AbortSignal;
}

/** Another process has become the leader. */
export class LeadershipLostError extends Error {
  constructor(term: bigint) {
    super(`Term ${term} is over: another process is the leader.`);
    this.name = 'LeadershipLostError';
  }
}

/** The leader's row (table `duty`), while the transaction locks it. */
export interface LeadershipState {
  readonly takenSeq: bigint;
  readonly doneSeq: bigint;
  readonly lastAlert: bigint;
}

/** The condition on the table `duty` that the term holds. SQL text, for what takes one statement. */
export function holds({ number, place: begunAt }: Term): Prisma.Sql {
  const place = begunAt ?? null;
  return Prisma.sql`duty.id = 1 AND duty.term = ${number}
    AND (${place}::text IS NULL OR ${place}::text = ${Prisma.raw(PLACE)})`;
}

/**
 * Call first in every transaction of the leader. Locks the row until the transaction ends. Throws LeadershipLostError.
 */
export async function holdTerm(tx: Transaction, term: Term): Promise<LeadershipState> {
  const [row] = await tx.$queryRaw<LeadershipState[]>`
    SELECT taken_round AS "takenSeq", done_round AS "doneSeq", last_alert AS "lastAlert"
    FROM duty WHERE ${holds(term)} FOR UPDATE`;
  if (row === undefined || term.ended.aborted) throw new LeadershipLostError(term.number);
  return row;
}

/** The leader's row as it stands. */
export async function leadershipState(db: Database): Promise<LeadershipState> {
  const [row] = await db.$queryRaw<LeadershipState[]>`
    SELECT taken_round AS "takenSeq", done_round AS "doneSeq", last_alert AS "lastAlert" FROM duty WHERE id = 1`;
  if (row === undefined) throw new Error(NO_ROW);
  return row;
}

export interface LeadershipOptions {
  readonly db: Database;
  /** Null: PGlite, which only this process has open. */
  readonly databaseUrl: string | null;
  readonly log: Logger;
  /** Awaited before a term begins. When it fails, none does. */
  readonly beforeTerm?: () => Promise<void>;
  /** Called when a term begins, even before `openLeadership` has resolved. Must not throw and must not wait. */
  readonly onTerm: (term: Term) => void;
}

export interface Leadership {
  /** Null while another process leads, or none. */
  readonly term: Term | null;
  /** That no leader is known. */
  problem(): Problem | null;
  /** Ends the term; another process may begin the next one. */
  close(): Promise<void>;
}

/** Resolves after the first attempt: a process that is alone leads by then. Later attempts run in the background. */
export async function openLeadership(options: LeadershipOptions): Promise<Leadership> {
  if (options.databaseUrl === null) return openAlone(options);
  const candidate = new Candidate(options, options.databaseUrl);
  await candidate.hasTried;
  return candidate;
}

async function openAlone({ db, onTerm }: LeadershipOptions): Promise<Leadership> {
  const [row] = await db.$queryRaw<{ number: bigint }[]>`
    UPDATE duty SET term = term + 1 WHERE id = 1 RETURNING term AS number`;
  if (row === undefined) throw new Error(NO_ROW);
  const ending = new AbortController();
  const term: Term = { number: row.number, ended: ending.signal };
  onTerm(term);
  return {
    get term() {
      return ending.signal.aborted ? null : term;
    },
    problem: () => null,
    close: async () => ending.abort(),
  };
}

/** How often a candidate tries the lock, and how often the leader checks it. */
const TRY_MS = 500;
const CHECK_MS = 1_000;
/** A change of leader takes less. */
const NOBODY_MS = 10_000;

/** Tries to become the leader until it is closed. */
class Candidate implements Leadership {
  term: Term | null = null;
  readonly hasTried: Promise<void>;
  private tried: () => void = () => undefined;
  private readonly closing = new AbortController();
  private readonly running: Promise<void>;
  private session: LeaderSession | null = null;
  /** An outage is logged once. */
  private failing = false;
  /** When this process last led, or found that another one holds the lock. */
  private seenAt = performance.now();

  constructor(
    private readonly options: LeadershipOptions,
    private readonly url: string,
  ) {
    this.hasTried = new Promise((resolve) => (this.tried = resolve));
    this.running = this.run();
  }

  problem(): Problem | null {
    const ms = performance.now() - this.seenAt;
    if (this.term !== null || ms < NOBODY_MS) return null;
    const message = `No leader is known for ${Math.round(ms / 1_000)} s: alerts and interest wait.`;
    return { message, status: 'degraded' };
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.session?.close();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.closing.signal.aborted) {
      const session = new LeaderSession(this.url);
      this.session = session;
      try {
        await session.open();
        await this.stand(session, AbortSignal.any([this.closing.signal, session.ended]));
      } catch (error) {
        this.onFailure(error);
      }
      await session.close();
      this.tried();
      await sleep(TRY_MS, this.closing.signal);
    }
  }

  /** Always ends by an error: the session is lost, or this candidate is closed. */
  private async stand(session: LeaderSession, ended: AbortSignal): Promise<never> {
    while (!(await session.tryLock())) {
      this.failing = false;
      this.seenAt = performance.now();
      this.tried();
      await sleep(TRY_MS, ended);
      ended.throwIfAborted();
    }
    await this.options.beforeTerm?.();
    ended.throwIfAborted();
    const { number, place } = await session.raiseTerm();
    this.failing = false;
    const ending = new AbortController();
    this.term = { number, place, ended: ending.signal };
    try {
      this.options.log.info(
        { term: String(number) },
        'This server is the leader: it writes alerts and runs timed jobs.',
      );
      this.options.onTerm(this.term);
      this.tried();
      for (;;) {
        await sleep(CHECK_MS, ended);
        ended.throwIfAborted();
        await session.check(number);
      }
    } finally {
      this.term = null;
      this.seenAt = performance.now();
      ending.abort();
      this.options.log.info({ term: String(number) }, 'This server is no longer the leader.');
    }
  }

  private onFailure(error: unknown): void {
    if (this.closing.signal.aborted) return;
    const { log } = this.options;
    log[this.failing ? 'debug' : 'warn'](
      { err: error },
      'No session with PostgreSQL for the lock of the leader; trying again.',
    );
    this.failing = true;
  }
}
