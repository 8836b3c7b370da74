/** What errors of the database mean, and those of its own kind. */
import { SessionRefusedError } from './session.js';

/** The database cannot be used at the start. The message says which one and why, and holds no password. */
export class DatabaseUnavailableError extends Error {
  constructor(url: string, cause: unknown) {
    const { hostname, port, pathname } = new URL(url);
    const place = `${hostname}:${port === '' ? '5432' : port}${pathname}`;
    super(`The database at ${place} cannot be used: ${reasonOf(cause)}. Look at DATABASE_URL.`, { cause });
    this.name = 'DatabaseUnavailableError';
  }
}

/** What the server itself said, if it said anything. */
export function reasonOf(error: unknown): string {
  const links = [...chain(error)];
  const said = links.map((link) => link.originalMessage).find((text) => typeof text === 'string' && text !== '');
  if (typeof said === 'string') return said;
  if (isAway(error)) return 'nothing answers there';
  return String(links.at(-1)?.message ?? links.at(-1)?.kind ?? error);
}

const NOT_REACHED = ['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'EHOSTUNREACH', 'EAI_AGAIN'];
const CONNECT_TIMEOUT = 'timeout exceeded when trying to connect';

function isAway(error: unknown): boolean {
  return codesOf(error).some((code) => NOT_REACHED.includes(code)) || messagesOf(error).includes(CONNECT_TIMEOUT);
}

/** A transaction waited too long, for a connection or for a lock. Nothing of it was recorded. */
export class NotRecordedError extends Error {
  constructor(cause: unknown) {
    super('The transaction waited too long for the database; nothing of it was recorded.', { cause });
    this.name = 'NotRecordedError';
  }
}

/** The database lacks what this server has read of it: it went back. Nothing was recorded. */
export class WentBackError extends Error {
  constructor(what: string) {
    super(`The database lacks ${what}, which this server has: it went back, and is to be read anew.`);
    this.name = 'WentBackError';
  }
}

const RETRYABLE = new Set(['40001', '40P01', '23505', 'P2002', 'P2034']);
/** lock_timeout. */
const LOCKED = '55P03';
/** The same, and statement_timeout. */
const TOO_LONG = [LOCKED, '57014'];
const UNAVAILABLE = new Set([
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028'],
  ...NOT_REACHED,
  ...['ECONNRESET', 'EPIPE', 'ENOENT'],
  ...['57P01', '57P02', '57P03', '08000', '08001', '08003', '08006', '25006', '53100', '53300'],
  ...TOO_LONG,
]);

export function isRetryable(error: unknown): boolean {
  return codesOf(error).some((code) => RETRYABLE.has(code));
}

/** Something was locked for as long as the session waits for it. */
export function isLocked(error: unknown): boolean {
  return codesOf(error).includes(LOCKED);
}

/** Something was locked, or a statement took too long. */
export function isTooLong(error: unknown): boolean {
  return codesOf(error).some((code) => TOO_LONG.includes(code));
}

/** No connection of the pool was free in time. */
export function isPoolBusy(error: unknown): boolean {
  return (
    codesOf(error).some((code) => code === 'P2024' || code === 'P2028') || messagesOf(error).includes(CONNECT_TIMEOUT)
  );
}

/**
 * Whether the database is at fault, and not the request: it cannot be reached, is starting or stopping, takes no
 * writes, or has a full disk.
 */
export function isUnavailable(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    error instanceof NotRecordedError ||
    error instanceof WentBackError ||
    error instanceof SessionRefusedError ||
    codesOf(error).some((code) => UNAVAILABLE.has(code)) ||
    messagesOf(error).some((message) =>
      /Connection terminated|timeout exceeded when trying to connect|not queryable|DatabaseNotReachable|Server has closed the connection/.test(
        message,
      ),
    )
  );
}

/** A number that was to be stored has more digits than its column. */
export function isTooLarge(error: unknown): boolean {
  return codesOf(error).some((code) => code === '22003' || code === 'P2020');
}

interface Chained {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly originalMessage?: unknown;
  readonly message?: unknown;
  readonly kind?: unknown;
  readonly cause?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown; readonly code?: unknown };
}

/** Prisma wraps the driver's errors, and the driver the network's. */
function* chain(error: unknown): Generator<Chained> {
  let next: unknown = error;
  for (let depth = 0; depth < 6 && typeof next === 'object' && next !== null; depth++) {
    const link = next as Chained;
    yield link;
    if (link.meta !== undefined) yield link.meta;
    next = link.cause ?? link.meta?.driverAdapterError;
  }
}

function codesOf(error: unknown): string[] {
  return [...chain(error)].flatMap((link) => [link.code, link.originalCode]).filter((code) => typeof code === 'string');
}

function messagesOf(error: unknown): string[] {
  return [...chain(error)].flatMap((link) => [link.message, link.kind]).filter((text) => typeof text === 'string');
}
