/** The one place where parts are built and joined. */
// Before any class with decorators, in whatever order the modules below come.
import 'reflect-metadata';

import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { Config } from './config.js';
import { makeDemoAccounts, type CallApi } from './demo.js';
import { createContext, type Context, type Services } from './graphql/context.js';
import { createPipeline, type Pipeline } from './graphql/pipeline.js';
import { createSchema } from './graphql/schema.js';
import { createServer } from './graphql/server.js';
import { Prices } from './market/prices.js';
import { readRecording } from './market/recording.js';
import { startReplay, type Replay } from './market/replay.js';
import { InterestJob } from './monitor/interest-job.js';
import { LiveMargins } from './monitor/live-margins.js';
import { createAuthenticator, ownSecret, signToken, type Role } from './platform/auth.js';
import { createBus } from './platform/bus.js';
import { openDatabase } from './platform/database.js';
import { createLogger, type Logger } from './platform/log.js';
import { PACKAGE_ROOT } from './platform/package-root.js';
import { readReferenceData } from './policy/reference-data.js';
import { storeReferenceData } from './policy/reference-store.js';
import { Rulebook } from './policy/rulebook.js';

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
  });
  const closers: (() => Promise<void> | void)[] = [() => database.close()];
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    for (const closer of closers.reverse()) await closer();
  };
  // Once, in one order, also when a second signal comes while the first is being followed.
  const close = (): Promise<void> => (closing ??= closeAll());

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
      onPrices: (changes) => bus.emit('prices', changes),
    });
    const liveMargins = new LiveMargins({ db, rulebook, board: prices.board, bus, log, clock });
    const services: Services = { db, rulebook, board: prices.board, bus, prices, liveMargins, log, clock };

    let replay: Replay | undefined;
    const pipeline = createPipeline(createSchema(), { introspection: !config.production, log });
    const server = await createServer({
      services,
      pipeline,
      authenticate,
      pages: {
        tokens: config.demoTokens && secret !== null ? () => demoTokens(secret, config) : null,
        replay: () => replay?.position() ?? null,
      },
      readiness: () => readiness(services),
    });
    closers.push(
      () => prices.idle(),
      () => server.close(),
      () => liveMargins.close(),
    );
    await server.listen({ host: config.host, port: config.port });

    const refresh = setInterval(() => {
      prices.refresh().catch((error: unknown) => log.error({ err: error }, 'Aged prices could not be looked at.'));
    }, PRICE_REFRESH_MS);
    closers.push(() => clearInterval(refresh));
    const interest = new InterestJob(services);
    closers.push(() => interest.close());

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
    return { url: `http://${address.includes(':') ? `[${address}]` : address}:${port}`, services, close };
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
    const result = await pipeline.run({ document, operationName: null, variables, transport: 'http', context });
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

/** Null while the database answers. */
async function readiness({ db, log }: Services): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('No answer in time.')), READINESS_MS);
  });
  try {
    await Promise.race([db.$queryRaw`SELECT 1`, tooLate]);
    return null;
  } catch (error) {
    log.warn({ err: error }, 'Not ready.');
    return 'The database does not answer.';
  } finally {
    clearTimeout(timer);
  }
}
