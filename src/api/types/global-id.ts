/** Global ids: the type's name and the local id, opaque to clients; sealed where the local id is a number. */
import { isSealed, type Seal } from './seal.js';

/** Their local ids are numbers of a sequence. */
const SEALED = ['LedgerEntry', 'Fill', 'RiskAlert', 'AuditEntry'] as const;
type SealedType = (typeof SEALED)[number];

/** All types of nodes but the versions of rules, whose types are the kinds of rules. */
export type NodeType = PlainType | SealedType;
type PlainType = 'Venue' | 'Chain' | 'Asset' | 'Instrument' | 'Account' | 'Position' | 'AlertRule';

const MAX_ID = 400;
const PURPOSE = 'id';

interface ParsedId {
  readonly type: string;
  readonly local: string[];
}

export function globalId(type: PlainType, ...local: readonly string[]): string {
  return storedId(type, ...local);
}

/** Of a type that is stored: the kind of a rule, or the subject of an audit entry. */
export function storedId(type: string, ...local: readonly string[]): string {
  return Buffer.from([type, ...local].join(':')).toString('base64url');
}

export function sequenceId(seal: Seal, type: SealedType, seq: bigint): string {
  return seal.seal(PURPOSE, `${type}:${seq}`);
}

/** Null for a text that is not an id of this server: another type's syntax, NUL, garbage. Sealed ids are none either. */
export function parseGlobalId(id: string): ParsedId | null {
  const bytes = bytesOf(id);
  if (bytes === null || isSealed(bytes)) return null;
  const text = bytes.toString('utf8');
  // Only the spelling that this server issues is accepted, because clients compare ids as text.
  if (text.includes('\0') || Buffer.from(text).toString('base64url') !== id) return null;
  const parsed = partsOf(text);
  return parsed === null || isSealedType(parsed.type) ? null : parsed;
}

/** The same for any id, sealed or not. */
export function openGlobalId(seal: Seal, id: string): ParsedId | null {
  const text = bytesOf(id) === null ? null : seal.open(PURPOSE, id);
  return text === null ? parseGlobalId(id) : partsOf(text);
}

/** The number of an id of that type; null: it is none. */
export function sequenceOfId(seal: Seal, type: SealedType, id: string): bigint | null {
  const parsed = openGlobalId(seal, id);
  return parsed?.type === type ? BigInt(parsed.local[0] ?? '0') : null;
}

/** The local id, if the global one is of that type and has one part; else an id that no row has. */
export function localId(type: PlainType, id: string): string {
  const parsed = parseGlobalId(id);
  return parsed?.type === type && parsed.local.length === 1 ? (parsed.local[0] ?? '') : '';
}

function bytesOf(id: string): Buffer | null {
  return id.length > MAX_ID || !/^[A-Za-z0-9_-]+$/.test(id) ? null : Buffer.from(id, 'base64url');
}

function partsOf(text: string): ParsedId | null {
  const [type = '', ...local] = text.split(':');
  return local.length === 0 ? null : { type, local };
}

function isSealedType(type: string): boolean {
  return SEALED.some((sealed) => sealed === type);
}
