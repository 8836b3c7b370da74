/** Whether a load balancer should send clients to this server. */
import type { Database } from '../../platform/database/database.js';
import type { Logger } from '../../platform/log.js';
import type { NamedProblem, Problems } from '../../platform/problems.js';

export interface Readiness {
  /** Degraded: the server serves, but a part that it needs for full service is down. Unavailable: it cannot serve. */
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly problems: readonly NamedProblem[];
}

export interface ReadinessParts {
  readonly db: Database;
  readonly log: Logger;
  readonly problems: Problems;
}

const TIMEOUT_MS = 2_000;

export async function readiness(parts: ReadinessParts): Promise<Readiness> {
  const problems = parts.problems.list();
  const database = await stateOfDatabase(parts);
  if (database === null) {
    problems.unshift({ name: 'DATABASE_AWAY', message: 'The database does not answer.', status: 'unavailable' });
  } else if (database.isReadOnly && !problems.some(({ name }) => name === 'DISK_FULL')) {
    // PGlite is made read-only while its disk is full. Other servers are on the same database, which answers reads.
    const message = 'The database takes no writes: it is a standby, or set to read only.';
    problems.unshift({ name: 'DATABASE_READ_ONLY', message, status: 'degraded' });
  }
  const status = problems.some((problem) => problem.status === 'unavailable') ? 'unavailable' : 'degraded';
  return { status: problems.length === 0 ? 'ok' : status, problems };
}

/** Null: it does not answer. */
async function stateOfDatabase({ db, log }: ReadinessParts): Promise<{ readonly isReadOnly: boolean } | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('No answer in time.')), TIMEOUT_MS);
  });
  try {
    const asked = db.$queryRaw<{ isReadOnly: boolean }[]>`
      SELECT current_setting('transaction_read_only') = 'on' AS "isReadOnly"`;
    const [state] = await Promise.race([asked, tooLate]);
    return state ?? null;
  } catch (error) {
    log.warn({ err: error }, 'Not ready.');
    return null;
  } finally {
    clearTimeout(timer);
  }
}
