import { pino, type Logger } from 'pino';

export type { Logger };

/** One JSON line an event, on standard output; what could hold a token or a secret is never passed in. */
export function createLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}
