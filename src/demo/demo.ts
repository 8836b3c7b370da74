/** The demo of a server: accounts, the replay that moves their prices, and tokens for the site. */
import { join } from 'node:path';

import { createContext, type Context, type Services } from '../api/execution/context.js';
import type { Pipeline } from '../api/execution/pipeline.js';
import type { SiteOptions } from '../api/server/site-routes.js';
import { PACKAGE_ROOT } from '../platform/package-root.js';
import { signToken, type Role } from '../platform/tokens.js';
import { COMMON_UNIT } from '../margin/model.js';
import { makeDemoAccounts, type CallApi } from './demo-accounts.js';
import { readRecording } from './recording.js';
import { startReplay, type Replay } from './replay.js';

/** Configuration of the demo. */
export interface DemoSettings {
  /** Whether there are demo accounts. */
  readonly demo: boolean;
  /** Whether the site may hand out tokens. */
  readonly demoTokens: boolean;
  readonly feed: 'replay' | 'none';
  /** Speed of the replay; 1 is real time. */
  readonly feedSpeed: number;
  readonly authIssuer: string | null;
  readonly authAudience: string | null;
}

export interface DemoParts {
  readonly config: DemoSettings;
  readonly services: Services;
  readonly pipeline: Pipeline;
  /** Signs the site's tokens; null: an issuer signs tokens, and the site has none. */
  readonly secret: string | null;
}

/** What the site shows of the demo, and how it is started and stopped. */
export interface Demo extends SiteOptions {
  start(): Promise<void>;
  stop(): Promise<void>;
}

const TOKEN_SECONDS = 7 * 24 * 60 * 60;

export function openDemo({ config, services, pipeline, secret }: DemoParts): Demo {
  const { prices, log } = services;
  let replay: Replay | undefined;
  const makeAccounts = (): Promise<void> =>
    config.demo ? makeDemoAccounts(serviceCalls(services, pipeline), services.clock) : Promise.resolve();
  return {
    tokens: config.demoTokens && secret !== null ? () => demoTokens(secret, config) : null,
    replay: () => replay?.position() ?? null,
    async start(): Promise<void> {
      if (config.feed === 'replay') {
        replay = await startFeed(config, services, makeAccounts);
        await prices.idle();
      }
      // REFERENCE_DATA may lack what the demo trades; the server serves all the same.
      await makeAccounts().catch((error: unknown) => log.error({ err: error }, 'The demo accounts could not be made.'));
    },
    async stop(): Promise<void> {
      await replay?.stop();
    },
  };
}

async function startFeed(config: DemoSettings, services: Services, onSeam: () => Promise<void>): Promise<Replay> {
  const { rulebook, prices, log, clock } = services;
  return startReplay({
    recording: await readRecording(join(PACKAGE_ROOT, 'prisma', 'replay')),
    speed: config.feedSpeed,
    instruments: [...rulebook.instruments.values()].flatMap((each) => [...each.values()]),
    units: [...new Set([...rulebook.venues.values()].map(({ unit }) => unit))].filter((unit) => unit !== COMMON_UNIT),
    publish: (quotes) => prices.publish(quotes),
    onSeam,
    onError: (error) => log.error({ err: error }, 'A step of the replay failed; it goes on.'),
    clock,
  });
}

/** Executes operations as one of the venue's own systems, without a socket. */
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

async function demoTokens(secret: string, config: DemoSettings): Promise<{ trader: string; admin: string }> {
  const { authIssuer: issuer, authAudience: audience } = config;
  const token = (subject: string, role: Role): Promise<string> =>
    signToken(secret, { subject, roles: [role] }, { validSeconds: TOKEN_SECONDS, issuer, audience });
  return { trader: await token('alice', 'TRADER'), admin: await token('demo-admin', 'ADMIN') };
}
