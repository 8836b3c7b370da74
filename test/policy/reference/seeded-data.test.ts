/** The reference data that ships. */
import { beforeAll, describe, expect, it } from '@jest/globals';

import { toPlain } from '../../../src/margin/decimal.js';
import { readReferenceData } from '../../../src/policy/reference/reference-data.js';
import type { ReferenceData } from '../../../src/policy/reference/reference-model.js';
import { SEED, flatRatio, venueOf, versions } from '../../support/calls/reference.js';

describe('the seeded reference data', () => {
  let data: ReferenceData;
  beforeAll(async () => {
    data = await readReferenceData([SEED]);
  });

  it('holds nine venues, of which one has chains', () => {
    expect(data.venues.map(({ code, chains }) => [code, chains])).toEqual([
      ['ASCENDEX', []],
      ['ASTER', ['BNB_CHAIN', 'ETHEREUM', 'ARBITRUM', 'SOLANA']],
      ['BINANCE_MULTI_ASSETS', []],
      ['BINANCE_PM', []],
      ['BITGET', []],
      ['BYBIT_UTA', []],
      ['DYDX', []],
      ['HYPERLIQUID', []],
      ['OKX_MULTI', []],
    ]);
  });

  it('values two venues in USDC, and settles contracts of another in USD1', () => {
    expect(data.venues.map(({ code, unit, singleAsset }) => [code, unit, singleAsset])).toEqual([
      ['ASCENDEX', 'USDT', 'USDT'],
      ['ASTER', 'USDT', 'USDT'],
      ['BINANCE_MULTI_ASSETS', 'USDT', 'USDT'],
      ['BINANCE_PM', 'USDT', 'USDT'],
      ['BITGET', 'USDT', 'USDT'],
      ['BYBIT_UTA', 'USDT', 'USDT'],
      ['DYDX', 'USDC', 'USDC'],
      ['HYPERLIQUID', 'USDC', 'USDC'],
      ['OKX_MULTI', 'USDT', 'USDT'],
    ]);
    const settled = data.venues.flatMap(({ code, unit, instruments }) =>
      instruments.filter(({ settlementAsset }) => settlementAsset !== unit).map(({ symbol }) => `${code} ${symbol}`),
    );
    expect(settled).toEqual(['ASTER BTCUSD1', 'ASTER ETHUSD1', 'BINANCE_MULTI_ASSETS BTCUSDC']);
  });

  it("holds both editions of Aster's table as versions of the same ratios", () => {
    const aster = venueOf(data, 'ASTER');
    // First edition: 9 assets on BNB Chain, 3 on Ethereum. Second: 16, 7, 4 on Arbitrum and 5 on Solana.
    expect(aster.ratios).toHaveLength(9 + 3 + 16 + 7 + 4 + 5);
    expect(versions(aster, 'ASTER/BNB_CHAIN/LISTA')).toEqual(['1 2025-01-01 0.9', '2 2025-04-01 0.1']);
    expect(versions(aster, 'ASTER/ETHEREUM/USDT')).toEqual(['1 2025-01-01 0.9999', '2 2025-04-01 0.9999']);
    expect(versions(aster, 'ASTER/ETHEREUM/USDC')).toEqual(['1 2025-04-01 0.9999']);
    expect(versions(aster, 'ASTER/SOLANA/JLP')).toEqual(['1 2025-04-01 0.9']);
    expect(aster.ratios.filter(({ source }) => !source.includes('is nominal'))).toEqual([]);
  });

  it("holds Bitget's tiers and caps of BTC, and USDT at par", () => {
    const bitget = venueOf(data, 'BITGET');
    const [btc, usdt] = bitget.ratios;
    expect(
      btc?.tiers.map((tier) => [tier.floor, tier.cap, tier.ratio].map((value) => value && toPlain(value))),
    ).toEqual([
      ['0', '100000', '0.975'],
      ['100000', '500000', '0.97'],
      ['500000', '1000000', '0.965'],
      ['1000000', '5000000', '0.96'],
      ['5000000', null, '0.85'],
    ]);
    expect([btc?.userCap?.toFixed(), btc?.platformCap?.toFixed(), btc?.tierUnit]).toEqual([
      '100',
      '5000',
      'QUOTE_VALUE',
    ]);
    expect([usdt?.asset, usdt && flatRatio(usdt)]).toEqual(['USDT', '1']);
  });

  it("holds AscendEX's discount factors", () => {
    const ascendex = venueOf(data, 'ASCENDEX');
    expect(ascendex.ratios).toHaveLength(19 + 1);
    expect(versions(ascendex, 'ASCENDEX//BTC')).toEqual(['1 2025-01-01 0.98']);
    expect(versions(ascendex, 'ASCENDEX//USDTR')).toEqual(['1 2025-01-01 0.2']);
  });

  it('holds the policies of rules 15', () => {
    const rows = data.venues.flatMap(({ code, policies }) =>
      policies.map((policy) => [
        ...[code, policy.version, policy.effectiveFrom.toISOString(), policy.maintenanceMethod],
        ...[policy.liquidatesAtEquality, policy.isolatedInMultiAsset, toPlain(policy.liquidationFeeRate)],
        policy.interest.map((rule) => `${rule.asset} ${toPlain(rule.freeThreshold)} ${toPlain(rule.hourlyRate)}`),
        policy.autoExchange.map((rule) => `${rule.asset} ${toPlain(rule.balance)}`),
      ]),
    );
    const converted = ['USDT -10000', 'USDC -10000'];
    const exchanged = ['USDT -10000', 'USD1 -10000'];
    const interest = ['USDT 1000 0.00000457', 'USD1 1000 0.00000457'];
    expect(rows).toEqual([
      ['ASCENDEX', 1, '2025-01-01T00:00:00.000Z', 'FLAT', true, true, '0', [], []],
      ['ASTER', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', false, false, '0', [], exchanged],
      ['ASTER', 2, '2026-04-09T10:00:00.000Z', 'PROGRESSIVE', false, false, '0', interest, exchanged],
      ['BINANCE_MULTI_ASSETS', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', false, false, '0', [], converted],
      ['BINANCE_PM', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', true, false, '0', [], []],
      ['BITGET', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', false, false, '0.0006', [], []],
      ['BITGET', 2, '2026-06-25T00:00:00.000Z', 'PROGRESSIVE', false, false, '0.0006', [], []],
      ['BYBIT_UTA', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', false, false, '0.00055', [], []],
      ['DYDX', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', false, true, '0', [], []],
      ['HYPERLIQUID', 1, '2025-06-01T00:00:00.000Z', 'PROGRESSIVE', false, true, '0', [], []],
      ['OKX_MULTI', 1, '2025-01-01T00:00:00.000Z', 'PROGRESSIVE', true, false, '0', [], []],
    ]);
    const others: Record<string, string[]> = {
      BINANCE_PM: ['0.666666666666666666', '0.833333333333333333'],
      OKX_MULTI: ['0.333333333333333333', '0.8'],
    };
    for (const { code, policy } of data.venues.flatMap(({ code, policies }) =>
      policies.map((policy) => ({ code, policy })),
    )) {
      expect([policy.warningRatio, policy.marginCallRatio].map(toPlain)).toEqual(others[code] ?? ['0.5', '0.8']);
      expect(toPlain(policy.guardMaxStep)).toBe('0.1');
      expect(policy.guardMinNoticeHours).toBe(24);
    }
  });

  it('states early liquidation, floors, equity and liabilities where the venues have them', () => {
    const stated = data.venues.flatMap(({ code, policies }) =>
      policies.flatMap(({ liquidationRatio, transferFloor, pnlCounts, liabilities, openOrders, exchangeRates }) => {
        const { numerator, denominator, isOne } = liquidationRatio;
        const facts = [
          ...(isOne ? [] : [`${toPlain(numerator)} / ${toPlain(denominator)}`]),
          ...(transferFloor.notionalRate.isZero() ? [] : [`${toPlain(transferFloor.notionalRate)} of notional`]),
          ...(transferFloor.maintenanceMultiple.isZero() ? [] : [`${toPlain(transferFloor.maintenanceMultiple)} x`]),
          ...(pnlCounts === 'IN_FULL' ? [] : [pnlCounts]),
          ...(liabilities.length === 0 ? [] : [`${liabilities[0]?.tiers.length} of debts`]),
          ...(exchangeRates.length === 0 ? [] : [`rates of ${exchangeRates.length} assets`]),
          ...(openOrders.openLoss === 'NONE' ? [] : ['open loss']),
        ];
        return facts.length === 0 ? [] : [[code, ...facts].join(', ')];
      }),
    );
    expect(stated).toEqual([
      'BINANCE_MULTI_ASSETS, rates of 5 assets, open loss',
      'BINANCE_PM, 1 / 1.05, 1.2 x, AS_EQUITY, 1 of debts, open loss',
      'BITGET, AS_EQUITY, 3 of debts',
      'BYBIT_UTA, 2 of debts',
      'HYPERLIQUID, 0.1 of notional',
      'OKX_MULTI, AS_EQUITY, 2 of debts',
    ]);
  });

  it('says of each number that no document states that it is nominal', () => {
    const sources = data.venues.flatMap(({ policies, instruments, ratios }) => [
      ...policies.map(({ source }) => source),
      ...instruments.flatMap(({ schedules }) => schedules.map(({ source }) => source)),
      ...ratios.map(({ source }) => source),
    ]);
    expect(sources.filter((source) => !/nominal|stand|choice|Aster Perps documentation/i.test(source))).toEqual([]);
  });

  it('holds the instruments with their tiers, and says where a table stands in', () => {
    const instruments = data.venues.flatMap(({ code, instruments }) =>
      instruments.map(({ symbol, baseAsset, schedules }) => [code, symbol, baseAsset, schedules[0]?.tiers.length]),
    );
    expect(instruments).toEqual([
      ['ASCENDEX', 'BTC-PERP', 'BTC', 6],
      ['ASCENDEX', 'ETH-PERP', 'ETH', 6],
      ['ASTER', 'BTCUSDT', 'BTC', 12],
      ['ASTER', 'ETHUSDT', 'ETH', 12],
      ['ASTER', 'SOLUSDT', 'SOL', 10],
      ['ASTER', 'BTCUSD1', 'BTC', 12],
      ['ASTER', 'ETHUSD1', 'ETH', 12],
      ['BINANCE_MULTI_ASSETS', 'BTCUSDT', 'BTC', 12],
      ['BINANCE_MULTI_ASSETS', 'ETHUSDT', 'ETH', 12],
      ['BINANCE_MULTI_ASSETS', 'BTCUSDC', 'BTC', 12],
      ['BINANCE_PM', 'BTCUSDT', 'BTC', 12],
      ['BINANCE_PM', 'ETHUSDT', 'ETH', 12],
      ['BITGET', 'BTCUSDT', 'BTC', 12],
      ['BITGET', 'ETHUSDT', 'ETH', 12],
      ['BITGET', 'SOLUSDT', 'SOL', 10],
      ['BYBIT_UTA', 'BTCUSDT', 'BTC', 4],
      ['BYBIT_UTA', 'ETHUSDT', 'ETH', 3],
      ['DYDX', 'BTC-USD', 'BTC', 1],
      ['DYDX', 'ETH-USD', 'ETH', 1],
      ['HYPERLIQUID', 'BTC-USDC', 'BTC', 2],
      ['HYPERLIQUID', 'ETH-USDC', 'ETH', 2],
      ['HYPERLIQUID', 'SOL-USDC', 'SOL', 2],
      ['OKX_MULTI', 'BTC-USDT-SWAP', 'BTC', 3],
      ['OKX_MULTI', 'ETH-USDT-SWAP', 'ETH', 2],
    ]);
    for (const code of ['ASTER', 'BITGET']) {
      for (const { schedules } of venueOf(data, code).instruments)
        expect(schedules[0]?.source).toMatch(/^Binance.*stand|standing in/);
    }
    const btc = venueOf(data, 'BITGET').instruments[0]?.schedules[0]?.tiers;
    expect(btc?.slice(0, 3).map((tier) => tier.maintenanceAmount.toFixed())).toEqual(['0', '50', '950']);
    const perp = venueOf(data, 'ASCENDEX').instruments[0]?.schedules[0]?.tiers;
    expect(perp?.map((tier) => tier.maintenanceAmount.toFixed())).toEqual(['0', '0', '0', '0', '0', '0']);
    expect(perp?.at(-1)?.cap).toBeNull();
  });

  it('counts what is in Earn at its own ratio, at the price of what it is', () => {
    expect(data.assets.find(({ symbol }) => symbol === 'BTC-S')).toMatchObject({ pricedAs: 'BTC', transferable: true });
    const ratio = venueOf(data, 'ASCENDEX').ratios.find(({ asset }) => asset === 'BTC-S');
    expect(ratio?.tiers.map((tier) => toPlain(tier.ratio))).toEqual(['0.98']);
    expect(ratio?.source).toMatch(/names no discount factor.*stands in/);
  });

  it('lets bonus money count, but neither leave nor be exchanged', () => {
    const bonus = data.assets.filter(({ transferable, convertible }) => !transferable || !convertible);
    expect(bonus).toMatchObject([{ symbol: 'BonusUSD', transferable: false, convertible: false }]);
  });
});
