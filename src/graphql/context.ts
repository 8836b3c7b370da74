import type { LedgerParts } from '../ledger/batch.js';
import type { Prices } from '../market/prices.js';
import type { LiveMargins } from '../monitor/live-margins.js';
import type { Viewer } from '../platform/auth.js';
import type { Logger } from '../platform/log.js';
import { createLoaders, type Loaders } from './loaders.js';

/** The parts that resolvers call. */
export interface Services extends LedgerParts {
  readonly prices: Prices;
  readonly liveMargins: LiveMargins;
  readonly log: Logger;
  readonly clock: () => number;
}

/** One for every request, and for every event of a subscription, so that no loader answers old data. */
export interface Context extends Services {
  readonly viewer: Viewer | null;
  /** The instant as of which the whole request is answered. */
  readonly now: Date;
  readonly loaders: Loaders;
}

export function createContext(services: Services, viewer: Viewer | null): Context {
  const now = new Date(services.clock());
  return { ...services, viewer, now, loaders: createLoaders(services, now) };
}
