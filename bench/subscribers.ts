/**
 * 10,000 subscribers, each of one account, every ratio moving on every tick: messages a second, against two bare servers
 * over `ws` in the same run. One calls `assessMargin` for each message and sends its JSON, the other one sends the same
 * bytes, made before. Servers run on one core, in turns, the clients on the other one.
 *
 *   npm run bench -- subscribers [--former FOLDER] [subscribers ...]
 *
 * --former: the bare server calls `assessMargin` of this checkout of a former version, built.
 */
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as yieldToEventLoop, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { WebSocket, WebSocketServer } from 'ws';

import { startApp } from '../src/app.js';
import { readConfig } from '../src/config.js';
import { globalId } from '../src/api/types/global-id.js';
import { assessMargin, type MarginReport } from '../src/margin/state/assess.js';
import { decimal, roundDown, roundUp, toPlain } from '../src/margin/decimal.js';
import type { AccountState, Market } from '../src/margin/model.js';
import { signToken } from '../src/platform/tokens.js';
import { openDatabase } from '../src/platform/database/database.js';
import { Rulebook } from '../src/policy/rulebook/rulebook.js';
import { readReferenceData } from '../src/policy/reference/reference-data.js';
import { storeReferenceData } from '../src/policy/reference/reference-store.js';
import { formerMargin, translated, translatedMarket } from './former.js';
import { INDEX, MARKS, accountId, accountInMemory, insertAccounts, quotes } from './portfolios.js';

const SECRET = 'a secret of the benchmark, and of nothing else';
const OWNER = 'subscriber';
/** Until the garbage of 10,000 handshakes is collected, and hot code is compiled. */
const WARM_MS = 10_000;
const MEASURED_MS = 10_000;
/** Alternately, since the speed of a shared machine varies; the medians are compared. */
const ROUNDS = 3;
/** Accounts of one owner, and sockets of one viewer: both far below any limit. */
const OWNERS = 500;
/** Connections that are opened at a time. */
const AT_A_TIME = 50;

type Kind = 'plimsoll' | 'assess' | 'bytes';

const QUERY = `subscription ($ids: [ID!]!) {
  marginRatioChanged(accountIds: $ids, minChange: "0") {
    sequence cause margin { status marginBalance maintenanceMargin marginRatio availableMargin }
  }
}`;

/** Two alternating prices that move every ratio. */
const TICKS = ['60000', '60001'];

// --- The servers, each in a process of its own ---

async function servePlimsoll(dataDir: string, subscribers: number): Promise<void> {
  const env = { DATA_DIR: dataDir, PORT: '0', HOST: '127.0.0.1', AUTH_SECRET: SECRET, DEMO: '0', LOG_LEVEL: 'error' };
  const config = readConfig({ ...env, PRICE_MAX_AGE: '3600' });
  await makeAccounts(dataDir, subscribers);
  const { url, services } = await startApp(config);
  await services.prices.publish(quotes());
  process.send?.({ url: url.replace('http', 'ws') });
  process.once('message', () => {
    void (async () => {
      for (let tick = 0; ; tick++) {
        const price = decimal(TICKS[tick % 2] ?? '0');
        const quote = { venue: 'BITGET', instrument: 'BTCUSDT', price, source: 'bench', at: new Date() };
        await services.prices.publish([quote]);
        // As fast as the loop follows: a tick waits until the one before was seen.
        await services.loop.idle();
        await yieldToEventLoop();
      }
    })();
  });
}

async function makeAccounts(dataDir: string, count: number): Promise<void> {
  const { db, close } = await openDatabase({ url: null, dataDir, poolSize: 2 });
  await storeReferenceData(db, await readReferenceData(readConfig({}).referenceFolders));
  await insertAccounts(
    (sql) => db.$executeRawUnsafe(sql),
    count,
    (number) => `'${OWNER}' || ${number} % ${OWNERS}`,
  );
  await close();
}

const NOW = { decimal, assessMargin, roundDown, roundUp, toPlain };
type Margin = typeof NOW;

/**
 * The same accounts, an object each as they are there (one for all would stay in the processor's caches), without
 * anything around `assessMargin`; or without even that.
 */
async function serveBare(dataDir: string, kind: 'assess' | 'bytes', former: string | undefined): Promise<void> {
  const margin =
    former === undefined ? NOW : await formerMargin<Margin>(former, ['decimal', 'assess'], (url) => import(url));
  const { db, close } = await openDatabase({ url: null, dataDir, poolSize: 2 });
  await storeReferenceData(db, await readReferenceData(readConfig({}).referenceFolders));
  const policy = translated((await Rulebook.load(db)).policy('BITGET', null, new Date()), margin.decimal);
  await close();
  const statesOf = (prices: Readonly<Record<string, string>>) =>
    new Map(Object.entries(prices).map(([symbol, text]) => [symbol, { price: decimal(text), stale: false }]));
  const marketAt = (price: string): Market => {
    const [indexes, marks] = [statesOf(INDEX), statesOf({ ...MARKS, BTCUSDT: price })];
    const market: Market = {
      index: (asset) => indexes.get(asset) ?? null,
      mark: (instrument) => marks.get(instrument) ?? null,
    };
    return translatedMarket(market, margin.decimal);
  };
  const account = (): AccountState => translated(accountInMemory(), margin.decimal);
  const assess = (held: AccountState, market: Market, sequence: number): string =>
    JSON.stringify(message(margin.assessMargin(held, market, policy), sequence, margin));
  const markets = TICKS.map(marketAt);
  const made = markets.map((market) => assess(account(), market, 1));
  const accounts = new WeakMap<WebSocket, AccountState>();
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (client) => accounts.set(client, account()));
  server.listen(0, '127.0.0.1', () => {
    const address = server.address() as { port: number };
    process.send?.({ url: `ws://127.0.0.1:${address.port}` });
  });
  process.once('message', () => {
    void (async () => {
      const market = (tick: number): Market => markets[tick % 2] as Market;
      for (let tick = 0; ; tick++) {
        let sent = 0;
        for (const client of sockets.clients) {
          const held = accounts.get(client);
          if (held === undefined) throw new Error('A client has no account.');
          client.send(kind === 'assess' ? assess(held, market(tick), tick) : (made[tick % 2] as string));
          if (++sent % 100 === 0) await yieldToEventLoop();
        }
        await yieldToEventLoop();
      }
    })();
  });
}

/** The payload of the subscription. */
function message(report: MarginReport, sequence: number, { toPlain, roundDown, roundUp }: Margin): unknown {
  const margin = {
    status: report.status,
    marginBalance: toPlain(roundDown(report.marginBalance)),
    maintenanceMargin: toPlain(roundUp(report.maintenanceMargin)),
    marginRatio: report.marginRatio === null ? null : toPlain(report.marginRatio),
    availableMargin: toPlain(roundDown(report.availableMargin)),
  };
  return { id: '1', type: 'next', payload: { data: { marginRatioChanged: { sequence, cause: 'PRICE', margin } } } };
}

// --- The clients ---

async function clientsOf(url: string, kind: Kind, subscribers: number): Promise<{ count(): number; close(): void }> {
  let received = 0;
  const sockets: WebSocket[] = [];
  const tokens = await Promise.all(
    Array.from({ length: OWNERS }, (_, owner) =>
      signToken(SECRET, { subject: `${OWNER}${owner}`, roles: ['TRADER'] }, { validSeconds: 3_600 }),
    ),
  );
  const connect = async (index: number): Promise<void> => {
    const socket = new WebSocket(kind === 'plimsoll' ? `${url}/graphql` : url, 'graphql-transport-ws');
    sockets.push(socket);
    socket.on('message', () => (received += 1));
    await once(socket, 'open');
    if (kind !== 'plimsoll') return;
    const authorization = `Bearer ${tokens[index % OWNERS]}`;
    const id = globalId('Account', accountId(index));
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
    await once(socket, 'message');
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: QUERY, variables: { ids: [id] } } }));
  };
  for (let index = 0; index < subscribers; index += AT_A_TIME) {
    await Promise.all(
      Array.from({ length: Math.min(AT_A_TIME, subscribers - index) }, (_, each) => connect(index + each)),
    );
  }
  await sleep(1_000);
  return {
    count: () => received,
    close: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

async function measure(kind: Kind, subscribers: number, former: string[]): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), `plimsoll-bench-${randomUUID().slice(0, 8)}-`));
  const child: ChildProcess = fork(
    fileURLToPath(import.meta.url),
    ['serve', kind, dataDir, String(subscribers), ...former],
    {
      // As an image of it runs: graphql-js leaves checks out that are for development.
      env: { ...process.env, NODE_ENV: 'production' },
    },
  );
  pin(child.pid ?? 0, 0);
  try {
    const [{ url }] = (await once(child, 'message')) as [{ url: string }];
    const clients = await clientsOf(url, kind, subscribers);
    child.send('go');
    await sleep(WARM_MS);
    const [before, started] = [clients.count(), performance.now()];
    await sleep(MEASURED_MS);
    const rate = ((clients.count() - before) / (performance.now() - started)) * 1_000;
    clients.close();
    return rate;
  } finally {
    child.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** One core for the server and another for the clients, where the system allows it. */
function pin(pid: number, core: number): void {
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
}

const [mode, kind, folder, count, formerFolder] = process.argv.slice(2);
if (mode === 'serve') {
  if (kind === 'plimsoll') await servePlimsoll(folder ?? '', Number(count));
  else await serveBare(folder ?? '', kind as 'assess' | 'bytes', formerFolder);
} else {
  pin(process.pid, 1);
  const { values, positionals } = parseArgs({ options: { former: { type: 'string' } }, allowPositionals: true });
  const former = values.former === undefined ? [] : [values.former];
  const sizes = positionals.map(Number);
  console.log('Messages a second to subscribers of one account each; servers on one core, clients on another.');
  for (const subscribers of sizes.length > 0 ? sizes : [10_000]) {
    const rates: Record<Kind, number[]> = { plimsoll: [], assess: [], bytes: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const kind of ['plimsoll', 'assess', 'bytes'] as const) {
        rates[kind].push(await measure(kind, subscribers, former));
      }
    }
    const row = (kind: Kind): object => ({
      'a second, each round': rates[kind].map(Math.round).join(', '),
      'to it': rates[kind].map((rate, round) => ((rates.plimsoll[round] ?? 0) / rate).toFixed(2)).join(', '),
      'to it, of the medians': (median(rates.plimsoll) / median(rates[kind])).toFixed(2),
    });
    console.table({
      'marginRatioChanged over graphql-transport-ws': row('plimsoll'),
      [`bare ws, ${former.length === 0 ? '' : 'former '}assessMargin and JSON for each`]: row('assess'),
      'bare ws, the same bytes': row('bytes'),
    });
  }
  process.exit(0);
}
