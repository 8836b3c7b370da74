import type { LedgerParts } from '../../ledger/ledger-checks.js';
import type { Prices } from '../../market/prices.js';
import type { AlertFeed } from '../../risk/alerts/alert-feed.js';
import type { HotAccounts } from '../../risk/engine/hot-accounts.js';
import type { MarginLoop } from '../../risk/engine/margin-loop.js';
import type { RatioFeed } from '../../risk/streams/ratio-feed.js';
import type { Viewer } from '../../platform/tokens.js';
import type { Parts } from '../../platform/parts.js';
import type { Audit } from '../../policy/changes/audit.js';
import type { Seal } from '../types/seal.js';
import type { Limits } from './limits.js';
import { createLoaders, type Loaders } from './loaders.js';

/** The parts of the server that resolvers call. */
export interface Services extends LedgerParts, Parts {
  readonly prices: Prices;
  readonly loop: MarginLoop;
  readonly hotAccounts: HotAccounts;
  readonly alertFeed: AlertFeed;
  readonly ratioFeed: RatioFeed;
  readonly audit: Audit;
  /** Of ids and cursors. */
  readonly seal: Seal;
  readonly limits: Limits;
}

/** One context a request, and one an event of a subscription, so that no loader returns old data. */
export interface Context extends Services {
  readonly viewer: Viewer | null;
  /** The instant as of which the whole request is answered. */
  readonly now: Date;
  readonly loaders: Loaders;
  readonly patience: Patience;
  /** The last event that a client of server-sent events has had, as it says itself when it connects again. */
  readonly lastEventId: string | null;
}

/** Whether a client still waits for the answer. An AbortSignal would be too slow, since every event has one. */
export class Patience {
  isOver = false;

  /** Call at each yield of long work: it ends work whose client no longer waits. */
  check(): void {
    if (this.isOver) throw new Error('Nobody waits for this answer any more.');
  }
}

export function createContext(
  services: Services,
  viewer: Viewer | null,
  patience = new Patience(),
  lastEventId: string | null = null,
): Context {
  return new RequestContext(services, viewer, patience, lastEventId);
}

/** Copies field by field: a spread is slow, and every event of a subscription has a context. */
class RequestContext implements Context {
  readonly db: Context['db'];
  readonly rulebook: Context['rulebook'];
  readonly board: Context['board'];
  readonly bus: Context['bus'];
  readonly lanes: Context['lanes'];
  readonly prices: Context['prices'];
  readonly loop: Context['loop'];
  readonly hotAccounts: Context['hotAccounts'];
  readonly alertFeed: Context['alertFeed'];
  readonly ratioFeed: Context['ratioFeed'];
  readonly audit: Context['audit'];
  readonly seal: Context['seal'];
  readonly limits: Context['limits'];
  readonly log: Context['log'];
  readonly clock: Context['clock'];
  readonly now: Date;
  private made: Loaders | null = null;

  constructor(
    services: Services,
    readonly viewer: Viewer | null,
    readonly patience: Patience,
    readonly lastEventId: string | null,
  ) {
    this.db = services.db;
    this.rulebook = services.rulebook;
    this.board = services.board;
    this.bus = services.bus;
    this.lanes = services.lanes;
    this.prices = services.prices;
    this.loop = services.loop;
    this.hotAccounts = services.hotAccounts;
    this.alertFeed = services.alertFeed;
    this.ratioFeed = services.ratioFeed;
    this.audit = services.audit;
    this.seal = services.seal;
    this.limits = services.limits;
    this.log = services.log;
    this.clock = services.clock;
    this.now = new Date(services.clock());
  }

  /** Made at first use: few events of a subscription need loaders. */
  get loaders(): Loaders {
    return (this.made ??= createLoaders(this, this.now));
  }
}
