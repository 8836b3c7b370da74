/**
 * A client's alerts by the recipe of docs/clients.md, through a wire that is cut again and again: what it has handled is
 * what the database has, in order. On request the leader is killed meanwhile, and the database fails over to a standby
 * that has every commit.
 */
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { CALM, LOST, openLongs } from '../../support/calls/long-position.js';
import { until } from '../../support/until.js';
import { publishPrices } from '../../support/calls/venue-system.js';
import { apiFor, type Api } from '../../support/services/api.js';
import { startTestApp } from '../../support/services/app.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { PostgresPair } from '../../support/services/own-postgres.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { startTcpProxy, type TcpProxy } from '../../support/services/tcp-proxy.js';

/** More for a long run on PostgreSQL: ALERT_CUTS=300 ALERT_KILLS=10 ALERT_FAILOVERS=5. */
const CUTS = Number(process.env['ALERT_CUTS'] ?? 20);
const KILLS = SERVER_URL === null ? 0 : Number(process.env['ALERT_KILLS'] ?? 0);
const FAILOVERS = SERVER_URL === null ? 0 : Number(process.env['ALERT_FAILOVERS'] ?? 0);
const ACCOUNTS = 5;

/** In a process of its own where it is to be killed. */
type Killable = Pick<ServerProcess, 'url' | 'kill'>;

let postgres: PostgresPair | null = null;
let database: TestDatabase;
let server: Killable;
let service: Api;
let alice: Api;
let proxy: TcpProxy;

beforeAll(async () => {
  if (FAILOVERS > 0) {
    postgres = await PostgresPair.start();
    await postgres.addStandby(true);
    const folder = await createTestDatabase();
    const { DATA_DIR } = folder.env;
    const pair = postgres;
    database = {
      ...folder,
      env: { DATA_DIR, DATABASE_URL: pair.url },
      drop: async () => {
        await pair.drop();
        await folder.drop();
      },
    };
  } else database = await createTestDatabase();
  await start('0');
  proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
});

afterAll(async () => {
  await proxy.close();
  await server.kill();
  await database.drop();
});

async function start(port: string): Promise<void> {
  if (KILLS + FAILOVERS > 0) {
    server = await startServerProcess({ ...database.env, PORT: port, LOG_LEVEL: 'warn' });
  } else {
    const app = await startTestApp({ database, env: { PORT: port } });
    server = { url: app.url, kill: () => app.close() };
  }
  service = await apiFor(server.url, 'venue', 'SERVICE');
  alice = await apiFor(server.url, 'alice', 'TRADER');
}

const LIST = `query ($after: String) { riskAlerts(first: 100, after: $after) {
  nodes { cursor } liveCursor pageInfo { hasNextPage endCursor } } }`;

interface Listed {
  readonly riskAlerts: {
    readonly nodes: readonly { readonly cursor: string }[];
    readonly liveCursor: string;
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

/** Cursors of all that is stored, oldest first. */
async function stored(): Promise<string[]> {
  const cursors: string[] = [];
  for (let after: string | null = null; ;) {
    const { riskAlerts }: Listed = await alice.ask<Listed>(LIST, { after });
    cursors.push(...riskAlerts.nodes.map(({ cursor }) => cursor));
    if (!riskAlerts.pageInfo.hasNextPage) return cursors.reverse();
    after = riskAlerts.pageInfo.endCursor;
  }
}

/** The recipe: a `liveCursor` to begin with, and variables whose `after` is read anew at every connection. */
function follow(liveCursor: string): { readonly handled: string[]; connections(): number; close(): Promise<void> } {
  const handled: string[] = [];
  const variables = {
    get after(): string {
      return handled.at(-1) ?? liveCursor;
    },
  };
  let connections = 0;
  let isClosed = false;
  const client = createClient({
    url: `ws://127.0.0.1:${proxy.port}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: alice.authorization ?? '' },
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: () => wait(10),
    shouldRetry: () => true,
    on: { connected: () => (connections += 1) },
  });
  const subscribe = (): void => {
    // A stream that ends, with or without an error, is opened again from the last alert that was handled.
    const again = (): void => {
      if (!isClosed) setTimeout(subscribe, 10);
    };
    client.subscribe<{ riskAlerts: { cursor: string } }>(
      {
        query: 'subscription ($after: String) { riskAlerts(after: $after) { cursor account { name } } }',
        variables,
      },
      {
        next: ({ data }) => {
          if (data != null) handled.push(data.riskAlerts.cursor);
        },
        error: again,
        complete: again,
      },
    );
  };
  subscribe();
  return {
    handled,
    connections: () => connections,
    close: async () => {
      isClosed = true;
      await client.dispose();
    },
  };
}

/** So many, evenly among the cuts. */
const isTimeFor = (times: number, cut: number): boolean => cut % Math.ceil(CUTS / (times + 1)) === 0 && cut < CUTS;

it(
  `${CUTS} cuts, ${KILLS} kills and ${FAILOVERS} failovers cost no alert and double none`,
  async () => {
    await publishPrices(service, { ...CALM, USDC: '1' });
    await openLongs(service, ACCOUNTS);
    const begun = await alice.ask<Listed>(LIST);
    expect(begun.riskAlerts.nodes).toEqual([]);
    const client = follow(begun.riskAlerts.liveCursor);

    let isOver = false;
    const trading = (async () => {
      while (!isOver) {
        // Refused while the server is down.
        for (const prices of [LOST, CALM]) await publishPrices(service, prices).catch(() => wait(50));
        await wait(20);
      }
    })();
    for (let cut = 1; cut <= CUTS; cut++) {
      // A cut of nothing would show nothing.
      await until(() => client.connections() >= cut);
      await wait(Math.random() * 150);
      await proxy.cut();
      if (isTimeFor(KILLS, cut)) {
        const { port } = new URL(server.url);
        await server.kill();
        await start(port);
      }
      await proxy.restore();
      if (isTimeFor(FAILOVERS, cut)) {
        await postgres?.failOver();
        await postgres?.addStandby(true);
      }
    }
    isOver = true;
    await trading;
    let expected = await stored();
    for (const end = Date.now() + 20_000; Date.now() < end; await wait(100)) {
      expected = await stored();
      if (client.handled.at(-1) === expected.at(-1)) break;
    }
    await client.close();
    process.stdout.write(
      `${CUTS} cuts, ${KILLS} kills, ${FAILOVERS} failovers, ${client.connections()} connections: ${client.handled.length} alerts handled, ${expected.length} stored.\n`,
    );
    expect(client.handled).toEqual(expected);
    expect(expected.length).toBeGreaterThan(CUTS);
    expect(client.connections()).toBeGreaterThanOrEqual(CUTS);
  },
  60_000 + CUTS * 1_000 + (KILLS + FAILOVERS) * 20_000,
);
