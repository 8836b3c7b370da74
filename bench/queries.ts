/**
 * CPU time of the server for a query, and queries a second: the product against a former version of it, and against small
 * servers on its own tables (bench/peers). All run at the same time, each on the same core, and are asked in turns by
 * another process, on another core. Answers are compared as text first.
 *
 *   DATABASE_URL=postgresql://... npm run bench -- queries [--former FOLDER] [--sizes 1000,100000] [--concurrency 1,16,64]
 *     [--rows page,margin] [--turns 5] [--seconds 2]
 *
 * --former: the folder of a checkout of a former version, built.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { signToken } from '../src/platform/tokens.js';
import { OWNER, SECRET, cpuOf, onCore, openWorld, type Contestant, type Name } from './contestants.js';
import { requestFor, send, type Load, type Loaded } from './load.js';
import { INDEX, MARKS } from './portfolios.js';

const MARGIN = `margin {
  status walletValue collateralValue unrealizedPnl marginBalance initialMargin maintenanceMargin availableMargin
  marginRatio healthFactor`;
const PLAIN = 'id name owner collateralMode positionMode openedAt venue { code name }';
const FULL = `${PLAIN} ${MARGIN} collateral { asset { symbol } quantity indexPrice value collateralValue } }
  positions {
    id side size entryPrice markPrice notional leverage unrealizedPnl initialMargin maintenanceMargin
    instrument { symbol } liquidationPrice { price otherPrice reason }
  }`;
const account = (fields: string): string => `query Account($id: ID!) { account(id: $id) { ${fields} } }`;
const list = (fields: string): string => `{ accounts(first: 20) { nodes { ${fields} } pageInfo { hasNextPage } } }`;

interface Row {
  readonly key: string;
  readonly what: string;
  readonly query: string;
  /** Prices change each second. */
  readonly moving: boolean;
  readonly contestants: readonly Name[];
  /** What the CPU time against another may be at most; of several the one that needs least. */
  readonly limits: readonly (readonly [others: readonly Name[], most: number])[];
}

const PAIR = ['plimsoll', 'former'] as const;
const PEERS = ['prisma', 'sql'] as const;
const ALL = [...PAIR, ...PEERS, 'floor'] as const;
const page = { key: 'page', query: account(FULL), contestants: PAIR };
const full = { key: 'full', query: list(FULL), contestants: PAIR };
const ROWS: readonly Row[] = [
  { ...page, what: 'account page, prices still', moving: false, limits: [[['former'], 0.2]] },
  { ...page, what: 'account page, prices moving', moving: true, limits: [[['former'], 0.3]] },
  {
    ...{ key: 'margin', what: 'margin of one account', query: account(`id ${MARGIN} }`), moving: false },
    ...{ contestants: [...PAIR, ...PEERS], limits: [[PEERS, 0.5]] },
  },
  {
    ...{ key: 'plain', what: 'plain account', query: account(PLAIN), moving: false, contestants: ALL },
    limits: [
      [PEERS, 0.6],
      [['floor'], 1.3],
    ],
  },
  {
    ...{ key: 'list', what: 'list of 20, plain', query: list(PLAIN), moving: false, contestants: ALL },
    limits: [[PEERS, 1]],
  },
  { ...full, what: 'list of 20, full, prices still', moving: false, limits: [[['former'], 0.12]] },
  { ...full, what: 'list of 20, full, prices moving', moving: true, limits: [[['former'], 0.3]] },
  {
    ...{ key: 'typename', what: '{ __typename }', query: '{ __typename }', moving: false, contestants: ALL },
    limits: [[['former'], 0.5]],
  },
];

const { values: options } = parseArgs({
  options: {
    former: { type: 'string' },
    sizes: { type: 'string', default: '1000,100000' },
    concurrency: { type: 'string', default: '1,16,64' },
    rows: { type: 'string', default: ROWS.map(({ key }) => key).join(',') },
    turns: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
  },
});
const numbers = (text: string): number[] => text.split(',').map(Number);
const milliseconds = Number(options.seconds) * 1_000;
/** Accounts whose answers are compared. */
const COMPARED = 20;
const MAX_OWNERS = 1_000;
const ACCOUNTS_OF_AN_OWNER = 50;

/** The prices of a second; still ones are those of second 0. */
function quotesOf(second: number): object[] {
  const [at, source] = [new Date().toISOString(), 'bench'];
  const moved = (price: string): string => (Number(price) * (1 + (second % 7) * 0.0001)).toFixed(4);
  return [
    ...Object.entries(INDEX).map(([asset, price]) => ({ asset, price: moved(price), source, at })),
    ...Object.entries(MARKS).map(([instrument, mark]) => {
      return { venue: 'BITGET', instrument, price: moved(mark), source, at };
    }),
  ];
}

const PUBLISH = 'mutation ($quotes: [QuoteInput!]!) { publishPrices(input: { quotes: $quotes }) { accepted } }';
const service = await signToken(SECRET, { subject: 'prices', roles: ['SERVICE'] }, { validSeconds: 86_400 });

async function publish({ url }: Contestant, second: number): Promise<void> {
  const quotes = quotesOf(second);
  const answer = await send(url, service, JSON.stringify({ query: PUBLISH, variables: { quotes } }));
  if (!answer.includes(`"accepted":${quotes.length}`)) throw new Error(`The prices were not taken: ${answer}`);
}

/** Throws where another server answers anything but what the product does. */
async function compare(
  contestants: readonly Contestant[],
  load: Pick<Load, 'query' | 'tokens' | 'accounts'>,
): Promise<void> {
  for (let index = 0; index < COMPARED; index++) {
    const request = requestFor(Math.floor((index * load.accounts) / COMPARED), load);
    const answers = await Promise.all(contestants.map(({ url }) => send(url, ...request)));
    // The product adds the cost.
    const [own, ...others] = answers.map((answer) => {
      const { data, errors } = JSON.parse(answer) as { data: unknown; errors?: unknown };
      return JSON.stringify({ data, errors });
    });
    for (const [place, other] of others.entries()) {
      if (other !== own) throw new Error(`${contestants[place + 1]?.name} answers ${other}, and not ${own}.`);
    }
  }
}

interface Measured {
  readonly cpu: number;
  readonly rate: number;
}

async function turn(loader: ChildProcess, contestant: Contestant, load: Load, moving: boolean): Promise<Measured> {
  let second = 1;
  if (moving) await publish(contestant, second);
  const prices = moving ? setInterval(() => void publish(contestant, ++second), 1_000) : null;
  const before = cpuOf(contestant);
  loader.send(load);
  const [{ requests, failure, milliseconds: took }] = (await once(loader, 'message')) as [Loaded];
  const cpu = (cpuOf(contestant) - before) / requests;
  if (prices !== null) clearInterval(prices);
  if (failure !== null) throw new Error(`${contestant.name} answered ${failure}`);
  return { cpu, rate: (requests / took) * 1_000 };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** Medians of the ratios of each turn. */
function shown(row: Row, measured: ReadonlyMap<Name, readonly Measured[]>): Record<string, string> {
  const own = measured.get('plimsoll') ?? [];
  const cells: Record<string, string> = {};
  const ratios = new Map<Name, number>();
  for (const [name, turns] of measured) {
    cells[name] =
      `${median(turns.map(({ cpu }) => cpu)).toFixed(3)} ms, ${Math.round(median(turns.map(({ rate }) => rate)))}/s`;
    ratios.set(name, median(own.map(({ cpu }, index) => cpu / (turns[index]?.cpu ?? NaN))));
  }
  const against = row.limits.flatMap(([others, most]) => {
    const known = others.flatMap((name) => ratios.get(name) ?? []);
    const best = others.find((name) => ratios.get(name) === Math.max(...known));
    return best === undefined ? [] : `${Math.max(...known).toFixed(2)} of ${best} (${most})`;
  });
  return { ...cells, 'CPU, ratio (at most)': against.join('; ') };
}

async function measure(accounts: number): Promise<void> {
  const owners = Math.min(MAX_OWNERS, Math.ceil(accounts / ACCOUNTS_OF_AN_OWNER));
  const tokens = await Promise.all(
    Array.from({ length: owners }, (_, owner) =>
      signToken(SECRET, { subject: `${OWNER}${owner}`, roles: ['TRADER'] }, { validSeconds: 86_400 }),
    ),
  );
  const world = await openWorld(accounts, owners, options.former ?? null);
  const [command = '', ...args] = [...onCore(1), process.execPath, fileURLToPath(new URL('load.js', import.meta.url))];
  const loader = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    const table: Record<string, object> = {};
    for (const row of ROWS.filter(({ key }) => options.rows.split(',').includes(key))) {
      const contestants = world.contestants.filter(({ name }) => row.contestants.includes(name));
      for (const concurrency of numbers(options.concurrency)) {
        const load: Load = { url: '', query: row.query, accounts, tokens, concurrency, milliseconds };
        for (const each of world.contestants) if (isProduct(each)) await publish(each, 0);
        // Peers read prices once a second.
        await sleep(2_000);
        await compare(contestants, load);
        const measured = new Map<Name, Measured[]>(contestants.map(({ name }) => [name, []]));
        // The first turn warms up.
        for (let index = 0; index <= Number(options.turns); index++) {
          for (const contestant of contestants) {
            const result = await turn(loader, contestant, { ...load, url: contestant.url }, row.moving);
            if (index > 0) measured.get(contestant.name)?.push(result);
          }
        }
        table[`${row.what}; ${concurrency} at once`] = shown(row, measured);
      }
    }
    console.log(
      `\n${accounts.toLocaleString('en')} accounts: CPU time of the server for a query, and queries a second.`,
    );
    console.table(table);
  } finally {
    loader.kill();
    await world.close();
  }
}

function isProduct({ name }: Contestant): boolean {
  return name === 'plimsoll' || name === 'former';
}

if (process.env['DATABASE_URL'] === undefined || process.platform !== 'linux') {
  console.log('Queries: not measured, since that needs DATABASE_URL, and /proc of Linux.');
} else {
  console.log(`Node ${process.version} on ${cpus().length} of ${cpus()[0]?.model ?? 'unknown processors'}.`);
  for (const size of numbers(options.sizes)) await measure(size);
}
process.exit(0);
