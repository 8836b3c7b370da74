/** A portfolio of the oracle as the arguments of `assessMargin`. */
import { decimal, type Decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import type { AccountState, CollateralTier, Market, Policy } from '../../../src/margin/model.js';
import type { Portfolio, PortfolioTable } from './portfolio.js';

export interface Arguments {
  readonly account: AccountState;
  readonly market: Market;
  readonly policy: Policy;
}

export function toMargin(portfolio: Portfolio): Arguments {
  const { rules } = portfolio;
  const [initial, maintenance, openLoss] = rules.openOrders ?? [false, false, false];
  const [notionalRate, maintenanceMultiple] = rules.transferFloor ?? ['0', '0'];
  return {
    account: {
      collateralMode: portfolio.multiAsset ? 'MULTI_ASSET' : 'SINGLE_ASSET',
      switchedOff: portfolio.assets.flatMap(({ symbol, switchedOff }) => (switchedOff === true ? [symbol] : [])).sort(),
      positionMode: portfolio.hedge ? 'HEDGE' : 'ONE_WAY',
      balances: portfolio.assets.map(({ symbol, quantity }) => ({ asset: symbol, quantity: decimal(quantity) })),
      positions: portfolio.positions.map((position) => ({
        instrument: position.instrument,
        side: position.long ? 'LONG' : 'SHORT',
        size: decimal(position.size),
        cost: decimal(position.cost),
        leverage: decimal(position.leverage),
        marginMode: position.isolated ? 'ISOLATED' : 'CROSS',
        isolatedMargin: decimal(position.margin),
      })),
      openOrders: (portfolio.orders ?? []).map((orders) => ({
        instrument: orders.instrument,
        side: orders.long === null ? null : orders.long ? 'LONG' : 'SHORT',
        buySize: decimal(orders.buySize),
        sellSize: decimal(orders.sellSize),
        buyNotional: decimal(orders.buyNotional),
        sellNotional: decimal(orders.sellNotional),
        leverage: decimal(orders.leverage),
      })),
    },
    market: {
      index: priceOf(portfolio.assets.map(({ symbol, price, stale }) => [symbol, price, stale])),
      mark: priceOf(portfolio.instruments.map(({ symbol, mark, stale }) => [symbol, mark, stale])),
    },
    policy: {
      version: 1,
      unit: portfolio.unit,
      singleAsset: portfolio.single,
      liquidationRatio: new Fraction(...fractionOf(rules.liquidationRatio ?? ['1', '1'])),
      liquidatesAtEquality: rules.liquidatesAtEquality,
      maintenanceMethod: rules.progressive ? 'PROGRESSIVE' : 'FLAT',
      pnlCounts: rules.asEquity === true ? 'AS_EQUITY' : 'IN_FULL',
      liquidationFeeRate: decimal(rules.liquidationFeeRate),
      warningRatio: decimal(rules.warningRatio),
      marginCallRatio: decimal(rules.marginCallRatio),
      isolatedInMultiAsset: true,
      debtMarginRate: decimal(rules.debtMarginRate),
      liabilities: (rules.liabilities ?? []).map(({ asset, inCoins, tiers }) => ({
        asset,
        tierUnit: inCoins ? ('QUANTITY' as const) : ('QUOTE_VALUE' as const),
        tiers: tiers.map((tier) => ({
          ...{ floor: decimal(tier.floor), cap: optional(tier.cap) },
          ...{ initialRate: decimal(tier.initial), maintenanceRate: decimal(tier.maintenance) },
        })),
      })),
      transferFloor: { notionalRate: decimal(notionalRate), maintenanceMultiple: decimal(maintenanceMultiple) },
      openOrders: {
        initial: initial ? 'WORST_SIDE' : 'NONE',
        maintenance: maintenance ? 'WORST_SIDE' : 'NONE',
        openLoss: openLoss ? 'INITIAL' : 'NONE',
      },
      interest: [],
      autoExchange: Object.entries(rules.exchange?.thresholds ?? {}).map(([asset, balance]) => ({
        ...{ asset, balance: decimal(balance) },
      })),
      exchangeOrder: rules.exchange?.highestFirst === true ? 'HIGHEST_RATIO_FIRST' : 'PRO_RATA',
      exchangeRates: Object.entries(rules.exchange?.rates ?? {}).map(([asset, tiers]) => ({
        asset,
        tiers: tiers.map(({ floor, cap, rate }) => ({
          floor: decimal(floor),
          cap: optional(cap),
          rate: decimal(rate),
        })),
      })),
      assets: new Map(
        portfolio.assets.map(({ symbol, pricedAs, transferable, convertible = true }) => [
          symbol,
          { pricedAs, transferable, convertible },
        ]),
      ),
      collateralRatios: new Map(
        portfolio.assets.flatMap(({ symbol, table: table }) => {
          if (table === null) return [];
          const tiersOf = (rows: PortfolioTable['tiers']): CollateralTier[] =>
            rows.map(({ floor, cap, ratio }) => ({ floor: decimal(floor), cap: optional(cap), ratio: decimal(ratio) }));
          const tierUnit = table.inCoins ? ('QUANTITY' as const) : ('QUOTE_VALUE' as const);
          const initialTiers = table.initialTiers === undefined ? null : tiersOf(table.initialTiers);
          const userCap = optional(table.userCap);
          return [[symbol, { id: symbol, tierUnit, tiers: tiersOf(table.tiers), initialTiers, userCap }]];
        }),
      ),
      instruments: new Map(
        portfolio.instruments.map(({ symbol, base, settlement, tiers }) => [
          symbol,
          {
            symbol,
            baseAsset: base,
            settlementAsset: settlement,
            maxLeverage: decimal('125'),
            tiers: tiers.map((tier, index) => ({
              tier: index + 1,
              floor: decimal(tier.floor),
              cap: optional(tier.cap),
              maintenanceRate: decimal(tier.rate),
              maintenanceAmount: decimal(tier.amount),
              maxLeverage: decimal(tier.maxLeverage),
            })),
          },
        ]),
      ),
    },
  };
}

function priceOf(rows: readonly (readonly [string, string | null, boolean])[]): Market['index'] {
  const prices = new Map(rows.map(([symbol, price, stale]) => [symbol, { price, stale }]));
  return (symbol) => {
    const found = prices.get(symbol);
    return found === undefined || found.price === null ? null : { price: decimal(found.price), stale: found.stale };
  };
}

function fractionOf([numerator, denominator]: readonly [string, string]): [Decimal, Decimal] {
  return [decimal(numerator), decimal(denominator)];
}

function optional(text: string | null): Decimal | null {
  return text === null ? null : decimal(text);
}
