/**
 * Notices between processes that share a database: each says that something is to be read there, never what. A notice
 * that is lost, doubled or late costs a read, not a fact.
 */
import type { Events } from '../platform/events.js';
import { isUuid } from '../platform/ids.js';

export type Notice =
  /** Price batches up to this `seq` are stored. */
  | { readonly kind: 'prices'; readonly round: bigint }
  /** These accounts may have changed. */
  | { readonly kind: 'accounts'; readonly ids: readonly string[]; readonly cause: Cause }
  /** There are new versions of rules, or new reference data. */
  | { readonly kind: 'rules' }
  /** Alerts up to this number are stored. */
  | { readonly kind: 'alerts'; readonly last: bigint }
  /** The sender lives, and its notices arrive. The beat is in its row of `servers`, too. */
  | { readonly kind: 'beat'; readonly server: string; readonly beat: bigint };

/** The sender has dropped notices: receivers compare all that they hold with the database. */
export interface Gap {
  readonly kind: 'gap';
}

type Cause = Events['accounts'][0]['cause'];

/** A record, so that the compiler finds a missing cause. */
const CAUSES: Readonly<Record<Cause, true>> = { ACCOUNT: true, INTEREST: true };

/** Ids in one message. One batch of fills may touch a thousand accounts. */
export const MAX_IDS = 500;

/** Messages, each with the sender's id. Many account ids make several. */
export function writeNotice(from: string, notice: Notice | Gap): string[] {
  if (notice.kind !== 'accounts' || notice.ids.length <= MAX_IDS) return [toText(from, notice)];
  const parts = Math.ceil(notice.ids.length / MAX_IDS);
  return Array.from({ length: parts }, (_part, index) =>
    toText(from, { ...notice, ids: notice.ids.slice(index * MAX_IDS, (index + 1) * MAX_IDS) }),
  );
}

function toText(from: string, notice: Notice | Gap): string {
  return JSON.stringify({ from, ...notice }, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}

/** Null for anything else: anyone may publish on the channel, and so may a server of another version. */
export function readNotice(text: string): { readonly from: string; readonly notice: Notice | Gap } | null {
  const found = parsed(text);
  if (typeof found !== 'object' || found === null) return null;
  const fields = found as Readonly<Record<string, unknown>>;
  const from = fields['from'];
  const notice = noticeOf(fields);
  return typeof from === 'string' && notice !== null ? { from, notice } : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function noticeOf({
  kind,
  round,
  ids,
  cause,
  last,
  server,
  beat,
}: Readonly<Record<string, unknown>>): Notice | Gap | null {
  switch (kind) {
    case 'prices':
      return isNumber(round) ? { kind, round: BigInt(round) } : null;
    case 'accounts':
      return areIds(ids) && isCause(cause) ? { kind, ids, cause } : null;
    case 'alerts':
      return isNumber(last) ? { kind, last: BigInt(last) } : null;
    case 'beat':
      return isId(server) && isNumber(beat) ? { kind, server, beat: BigInt(beat) } : null;
    case 'rules':
    case 'gap':
      return { kind };
    default:
      return null;
  }
}

function isNumber(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,18}$/.test(value);
}

function areIds(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= MAX_IDS && value.every(isId);
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && isUuid(value);
}

function isCause(value: unknown): value is Cause {
  return typeof value === 'string' && Object.hasOwn(CAUSES, value);
}
