/** The cursor of an alert: one form for its pages, `RiskAlert.cursor`, `liveCursor` and the stream. */
import { findCursor, openCursor, sealCursor } from '../types/pagination.js';
import type { Seal } from '../types/seal.js';

interface AlertPlace {
  /** Alert numbers count within one history of the database. */
  readonly history: bigint;
  /** Number of the alert; 0: before the first. */
  readonly seq: bigint;
}

export const ALERT_LIST = 'alerts';
/** There is one history so far. */
const HISTORY = 1n;

export function alertCursorParts(seq: bigint): readonly string[] {
  return [String(HISTORY), String(seq)];
}

export function alertPlace([history = '0', seq = '0']: readonly string[]): AlertPlace {
  return { history: BigInt(history), seq: BigInt(seq) };
}

export function writeAlertCursor(seal: Seal, seq: bigint): string {
  return sealCursor(seal, ALERT_LIST, alertCursorParts(seq));
}

/** Null: the text is no cursor of an alert. */
export function findAlertCursor(seal: Seal, cursor: string): AlertPlace | null {
  const parts = findCursor(seal, ALERT_LIST, cursor);
  return parts === null ? null : alertPlace(parts);
}

/** Throws BAD_USER_INPUT for a text that is no cursor of an alert. */
export function readAlertCursor(seal: Seal, cursor: string): AlertPlace {
  return alertPlace(openCursor(seal, ALERT_LIST, cursor));
}
