/** The one place where parts are built and joined: from the database up to the clients, and closed the other way. */
// Before any class with decorators, in whatever order the modules below come.
import 'reflect-metadata';

import { setTimeout as delay } from 'node:timers/promises';

import type { FastifyInstance } from 'fastify';

import type { Services } from './api/execution/context.js';
import { openBudget } from './api/execution/cost-budget.js';
import { createPipeline, type Pipeline } from './api/execution/pipeline.js';
import { loadTrustedDocuments } from './api/execution/trusted-documents.js';
import { createSchema } from './api/schema.js';
import { Metrics, serveMetrics, type MetricSources } from './api/server/metrics.js';
import { readiness } from './api/server/readiness.js';
import { createServer, urlOf } from './api/server/server.js';
import type { SiteOptions } from './api/server/site-routes.js';
import { Connections } from './api/server/sockets.js';
import { Seal } from './api/types/seal.js';
import { channelName } from './cluster/channel.js';
import { Histories } from './cluster/histories.js';
import { openLeadership } from './cluster/leadership.js';
import { openSharedEvents, type SharedEvents } from './cluster/shared-events.js';
import type { Config } from './config.js';
import { openDemo } from './demo/demo.js';
import { followAccounts, followPrices, openAccountFollower, rankPositions } from './following.js';
import { runLeaderJobs } from './jobs/leader-jobs.js';
import { RuleClock } from './jobs/rule-clock.js';
import { Prices } from './market/prices.js';
import { DatabaseClock, MEASURE_MS, readDatabaseClock } from './platform/clock.js';
import { Closers } from './platform/closers.js';
import { openDatabase, type OpenDatabase } from './platform/database/database.js';
import { createBus, type Bus } from './platform/events.js';
import { Lanes } from './platform/lanes.js';
import { usedKeys } from './platform/idempotency.js';
import { openInstallation } from './platform/installation.js';
import { openTokenKey, type TokenKey } from './platform/issuer-keys.js';
import { createLogger, type Logger } from './platform/log.js';
import { Problems, degraded } from './platform/problems.js';
import { createAuthenticator } from './platform/tokens.js';
import { Audit } from './policy/changes/audit.js';
import { readReferenceData } from './policy/reference/reference-data.js';
import { storeReferenceData } from './policy/reference/reference-store.js';
import { Rulebook } from './policy/rulebook/rulebook.js';
import { AlertBacklog } from './risk/alerts/alert-backlog.js';
import { AlertFeed } from './risk/alerts/alert-feed.js';
import type { AccountFollower } from './risk/engine/account-follower.js';
import { HotAccounts } from './risk/engine/hot-accounts.js';
import { MarginLoop } from './risk/engine/margin-loop.js';
import { RatioFeed } from './risk/streams/ratio-feed.js';

export interface App {
  /** Such as "http://127.0.0.1:4000". */
  readonly url: string;
  readonly services: Services;
  close(): Promise<void>;
}

export interface AppOptions {
  /** Stands in for the clock of the database. */
  readonly clock?: () => number;
  readonly log?: Logger;
  /** Called with every SQL statement. */
  readonly onStatement?: (sql: string, parameters: string) => void;
}

interface Base {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
  /** What is wrong with this server now; readiness answers it. */
  readonly problems: Problems;
  readonly metrics: Metrics;
}

/** What all parts above the database are built with. */
interface Frame extends Base {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  const log = options.log ?? createLogger(config.logLevel);
  const base: Base = { config, log, closers: new Closers(), problems: new Problems(), metrics: new Metrics() };
  const state = { isStopping: false };
  base.problems.add('STOPPING', () =>
    state.isStopping ? { message: 'The server stops.', status: 'unavailable' } : null,
  );
  try {
    const key = await openTokenKey(config, base);
    const { database, hasNews } = await openStore(base, options);
    const frame: Frame = { ...base, clock: options.clock ?? (await openClock(base, database)) };
    const histories = await openHistories(frame, database);
    const rulebook = await openRules(database);
    const bus = createBus();
    const prices = await openPrices(frame, database, rulebook, bus);
    const sharedEvents = await openCluster(frame, database, rulebook, bus, prices);
    const isInStep = (): boolean => sharedEvents?.isInStep ?? true;
    const seal = new Seal((await openInstallation(database.db)).secret);
    const services: Services = { ...openRisk(frame, database, rulebook, bus, prices, histories, isInStep), seal };
    const live: Services = { ...services, db: database.liveDb };
    const ruleClock = openRuleClock(frame, live);
    const pipeline = await openPipeline(frame, services);
    const demo = openDemo({ config, services, pipeline, secret: typeof key === 'string' ? key : null });
    const connections = new Connections(config.limits);
    const server = await openServer(frame, { services, pipeline, key, connections, site: demo });
    const accounts = await openAccountFollower(frame, live);
    // The port opens at once: what looks at one account is served from the database meanwhile.
    const loading = services.loop.start();
    loading.catch(() => undefined);
    await server.listen({ host: config.host, port: config.port });
    followPrices(frame, live);
    await loading;
    if (accounts !== null) followAccounts(frame, live, accounts, histories);
    rankPositions(frame, live);
    // By now the channel is up: other servers read at once what they would find within a second.
    if (hasNews) services.bus.emit('reference');
    const leading = await lead(frame, live, ruleClock, { histories, accounts });
    await serveMetrics(frame, { ...services, ...leading, problems: frame.problems, connections });
    frame.closers.add(() => demo.stop());
    await demo.start();
    const close = async (): Promise<void> => {
      state.isStopping = true;
      await delay(config.shutdownNoticeMs);
      // Clients first, so that they connect elsewhere while the rest is put away.
      await server.close();
      await base.closers.close();
    };
    return { url: urlOf(server), services, close };
  } catch (error) {
    await base.closers.close();
    throw error;
  }
}

async function openStore(
  { config, log, closers, problems }: Base,
  { onStatement }: AppOptions,
): Promise<{ readonly database: OpenDatabase; readonly hasNews: boolean }> {
  const { databaseUrl: url, dataDir, databasePoolSize: poolSize } = config;
  const database = await openDatabase({ url, dataDir, poolSize, onStatement, log });
  closers.add(() => database.close());
  problems.add('DISK_FULL', () => degraded(database.problem()));
  if (database.applied.length > 0) log.info({ applied: database.applied }, 'Migrated the database.');
  const hasNews = await storeReferenceData(database.db, await readReferenceData(config.referenceFolders));
  return { database, hasNews };
}

async function openClock({ log, closers, problems }: Base, { liveDb: db }: OpenDatabase): Promise<() => number> {
  const clock = await DatabaseClock.open({ read: () => readDatabaseClock(db), log });
  closers.every(MEASURE_MS, () => void clock.measure());
  problems.add('CLOCK_APART', () => clock.problem());
  return clock.now;
}

async function openHistories({ log, closers }: Frame, { db }: OpenDatabase): Promise<Histories> {
  const histories = await Histories.open({ db, log });
  closers.add(() => histories.close());
  return histories;
}

function openRules({ db }: OpenDatabase): Promise<Rulebook> {
  return Rulebook.load(db);
}

function openPrices(
  { config, log, clock }: Frame,
  { pricesDb }: OpenDatabase,
  rulebook: Rulebook,
  bus: Bus,
): Promise<Prices> {
  const onPrices: Parameters<typeof Prices.open>[0]['onPrices'] = (changes) => bus.emit('prices', changes);
  return Prices.open({ db: pricesDb, symbols: rulebook, maxAge: config.priceMaxAgeMs, clock, log, onPrices });
}

async function openCluster(
  { config: { redisUrl }, log, clock, closers, problems }: Frame,
  { liveDb }: OpenDatabase,
  rulebook: Rulebook,
  bus: Bus,
  prices: Prices,
): Promise<SharedEvents | null> {
  if (redisUrl === null) return null;
  const sharedEvents = await openSharedEvents({ redisUrl, db: liveDb, bus, prices, rulebook, log, clock });
  closers.add(() => sharedEvents.close());
  const redisAway = 'Redis does not answer: events of other servers come late.';
  problems.add('REDIS_AWAY', () => degraded(sharedEvents.connected ? null : redisAway));
  problems.add('REDIS_PARTED', () => {
    const { parted } = sharedEvents;
    const others = `Notices do not go by Redis between this server and ${parted.join(', ')}`;
    return degraded(parted.length === 0 ? null : `${others}: events of other servers come late.`);
  });
  return sharedEvents;
}

function openRisk(
  { config, log, clock, closers, problems, metrics: { onCycle } }: Frame,
  { db, liveDb }: OpenDatabase,
  rulebook: Rulebook,
  bus: Bus,
  prices: Prices,
  histories: Histories,
  isInStep: () => boolean,
): Omit<Services, 'seal'> {
  const loop = new MarginLoop({ db: liveDb, rulebook, prices, bus, log, onCycle });
  closers.add(() => loop.close());
  problems.add('ACCOUNTS_SET_ASIDE', () => loop.setAside.problem());
  problems.add('CYCLE_LATE', () => loop.pace.problem());
  problems.add('STARTING', () => {
    const { progress } = loop;
    return progress === null ? null : { message: `${progress} accounts are read so far.`, status: 'unavailable' };
  });
  const hotAccounts = new HotAccounts({ db, rulebook, loop, isInStep });
  const alertFeed = new AlertFeed({ db, bus, log }, () => histories.look());
  const ratioFeed = new RatioFeed(bus, rulebook);
  const audit = new Audit(db);
  const lanes = new Lanes(config.limits.writesPerViewer);
  const market = { board: prices.board, prices, rulebook };
  const risk = { loop, hotAccounts, alertFeed, ratioFeed };
  return { db, bus, lanes, ...market, ...risk, audit, limits: config.limits, log, clock };
}

function openRuleClock({ closers }: Frame, services: Services): RuleClock {
  const ruleClock = new RuleClock(services);
  closers.add(() => ruleClock.close());
  return ruleClock;
}

async function openPipeline(
  { config, log, clock, closers, metrics: { onOperation } }: Frame,
  { db, loop }: Services,
): Promise<Pipeline> {
  const { redisUrl, introspection, limits } = config;
  const where = redisUrl === null ? null : { url: redisUrl, channel: await channelName(db) };
  const budget = openBudget(where, limits.costPerMinute, log);
  closers.add(() => budget.close());
  const schema = createSchema();
  const documents = await loadTrustedDocuments(config, schema, log);
  return createPipeline(schema, {
    ...{ introspection, documents, limits, budget, log, onOperation },
    accounts: () => loop.accounts.size,
    usedKeys: (viewer, keys) => usedKeys(db, viewer, keys, new Date(clock())),
  });
}

interface ServerParts {
  readonly services: Services;
  readonly pipeline: Pipeline;
  readonly key: TokenKey;
  readonly connections: Connections;
  readonly site: SiteOptions;
}

async function openServer({ config, log, closers, problems }: Frame, parts: ServerParts): Promise<FastifyInstance> {
  const { services, pipeline, key, connections, site } = parts;
  const { authIssuer: issuer, authAudience: audience, limits, corsOrigins: origins } = config;
  const server = await createServer({
    ...{ services, pipeline, limits, connections, origins, site },
    authenticate: createAuthenticator({ key, issuer, audience }),
    readiness: () => readiness({ db: services.db, log, problems }),
  });
  closers.add(
    () => services.prices.idle(),
    () => server.close(),
    () => services.alertFeed.close(),
    () => services.ratioFeed.close(),
  );
  return server;
}

/** Runs for the leadership; while this process leads it does what only one may do. */
async function lead(
  { config, log, closers, problems }: Frame,
  services: Services,
  ruleClock: RuleClock,
  { histories, accounts }: { readonly histories: Histories; readonly accounts: AccountFollower | null },
): Promise<Pick<MetricSources, 'leadership' | 'backlog'>> {
  const { databaseUrl, priceHistoryMs, alertRetentionMs, accountHistoryMs } = config;
  let jobs: Promise<void> = Promise.resolve();
  closers.add(() => jobs);
  const leadership = await openLeadership({
    db: services.db,
    databaseUrl,
    log,
    beforeTerm: () => histories.look(),
    onTerm: (term) => {
      ruleClock.setTerm(term);
      const kept = { priceHistoryMs, alertRetentionMs, accountHistoryMs };
      jobs = runLeaderJobs({ ...services, ...kept, accounts }, term);
    },
  });
  closers.add(() => leadership.close());
  problems.add('NO_LEADER', () => leadership.problem());
  const backlog = new AlertBacklog(services.db, () => services.loop.setAside.ids);
  closers.add(() => backlog.close());
  problems.add('ALERTS_LATE', () => backlog.problem());
  return { leadership, backlog };
}
