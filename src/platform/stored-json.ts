/**
 * JSON in jsonb columns. jsonb holds neither NUL nor half of a surrogate pair: JSON with one of these is kept as a JSON
 * string, whole.
 */
import { Prisma } from './prisma/client.js';

/** The escapes of what jsonb refuses; JSON.stringify writes them in this form only. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/;

/** Null is the database's own, and no JSON. */
export function storedJson(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === null ? Prisma.DbNull : storedJsonText(JSON.stringify(value));
}

/** The same of JSON that is text already. */
export function storedJsonText(text: string | null): Prisma.InputJsonValue | typeof Prisma.DbNull {
  if (text === null) return Prisma.DbNull;
  return UNSTORABLE.test(text) ? text : (JSON.parse(text) as Prisma.InputJsonValue);
}

/** The text of what was stored; the order of keys is the database's. */
export function jsonTextOf(stored: Prisma.JsonValue): string | null {
  return stored === null || typeof stored === 'string' ? stored : JSON.stringify(stored);
}
