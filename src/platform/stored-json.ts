/**
 * JSON in jsonb columns. jsonb holds neither NUL nor half of a surrogate pair. JSON with one of these is stored whole,
 * as a JSON string.
 */
import { Prisma } from './prisma/client.js';

/** Escapes that jsonb refuses. JSON.stringify writes them in this form only. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/;

/** Null becomes the null of SQL, and not that of JSON. */
export function storedJson(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === null ? Prisma.DbNull : storedJsonText(JSON.stringify(value));
}

/** As `storedJson`, of JSON text. */
export function storedJsonText(text: string | null): Prisma.InputJsonValue | typeof Prisma.DbNull {
  if (text === null) return Prisma.DbNull;
  return UNSTORABLE.test(text) ? text : (JSON.parse(text) as Prisma.InputJsonValue);
}

/** The JSON text of a stored value. The database sorts the keys. */
export function jsonTextOf(stored: Prisma.JsonValue): string | null {
  return stored === null || typeof stored === 'string' ? stored : JSON.stringify(stored);
}
