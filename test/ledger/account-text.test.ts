/** Reading all accounts at start, and some when they change, finds the same to the last digit. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readRows, readRowsAfter, type AccountRow, type HeldRow } from '../../src/ledger/account-rows.js';
import { AccountTexts, stateOf, textOf, type AccountText } from '../../src/ledger/account-text.js';
import { accountState, holdingsOf } from '../../src/ledger/records.js';
import type { Database } from '../../src/platform/database/database.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import { openTestDatabase } from '../support/services/database.js';

const MOST = `${'9'.repeat(30)}.${'9'.repeat(18)}`;
const COST = `${'9'.repeat(30)}.${'1'.repeat(36)}`;
const idOf = (number: number): string => `00000000-0000-7000-8000-00000000000${number}`;

let db: Database;
let close: () => Promise<void>;
beforeAll(async () => {
  const opened = await openTestDatabase();
  db = opened.db;
  close = () => opened.close();
  await db.$executeRawUnsafe(`INSERT INTO assets (symbol, name) VALUES ('Ä"\\1', 'Awkward')`);
  await db.$executeRawUnsafe(`
    INSERT INTO accounts (id, name, owner, venue_code, chain_code, collateral_mode, position_mode, version, opened_at)
    SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'A "' || n || '"\\', 'alice', venue, chain,
      mode::"CollateralMode", 'HEDGE', n, '2026-01-02T03:04:05.678Z'
    FROM (VALUES (1, 'BITGET', NULL, 'MULTI_ASSET'), (2, 'ASTER', 'SOLANA', 'SINGLE_ASSET'), (3, 'BITGET', NULL, 'MULTI_ASSET'))
      AS row (n, venue, chain, mode)`);
  await db.$executeRawUnsafe(`
    INSERT INTO balances (account_id, asset_symbol, quantity)
    VALUES ('${idOf(1)}', 'BTC', ${MOST}), ('${idOf(1)}', 'USDT', -${MOST}), ('${idOf(1)}', 'ETH', 0),
      ('${idOf(1)}', 'Ä"\\1', 0.000000000000000001), ('${idOf(2)}', 'USDT', 100.50)`);
  await db.$executeRawUnsafe(`
    INSERT INTO positions (account_id, venue_code, instrument, side, size, cost, isolated_margin)
    VALUES ('${idOf(1)}', 'BITGET', 'BTCUSDT', 'LONG', 1.10, ${COST}, 0),
      ('${idOf(1)}', 'BITGET', 'BTCUSDT', 'SHORT', 0, 0, 0),
      ('${idOf(1)}', 'BITGET', 'ETHUSDT', 'SHORT', ${MOST}, 3, 12.345),
      ('${idOf(2)}', 'ASTER', 'BTCUSDT', 'LONG', 20, 400000, 0)`);
  await db.$executeRawUnsafe(`
    INSERT INTO instrument_settings (account_id, venue_code, instrument, leverage, margin_mode)
    VALUES ('${idOf(1)}', 'BITGET', 'ETHUSDT', 7, 'ISOLATED'), ('${idOf(1)}', 'BITGET', 'SOLUSDT', 3, 'CROSS')`);
  await db.$executeRawUnsafe(`
    INSERT INTO open_orders
      (account_id, venue_code, instrument, side, buy_size, sell_size, buy_notional, sell_notional, sequence)
    VALUES ('${idOf(1)}', 'BITGET', 'ETHUSDT', 'SHORT', 0, ${MOST}, 0, 2.50, 1000000000000000000),
      ('${idOf(1)}', 'BITGET', 'BTCUSDT', 'LONG', 0, 0, 0, 0, 3),
      ('${idOf(2)}', 'ASTER', 'BTCUSDT', 'BOTH', 1.10, 0, 22000, 0, 0)`);
});
afterAll(() => close());

it('finds the same, page by page', async () => {
  const rulebook = await Rulebook.load(db);
  const texts = new AccountTexts(rulebook);
  const rows = await readRows(db, [1, 2, 3].map(idOf));
  const pages = [await readRowsAfter(db, null, 2), await readRowsAfter(db, idOf(2), 2)];
  expect(pages.map((page) => page.map(([id]) => id))).toEqual([[idOf(1), idOf(2)], [idOf(3)]]);
  const plain = (row: AccountRow): unknown => [...row.slice(0, 8), ordered(row[8]), row[9]];
  expect(pages.flat().map(plain)).toEqual([...rows].sort().map(plain));
  for (const row of pages.flat()) {
    const text = texts.of(row[2], row[8]);
    expect(ordered(text)).toEqual(ordered(textOf(accountState(holdingsOf(row), rulebook))));
    expect(textOf(stateOf(text))).toEqual(text);
  }
  const [first] = pages.flat() as [AccountRow];
  expect(first.slice(0, 6)).toEqual([idOf(1), 1, 'BITGET', null, 'A "1"\\', 'alice']);
  expect(first[8][2]).toHaveLength(8);
  expect(first[8][3]).toHaveLength(3);
  const [, , balances, positions, orders] = texts.of('BITGET', first[8]);
  // Without what is zero.
  expect(balances).toHaveLength(6);
  expect([...positions].sort()).toEqual([
    ['BTCUSDT', 'LONG', '1.1', COST, '20', 'CROSS', '0'],
    ['ETHUSDT', 'SHORT', MOST, '3', '7', 'ISOLATED', '12.345'],
  ]);
  expect(orders).toEqual([['ETHUSDT', 'SHORT', '0', MOST, '0', '2.5', '7']]);
  const [, second] = pages.flat() as [AccountRow, AccountRow];
  expect(texts.of('ASTER', second[8])[4]).toEqual([['BTCUSDT', null, '1.1', '0', '22000', '0', '20']]);
});

it('answers what is held in the order of its keys, and unknown accounts not at all', async () => {
  const found = await readRows(db, [idOf(1), idOf(9)]);
  const holdings = new Map(found.map((row) => [row[0], holdingsOf(row)]));
  expect([...holdings.keys()]).toEqual([idOf(1)]);
  const held = holdings.get(idOf(1));
  expect([...(held?.balances.keys() ?? [])]).toEqual(['BTC', 'ETH', 'USDT', 'Ä"\\1']);
  expect([...(held?.positions.keys() ?? [])]).toEqual(['BTCUSDT/LONG', 'BTCUSDT/SHORT', 'ETHUSDT/SHORT']);
  expect(held?.account.openedAt).toEqual(new Date('2026-01-02T03:04:05.678Z'));
});

/** With balances and positions, which come in no order, put in one. */
function ordered(held: HeldRow | AccountText): unknown {
  const [collateralMode, positionMode, balances, positions] = held;
  const orders = held.at(-1) ?? [];
  const pairs = balances.flatMap((asset, index) => (index % 2 === 0 ? [`${asset} ${balances[index + 1]}`] : []));
  return [collateralMode, positionMode, pairs.sort(), positions.map(String).sort(), [...orders].map(String).sort()];
}
