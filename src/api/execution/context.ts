import type { LedgerParts } from '../../ledger/ledger-checks.js';
import type { Prices } from '../../market/prices.js';
import type { AlertFeed } from '../../risk/alerts/alert-feed.js';
import type { MarginLoop } from '../../risk/engine/margin-loop.js';
import type { RatioFeed } from '../../risk/streams/ratio-feed.js';
import type { Viewer } from '../../platform/tokens.js';
import type { Parts } from '../../platform/parts.js';
import type { Audit } from '../../policy/changes/audit.js';
import { createLoaders, type Loaders } from './loaders.js';

/** The parts of the server that resolvers call. */
export interface Services extends LedgerParts, Parts {
  readonly prices: Prices;
  readonly loop: MarginLoop;
  readonly alertFeed: AlertFeed;
  readonly ratioFeed: RatioFeed;
  readonly audit: Audit;
}

/** One context a request, and one an event of a subscription, so that no loader returns old data. */
export interface Context extends Services {
  readonly viewer: Viewer | null;
  /** The instant as of which the whole request is answered. */
  readonly now: Date;
  readonly loaders: Loaders;
  readonly patience: Patience;
}

/** Whether a client still waits for the answer. An AbortSignal would be too slow, since every event has one. */
export class Patience {
  isOver = false;

  /** Call at each yield of long work: it ends work whose client no longer waits. */
  check(): void {
    if (this.isOver) throw new Error('Nobody waits for this answer any more.');
  }
}

export function createContext(services: Services, viewer: Viewer | null, patience = new Patience()): Context {
  return new RequestContext(services, viewer, patience);
}

/** Copies field by field: a spread is slow, and every event of a subscription has a context. */
class RequestContext implements Context {
  readonly db: Context['db'];
  readonly rulebook: Context['rulebook'];
  readonly board: Context['board'];
  readonly bus: Context['bus'];
  readonly prices: Context['prices'];
  readonly loop: Context['loop'];
  readonly alertFeed: Context['alertFeed'];
  readonly ratioFeed: Context['ratioFeed'];
  readonly audit: Context['audit'];
  readonly log: Context['log'];
  readonly clock: Context['clock'];
  readonly now: Date;
  private made: Loaders | null = null;

  constructor(
    services: Services,
    readonly viewer: Viewer | null,
    readonly patience: Patience,
  ) {
    this.db = services.db;
    this.rulebook = services.rulebook;
    this.board = services.board;
    this.bus = services.bus;
    this.prices = services.prices;
    this.loop = services.loop;
    this.alertFeed = services.alertFeed;
    this.ratioFeed = services.ratioFeed;
    this.audit = services.audit;
    this.log = services.log;
    this.clock = services.clock;
    this.now = new Date(services.clock());
  }

  /** Made at first use: few events of a subscription need loaders. */
  get loaders(): Loaders {
    return (this.made ??= createLoaders(this, this.now));
  }
}
