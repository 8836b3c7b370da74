/** Ids and cursors as a server gives them out, of numbers that a test knows. */
import type { TestApp } from '../services/app.js';

export function sequenceIdOf({ app }: TestApp, type: 'Fill' | 'LedgerEntry' | 'RiskAlert', seq: bigint): string {
  return app.services.seal.seal('id', `${type}:${seq}`);
}

export function alertCursorOf({ app }: TestApp, seq: bigint): string {
  return cursorOfList({ app }, 'alerts', '1', String(seq));
}

export function cursorOfList({ app }: Pick<TestApp, 'app'>, list: string, ...parts: readonly string[]): string {
  return app.services.seal.seal(`cursor of ${list}`, JSON.stringify(parts));
}

/** The number within such an id. */
export function sequenceWithin({ app }: TestApp, id: string): bigint {
  return BigInt(app.services.seal.open('id', id)?.split(':')[1] ?? '0');
}
