/** The one place where parts are built and joined: from the database up to the clients, and closed the other way. */
// Before any class with decorators, in whatever order the modules below come.
import 'reflect-metadata';

import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import type { FastifyInstance } from 'fastify';

import type { Services } from './api/execution/context.js';
import { memoryBudget, redisBudget } from './api/execution/cost-budget.js';
import { createPipeline, type Pipeline } from './api/execution/pipeline.js';
import { loadTrustedDocuments } from './api/execution/trusted-documents.js';
import { createSchema } from './api/schema.js';
import { readiness } from './api/server/readiness.js';
import { createServer } from './api/server/server.js';
import type { SiteOptions } from './api/server/site-routes.js';
import { openLeadership } from './cluster/leadership.js';
import { openSharedEvents, type SharedEvents } from './cluster/shared-events.js';
import type { Config } from './config.js';
import { openDemo } from './demo/demo.js';
import { runLeaderJobs } from './jobs/leader-jobs.js';
import { RuleClock } from './jobs/rule-clock.js';
import { Prices } from './market/prices.js';
import { Closers } from './platform/closers.js';
import { openDatabase, type OpenDatabase } from './platform/database.js';
import { createBus, type Bus } from './platform/events.js';
import { usedKeys } from './platform/idempotency.js';
import { createLogger, type Logger } from './platform/log.js';
import { createAuthenticator, ownSecret } from './platform/tokens.js';
import { Audit } from './policy/changes/audit.js';
import { readReferenceData } from './policy/reference/reference-data.js';
import { storeReferenceData } from './policy/reference/reference-store.js';
import { refreshRules } from './policy/rulebook/rule-events.js';
import { Rulebook } from './policy/rulebook/rulebook.js';
import { AlertFeed } from './risk/alerts/alert-feed.js';
import { MarginLoop } from './risk/engine/margin-loop.js';
import { RatioFeed } from './risk/streams/ratio-feed.js';

export interface App {
  /** Such as "http://127.0.0.1:4000". */
  readonly url: string;
  readonly services: Services;
  close(): Promise<void>;
}

export interface AppOptions {
  readonly clock?: () => number;
  readonly log?: Logger;
  /** Called with every SQL statement. */
  readonly onStatement?: (sql: string, parameters: string) => void;
}

/** How often prices are looked at that have aged without a new one. */
const PRICE_REFRESH_MS = 1_000;
/** How often price batches that other processes have stored are looked for. */
const PRICE_FOLLOW_MS = 500;
/** How often rules that other processes have stored are looked for: one statement. */
const RULES_FOLLOW_MS = 1_000;

/** What all parts are built with. */
interface Frame {
  readonly config: Config;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly closers: Closers;
}

export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  const log = options.log ?? createLogger(config.logLevel);
  const frame: Frame = { config, log, clock: options.clock ?? Date.now, closers: new Closers() };
  const state = { isStopping: false };
  try {
    const secret = config.jwksUrl === null ? (config.authSecret ?? (await ownSecret(config.dataDir))) : null;
    const database = await openStore(frame, options);
    const rulebook = await openRules(database);
    const bus = createBus();
    const prices = await openPrices(frame, database, rulebook, bus);
    const sharedEvents = await openCluster(frame, database, rulebook, bus, prices);
    const services = openRisk(frame, database, rulebook, bus, prices);
    const ruleClock = openRuleClock(frame, services);
    const pipeline = await openPipeline(frame, services);
    const demo = openDemo({ config, services, pipeline, secret });
    const isStopping = (): boolean => state.isStopping;
    const server = await openServer(frame, {
      services,
      pipeline,
      secret,
      database,
      sharedEvents,
      site: demo,
      isStopping,
    });
    await services.loop.start();
    await server.listen({ host: config.host, port: config.port });
    followPrices(frame, services);
    await lead(frame, services, ruleClock);
    frame.closers.add(() => demo.stop());
    await demo.start();
    const close = async (): Promise<void> => {
      state.isStopping = true;
      await delay(config.shutdownNoticeMs);
      // Clients first, so that they connect elsewhere while the rest is put away.
      await server.close();
      await frame.closers.close();
    };
    return { url: urlOf(server), services, close };
  } catch (error) {
    await frame.closers.close();
    throw error;
  }
}

async function openStore({ config, log, closers }: Frame, { onStatement }: AppOptions): Promise<OpenDatabase> {
  const { databaseUrl: url, dataDir, databasePoolSize: poolSize } = config;
  const database = await openDatabase({ url, dataDir, poolSize, onStatement, log });
  closers.add(() => database.close());
  if (database.applied.length > 0) log.info({ applied: database.applied }, 'Migrated the database.');
  await storeReferenceData(database.db, await readReferenceData(config.referenceFolders));
  return database;
}

function openRules({ db }: OpenDatabase): Promise<Rulebook> {
  return Rulebook.load(db);
}

function openPrices(
  { config, log, clock }: Frame,
  { db }: OpenDatabase,
  rulebook: Rulebook,
  bus: Bus,
): Promise<Prices> {
  const onPrices: Parameters<typeof Prices.open>[0]['onPrices'] = (changes) => bus.emit('prices', changes);
  return Prices.open({ db, symbols: rulebook, maxAge: config.priceMaxAgeMs, clock, log, onPrices });
}

/** Null: this process works alone, or without Redis. */
async function openCluster(
  { config: { redisUrl }, log, clock, closers }: Frame,
  { db }: OpenDatabase,
  rulebook: Rulebook,
  bus: Bus,
  prices: Prices,
): Promise<SharedEvents | null> {
  if (redisUrl === null) return null;
  const sharedEvents = await openSharedEvents({ redisUrl, db, bus, prices, rulebook, log, clock });
  closers.add(() => sharedEvents.close());
  return sharedEvents;
}

function openRisk(
  { log, clock, closers }: Frame,
  { db }: OpenDatabase,
  rulebook: Rulebook,
  bus: Bus,
  prices: Prices,
): Services {
  const loop = new MarginLoop({ db, rulebook, prices, bus, log });
  closers.add(() => loop.close());
  const alertFeed = new AlertFeed({ db, bus, log });
  const ratioFeed = new RatioFeed(bus, rulebook);
  const audit = new Audit(db);
  return { db, rulebook, board: prices.board, bus, prices, loop, alertFeed, ratioFeed, audit, log, clock };
}

function openRuleClock({ closers }: Frame, services: Services): RuleClock {
  const ruleClock = new RuleClock(services);
  closers.add(() => ruleClock.close());
  return ruleClock;
}

async function openPipeline({ config, log, clock, closers }: Frame, { db, loop }: Services): Promise<Pipeline> {
  const { redisUrl, introspection, limits } = config;
  const { costPerMinute } = limits;
  const budget = redisUrl === null ? memoryBudget(costPerMinute) : redisBudget(redisUrl, costPerMinute, log);
  closers.add(() => budget.close());
  const schema = createSchema();
  const documents = await loadTrustedDocuments(config, schema, log);
  return createPipeline(schema, {
    ...{ introspection, documents, limits, budget, log },
    accounts: () => loop.accounts.size,
    usedKeys: (viewer, keys) => usedKeys(db, viewer, keys, new Date(clock())),
  });
}

interface ServerParts {
  readonly services: Services;
  readonly pipeline: Pipeline;
  /** Null: tokens are of an issuer. */
  readonly secret: string | null;
  readonly database: OpenDatabase;
  readonly sharedEvents: SharedEvents | null;
  readonly site: SiteOptions;
  readonly isStopping: () => boolean;
}

async function openServer({ config, log, closers }: Frame, parts: ServerParts): Promise<FastifyInstance> {
  const { services, pipeline, secret, database, sharedEvents, site, isStopping } = parts;
  const { jwksUrl, authIssuer: issuer, authAudience: audience, limits, corsOrigins: origins } = config;
  const ready = {
    ...{ db: database.db, log, isStopping },
    problemOfWrites: () => database.problem(),
    isConnected: () => sharedEvents?.connected ?? true,
  };
  const server = await createServer({
    ...{ services, pipeline, limits, origins, site },
    authenticate: createAuthenticator({ secret, jwksUrl, issuer, audience }),
    readiness: () => readiness(ready),
  });
  closers.add(
    () => services.prices.idle(),
    () => server.close(),
    () => services.alertFeed.close(),
    () => services.ratioFeed.close(),
  );
  return server;
}

/** Prices age by themselves; what other processes have stored comes by Redis at once, and without it at this pace. */
function followPrices({ config, log, clock, closers }: Frame, services: Services): void {
  const { prices } = services;
  const onPrices = (error: unknown): void => log.error({ err: error }, 'Prices could not be refreshed; trying again.');
  closers.every(PRICE_REFRESH_MS, () => void prices.refresh().catch(onPrices));
  if (config.databaseUrl === null) return;
  closers.every(PRICE_FOLLOW_MS, () => void prices.catchUp().catch(onPrices));
  const onRules = (error: unknown): void => log.error({ err: error }, 'New rules could not be read; trying again.');
  closers.every(RULES_FOLLOW_MS, () => void refreshRules(services, new Date(clock())).catch(onRules));
}

/** Runs for the leadership; while this process leads it does what only one may do. */
async function lead({ config, log, closers }: Frame, services: Services, ruleClock: RuleClock): Promise<void> {
  const { databaseUrl, priceHistoryMs } = config;
  let jobs: Promise<void> = Promise.resolve();
  closers.add(() => jobs);
  const leadership = await openLeadership({
    db: services.db,
    databaseUrl,
    log,
    onTerm: (term) => {
      ruleClock.setTerm(term);
      jobs = runLeaderJobs({ ...services, priceHistoryMs, isShared: databaseUrl !== null }, term);
    },
  });
  closers.add(() => leadership.close());
}

function urlOf(server: FastifyInstance): string {
  const { address, port } = server.server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
