import type { Database } from './database/database.js';
import type { Bus } from './events.js';
import type { Logger } from './log.js';

/** What a process has one of. A function or class names those that it needs, such as `Pick<Parts, 'db' | 'bus'>`. */
export interface Parts {
  readonly db: Database;
  readonly bus: Bus;
  readonly log: Logger;
  /** Milliseconds since 1970, by the database's clock: for instants that are stored or compared with stored ones. */
  readonly clock: () => number;
}
