/** What looks at every account is paid for by their number, before it runs; what was done before is not paid for again. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { post } from '../../support/services/raw.js';
import { openAccount, publishPrices, recordTransfers, transfer } from '../../support/calls/venue-system.js';

interface CostAnswer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly extensions: { readonly code: string; readonly cost?: number } }[];
  readonly extensions?: { readonly cost: number };
}

const QUESTIONS: readonly [field: string, query: string, scalars: number, accountsPerUnit: number][] = [
  [
    'previewCollateralRatios',
    '{ previewCollateralRatios(changes: [{ venue: "BITGET", asset: "BTC", ratio: "0.9" }]) { notionalAtRisk } }',
    1,
    15,
  ],
  ['riskOverview', '{ riskOverview(venue: "BITGET") { shortfall } }', 1, 50],
  ['accounts by risk', '{ accounts(first: 1, orderBy: RISK_DESC) { nodes { id } } }', 1, 50],
  ['accounts of a status', '{ accounts(first: 1, where: { status: [NO_EXPOSURE] }) { nodes { id } } }', 1, 50],
];

const [FEW, MANY] = [12, 9_000];
const MINUTE = 100 + MANY / 15;

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp({ env: { LIMIT_COST_PER_MINUTE: String(MINUTE), LIMIT_COST: String(MINUTE) } });
  service = await app.as('venue', 'SERVICE');
  for (let count = 0; count < FEW; count += 1) await openAccount(service);
  await app.app.services.loop.idle();
});

afterAll(() => app.close());

async function ask(api: Api, query: string, variables: object = {}): Promise<CostAnswer> {
  return JSON.parse((await post(api, query, variables)).text) as CostAnswer;
}

function admin(): Promise<Api> {
  return app.as(`admin ${randomUUID()}`, 'ADMIN');
}

/** So much of the viewer's minute, by pages of ids. */
async function spend(api: Api, cost: number): Promise<void> {
  const pages = Array.from({ length: Math.ceil(cost / 100) }, (_none, index) => {
    return `a${index}: accounts(first: ${Math.min(100, cost - index * 100)}) { nodes { id } }`;
  });
  expect((await ask(api, `{ ${pages.join(' ')} }`)).extensions?.cost).toBe(cost);
}

/** How often the columns of accounts are looked at meanwhile. */
async function looksDuring(work: () => Promise<unknown>): Promise<number> {
  const { columns } = app.app.services.loop.accounts;
  // What looks at an account calls one of these.
  const spies = [jest.spyOn(columns, 'crossOf'), jest.spyOn(columns, 'ruleSetOf')];
  try {
    await work();
    return Math.max(...spies.map(({ mock }) => mock.calls.length));
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('an account by its key', () => {
  const OPEN = `mutation ($input: OpenAccountInput!, $more: OpenAccountInput!) {
    first: openAccount(input: $input) { account { id } } second: openAccount(input: $more) { account { id } } }`;
  const ONE = `mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id } } }`;
  const input = (): object => ({ name: 'x', owner: 'alice', venue: 'BITGET', idempotencyKey: randomUUID() });

  it('is paid for once, and its answer each time', async () => {
    const [root, mine] = [await admin(), input()];
    const first = await ask(root, ONE, { input: mine });
    expect(first.extensions?.cost).toBe(21);
    // As often as the whole cost would fit into the minute three times over.
    for (let count = 0; count < (3 * MINUTE) / 21; count += 1) {
      const again = await ask(root, ONE, { input: mine });
      expect(again).toEqual({ ...first, extensions: { cost: 1 } });
    }
    expect((await ask(root, ONE, { input: input() })).extensions?.cost).toBe(21);
  });

  it('is paid for each time that another one is opened', async () => {
    const root = await admin();
    const costs: (number | undefined)[] = [];
    for (let count = 0; count <= MINUTE / 21; count += 1) {
      const { extensions } = await ask(root, ONE, { input: input() });
      costs.push(extensions?.cost);
    }
    expect(costs.slice(0, -1).every((cost) => cost === 21)).toBe(true);
    expect(costs.at(-1)).toBeUndefined();
  });

  it('is paid for where another one of the same operation was opened before', async () => {
    const [root, mine] = [await admin(), input()];
    expect((await ask(root, OPEN, { input: mine, more: input() })).extensions?.cost).toBe(42);
    expect((await ask(root, OPEN, { input: mine, more: input() })).extensions?.cost).toBe(22);
    expect((await ask(root, OPEN, { input: mine, more: mine })).extensions?.cost).toBe(2);
  });

  it('is answered again when the minute is spent but for its answer', async () => {
    const [root, mine] = [await admin(), input()];
    const first = await ask(root, ONE, { input: mine });
    await spend(root, MINUTE - 21 - 2);
    expect((await ask(root, ONE, { input: input() })).errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    expect(await ask(root, ONE, { input: mine })).toEqual({ ...first, extensions: { cost: 1 } });
  });

  it('of another viewer is another one, and paid for', async () => {
    const mine = input();
    for (const root of [await admin(), await admin()]) {
      expect((await ask(root, ONE, { input: mine })).extensions?.cost).toBe(21);
    }
  });

  it('cannot contain what the database cannot keep', async () => {
    const refused = `mutation ($input: OpenAccountInput!) { openAccount(input: $input) { errors { code } } }`;
    const { data } = await ask(await admin(), refused, { input: { ...input(), idempotencyKey: 'a\0' } });
    expect(data).toEqual({ openAccount: { errors: [{ code: 'INVALID_INPUT' }] } });
  });
});

describe.each([
  ['few', FEW],
  ['many', MANY],
])('with %s accounts', (_what, accounts) => {
  beforeAll(() => {
    const { loop } = app.app.services;
    // Those of this server's memory count, and they are looked at.
    for (const at = new Date(); loop.accounts.size < accounts;) {
      const held = ['MULTI_ASSET', 'ONE_WAY', ['BTC', '1'], [], [], [], []] as const;
      loop.accounts.put([randomUUID(), 1, 'BITGET', null, 'x', 'alice', '', '', held, null], at);
    }
  });

  it.each(QUESTIONS)('%s costs by their number', async (_field, query, scalars, accountsPerUnit) => {
    const root = await admin();
    const known = app.app.services.loop.accounts.size;
    let answer: CostAnswer = {};
    const looks = await looksDuring(async () => (answer = await ask(root, query)));
    expect(answer.errors).toBeUndefined();
    expect(answer.extensions?.cost).toBe(scalars + Math.ceil(known / accountsPerUnit));
    expect(looks).toBeGreaterThanOrEqual(known);
  });

  it.each(QUESTIONS)('%s is refused before it runs once the minute is spent', async (_field, query, scalars, per) => {
    const root = await admin();
    const cost = scalars + Math.ceil(app.app.services.loop.accounts.size / per);
    // Leaves less than the question costs, or a little more than nothing.
    await spend(root, MINUTE - Math.min(cost - 1, 90));
    let answer: CostAnswer = {};
    const looks = await looksDuring(async () => (answer = await ask(root, query)));
    expect(answer).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED', cost } }] });
    expect(answer.data ?? null).toBeNull();
    expect(looks).toBe(0);
  });

  it('tells no trader how many there are', async () => {
    const trader = await app.as('alice', 'TRADER');
    for (const [, query, scalars] of QUESTIONS) {
      const answer = await ask(trader, query);
      expect(answer.extensions?.cost).toBe(scalars);
    }
  });

  it('a change of a ratio is paid for by their number, and not again when it is answered again', async () => {
    const root = await admin();
    const history = '{ collateralRatioHistory(venue: "BITGET", asset: "BTC", first: 1) { nodes { version } } }';
    const { data } = await ask(root, history);
    const expectedVersion = (data as { collateralRatioHistory: { nodes: { version: number }[] } })
      .collateralRatioHistory.nodes[0]?.version;
    const fixed = { venue: 'BITGET', asset: 'BTC', ratio: accounts === FEW ? '0.9' : '0.85', reason: 'x', force: true };
    const input = { ...fixed, expectedVersion, idempotencyKey: randomUUID() };
    const query = `mutation ($input: ChangeCollateralRatioInput!) {
      changeCollateralRatio(input: $input) { collateralRatio { version } } }`;
    const work = 20 + Math.ceil(app.app.services.loop.accounts.size / 15);
    const place = jest.spyOn(app.app.services.loop.accounts, 'placeOf');
    const first = await ask(root, query, { input });
    expect(first.errors).toBeUndefined();
    expect(first.extensions?.cost).toBe(work + 1);
    const computed = place.mock.calls.length;
    expect(computed).toBeGreaterThan(0);
    const again = await ask(root, query, { input });
    expect(again).toEqual({ ...first, extensions: { cost: 1 } });
    expect(place.mock.calls.length).toBe(computed);
    place.mockRestore();
  });
});

describe('accounts that are nearest to liquidation', () => {
  it('are those that hold an asset, read in one look at all, where one is named', async () => {
    const id = await openAccount(service, { name: 'Holds ETH' });
    await publishPrices(service, { ETH: '1500' });
    await recordTransfers(service, transfer(id, 'ETH', '1'));
    await app.app.services.loop.idle();
    const query = '{ accounts(first: 5, where: { asset: "ETH" }, orderBy: RISK_DESC) { nodes { name } } }';
    let answer: CostAnswer = {};
    const looks = await looksDuring(async () => (answer = await ask(service, query)));
    expect(answer.data).toEqual({ accounts: { nodes: [{ name: 'Holds ETH' }] } });
    expect(looks).toBeLessThan(3 * app.app.services.loop.accounts.size);
  });
});
