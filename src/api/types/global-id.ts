/** Global ids: the type's name and the local id, opaque to clients. */

/** All types of nodes but the versions of rules, whose types are the kinds of rules. */
export type NodeType =
  | 'Venue'
  | 'Chain'
  | 'Asset'
  | 'Instrument'
  | 'Account'
  | 'Position'
  | 'LedgerEntry'
  | 'Fill'
  | 'AlertRule'
  | 'RiskAlert'
  | 'AuditEntry';

const MAX_ID = 400;

export function globalId(type: NodeType, ...local: readonly string[]): string {
  return storedId(type, ...local);
}

/** Of a type that is stored: the kind of a rule, or the subject of an audit entry. */
export function storedId(type: string, ...local: readonly string[]): string {
  return Buffer.from([type, ...local].join(':')).toString('base64url');
}

/** Null for a text that is not an id of this server: another type's syntax, NUL, garbage. */
export function parseGlobalId(id: string): { type: string; local: string[] } | null {
  if (id.length > MAX_ID || !/^[A-Za-z0-9_-]+$/.test(id)) return null;
  const text = Buffer.from(id, 'base64url').toString('utf8');
  const [type = '', ...local] = text.split(':');
  // Only the spelling that this server issues is accepted, because clients compare ids as text.
  if (text.includes('\0') || local.length === 0 || Buffer.from(text).toString('base64url') !== id) return null;
  return { type, local };
}

/** A local id that is a number of a sequence; null: it is none. */
export function sequenceId(local: string | undefined): bigint | null {
  return local !== undefined && /^[1-9]\d{0,17}$/.test(local) ? BigInt(local) : null;
}

/** The local id, if the global one is of that type and has one part; else an id that no row has. */
export function localId(type: NodeType, id: string): string {
  const parsed = parseGlobalId(id);
  return parsed?.type === type && parsed.local.length === 1 ? (parsed.local[0] ?? '') : '';
}
