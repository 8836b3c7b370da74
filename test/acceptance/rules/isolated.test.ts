/** Isolated positions in the ledger: set aside, settled, adjusted, and never beyond their margin (rules: 6). */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { openIsolated } from '../../support/calls/isolated-account.js';
import { readAccount, LIQUIDATION, configure } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { globalIdOf } from '../../support/calls/global-ids.js';
import {
  balancesOf,
  call,
  ledgerOf,
  refusal,
  refusals,
  versionOf,
  wrongBalances,
} from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let alice: Api;
let id: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});

afterAll(() => app.close());

/** 1@10,000 and 1@11,000 at 10x: 1,000 + 1,100 are set aside. */
async function openPosition(): Promise<void> {
  await recordFills(
    service,
    fill(id, 'BTC-PERP', 'BUY', '1', '10000', { fillId: `${id}-1` }),
    fill(id, 'BTC-PERP', 'BUY', '1', '11000', { fillId: `${id}-2` }),
  );
}

const positionsOf = (account: string): Promise<{ positions: object[] }> =>
  readAccount(alice, account, 'positions { size isolatedMargin leverage }');

async function positionId(account: string): Promise<string> {
  const { positions } = await readAccount<{ positions: { id: string }[] }>(alice, account, 'positions { id }');
  return positions[0]?.id ?? '';
}

beforeEach(async () => {
  id = await openIsolated(service);
  await publishPrices(service, { 'ASCENDEX/BTC-PERP': '10000', 'ASCENDEX/ETH-PERP': '1000' });
});

describe('the example of two fills', () => {
  it('sets aside 2,100', async () => {
    await openPosition();
    expect(await positionsOf(id)).toEqual({ positions: [{ size: '2', isolatedMargin: '2100', leverage: '10' }] });
    expect((await ledgerOf(alice, id)).slice(0, 2)).toEqual([
      `MARGIN_ADJUSTMENT USDT -1100 2900 ${id}-2`,
      `MARGIN_ADJUSTMENT USDT -1000 4000 ${id}-1`,
    ]);
  });

  it('gives 275 back when 0.5 is closed at 10,000, and keeps 1,575', async () => {
    await openPosition();
    await recordFills(service, fill(id, 'BTC-PERP', 'SELL', '0.5', '10000', { fillId: `${id}-3` }));
    // Released 2,100 x 0.5 / 2 = 525; PnL 5,000 - 21,000 x 0.5 / 2 = -250.
    expect((await ledgerOf(alice, id)).slice(0, 2)).toEqual([
      `REALIZED_PNL USDT -250 3175 ${id}-3`,
      `MARGIN_ADJUSTMENT USDT 525 3425 ${id}-3`,
    ]);
    expect(await balancesOf(alice, id)).toEqual({ USDT: '3175' });
    expect(await positionsOf(id)).toEqual({ positions: [{ size: '1.5', isolatedMargin: '1575', leverage: '10' }] });
  });

  it('is insured with 900 when both are closed at 9,000: the account never pays', async () => {
    // 004: "In isolated margin mode, the collateral for each position is independent and does not affect other
    // positions." 001: "losses in one do not affect others".
    await openPosition();
    await recordFills(service, fill(id, 'BTC-PERP', 'SELL', '2', '9000', { fillId: `${id}-3` }));
    // PnL 18,000 - 21,000 = -3,000 against 2,100.
    expect((await ledgerOf(alice, id)).slice(0, 3)).toEqual([
      `INSURANCE USDT 900 2900 ${id}-3`,
      `REALIZED_PNL USDT -3000 2000 ${id}-3`,
      `MARGIN_ADJUSTMENT USDT 2100 5000 ${id}-3`,
    ]);
    expect(await balancesOf(alice, id)).toEqual({ USDT: '2900' });
    expect(await positionsOf(id)).toEqual({ positions: [] });
    expect(await wrongBalances(app.app.services.db)).toBe(0);
  });
});

describe('adjustPositionMargin', () => {
  // 004: "Margin adjustment does not affect leverage"; "the liquidation price will be recalculated based on the new
  // position collateral"; "the position collateral should not fall below the maintenance margin".
  it('adds and takes out; leverage stays and the liquidation price follows', async () => {
    await openPosition();
    const position = await positionId(id);
    const before = await versionOf(alice, id);
    const added = await call(alice, 'adjustPositionMargin', { positionId: position, quantity: '900' });
    // Flat 0.6 % on less than 50,000: 3,000 + 2p - 21,000 = 0.012p; p = 18,000 / 1.988, rounded up towards the mark.
    expect(added).toEqual({
      position: {
        isolatedMargin: '3000',
        leverage: '10',
        // min(3,000 - 120, 3,000 - 1,000 - 2,000): the mark is 10,000, and the PnL -1,000.
        maxRemovableMargin: '0',
        liquidationPrice: { price: '9054.325955734406438632' },
      },
      errors: [],
    });
    expect((await ledgerOf(alice, id))[0]).toBe('MARGIN_ADJUSTMENT USDT -900 2000 position:BTC-PERP/LONG');
    expect(await versionOf(alice, id)).toBe(before + 1);
    await publishPrices(service, { 'ASCENDEX/BTC-PERP': '11000' });
    // PnL +1,000; min(3,000 - 132, 3,000 + 1,000 - 2,200) = 1,800.
    const tooMuch = await call(alice, 'adjustPositionMargin', {
      positionId: position,
      quantity: '-1800.000000000000000001',
    });
    expect(refusals(tooMuch)).toEqual([refusal('INSUFFICIENT_MARGIN', 'quantity', '1800.000000000000000001', '1800')]);
    const most = await call(alice, 'adjustPositionMargin', { positionId: position, quantity: '-1800' });
    expect(most.position).toMatchObject({ isolatedMargin: '1200', leverage: '10', maxRemovableMargin: '0' });
    expect(await balancesOf(alice, id)).toEqual({ USDT: '3800' });
    await publishPrices(service, { 'ASCENDEX/BTC-PERP': '100000' });
    // Maintenance 200,000 x 0.024 = 4,800 is more than the margin, however large the profit.
    const below = await call(alice, 'adjustPositionMargin', { positionId: position, quantity: '-1' });
    expect(refusals(below)).toEqual([refusal('BELOW_MAINTENANCE_MARGIN', 'quantity', '1', '0')]);
  });

  it('adds at most what is transferable, once by its key', async () => {
    await openPosition();
    const input = { positionId: await positionId(id), idempotencyKey: `adjust-${id}` };
    const tooMuch = await call(alice, 'adjustPositionMargin', { ...input, quantity: '2901' });
    expect(refusals(tooMuch)).toEqual([refusal('INSUFFICIENT_BALANCE', 'quantity', '2901', '2900')]);
    const done = await call(alice, 'adjustPositionMargin', { ...input, quantity: '2900' });
    expect(await call(alice, 'adjustPositionMargin', { ...input, quantity: '2900' })).toEqual(done);
    expect(refusals(await call(alice, 'adjustPositionMargin', { ...input, quantity: '1' }))).toEqual([
      refusal('IDEMPOTENCY_KEY_REUSED', 'idempotencyKey'),
    ]);
    expect(await balancesOf(alice, id)).toEqual({});
  });

  it('is refused for a cross position, for nothing, and for what is not there', async () => {
    // 004: "AscendEX Futures only supports position margin adjustment under isolated margin mode."
    await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '1', '1000'));
    const cross = await positionId(id);
    expect(refusals(await call(alice, 'adjustPositionMargin', { positionId: cross, quantity: '1' }))).toEqual([
      refusal('ISOLATED_ONLY', 'positionId'),
    ]);
    await openPosition();
    const isolated = await positionId(id);
    for (const quantity of ['0', '1000000000000000.1', '-1000000000000000.1']) {
      expect(refusals(await call(alice, 'adjustPositionMargin', { positionId: isolated, quantity }))).toEqual([
        refusal('INVALID_INPUT', 'quantity'),
      ]);
    }
    const bob = await app.as('bob', 'TRADER');
    const missing = globalIdOf('Position', '00000000-0000-7000-8000-000000000000', 'BTC-PERP', 'LONG');
    const none = await call(bob, 'adjustPositionMargin', { positionId: missing, quantity: '1' });
    expect(refusals(none)).toEqual([refusal('POSITION_NOT_FOUND', 'positionId')]);
    for (const positionOf of [isolated, id, 'nonsense', `${isolated}A`]) {
      expect(await call(bob, 'adjustPositionMargin', { positionId: positionOf, quantity: '1' })).toEqual(none);
    }
    await recordFills(service, fill(id, 'BTC-PERP', 'SELL', '2', '10000'));
    expect(await call(alice, 'adjustPositionMargin', { positionId: isolated, quantity: '1' })).toEqual(none);
  });
});

const POSITION = `instrument { symbol } isolatedMargin maxRemovableMargin marginRatio status ${LIQUIDATION}`;

it('has margin of its own, of which it can do without a part; a cross position has none', async () => {
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  await configure(app, id, 'BTC-PERP', 10, 'ISOLATED');
  await publishPrices(service, { 'ASCENDEX/BTC-PERP': '11000', 'ASCENDEX/ETH-PERP': '1000' });
  await recordTransfers(service, transfer(id, 'USDT', '5000'));
  await recordFills(
    service,
    ...[fill(id, 'BTC-PERP', 'BUY', '1', '10000'), fill(id, 'BTC-PERP', 'BUY', '1', '11000')],
    fill(id, 'ETH-PERP', 'BUY', '1', '1000'),
  );
  expect(await readAccount(service, id, `positions { ${POSITION} }`)).toEqual({
    positions: [
      {
        instrument: { symbol: 'BTC-PERP' },
        // 10,000 / 10 + 11,000 / 10.
        isolatedMargin: '2100',
        // min(2,100 - 22,000 x 0.006, 2,100 + 1,000 - 22,000 / 10).
        maxRemovableMargin: '900',
        // 132 / 3,100, rounded up.
        marginRatio: '0.042580645161290323',
        status: 'HEALTHY',
        // 2,100 + 2 p - 21,000 = 0.006 x 2 p: 18,900 / 1.988.
        liquidationPrice: { price: '9507.042253521126760564', otherPrice: null, reason: null },
      },
      {
        instrument: { symbol: 'ETH-PERP' },
        isolatedMargin: null,
        maxRemovableMargin: null,
        // 6 / 2,900, rounded up.
        marginRatio: '0.002068965517241380',
        status: 'HEALTHY',
        // 2,900 USDT behind 1,000: not even at nothing.
        liquidationPrice: { price: null, otherPrice: null, reason: 'NOT_REACHABLE' },
      },
    ].map((position) => ({ ...position, marginRatio: position.marginRatio.replace(/0$/, '') })),
  });
  // Nothing may be taken out at a price that nobody vouches for.
  const at = new Date(Date.now() - 120_000).toISOString();
  const stale = await openAccount(service, { venue: 'BITGET', collateralMode: 'SINGLE_ASSET' });
  await configure(app, stale, 'SOLUSDT', 10, 'ISOLATED');
  await publishPrices(service, { 'BITGET/SOLUSDT': '20' }, { at });
  await recordTransfers(service, transfer(stale, 'USDT', '100'));
  await recordFills(service, fill(stale, 'SOLUSDT', 'BUY', '1', '10'));
  expect(await readAccount(service, stale, 'positions { maxRemovableMargin }')).toEqual({
    positions: [{ maxRemovableMargin: '0' }],
  });
});

it('is pushed with the account when its own status changes or its own ratio moves', async () => {
  const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  await configure(app, id, 'BTCUSDT', 10, 'ISOLATED');
  await publishPrices(service, { 'ASTER/BTCUSDT': '10000' });
  await recordTransfers(service, transfer(id, 'USDT', '5000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000'));
  const socket = service.socket();
  const stream = socket.iterate<{ marginRatioChanged: Record<string, unknown> }>({
    query: `subscription ($ids: [ID!]!) {
      marginRatioChanged(accountIds: $ids, minChange: "0.01") {
        sequence cause margin { status marginRatio } isolatedPositions { id ${POSITION} }
      }
    }`,
    variables: { ids: [id] },
  });
  const next = async (): Promise<unknown> => {
    const result = await stream.next();
    return result.done === true ? null : result.value.data?.['marginRatioChanged'];
  };
  const isolated = (marginRatio: string, status: string): object => ({
    ...{ margin: { status: 'NO_EXPOSURE', marginRatio: null } },
    isolatedPositions: [{ isolatedMargin: '1000', marginRatio, status }],
  });
  // 10,000 x 0.004 = 40 over 1,000.
  expect(await next()).toMatchObject({ sequence: 1, ...isolated('0.04', 'HEALTHY') });
  // 9,990 x 0.004 = 39.96 over 990: less than 0.01 away. 9,500 x 0.004 = 38 over 500: more.
  await publishPrices(service, { 'ASTER/BTCUSDT': '9990' });
  await publishPrices(service, { 'ASTER/BTCUSDT': '9500' });
  expect(await next()).toMatchObject({ sequence: 2, cause: 'PRICE', ...isolated('0.076', 'HEALTHY') });
  // 9,000 x 0.004 = 36 over nothing.
  await publishPrices(service, { 'ASTER/BTCUSDT': '9000' });
  expect(await next()).toMatchObject({
    sequence: 3,
    isolatedPositions: [{ marginRatio: null, status: 'LIQUIDATION' }],
  });
  await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '9000'));
  expect(await next()).toMatchObject({ sequence: 4, cause: 'ACCOUNT', isolatedPositions: [] });
  await stream.return?.();
  await socket.dispose();
});
