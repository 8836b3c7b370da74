/**
 * What a reader may rely on, over three servers of which one is killed again and again: no answer is older than the rule
 * says. Each deposit of 1 USDT is a version of its account, so every answer must be a balance of `version - 1`.
 */
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { openAccount, transfer } from '../../support/calls/venue-system.js';
import { apiFor, type Api } from '../../support/services/api.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';

const REDIS_URL = process.env['TEST_REDIS_URL'];
// Skipped without TEST_DATABASE_URL and TEST_REDIS_URL.
const shared = SERVER_URL !== null && REDIS_URL !== undefined ? it : it.skip;

/** More for a long run: READER_SECONDS=120. */
const SECONDS = Number(process.env['READER_SECONDS'] ?? 6);
const SERVERS = 3;
const ACCOUNTS = 4;
/** A change whose notice was lost is found within this time. */
const LATEST_MS = 2_000;

interface Server {
  readonly process: ServerProcess;
  readonly service: Api;
  readonly since: number;
  /** How many deposits of each account it has acknowledged. */
  readonly acknowledged: Map<string, number>;
}

let database: TestDatabase;
const servers: Server[] = [];

async function start(port: string): Promise<Server> {
  const process = await startServerProcess({
    ...database.env,
    REDIS_URL: REDIS_URL ?? '',
    PORT: port,
    LOG_LEVEL: 'warn',
  });
  return {
    process,
    service: await apiFor(process.url, 'venue', 'SERVICE'),
    since: performance.now(),
    acknowledged: new Map(),
  };
}

beforeAll(async () => {
  if (SERVER_URL === null || REDIS_URL === undefined) return;
  database = await createTestDatabase();
  for (let index = 0; index < SERVERS; index++) servers.push(await start('0'));
});

afterAll(async () => {
  if (servers.length === 0) return;
  await Promise.all(servers.map(({ process }) => process.kill()));
  await database.drop();
});

interface Answer {
  readonly account: {
    readonly version: number;
    readonly balances: readonly { readonly quantity: string }[];
    readonly margin: { readonly accountVersion: number; readonly walletValue: string };
  };
}

const QUERY = `query ($id: ID!, $atLeast: Int) { account(id: $id, atLeastVersion: $atLeast) {
  version balances { quantity } margin { accountVersion walletValue } } }`;

interface Recorded {
  readonly recordTransfers: { readonly accounts: readonly { readonly version: number }[] };
}

const DEPOSIT = `mutation ($input: RecordTransfersInput!) { recordTransfers(input: $input) {
  accounts { version } errors { message } } }`;

const any = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

shared(
  `${SECONDS} seconds of deposits, kills and queries: no answer is older than the rule says`,
  async () => {
    const ids: string[] = [];
    while (ids.length < ACCOUNTS) ids.push(await openAccount(any(servers).service));
    const counts = { deposits: 0, reads: 0, ofOwn: 0, waited: 0, kills: 0 };
    const wrong: string[] = [];
    /** When deposits were acknowledged, by account: each is a version, beside those that nobody has heard of. */
    const history = new Map<string, number[]>(ids.map((id) => [id, []]));
    const newest = (id: string, before = Infinity): number =>
      1 + (history.get(id) ?? []).filter((at) => at <= before).length;
    const end = performance.now() + SECONDS * 1_000;

    const deposit = async (): Promise<void> => {
      const [id, server] = [any(ids), any(servers)];
      const { service, acknowledged } = server;
      const input = { transfers: [transfer(id, 'USDT', '1')] };
      const { recordTransfers } = await service.ask<Recorded>(DEPOSIT, { input });
      const count = (acknowledged.get(id) ?? 0) + 1;
      acknowledged.set(id, count);
      history.get(id)?.push(performance.now());
      const version = recordTransfers.accounts[0]?.version ?? 0;
      if (version < 1 + count) wrong.push(`a deposit answered version ${version} of at least ${1 + count}`);
      counts.deposits += 1;
      // At once: the server itself may not have read its change yet.
      await read(id, server);
    };
    const read = async (id = any(ids), server = any(servers)): Promise<void> => {
      const waits = Math.random() < 0.3;
      const own = 1 + (server.acknowledged.get(id) ?? 0);
      const started = performance.now();
      // A server that has just started has read the database.
      const everybody = newest(id, Math.max(started - LATEST_MS, Math.min(started, server.since)));
      const atLeast = waits ? newest(id) : null;
      const { account } = await server.service.ask<Answer>(QUERY, { id, atLeast });
      const { version, balances, margin } = account;
      const balance = Number(balances[0]?.quantity ?? 0);
      const least = Math.max(own, everybody, atLeast ?? 0);
      if (version < least) wrong.push(`version ${version} of at least ${least} (own ${own}, of all ${everybody})`);
      const parts = [balance, Number(margin.walletValue), margin.accountVersion - 1];
      if (parts.some((part) => part !== version - 1)) wrong.push(`version ${version} with ${parts.join(', ')}`);
      counts.reads += 1;
      if (own > 1) counts.ofOwn += 1;
      if (waits) counts.waited += 1;
    };
    // A server that is killed answers nothing.
    const again = async (work: () => Promise<void>, pause: number): Promise<void> => {
      while (performance.now() < end) {
        await work().catch((error: unknown) => {
          if (!/fetch failed|terminated|other side closed/.test(String(error))) throw error;
        });
        await wait(Math.random() * pause);
      }
    };
    const kill = async (): Promise<void> => {
      await wait(1_500);
      const victim = any(servers);
      const { port } = new URL(victim.process.url);
      await victim.process.kill();
      servers[servers.indexOf(victim)] = await start(port);
      counts.kills += 1;
    };
    await Promise.all([
      ...Array.from({ length: 3 }, () => again(deposit, 5)),
      ...Array.from({ length: 5 }, () => again(() => read(), 5)),
      again(kill, 0),
    ]);
    process.stdout.write(`${JSON.stringify(counts)}\n`);
    expect(wrong).toEqual([]);
    expect(counts.reads).toBeGreaterThan(100);
    expect(counts.ofOwn).toBeGreaterThan(20);
    expect(counts.kills).toBeGreaterThan(0);
  },
  60_000 + SECONDS * 2_000,
);
