/** Open orders, as the venue's engine reports them: by themselves, and with a fill (rules: 20). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { globalIdOf } from '../../support/calls/global-ids.js';
import { call, refusal, refusals, versionOf } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  openHolding,
  publishPrices,
  recordFills,
  reportOpenOrders,
  resting,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { until } from '../../support/until.js';

let app: TestApp;
let service: Api;
let alice: Api;
let ahead = 0;

beforeAll(async () => {
  app = await startTestApp({ clock: () => Date.now() + ahead });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  await prices();
});

afterAll(() => app.close());

async function prices(): Promise<void> {
  await publishPrices(service, {
    ...{ BTC: '60000', 'BITGET/BTCUSDT': '60000', 'BITGET/ETHUSDT': '2500', 'ASTER/BTCUSDT': '60000' },
    ...{ 'ASCENDEX/BTC-PERP': '60000' },
  });
}

const ASTER = { venue: 'ASTER', chain: 'BNB_CHAIN' };
const of = (accountId: string, orders: object, instrument = 'BTCUSDT'): object => ({
  ...{ accountId, instrument },
  ...orders,
});

const ORDERS = `openOrders { instrument { symbol } side buySize sellSize buyNotional sellNotional sequence
  initialMargin maintenanceMargin }`;

interface Shown {
  readonly instrument: { readonly symbol: string };
  readonly side: string | null;
  readonly sequence: string;
  readonly buySize: string;
  readonly sellSize: string;
}
const ordersOf = async (id: string): Promise<readonly Shown[]> =>
  (await readAccount<{ openOrders: readonly Shown[] }>(alice, id, ORDERS)).openOrders;

const marginOf = async (id: string): Promise<Record<string, string>> =>
  (
    await readAccount<{ margin: Record<string, string> }>(
      alice,
      id,
      'margin { status initialMargin openOrderInitialMargin maintenanceMargin availableMargin }',
    )
  ).margin;

describe('reported orders', () => {
  it('need what the worse side would: the example of the rule, at a venue that counts it for initial margin', async () => {
    const id = await openHolding(service, { USDT: '10000' }, ASTER);
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '60000'));
    const report = of(id, resting(1, ['0.5', '29500'], ['3', '183000']));
    expect(await reportOpenOrders(service, report)).toEqual({
      accepted: 1,
      ignored: [],
      accounts: [{ id, version: 4 }],
      errors: [],
    });
    expect(await ordersOf(id)).toEqual([
      {
        ...{ instrument: { symbol: 'BTCUSDT' }, side: null, buySize: '0.5', sellSize: '3', sequence: '1' },
        ...{ buyNotional: '29500', sellNotional: '183000', initialMargin: '3150', maintenanceMargin: '0' },
      },
    ]);
    expect(await marginOf(id)).toMatchObject({ initialMargin: '6150', openOrderInitialMargin: '3150' });
    // A report of nothing clears them.
    await reportOpenOrders(service, of(id, resting(2)));
    expect(await ordersOf(id)).toEqual([]);
    expect(await marginOf(id)).toMatchObject({ initialMargin: '3000', openOrderInitialMargin: '0' });
  });

  it('count for maintenance margin where the policy says so, and change a status, which is pushed', async () => {
    const id = await openHolding(service, { USDT: '700' });
    expect(await marginOf(id)).toMatchObject({ status: 'NO_EXPOSURE', availableMargin: '700' });
    await reportOpenOrders(service, of(id, resting(1, ['2', '120000'])));
    // 120,000 x (0.005 + 0.0006) - 50 = 622 of 700; 120,000 / 20.
    expect(await marginOf(id)).toMatchObject({
      ...{ status: 'MARGIN_CALL', initialMargin: '6000', openOrderInitialMargin: '6000' },
      ...{ maintenanceMargin: '622', availableMargin: '0' },
    });
    await until(async () => {
      const { riskAlerts } = await alice.ask<{ riskAlerts: { nodes: { status: string }[] } }>(
        'query ($id: ID!) { riskAlerts(accountIds: [$id]) { nodes { status } } }',
        { id },
      );
      return riskAlerts.nodes.some(({ status }) => status === 'MARGIN_CALL');
    });
  });

  it('are ignored and named where their sequence is not above the last', async () => {
    const id = await openAccount(service);
    await reportOpenOrders(service, of(id, resting(5, ['1', '60000'])));
    for (const sequence of [5, 4, 0]) {
      const late = of(id, resting(sequence, ['2', '120000']));
      const { accepted, ignored, accounts, errors } = await unchanged(app, () => reportOpenOrders(service, late));
      expect([accepted, accounts, errors]).toEqual([0, [], []]);
      expect(ignored).toMatchObject([{ code: 'ORDERS_OUTDATED', field: ['input', 'orders', '0', 'sequence'] }]);
    }
    // Other instruments have sequences of their own.
    const eth = of(id, resting(1, ['1', '2500']), 'ETHUSDT');
    expect(await reportOpenOrders(service, eth)).toMatchObject({ accepted: 1 });
    // Within one batch it is by the order of the list.
    const batch = [7, 6, 8].map((sequence) => of(id, resting(sequence, [`${sequence}`, '60000'])));
    const { accepted, ignored } = await reportOpenOrders(service, ...batch);
    expect([accepted, ignored.map(({ field }) => field?.[2])]).toEqual([2, ['1']]);
    expect((await ordersOf(id)).map(({ buySize, sequence }) => [buySize, sequence])).toEqual([
      ['8', '8'],
      ['1', '1'],
    ]);
  });

  it('end in the same state in whatever order they arrive', async () => {
    const report = fc.record({
      sequence: fc.integer({ min: 1, max: 9 }),
      symbol: fc.constantFrom('BTCUSDT', 'ETHUSDT'),
    });
    const reports = fc.uniqueArray(report, {
      minLength: 2,
      maxLength: 8,
      selector: ({ sequence, symbol }) => `${symbol}${sequence}`,
    });
    await fc.assert(
      fc.asyncProperty(reports, fc.infiniteStream(fc.nat()), async (list, order) => {
        const [one, two] = [await openAccount(service), await openAccount(service)];
        const shuffled = list
          .map((each) => ({ each, key: order.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ each }) => each);
        const send = async (id: string, sent: typeof list): Promise<void> => {
          for (const { sequence, symbol } of sent) {
            await reportOpenOrders(
              service,
              of(id, resting(sequence, [`${sequence}`, '100'], ['1', `${sequence}`]), symbol),
            );
          }
        };
        await send(one, list);
        await send(two, shuffled);
        expect(await ordersOf(one)).toEqual(await ordersOf(two));
      }),
      { numRuns: 10 },
    );
  });

  it('end in the state of the highest sequence, however many arrive at once', async () => {
    const id = await openAccount(service);
    const sequences = Array.from({ length: 40 }, (_, index) => ((index * 17) % 40) + 1);
    const answers = await Promise.all(
      sequences.map((sequence) => reportOpenOrders(service, of(id, resting(sequence, [`${sequence}`, '60000'])))),
    );
    const accepted = answers.reduce((sum, answer) => sum + answer.accepted, 0);
    const ignored = answers.reduce((sum, answer) => sum + answer.ignored.length, 0);
    expect([accepted + ignored, answers.flatMap(({ errors }) => errors)]).toEqual([40, []]);
    expect((await ordersOf(id)).map(({ buySize, sequence }) => [buySize, sequence])).toEqual([['40', '40']]);
    // Reports that share a commit raise the version once.
    const version = await versionOf(service, id);
    expect(version).toBeGreaterThan(1);
    expect(version).toBeLessThanOrEqual(accepted + 1);
  });

  it('need it in the asset that the instrument is settled in, at its index', async () => {
    const id = await openHolding(service, { USDT: '10000' }, ASTER);
    await publishPrices(service, { USD1: '0.998', 'ASTER/BTCUSD1': '60000' });
    await reportOpenOrders(service, of(id, resting(1, ['1', '60000']), 'BTCUSD1'));
    const { openOrders } = await readAccount<{ openOrders: object }>(alice, id, 'openOrders { initialMargin }');
    expect(openOrders).toEqual([{ initialMargin: '3000' }]);
    expect(await marginOf(id)).toMatchObject({ openOrderInitialMargin: '2994', availableMargin: '7005' });
  });

  it('are of one side in hedge mode, and name it', async () => {
    const id = await openAccount(service, { positionMode: 'HEDGE' });
    const { errors } = await unchanged(app, () => reportOpenOrders(service, of(id, resting(1, ['1', '60000']))));
    expect(errors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'orders', '0', 'positionSide'] }]);
    const both = (['LONG', 'SHORT'] as const).map((positionSide) =>
      of(id, { ...resting(1, ['1', '60000'], ['2', '120000']), positionSide }),
    );
    expect(await reportOpenOrders(service, ...both)).toMatchObject({ accepted: 2, accounts: [{ id, version: 2 }] });
    expect((await ordersOf(id)).map(({ side }) => side)).toEqual(['LONG', 'SHORT']);
    const ofOne = (symbol: string) => readAccount(alice, id, `openOrders(instrument: "${symbol}") { side }`);
    expect(await ofOne('BTCUSDT')).toEqual({ openOrders: [{ side: 'LONG' }, { side: 'SHORT' }] });
    expect(await ofOne('ETHUSDT')).toEqual({ openOrders: [] });
    // 60,000 / 20 of the buys of the long side, 120,000 / 20 of the sells of the short one.
    expect(await marginOf(id)).toMatchObject({ openOrderInitialMargin: '9000' });
  });

  it.each<[what: string, change: object, field: string, code: string]>([
    [
      'an account that is not there',
      { accountId: globalIdOf('Account', randomUUID()) },
      'accountId',
      'ACCOUNT_NOT_FOUND',
    ],
    ['an instrument that is not there', { instrument: 'NONE' }, 'instrument', 'INSTRUMENT_NOT_FOUND'],
    ['a negative size', { buySize: '-1' }, 'buySize', 'INVALID_INPUT'],
    ['too large a size', { sellSize: '1000000000000001', sellNotional: '1' }, 'sellSize', 'INVALID_INPUT'],
    ['a negative notional', { buyNotional: '-1' }, 'buyNotional', 'INVALID_INPUT'],
    ['too large a notional', { buyNotional: '1000000000000000000000000001' }, 'buyNotional', 'INVALID_INPUT'],
    ['a size without a notional', { buyNotional: '0' }, 'buyNotional', 'INVALID_INPUT'],
    ['a notional without a size', { sellNotional: '1' }, 'sellNotional', 'INVALID_INPUT'],
    ['a sequence that is no whole number', { sequence: '1.5' }, 'sequence', 'INVALID_INPUT'],
    ['a negative sequence', { sequence: '-1' }, 'sequence', 'INVALID_INPUT'],
    ['too large a sequence', { sequence: '1000000000000000001' }, 'sequence', 'INVALID_INPUT'],
  ])('are refused by themselves: %s', async (_what, change, field, code) => {
    const id = await openAccount(service);
    const bad = { ...of(id, resting(1, ['1', '60000'])), ...change };
    const answer = await reportOpenOrders(service, bad, of(id, resting(1, ['1', '2500']), 'ETHUSDT'));
    expect(answer.errors).toMatchObject([{ code, field: ['input', 'orders', '0', field] }]);
    expect(answer.accepted).toBe(1);
    expect((await ordersOf(id)).map(({ instrument }) => instrument.symbol)).toEqual(['ETHUSDT']);
  });

  it('are part of what the account was at an instant', async () => {
    const id = await openHolding(service, { USDT: '10000' });
    await reportOpenOrders(service, of(id, resting(1, ['1', '60000'])));
    const { changedAt } = await app.app.services.db.account.findFirstOrThrow({ orderBy: { changedAt: 'desc' } });
    ahead += 2_000;
    await reportOpenOrders(service, of(id, resting(2)));
    const past = (at: Date) =>
      readAccount(
        alice,
        id,
        `marginAt(at: "${at.toISOString()}") { margin { openOrderInitialMargin accountVersion } }`,
      );
    expect(await past(changedAt)).toEqual({
      marginAt: { margin: { openOrderInitialMargin: '3000', accountVersion: 3 } },
    });
    expect(await marginOf(id)).toMatchObject({ openOrderInitialMargin: '0' });
    await prices();
  });
});

describe('a fill with what rests after it', () => {
  it('takes both at once, and the position and its orders never count twice', async () => {
    const id = await openHolding(service, { USDT: '10000' });
    await reportOpenOrders(service, of(id, resting(1, ['2', '120000'])));
    const version = await versionOf(service, id);
    const openOrders = resting(2, ['1', '60000']);
    const { recorded, errors } = await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '60000', { openOrders }));
    expect([recorded, errors, await versionOf(service, id)]).toEqual([1, [], version + 1]);
    expect(await marginOf(id)).toMatchObject({ initialMargin: '6000', openOrderInitialMargin: '3000' });
  });

  it('is refused without, where orders count for maintenance margin and some are known there', async () => {
    const id = await openHolding(service, { USDT: '10000' });
    await reportOpenOrders(service, of(id, resting(1, ['2', '120000'])));
    const bare = fill(id, 'BTCUSDT', 'BUY', '1', '60000', { fillId: 'with-orders' });
    const { errors } = await unchanged(app, () => recordFills(service, bare));
    expect(errors).toMatchObject([{ code: 'ORDERS_REQUIRED', field: ['input', 'fills', '0', 'openOrders'] }]);
    // None are known in another instrument, and it is no part of the content.
    expect((await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '2500'))).errors).toEqual([]);
    const complete = { ...bare, openOrders: resting(2, ['1', '60000']) };
    expect(await recordFills(service, complete)).toMatchObject({ recorded: 1, errors: [] });
    expect(await unchanged(app, () => recordFills(service, bare))).toMatchObject({ alreadyKnown: 1, errors: [] });
    // At a venue that counts them for initial margin alone it may be left out.
    const aster = await openHolding(service, { USDT: '10000' }, ASTER);
    await reportOpenOrders(service, of(aster, resting(1, ['1', '60000'])));
    expect((await recordFills(service, fill(aster, 'BTCUSDT', 'BUY', '1', '60000'))).errors).toEqual([]);
  });

  it('is recorded, and says so, where a later report of the orders is known', async () => {
    const id = await openHolding(service, { USDT: '10000' });
    await reportOpenOrders(service, of(id, resting(9, ['3', '180000'])));
    const late = fill(id, 'BTCUSDT', 'BUY', '1', '60000', { openOrders: resting(8, ['4', '240000']) });
    const { recordFills: payload } = await service.ask<{ recordFills: object }>(
      `mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded errors { code }
        warnings { code field } } }`,
      { input: { fills: [late] } },
    );
    const field = ['input', 'fills', '0', 'openOrders', 'sequence'];
    expect(payload).toEqual({ recorded: 1, errors: [], warnings: [{ code: 'ORDERS_OUTDATED', field }] });
    // Sent again it is known, and its orders are no matter.
    const { recordFills: again } = await service.ask<{ recordFills: object }>(
      `mutation ($input: RecordFillsInput!) { recordFills(input: $input) { alreadyKnown warnings { code } } }`,
      { input: { fills: [late] } },
    );
    expect(again).toEqual({ alreadyKnown: 1, warnings: [] });
    expect((await ordersOf(id)).map(({ buySize, sequence }) => [buySize, sequence])).toEqual([['3', '9']]);
  });

  it('is refused with amounts that no orders have', async () => {
    const id = await openAccount(service);
    const bad = fill(id, 'BTCUSDT', 'BUY', '1', '60000', { openOrders: { ...resting(1), buySize: '1' } });
    const { errors } = await unchanged(app, () => recordFills(service, bad));
    const field = ['input', 'fills', '0', 'openOrders', 'buyNotional'];
    expect(errors).toMatchObject([{ code: 'INVALID_INPUT', field }]);
  });
});

describe('while orders rest', () => {
  it('no mode changes, and each does when they are gone', async () => {
    const id = await openHolding(service, { USDT: '10000' }, { venue: 'ASCENDEX' });
    await reportOpenOrders(service, of(id, resting(1, ['1', '60000']), 'BTC-PERP'));
    const asked = [
      ['setMarginMode', { instrument: 'BTC-PERP', marginMode: 'ISOLATED' }, 'MARGIN_MODE_LOCKED', 'marginMode'],
      ['setPositionMode', { positionMode: 'HEDGE' }, 'POSITION_MODE_LOCKED', 'positionMode'],
      ['setCollateralMode', { collateralMode: 'SINGLE_ASSET' }, 'COLLATERAL_MODE_LOCKED', 'collateralMode'],
    ] as const;
    for (const [mutation, choice, code, field] of asked) {
      const payload = await unchanged(app, () => call(alice, mutation, { accountId: id, ...choice }));
      expect(refusals(payload)).toEqual([refusal(code, field)]);
    }
    // Another instrument has none.
    const other = { accountId: id, instrument: 'ETH-PERP', marginMode: 'ISOLATED' };
    expect((await call(alice, 'setMarginMode', other)).errors).toEqual([]);
    await reportOpenOrders(service, of(id, resting(2), 'BTC-PERP'));
    for (const [mutation, choice] of asked) {
      expect((await call(alice, mutation, { accountId: id, ...choice })).errors).toEqual([]);
    }
  });

  it('a simulation shows what another one would need, and what may not be placed', async () => {
    const id = await openHolding(service, { USDT: '5000' }, ASTER);
    await reportOpenOrders(service, of(id, resting(1, ['1', '60000'])));
    const simulated = (size: string) =>
      readAccount(
        alice,
        id,
        `simulate(input: { orders: [{ instrument: "BTCUSDT", side: BUY, size: "${size}", price: "60000" }] }) {
          accepted refusal { code field } after { openOrderInitialMargin } }`,
      );
    expect(await simulated('0.5')).toEqual({
      simulate: { accepted: true, refusal: null, after: { openOrderInitialMargin: '4500' } },
    });
    expect(await simulated('1')).toEqual({
      simulate: {
        accepted: false,
        refusal: { code: 'INSUFFICIENT_MARGIN', field: ['input', 'orders', '0'] },
        after: { openOrderInitialMargin: '6000' },
      },
    });
  });

  it('leverage is bounded by the tier of what they could lead to, and is theirs too', async () => {
    const id = await openHolding(service, { USDT: '90000' }, ASTER);
    await reportOpenOrders(service, of(id, resting(1, ['1', '60000'])));
    const most = () => readAccount(alice, id, 'instrumentSettings(instruments: ["BTCUSDT"]) { maxLeverage }');
    expect(await most()).toEqual({ instrumentSettings: [{ maxLeverage: '100' }] });
    const set = (leverage: string) => call(alice, 'setLeverage', { accountId: id, instrument: 'BTCUSDT', leverage });
    expect(refusals(await set('101'))).toMatchObject([{ code: 'LEVERAGE_OUT_OF_RANGE' }]);
    expect((await set('10')).errors).toEqual([]);
    expect(await marginOf(id)).toMatchObject({ openOrderInitialMargin: '6000' });
  });
});
