/**
 * Whatever comes from whomever: operations made of the schema at random, as they could be meant and broken in every way
 * that came to mind, over all transports. No answer says that the server has failed, none shows what is another
 * trader's, and what is left behind is right. FUZZ_RUNS=20000 for a long run; FUZZ_SEED to make the same operations again.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { OperationTypeNode } from 'graphql';

import { globalId } from '../../../src/api/types/global-id.js';
import type { Api } from '../../support/services/api.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { Counts, Watch } from '../../support/fuzz/fuzz-tally.js';
import { tell, transportFor, type Report } from '../../support/fuzz/fuzz-transports.js';
import { fuzzedCallers, learn, mayCall, type FuzzedCaller } from '../../support/fuzz/fuzzed-callers.js';
import { publishedSchema, rootFields } from '../../support/fuzz/generated-operations.js';
import { MUTATIONS } from '../../support/fuzz/mutated-operations.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { RandomOperations, diceOf, pick, type FuzzedRequest } from '../../support/fuzz/random-operations.js';
import { wrongBalances } from '../../support/calls/trader-calls.js';
import type { TransportName } from '../../support/services/transports.js';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150);
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 1e9));
const AT_A_TIME = 5;
const LOOKS = 40;
/** From which on memory has settled. */
const LONG_RUN = 5_000;
/** Of the memory in the second quarter of a long run, at most that much in the last. */
const GROWTH = 1.15;

/** All of the contract, but those that say that the server has failed; the bound by the minute is out of reach here. */
const CODES = [
  ...['UNAUTHENTICATED', 'FORBIDDEN', 'BAD_USER_INPUT', 'GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED'],
  ...['LIMIT_EXCEEDED', 'OPERATION_NOT_SUPPORTED'],
];
/** As in refused-input.ts: nothing of the program, the database or the machine; but "must select" is of the language. */
const INTERNALS =
  /prisma|postgres|pglite|select .* from|insert into|node_modules|\.ts\b|\.js\b|\(.*:\d+:\d+\)|file:|stacktrace|Something went wrong/i;
/** In what the server prints: errors and warnings of its own, of its libraries, of Node. */
const COMPLAINT = /"level":[56]0|error|unhandled|uncaught|warning/i;
/** A WebSocket may be closed for what was sent on it: no message of the protocol, or one too long. */
const CLOSINGS = [4400, 1009];

const VALID = 'valid';
const REFUSED = 'not for the caller';

interface Attempt {
  readonly caller: FuzzedCaller;
  /** One of the two above, or the first mutation. */
  readonly kind: string;
  readonly transport: TransportName;
  readonly request: FuzzedRequest;
}

const schema = publishedSchema();
const roots = rootFields(schema);

let database: TestDatabase;
let server: ServerProcess;
let callers: readonly FuzzedCaller[];
let watch: Watch;
const counts = new Counts();
const faults: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startServerProcess({
    ...database.env,
    // So that neither many operations nor a slow machine is a reason to refuse one.
    ...{ LIMIT_COST_PER_MINUTE: '1000000000', LIMIT_OPERATION_SECONDS: '600' },
    ...{ PRICE_MAX_AGE: '86400', LOG_LEVEL: 'warn' },
    // V8 collects garbage as late as it may, so that without a bound memory would say nothing of leaks.
    NODE_OPTIONS: '--max-old-space-size=200',
  });
  callers = await fuzzedCallers(server.url);
  const admin = callers.find(({ role }) => role === 'ADMIN')?.api as Api;
  watch = new Watch(admin, server.child.pid);
});

/** Of a process that has ended there is no end to be waited for. */
async function stop(): Promise<void> {
  if (server.child.exitCode === null && server.child.signalCode === null) await server.kill();
}

afterAll(async () => {
  await stop();
  await database.drop();
});

const begun = Date.now();

function attemptOf(index: number): Attempt {
  const dice = diceOf(SEED ^ Math.imul(index + 1, 0x9e3779b1));
  const caller = callers[index % callers.length] as FuzzedCaller;
  const allowed = roots.filter((root) => mayCall(caller, root));
  const isRefused = allowed.length === 0 || dice(12) === 0;
  const drawn = isRefused ? roots.filter((root) => !allowed.includes(root)) : allowed;
  const queries = drawn.filter(({ operation }) => operation === OperationTypeNode.QUERY);
  // As many mutations as queries, whoever has how many of them.
  const wanted = pick(dice, [OperationTypeNode.QUERY, OperationTypeNode.MUTATION, ...Object.values(OperationTypeNode)]);
  const ofKind = drawn.filter(({ operation }) => operation === wanted);
  const operations = new RandomOperations(schema, dice, { ...caller, now: begun });
  const draw = (): FuzzedRequest => {
    const beside = queries.length > 0 && dice(4) === 0 ? 1 + dice(3) : 0;
    return operations.of(
      pick(dice, ofKind.length > 0 ? ofKind : drawn),
      Array.from({ length: beside }, () => pick(dice, queries)),
    );
  };
  const meant = draw();
  const mutations = dice(3) === 0 ? 0 : dice(3) === 0 ? 1 + dice(3) : 1;
  const names = Array.from({ length: mutations }, () => pick(dice, Object.keys(MUTATIONS)));
  const accounts = callers.flatMap(({ places }) => places.map(({ accountId }) => accountId));
  const ids = [...accounts, ...callers.flatMap(({ known }) => [...known.values()].flat())];
  const request = names.reduce(
    (made, name) => MUTATIONS[name]?.(made, { schema, dice, other: draw(), ids }) ?? made,
    meant,
  );
  const kind = names[0] ?? (isRefused ? REFUSED : VALID);
  return { caller, kind, transport: transportFor(request.query, dice), request };
}

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

/** What became of it, for the count: its first code, or "data". */
function outcomeOf({ answers, closed }: Report): string {
  if (closed !== null) return `closed with ${closed}`;
  const [first] = answers.map((text) => JSON.parse(text) as Answer);
  if (first === undefined) return 'silent';
  return first.errors === undefined ? 'data' : (first.errors[0]?.extensions?.code ?? 'no code');
}

function faultsOf({ caller, kind, request }: Attempt, { status, answers, closed }: Report): string[] {
  const faults: string[] = [];
  if (status >= 500) faults.push(`status ${status}`);
  if (closed !== null && !CLOSINGS.includes(closed)) faults.push(`closed with ${closed}`);
  const sent = JSON.stringify(request);
  for (const text of answers) {
    const { data, errors = [] } = JSON.parse(text) as Answer;
    // Nobody has made a version that is waited for in vain.
    const meant = errors.filter(({ message }) => !/^Expected version \d+ of the account/.test(message));
    const codes = meant.map(({ extensions }) => extensions?.code ?? 'no code');
    faults.push(...codes.filter((code) => !CODES.includes(code)));
    const internals = INTERNALS.exec(JSON.stringify(errors));
    if (internals !== null) faults.push(`tells ${internals[0]}`);
    // What somebody has sent may be repeated to him.
    const shown = caller.secrets.filter((secret) => text.includes(secret) && !sent.includes(secret));
    faults.push(...shown.map((secret) => `shows ${secret}`));
    if (kind === REFUSED && Object.values(data ?? {}).some((each) => each !== null)) faults.push('is not refused');
  }
  return faults;
}

async function send(index: number, attempts: readonly Attempt[]): Promise<void> {
  const reports = await Promise.all(
    attempts.map(({ transport, caller, request }) => tell(transport, caller.api, request)),
  );
  attempts.forEach((attempt, each) => {
    const answered = reports[each] as Report;
    const { kind, caller, transport, request } = attempt;
    learn(caller, answered.answers);
    counts.add(kind, outcomeOf(answered));
    counts.add(`over ${transport}`, outcomeOf(answered));
    const found = faultsOf(attempt, answered);
    if (found.length === 0) return;
    const what = `operation ${index + each} of seed ${SEED}, ${kind}, of ${caller.name} over ${transport}`;
    const answers = answered.answers.join('\n').slice(0, 2_000);
    faults.push(`${what}: ${found.join(', ')}\n${JSON.stringify(request)}\n${answers}`);
  });
}

it(
  `answers ${RUNS} operations of seed ${SEED} as the contract says`,
  async () => {
    for (let index = 0; index < RUNS; index += AT_A_TIME) {
      if (index % (Math.ceil(RUNS / LOOKS / AT_A_TIME) * AT_A_TIME) === 0) await watch.look();
      const size = Math.min(AT_A_TIME, RUNS - index);
      await send(
        index,
        Array.from({ length: size }, (_, each) => attemptOf(index + each)),
      );
    }
    await watch.look();
    const numbers = `Seed ${SEED}\n${counts.toString()}\nMB: ${watch.megabytes.join(' ')}\n`;
    if (process.env['FUZZ_RUNS'] !== undefined) process.stdout.write(numbers);
    expect(faults.slice(0, 10)).toEqual([]);
    // What is meant well is answered, or all of this says nothing.
    expect(counts.share(VALID, 'data')).toBeGreaterThan(0.5);
  },
  60_000 + RUNS * 100,
);

it('is as well afterwards as before', async () => {
  expect(server.child.exitCode).toBeNull();
  expect(await (await fetch(`${server.url}/readyz`)).json()).toMatchObject({ status: 'ok' });
  const complaints = server
    .output()
    .split('\n')
    .filter((line) => COMPLAINT.test(line));
  expect(complaints.slice(0, 10)).toEqual([]);
  if (RUNS >= LONG_RUN && watch.megabytes.length > 0) {
    expect(watch.inQuarter(4)).toBeLessThan(watch.inQuarter(2) * GROWTH);
  }
});

it('has kept every balance the sum of its entries', async () => {
  await stop();
  const { db, close } = await database.open();
  expect(await wrongBalances(db)).toBe(0);
  const stored = new Map((await db.account.findMany()).map(({ id, version }) => [globalId('Account', id), version]));
  const lost = [...watch.versions].filter(([id, version]) => (stored.get(id) ?? 0) < version);
  expect([watch.fallen, lost]).toEqual([[], []]);
  // A long run has left ledger entries, beside those of what the traders were given; a short one almost always.
  const made = await db.ledgerEntry.count({ where: { reference: { startsWith: 'made-' } } });
  expect(made).toBeGreaterThanOrEqual(Math.floor(RUNS / 1_000));
  await close();
});
