/** The one place where parts are built and joined. */
// Before any class with decorators, in whatever order the modules below come.
import 'reflect-metadata';

import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Config } from './config.js';
import { makeDemoAccounts, type CallApi } from './demo/demo-accounts.js';
import { createContext, type Context, type Services } from './api/execution/context.js';
import { createPipeline, type Pipeline } from './api/execution/pipeline.js';
import { createSchema } from './api/schema.js';
import { createServer, type Readiness } from './api/server/server.js';
import { loadTrustedDocuments } from './api/execution/trusted-documents.js';
import { Prices } from './market/prices.js';
import { readRecording } from './demo/recording.js';
import { startReplay, type Replay } from './demo/replay.js';
import { AlertFeed } from './risk/alerts/alert-feed.js';
import { openLeadership } from './cluster/leadership.js';
import { MarginLoop } from './risk/engine/margin-loop.js';
import { runLeaderJobs } from './jobs/leader-jobs.js';
import { RatioFeed } from './risk/streams/ratio-feed.js';
import { RuleClock } from './jobs/rule-clock.js';
import { createAuthenticator, ownSecret, signToken, type Role } from './platform/tokens.js';
import { createBus } from './platform/events.js';
import { memoryBudget, redisBudget } from './api/execution/cost-budget.js';
import { openDatabase, type OpenDatabase } from './platform/database.js';
import { createLogger, type Logger } from './platform/log.js';
import { PACKAGE_ROOT } from './platform/package-root.js';
import { Audit } from './policy/changes/audit.js';
import { readReferenceData } from './policy/reference/reference-data.js';
import { storeReferenceData } from './policy/reference/reference-store.js';
import { refreshRules } from './policy/rulebook/rule-events.js';
import { Rulebook } from './policy/rulebook/rulebook.js';
import { openSharedEvents, type SharedEvents } from './cluster/shared-events.js';

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
  readonly onStatement?: (sql: string) => void;
}

const DEMO_TOKEN_SECONDS = 7 * 24 * 60 * 60;
/** How often prices are looked at that have aged without a new one. */
const PRICE_REFRESH_MS = 1_000;
/** How often rounds that other processes have stored are looked for. */
const PRICE_FOLLOW_MS = 500;
/** How often rules that other processes have stored are looked for: one statement. */
const RULES_FOLLOW_MS = 1_000;

export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  const log = options.log ?? createLogger(config.logLevel);
  const clock = options.clock ?? Date.now;
  const secret = config.jwksUrl === null ? (config.authSecret ?? (await ownSecret(config.dataDir))) : null;
  const authenticate = createAuthenticator({
    secret,
    jwksUrl: config.jwksUrl,
    issuer: config.authIssuer,
    audience: config.authAudience,
  });

  const database = await openDatabase({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    poolSize: config.databasePoolSize,
    onStatement: options.onStatement,
    log,
  });
  const closers: (() => Promise<void> | void)[] = [() => database.close()];
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    for (const closer of closers.reverse()) await closer();
  };
  // Once, in one order, also when a second signal comes while the first is being followed.
  const close = (): Promise<void> => (closing ??= closeAll());
  let stopping = false;

  try {
    const { db, applied } = database;
    if (applied.length > 0) log.info({ applied }, 'Migrated the database.');
    await storeReferenceData(db, await readReferenceData(config.referenceFolders));
    const rulebook = await Rulebook.load(db);
    const bus = createBus();
    const prices = await Prices.open({
      db,
      symbols: rulebook,
      maxAge: config.priceMaxAgeMs,
      clock,
      log,
      onPrices: (changes) => bus.emit('prices', changes),
    });
    const { redisUrl } = config;
    const isShared = config.databaseUrl !== null;
    const sharedEvents: SharedEvents | null =
      redisUrl === null ? null : await openSharedEvents({ redisUrl, db, bus, prices, rulebook, log, clock });
    closers.push(() => sharedEvents?.close());
    const loop = new MarginLoop({ db, rulebook, prices, bus, log });
    closers.push(() => loop.close());
    const alertFeed = new AlertFeed({ db, bus, log });
    const ratioFeed = new RatioFeed(bus, rulebook);
    const audit = new Audit(db);
    const services: Services = {
      ...{ db, rulebook, board: prices.board, bus, prices, loop, alertFeed, ratioFeed, audit, log, clock },
    };
    const ruleClock = new RuleClock(services);
    closers.push(() => ruleClock.close());

    let replay: Replay | undefined;
    const { introspection, limits, corsOrigins } = config;
    const budget =
      config.redisUrl === null
        ? memoryBudget(limits.costPerMinute)
        : redisBudget(config.redisUrl, limits.costPerMinute, log);
    closers.push(() => budget.close());
    const schema = createSchema();
    const documents = await loadTrustedDocuments(config, schema, log);
    const pipeline = createPipeline(schema, { introspection, documents, limits, budget, log });
    const server = await createServer({
      services,
      pipeline,
      authenticate,
      limits,
      origins: corsOrigins,
      site: {
        tokens: config.demoTokens && secret !== null ? () => demoTokens(secret, config) : null,
        replay: () => replay?.position() ?? null,
      },
      readiness: async () =>
        stopping
          ? { status: 'unavailable', problem: 'The server stops.' }
          : readiness(services, sharedEvents, database),
    });
    closers.push(
      () => prices.idle(),
      () => server.close(),
      () => alertFeed.close(),
      () => ratioFeed.close(),
    );
    await loop.start();
    await server.listen({ host: config.host, port: config.port });

    const onFailure = (error: unknown): void => log.error({ err: error }, 'Prices could not be looked at.');
    const refresh = setInterval(() => void prices.refresh().catch(onFailure), PRICE_REFRESH_MS);
    closers.push(() => clearInterval(refresh));
    if (isShared) {
      // Rounds of other processes come by Redis at once, and without it at this pace.
      const follow = setInterval(() => void prices.catchUp().catch(onFailure), PRICE_FOLLOW_MS);
      closers.push(() => clearInterval(follow));
      const onRules = (error: unknown): void => log.error({ err: error }, 'New rules could not be looked for.');
      const rules = setInterval(() => void refreshRules(services, new Date(clock())).catch(onRules), RULES_FOLLOW_MS);
      closers.push(() => clearInterval(rules));
    }
    const { databaseUrl, priceHistoryMs } = config;
    let working: Promise<void> = Promise.resolve();
    closers.push(() => working);
    const leadership = await openLeadership({
      db,
      databaseUrl,
      log,
      onTerm: (term) => {
        ruleClock.setTerm(term);
        working = runLeaderJobs({ ...services, priceHistoryMs, isShared }, term);
      },
    });
    closers.push(() => leadership.close());

    const makeDemo = (): Promise<void> =>
      config.demo ? makeDemoAccounts(serviceCalls(services, pipeline)) : Promise.resolve();
    if (config.feed === 'replay') {
      const feed = await startFeed(config, services, makeDemo);
      replay = feed;
      closers.push(() => feed.stop());
      await prices.idle();
    }
    // A folder of REFERENCE_DATA may have taken away what the demo trades; the server serves all the same.
    await makeDemo().catch((error: unknown) => log.error({ err: error }, 'The demo accounts could not be made.'));

    const { address, port } = server.server.address() as AddressInfo;
    const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
    const stop = async (): Promise<void> => {
      stopping = true;
      await delay(config.shutdownNoticeMs);
      // Clients first, so that they connect elsewhere while the rest is put away.
      await server.close();
      await close();
    };
    return { url, services, close: stop };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startFeed(config: Config, services: Services, onSeam: () => Promise<void>): Promise<Replay> {
  const { rulebook, prices, log, clock } = services;
  return startReplay({
    recording: await readRecording(join(PACKAGE_ROOT, 'prisma', 'replay')),
    speed: config.feedSpeed,
    instruments: [...rulebook.instruments.values()].flatMap((each) => [...each.values()]),
    publish: (quotes) => prices.publish(quotes),
    onSeam,
    onError: (error) => log.error({ err: error }, 'A step of the replay failed; it goes on.'),
    clock,
  });
}

/** Operations as one of the venue's own systems would send them, without the way through a socket. */
function serviceCalls(services: Services, pipeline: Pipeline): CallApi {
  const viewer = { subject: 'demo', roles: ['SERVICE'] as const, expiresAt: Infinity };
  return async (source, variables) => {
    const { document, errors } = pipeline.read(source);
    if (errors !== null) throw new AggregateError(errors);
    const context = (): Context => createContext(services, viewer);
    const client = { viewer, address: 'this process' };
    const result = await pipeline.run({ document, operationName: null, variables, transport: 'http', client, context });
    if (result.errors !== undefined) throw new AggregateError(result.errors, 'The demo failed.');
    return result.data as Record<string, unknown>;
  };
}

async function demoTokens(secret: string, config: Config): Promise<{ trader: string; admin: string }> {
  const { authIssuer: issuer, authAudience: audience } = config;
  const token = (subject: string, role: Role): Promise<string> =>
    signToken(secret, { subject, roles: [role] }, { validSeconds: DEMO_TOKEN_SECONDS, issuer, audience });
  return { trader: await token('alice', 'TRADER'), admin: await token('demo-admin', 'ADMIN') };
}

const READINESS_MS = 2_000;

async function readiness(
  { db, log }: Services,
  sharedEvents: SharedEvents | null,
  { problem }: OpenDatabase,
): Promise<Readiness> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('No answer in time.')), READINESS_MS);
  });
  try {
    await Promise.race([db.$queryRaw`SELECT 1`, tooLate]);
  } catch (error) {
    log.warn({ err: error }, 'Not ready.');
    return { status: 'unavailable', problem: 'The database does not answer.' };
  } finally {
    clearTimeout(timer);
  }
  const ofWrites = problem();
  if (ofWrites !== null) return { status: 'degraded', problem: ofWrites };
  if (sharedEvents === null || sharedEvents.connected) return { status: 'ok' };
  return { status: 'degraded', problem: 'Redis does not answer: news of other servers come late.' };
}
