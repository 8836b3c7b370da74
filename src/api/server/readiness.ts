/** Whether a load balancer should send clients to this server. */
import type { Database } from '../../platform/database.js';
import type { Logger } from '../../platform/log.js';

/** Degraded: the server serves, but a part that it needs for full service is down. Unavailable: it cannot serve. */
export type Readiness =
  { readonly status: 'ok' } | { readonly status: 'degraded' | 'unavailable'; readonly problem: string };

export interface ReadinessParts {
  readonly db: Database;
  readonly log: Logger;
  /** Why writes fail; null: they work. */
  readonly problemOfWrites: () => string | null;
  /** Whether the channel to other servers is open; true where there are none. */
  readonly isConnected: () => boolean;
  readonly isStopping: () => boolean;
}

const TIMEOUT_MS = 2_000;

export async function readiness(parts: ReadinessParts): Promise<Readiness> {
  if (parts.isStopping()) return { status: 'unavailable', problem: 'The server stops.' };
  if (!(await answers(parts))) return { status: 'unavailable', problem: 'The database does not answer.' };
  const problem = parts.problemOfWrites();
  if (problem !== null) return { status: 'degraded', problem };
  if (parts.isConnected()) return { status: 'ok' };
  return { status: 'degraded', problem: 'Redis does not answer: events of other servers come late.' };
}

async function answers({ db, log }: ReadinessParts): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('No answer in time.')), TIMEOUT_MS);
  });
  try {
    await Promise.race([db.$queryRaw`SELECT 1`, tooLate]);
    return true;
  } catch (error) {
    log.warn({ err: error }, 'Not ready.');
    return false;
  } finally {
    clearTimeout(timer);
  }
}
