/** Pages of what happened in an account: each against a plain choice from everything that there is. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { tryAccount } from '../../support/calls/account-reader.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import { fill, openAccount, recordFills, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly at: string;
  readonly asset?: { readonly symbol: string };
  readonly instrument?: { readonly symbol: string } | null;
  readonly acknowledgedAt?: string | null;
}

interface Connection {
  readonly edges: readonly { readonly cursor: string; readonly node: Row }[];
  readonly pageInfo: Readonly<Record<'hasNextPage' | 'hasPreviousPage', boolean>>;
}

/** What is asked, beside the cursors, which are places in the whole list. */
interface Asked {
  readonly first: number | null;
  readonly last: number | null;
  readonly after: number | null;
  readonly before: number | null;
  readonly from: number | null;
  readonly to: number | null;
  readonly kinds: readonly string[] | null;
  readonly asset: string | null;
  readonly instrument: string | null;
  readonly acknowledged: boolean | null;
}

interface List {
  readonly fields: string;
  /** Arguments beside those of every list, with what each may be. */
  readonly kinds: readonly string[];
  readonly assets: readonly string[];
  readonly instruments: readonly string[];
  readonly acknowledged: readonly boolean[];
}

const LISTS: Readonly<Record<string, List>> = {
  ledger: {
    fields: 'id kind at asset { symbol } instrument { symbol }',
    kinds: ['DEPOSIT', 'WITHDRAWAL', 'FEE', 'REALIZED_PNL'],
    assets: ['USDT', 'BTC'],
    instruments: ['BTCUSDT', 'ETHUSDT'],
    acknowledged: [],
  },
  fills: {
    fields: 'id kind at: recordedAt instrument { symbol }',
    kinds: ['TRADE', 'ADL', 'LIQUIDATION'],
    assets: [],
    instruments: ['BTCUSDT', 'ETHUSDT'],
    acknowledged: [],
  },
  alerts: {
    fields: 'id kind at acknowledgedAt',
    kinds: ['STATUS_CHANGED', 'RULE_FIRED'],
    assets: [],
    instruments: [],
    acknowledged: [true, false],
  },
};

let app: TestApp;
let service: Api;
let alice: Api;
let id: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  for (let n = 0; n < 6; n += 1) {
    await recordTransfers(service, transfer(id, 'USDT', '1000'), transfer(id, 'BTC', '1'), transfer(id, 'BTC', '-1'));
    const kind = (['TRADE', 'ADL', 'LIQUIDATION'] as const)[n % 3] ?? null;
    await recordFills(
      service,
      fill(id, 'BTCUSDT', n % 2 === 0 ? 'BUY' : 'SELL', '0.01', '20000', { fee: '1', kind }),
      fill(id, 'ETHUSDT', n % 2 === 0 ? 'BUY' : 'SELL', '0.1', '1500', { fee: '0.5' }),
    );
    const last = await storeAlerts(app.app.services.db, [uuidOf(id)], {
      kind: n % 2 === 0 ? 'STATUS_CHANGED' : 'RULE_FIRED',
    });
    if (n % 3 === 0)
      await app.app.services.db.$executeRaw`UPDATE risk_alerts SET acknowledged_at = now() WHERE seq = ${last}`;
  }
});

afterAll(() => app.close());

const TYPES = '$first: Int, $last: Int, $after: String, $before: String, $from: DateTime, $to: DateTime';

async function page(list: string, variables: Readonly<Record<string, unknown>>): Promise<Connection> {
  const { fields, kinds, assets, instruments, acknowledged } = LISTS[list] ?? fail(list);
  const own = [
    ...(kinds.length > 0 ? ['kinds'] : []),
    ...(assets.length > 0 ? ['asset'] : []),
    ...(instruments.length > 0 ? ['instrument'] : []),
    ...(acknowledged.length > 0 ? ['acknowledged'] : []),
  ];
  const enumOf: Readonly<Record<string, string>> = { ledger: 'LedgerKind', fills: 'FillKind', alerts: 'RiskAlertKind' };
  const typeOf: Readonly<Record<string, string>> = { kinds: `[${enumOf[list]}!]`, acknowledged: 'Boolean' };
  const names = ['first', 'last', 'after', 'before', 'from', 'to', ...own];
  const query = `query ($id: ID!, ${TYPES}${own.map((name) => `, $${name}: ${typeOf[name] ?? 'String'}`).join('')}) {
    account(id: $id) { list: ${list}(${names.map((name) => `${name}: $${name}`).join(', ')}) {
      edges { cursor node { ${fields} } } pageInfo { hasNextPage hasPreviousPage } } } }`;
  const { account } = await alice.ask<{ account: { list: Connection } }>(query, { ...variables, id });
  return account.list;
}

function fail(what: string): never {
  throw new Error(`There is no list ${what}.`);
}

const maybe = <T>(choice: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(choice, { freq: 1 });
const oneOf = <T>(values: readonly T[]): fc.Arbitrary<T | null> =>
  values.length === 0 ? fc.constant(null) : maybe(fc.constantFrom(...values));

function asked({ kinds, assets, instruments, acknowledged }: List, size: number): fc.Arbitrary<Asked> {
  const place = maybe(fc.integer({ min: 0, max: size - 1 }));
  const count = maybe(fc.integer({ min: 1, max: size + 2 }));
  return fc.record({
    ...{ first: count, last: count, after: place, before: place, from: place, to: place },
    kinds: maybe(fc.subarray([...kinds], { minLength: 1 })),
    asset: oneOf(assets),
    instrument: oneOf(instruments),
    acknowledged: oneOf(acknowledged),
  });
}

/** What the arguments choose of everything, and how much there is in front of it and behind. */
function expected(all: Connection['edges'], asked: Asked): readonly Row[] {
  const { first, last, after, before, from, to, kinds, asset, instrument, acknowledged } = asked;
  const instant = (place: number | null): string | null => (place === null ? null : (all[place]?.node.at ?? ''));
  const [since, until] = [instant(from), instant(to)];
  const chosen = all
    .filter((_edge, place) => (after === null || place > after) && (before === null || place < before))
    .map(({ node }) => node)
    .filter(
      (row) =>
        (since === null || row.at >= since) &&
        (until === null || row.at < until) &&
        (kinds === null || kinds.includes(row.kind)) &&
        (asset === null || row.asset?.symbol === asset) &&
        (instrument === null || row.instrument?.symbol === instrument) &&
        (acknowledged === null || (row.acknowledgedAt !== null) === acknowledged),
    );
  return last === null ? chosen.slice(0, first ?? 20) : chosen.slice(-last);
}

describe.each(Object.keys(LISTS))('a page of %s', (name) => {
  it('is what its arguments choose of everything, from either end', async () => {
    const list = LISTS[name] ?? fail(name);
    const all = (await page(name, { first: 100 })).edges;
    expect(all.length).toBeGreaterThanOrEqual(6);
    await fc.assert(
      fc.asyncProperty(asked(list, all.length), async (choice) => {
        const { after, before, from, to, ...others } = choice;
        const at = (place: number | null): string | null => (place === null ? null : (all[place]?.node.at ?? ''));
        const cursor = (place: number | null): string | null => (place === null ? null : (all[place]?.cursor ?? ''));
        const [since, until] = [at(from), at(to)];
        fc.pre(since === null || until === null || since < until);
        const got = await page(name, {
          ...others,
          ...{ after: cursor(after), before: cursor(before), from: since, to: until },
        });
        expect(got.edges.map(({ node }) => node)).toEqual(expected(all, choice));
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it('leads on through the whole list in both directions', async () => {
    const all = (await page(name, { first: 100 })).edges.map(({ node }) => node.id);
    const forwards: string[] = [];
    for (let next: Connection | null = null; next?.pageInfo.hasNextPage ?? true;) {
      const after: string | null = next?.edges.at(-1)?.cursor ?? null;
      next = await page(name, { first: 4, after });
      expect(next.pageInfo.hasPreviousPage).toBe(after !== null);
      forwards.push(...next.edges.map(({ node }) => node.id));
    }
    expect(forwards).toEqual(all);
    const backwards: string[] = [];
    for (let next: Connection | null = null; next?.pageInfo.hasPreviousPage ?? true;) {
      const before: string | null = next?.edges.at(0)?.cursor ?? null;
      next = await page(name, { last: 4, before });
      expect(next.pageInfo.hasNextPage).toBe(before !== null);
      backwards.unshift(...next.edges.map(({ node }) => node.id));
    }
    expect(backwards).toEqual(all);
  });
});

it.each(Object.keys(LISTS))(
  'a page of %s from the year 0 on is the whole list, and one up to it is empty',
  async (name) => {
    const all = await page(name, { first: 100 });
    expect((await page(name, { first: 100, from: '0000-01-01T00:00:00Z' })).edges).toHaveLength(all.edges.length);
    expect((await page(name, { first: 100, to: '0000-12-31T00:00:00Z' })).edges).toEqual([]);
  },
);

describe('what is no page', () => {
  it.each([
    ['ledger(asset: "usdt")', 'There is no asset "usdt".'],
    ['ledger(instrument: "BTC-PERP")', 'ASTER has no instrument "BTC-PERP".'],
    ['fills(instrument: "btcusdt")', 'ASTER has no instrument "btcusdt".'],
    ['ledger(kinds: [])', 'at least one kind'],
    ['fills(last: 0)', 'Expected `last` from 1 to 100, got 0.'],
    ['alerts(last: 101)', 'Expected `last` from 1 to 100, got 101.'],
    ['fills(before: "x")', 'Expected a cursor'],
    ['alerts(from: "2026-01-02T00:00:00Z", to: "2026-01-02T00:00:00Z")', 'Expected `from` before `to`'],
  ])('%s is refused', async (field, message) => {
    const { errors } = await tryAccount(alice, id, `${field} { nodes { id } }`);
    expect(errors).toMatchObject([
      { message: expect.stringContaining(message) as unknown, extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });
});
