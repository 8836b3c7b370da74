/** What `margin` said at any instant, `marginAt` says of that instant later, digit for digit (rules: 12). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { startApp } from '../../../src/app.js';
import { chargeInterest } from '../../../src/ledger/interest.js';
import { MARGIN, readAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { accountStep, type AccountStep } from '../../support/calls/account-steps.js';
import { withoutGuards } from '../../support/services/database.js';
import { call, ledgerOf } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
  type AccountChoice,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let admin: Api;
let alice: Api;
/** What the server takes for now. */
let clock = Date.parse('2026-06-01T10:17:00.000Z');

beforeAll(async () => {
  app = await startTestApp({ clock: () => clock, startApp });
  service = await app.as('venue', 'SERVICE');
  admin = await app.as('risk', 'ADMIN');
  alice = await app.as('alice', 'TRADER');
});

afterAll(() => app.close());

const iso = (instant: number): string => new Date(instant).toISOString();
interface Summary extends Record<string, unknown> {
  readonly asOf: string;
  readonly accountVersion: number;
  readonly policyVersion: number;
  readonly stale: readonly string[];
  readonly collateral: readonly { readonly asset: object; readonly collateralRatio: { version: number } | null }[];
}

interface AsOf {
  readonly margin: Summary | null;
  readonly reason: string | null;
}

const FIELDS = `asOf accountVersion ${MARGIN}`;

const marginOf = async (id: string): Promise<Summary> =>
  (await readAccount<{ margin: Summary }>(service, id, `margin { ${FIELDS} }`)).margin;

/** The answers of one request. */
async function marginsAt(id: string, instants: readonly number[]): Promise<AsOf[]> {
  const aliases = instants.map((at, index) => `m${index}: marginAt(at: "${iso(at)}") { reason margin { ...F } }`);
  const { account } = await service.ask<{ account: Record<string, AsOf> }>(
    `query ($id: ID!) { account(id: $id) { ${aliases.join(' ')} } } fragment F on MarginSummary { ${FIELDS} }`,
    { id },
  );
  return instants.map((_, index) => account[`m${index}`] as AsOf);
}

/** Moves the clock, and does what a server does by itself as time passes. */
async function moveTo(instant: number): Promise<void> {
  clock = instant;
  const { services } = app.app;
  await services.prices.refresh();
  await chargeInterest(services, new Date(clock), null, 100);
}

async function changeRatio(choice: AccountChoice, asset: string, ratio: string): Promise<void> {
  const { collateralRatios } = await admin.ask<{ collateralRatios: { version: number }[] }>(
    'query ($venue: String!, $chain: String, $asset: String!) { collateralRatios(venue: $venue, chain: $chain, asset: $asset) { version } }',
    { venue: choice.venue, chain: choice.chain ?? null, asset },
  );
  const input = {
    ...{ venue: choice.venue, chain: choice.chain ?? null, asset, ratio, reason: 'a test', force: true },
    ...{ expectedVersion: collateralRatios[0]?.version, idempotencyKey: randomUUID() },
  };
  const { changeCollateralRatio } = await admin.ask<{ changeCollateralRatio: { errors: object[] } }>(
    'mutation ($input: ChangeCollateralRatioInput!) { changeCollateralRatio(input: $input) { errors { code message } } }',
    { input },
  );
  expect(changeCollateralRatio.errors).toEqual([]);
}

interface Open {
  readonly positions: readonly { id: string; side: 'LONG' | 'SHORT'; size: string; instrument: { symbol: string } }[];
}

/** Does it at the present instant, or is refused. */
async function take(
  id: string,
  choice: AccountChoice,
  symbols: readonly string[],
  each: AccountStep,
): Promise<unknown> {
  const at = iso(clock);
  if (each.what === 'hour') return moveTo(clock + 3_600_000);
  if (each.what === 'ratio') return changeRatio(choice, 'BTC', each.ratio);
  if (each.what === 'transfer') return recordTransfers(service, { ...transfer(id, each.asset, each.quantity), at });
  if (each.what === 'prices') {
    const mark = `${choice.venue}/${symbols[each.instrument]}`;
    return publishPrices(service, { BTC: `${each.index}.5`, [mark]: `${each.mark}` }, { source: each.source, at });
  }
  if (each.what === 'fill') {
    const { size, price, late } = each;
    const positionSide = each.side === 'BUY' ? ('LONG' as const) : ('SHORT' as const);
    const about = { fee: '0.3', positionSide, at: iso(clock - late) };
    return recordFills(service, fill(id, symbols[each.instrument] ?? '', each.side, size, price, about));
  }
  const { positions } = await readAccount<Open>(service, id, 'positions { id side size instrument { symbol } }');
  if (each.what === 'flatten') {
    const fills = positions.map(({ instrument: { symbol }, side: open, size }) =>
      fill(id, symbol, open === 'LONG' ? 'SELL' : 'BUY', size, '9900', { positionSide: open, at }),
    );
    return recordFills(service, ...fills);
  }
  const { what, ...input } = each;
  const named = 'instrument' in input ? { ...input, instrument: symbols[input.instrument] } : input;
  return call(alice, what, { ...named, accountId: undefined, ...targetOf(what, id, positions[0]?.id ?? id) });
}

function targetOf(what: string, accountId: string, positionId: string): object {
  return what === 'adjustPositionMargin' ? { positionId } : { accountId };
}

it.each([
  {
    choice: { venue: 'ASTER', chain: 'BNB_CHAIN', collateralMode: 'MULTI_ASSET', positionMode: 'ONE_WAY' },
    symbols: ['BTCUSDT', 'ETHUSDT'],
    marginMode: 'CROSS',
  },
  {
    choice: { venue: 'ASCENDEX', collateralMode: 'MULTI_ASSET', positionMode: 'HEDGE' },
    symbols: ['BTC-PERP', 'ETH-PERP'],
    marginMode: 'ISOLATED',
  },
  {
    choice: { venue: 'BITGET', collateralMode: 'SINGLE_ASSET', positionMode: 'ONE_WAY' },
    symbols: ['BTCUSDT', 'ETHUSDT'],
    marginMode: 'ISOLATED',
  },
] as const)('repeats what margin said at $choice.venue', async ({ choice, symbols, marginMode }) => {
  const snapshots: { readonly id: string; readonly at: number; readonly margin: Summary }[] = [];
  const verify = async (id: string): Promise<void> => {
    const own = snapshots.filter((snapshot) => snapshot.id === id);
    for (let from = 0; from < own.length; from += 20) {
      const some = own.slice(from, from + 20);
      const answers = await marginsAt(
        id,
        some.map(({ at }) => at),
      );
      expect(answers).toEqual(some.map(({ margin }) => ({ reason: null, margin })));
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.array(accountStep, { minLength: 8, maxLength: 10 }), async (steps) => {
      await moveTo(clock + 1_000);
      const id = await openAccount(service, choice);
      const look = async (): Promise<void> => {
        snapshots.push({ id, at: clock, margin: await marginOf(id) });
      };
      await call(alice, 'setMarginMode', { accountId: id, instrument: symbols[0], marginMode });
      const marks = Object.fromEntries(symbols.map((symbol) => [`${choice.venue}/${symbol}`, '10000']));
      await publishPrices(service, { BTC: '10000', ETH: '9000', ...marks }, { at: iso(clock) });
      const at = iso(clock);
      await recordTransfers(service, { ...transfer(id, 'USDT', '30000'), at }, { ...transfer(id, 'BTC', '2'), at });
      const owed = { accountId: id, asset: 'USDT', quantity: '-33000', kind: 'ADJUSTMENT', entryId: randomUUID(), at };
      await call(service, 'recordLedgerEntries', { entries: [owed] });
      const opening = { what: 'fill', instrument: 0, side: 'BUY', size: '0.5', price: '9000', late: 0 } as const;
      for (const each of [opening, { what: 'hour' } as const, ...steps]) {
        await moveTo(clock + 998);
        await look();
        clock += 2;
        await take(id, choice, symbols, each);
        // Prices of two batches in one millisecond are distinguished by the next one.
        await moveTo(clock + 2);
        await look();
      }
      await verify(id);
    }),
    { numRuns: 2 },
  );
  // Of the first account again, when everything has happened to the others.
  await verify(snapshots[0]?.id ?? '');
  // Or the property says nothing.
  const states = snapshots.map(({ margin: { asOf: _, ...margin } }) => JSON.stringify(margin));
  expect(new Set(states).size).toBeGreaterThan(5);
  expect(snapshots.some(({ margin }) => margin.stale.length > 0)).toBe(true);
  if (choice.venue === 'ASTER')
    expect(await ledgerOf(alice, snapshots[0]?.id ?? '', 100)).toContainEqual(expect.stringMatching(/^INTEREST USDT/));
});

it('knows a fill from the instant of its recording on, and not from that of the trade', async () => {
  const id = await openAccount(service, { venue: 'BITGET', collateralMode: 'SINGLE_ASSET' });
  const recorded = clock + 5_000;
  await recordTransfers(service, { ...transfer(id, 'USDT', '1000'), at: iso(clock) });
  await publishPrices(service, { 'BITGET/BTCUSDT': '10000' }, { at: iso(clock) });
  await moveTo(recorded);
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '9500', { fee: '2', at: iso(recorded - 5_000) }));
  await moveTo(recorded + 10);
  const [before, last, then] = await marginsAt(id, [recorded - 3_000, recorded - 1, recorded]);
  const calm = { marginBalance: '1000', maintenanceMargin: '0', unrealizedPnl: '0', accountVersion: 2 };
  expect(before?.margin).toMatchObject({ ...calm, asOf: iso(recorded - 3_000) });
  expect(last?.margin).toMatchObject({ ...calm, asOf: iso(recorded - 1) });
  expect(then?.margin).toMatchObject({ marginBalance: '1498', unrealizedPnl: '500', accountVersion: 3 });
});

it('keeps to the ratio of the time, and says which version that was', async () => {
  const choice = { venue: 'ASTER', chain: 'BNB_CHAIN' };
  const id = await openAccount(service, choice);
  await publishPrices(service, { Cake: '3' }, { at: iso(clock) });
  await recordTransfers(service, { ...transfer(id, 'Cake', '100'), at: iso(clock) });
  await moveTo(clock + 10);
  const before = await marginOf(id);
  const changed = clock + 990;
  await moveTo(changed);
  await changeRatio(choice, 'Cake', '0.5');
  await moveTo(changed + 10);
  const [then, last, now] = await marginsAt(id, [Date.parse(before.asOf), changed - 1, changed]);
  expect(then).toEqual({ reason: null, margin: before });
  expect(last?.margin).toEqual({ ...before, asOf: iso(changed - 1) });
  expect(last?.margin).toMatchObject({ collateralValue: '240', collateral: [{ collateralRatio: { version: 1 } }] });
  expect(now?.margin).toMatchObject({ collateralValue: '150', collateral: [{ collateralRatio: { version: 2 } }] });
});

it('says why there is none', async () => {
  const opened = clock;
  const id = await openAccount(service, { venue: 'BITGET' });
  const answers = await marginsAt(id, [opened - 1, Date.parse('1970-01-01T00:00:00Z'), opened + 1, opened]);
  expect(answers.slice(0, 3)).toEqual([
    { reason: 'BEFORE_OPENING', margin: null },
    { reason: 'BEFORE_OPENING', margin: null },
    { reason: 'IN_THE_FUTURE', margin: null },
  ]);
  expect(answers[3]).toMatchObject({ reason: null, margin: { status: 'NO_EXPOSURE', accountVersion: 1 } });
  await recordTransfers(service, { ...transfer(id, 'BTC', '1'), at: iso(opened) });
  // The newest batch is always kept.
  clock += 1_000;
  await publishPrices(service, { LINK: '20' }, { at: iso(clock) });
  const before = { at: { lte: new Date(opened) } };
  await withoutGuards(app.app.services.db, (tx) => tx.priceRound.deleteMany({ where: before }));
  expect(await marginsAt(id, [opened])).toEqual([{ reason: 'PRICES_NOT_KEPT', margin: null }]);
});

it('knows what was stale then', async () => {
  await moveTo(clock + 1_000);
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  const published = clock;
  await publishPrices(service, { LINK: '20' }, { at: iso(published) });
  await recordTransfers(service, { ...transfer(id, 'LINK', '10'), at: iso(clock) });
  const summaries: Summary[] = [];
  for (const age of [60_000, 60_001]) {
    clock = published + age;
    summaries.push(await marginOf(id));
  }
  expect(summaries.map(({ stale }) => stale)).toEqual([[], ['LINK']]);
  await moveTo(clock + 1_000);
  await publishPrices(service, { LINK: '21' }, { at: iso(clock) });
  clock += 10;
  const answers = await marginsAt(id, [published + 60_000, published + 60_001, clock]);
  expect(answers.map(({ margin }) => margin)).toEqual([...summaries, expect.objectContaining({ stale: [] })]);
});

it('takes as many statements for many accounts and instants as for one', async () => {
  await moveTo(clock + 1_000);
  const choice = { venue: 'ASCENDEX', name: 'One of many' };
  const ids = await Promise.all(Array.from({ length: 40 }, () => openAccount(service, choice)));
  await publishPrices(service, { ETH: '10000' }, { at: iso(clock) });
  await recordTransfers(service, ...ids.map((id) => ({ ...transfer(id, 'ETH', '1'), at: iso(clock) })));
  await moveTo(clock + 1_000);
  const statements = async (first: number, fields: string): Promise<number> => {
    app.statements.length = 0;
    const { accounts } = await service.ask<{ accounts: { nodes: Record<string, AsOf>[] } }>(
      `query ($first: Int!) { accounts(first: $first, where: { name: "One of many" }) { nodes { name ${fields} } } }`,
      { first },
    );
    expect(accounts.nodes).toHaveLength(first);
    const answers = accounts.nodes.flatMap(({ name: _, ...answered }) => Object.values(answered));
    expect(answers.filter(({ margin }) => margin?.marginBalance !== '9500')).toEqual([]);
    return app.statements.filter((sql) => /FROM account_versions|FROM price_rounds WHERE price_rounds.at <=/.test(sql))
      .length;
  };
  const at = (alias: string, instant: number): string =>
    `${alias}: marginAt(at: "${iso(instant)}") { reason margin { marginBalance collateral { asset { symbol } } } }`;
  const three = ['a', 'b', 'c'].map((alias, index) => at(alias, clock - index)).join(' ');
  // Of some runs the one with the fewest: what the server looks at by itself may come between.
  const fewest = async (first: number, fields: string): Promise<number> =>
    Math.min(await statements(first, fields), await statements(first, fields), await statements(first, fields));
  expect(await fewest(1, at('a', clock))).toBe(2);
  expect(await fewest(40, at('a', clock))).toBe(2);
  expect(await fewest(40, three)).toBe(2);
});
