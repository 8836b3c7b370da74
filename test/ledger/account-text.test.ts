/** The two ways of reading an account, all of them at start and some when they change, find the same to the last digit. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readTextsAfter, recordedAccount, stateOf, textOf } from '../../src/ledger/account-text.js';
import { accountState, readHoldings } from '../../src/ledger/records.js';
import type { Database } from '../../src/platform/database.js';
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
    SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'A', 'alice', venue, chain, mode::"CollateralMode", 'HEDGE', n, now()
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
});
afterAll(() => close());

it('finds the same, page by page', async () => {
  const rulebook = await Rulebook.load(db);
  const holdings = await readHoldings(db, [1, 2, 3].map(idOf));
  const pages = [await readTextsAfter(db, rulebook, null, 2), await readTextsAfter(db, rulebook, idOf(2), 2)];
  expect(pages.map(({ length }) => length)).toEqual([2, 1]);
  const ordered = ([collateralMode, positionMode, balances, positions]: (typeof pages)[0][0]['text']): unknown => {
    const pairs = balances.flatMap((asset, index) => (index % 2 === 0 ? [`${asset} ${balances[index + 1]}`] : []));
    return [collateralMode, positionMode, pairs.sort(), positions.map(String).sort()];
  };
  for (const read of pages.flat()) {
    const held = holdings.get(read.id);
    if (held === undefined) throw new Error(`${read.id} is not there.`);
    const expected = recordedAccount(held, rulebook);
    expect({ ...read, text: ordered(read.text) }).toEqual({ ...expected, text: ordered(expected.text) });
    expect(textOf(stateOf(read.text))).toEqual(read.text);
    expect(textOf(accountState(held, rulebook))).toEqual(expected.text);
  }
  expect(pages[0]?.[0]?.text[2]).toHaveLength(6);
  expect(pages[0]?.[0]?.text[3]).toHaveLength(2);
});
