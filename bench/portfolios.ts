/** Accounts of the benchmarks, made in the database: 5 assets and 5 positions each, at BITGET, in hedge mode. */
import { decimal, type Decimal } from '../src/margin/decimal.js';
import type { AccountState } from '../src/margin/model.js';
import type { QuoteInput } from '../src/market/prices.js';

/** Three instruments are enough for five positions, since both sides of a hedge count. */
export const HELD: Readonly<Record<string, string>> = {
  USDT: '-2500.5',
  BTC: '10.123',
  ETH: '25.5',
  BNB: '12.75',
  SOL: '150.25',
};
export const OPEN = [
  ['BTCUSDT', 'LONG', '1.5', '89000.15'],
  ['BTCUSDT', 'SHORT', '0.25', '15111.125'],
  ['ETHUSDT', 'LONG', '20', '59500'],
  ['ETHUSDT', 'SHORT', '3', '9000.5'],
  ['SOLUSDT', 'LONG', '300', '45000'],
] as const;
export const INDEX: Readonly<Record<string, string>> = {
  BTC: '60123.45',
  ETH: '2987.61',
  BNB: '555.123',
  SOL: '149.1',
};
export const MARKS: Readonly<Record<string, string>> = { BTCUSDT: '60111.11', ETHUSDT: '2988.88', SOLUSDT: '149.123' };

/** The id of the account with this number, from 0 on. */
export function accountId(number: number): string {
  return `00000000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
}

/**
 * All of them alike.
 *
 * @param execute one statement
 * @param owner the SQL of the owner, from that of the account's number
 */
export async function insertAccounts(
  execute: (sql: string) => Promise<unknown>,
  count: number,
  owner: (number: string) => string,
): Promise<void> {
  await execute(`
    INSERT INTO accounts (id, name, owner, venue_code, collateral_mode, position_mode, opened_at)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid, 'Bench', ${owner('number')}, 'BITGET',
      'MULTI_ASSET', 'HEDGE', '2026-01-01T00:00:00Z'
    FROM generate_series(0, ${count} - 1) AS number`);
  for (const [asset, quantity] of Object.entries(HELD)) {
    await execute(`
      INSERT INTO balances (account_id, asset_symbol, quantity) SELECT id, '${asset}', ${quantity} FROM accounts`);
  }
  for (const [instrument, side, size, cost] of OPEN) {
    await execute(`
      INSERT INTO positions (account_id, venue_code, instrument, side, size, cost)
      SELECT id, 'BITGET', '${instrument}', '${side}', ${size}, ${cost} FROM accounts`);
  }
}

export function quotes(marks: Readonly<Record<string, string>> = MARKS): QuoteInput[] {
  const [at, source] = [new Date(), 'bench'];
  return [
    ...Object.entries(INDEX).map(([asset, price]) => ({ asset, price: decimal(price), source, at })),
    ...Object.entries(marks).map(([instrument, price]) => {
      return { venue: 'BITGET', instrument, price: decimal(price), source, at };
    }),
  ];
}

/** The same account without a database. */
export function accountInMemory(): AccountState {
  const [leverage, isolatedMargin]: [Decimal, Decimal] = [decimal(20), decimal(0)];
  return {
    collateralMode: 'MULTI_ASSET',
    positionMode: 'HEDGE',
    switchedOff: [],
    openOrders: [],
    balances: Object.entries(HELD).map(([asset, quantity]) => ({ asset, quantity: decimal(quantity) })),
    positions: OPEN.map(([instrument, side, size, cost]) => {
      return {
        instrument,
        side,
        size: decimal(size),
        cost: decimal(cost),
        leverage,
        marginMode: 'CROSS',
        isolatedMargin,
      };
    }),
  };
}
