/** Prices over a database that two processes share, at the clock of a test. */
import { expect } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import { Prices, type QuoteInput } from '../../src/market/prices.js';
import type { PriceChanges } from '../../src/market/quote.js';
import type { Database } from '../../src/platform/database/database.js';
import { createLogger } from '../../src/platform/log.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import { SERVER_URL, createTestDatabase } from '../support/services/database.js';
import { forgetPrices } from './price-database.js';

export const NOON = Date.parse('2026-01-01T12:00:00Z');
export const MAX_AGE = 60_000;

export interface Opened {
  readonly prices: Prices;
  readonly heard: PriceChanges[];
}

export interface PriceWorld {
  now: number;
  /** Every SQL statement since the start. */
  readonly statements: string[];
  /** Of two processes; on PGlite, which is of one process, the same. */
  db(process?: number): Database;
  open(from?: Database): Promise<Opened>;
  /** All rounds. They are numbered without a gap, and each is later than the one before. */
  rounds(): Promise<{ seq: bigint; at: Date }[]>;
  /** BTC, ETH and SOL as a board shows them, with every source. */
  board(opened: Opened): unknown[];
  /** At noon, as if nothing had ever been published. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

export function quote(asset: string, source: string, price: number, seconds = 0): QuoteInput {
  return { asset, source, price: decimal(price), at: new Date(NOON + seconds * 1_000) };
}

export async function priceWorld(): Promise<PriceWorld> {
  const database = await createTestDatabase();
  const statements: string[] = [];
  const processes = [await database.open((sql) => statements.push(sql))];
  if (SERVER_URL !== null) processes.push(await database.open((sql) => statements.push(sql)));
  const db = (process = 0): Database => (processes[process] ?? processes[0])?.db as Database;
  const symbols = await Rulebook.load(db());
  const world: PriceWorld = {
    now: NOON,
    statements,
    db,
    open: async (from = db()) => {
      const heard: PriceChanges[] = [];
      const onPrices = (changes: PriceChanges): void => void heard.push(changes);
      const parts = { db: from, symbols, maxAge: MAX_AGE, onPrices, log: createLogger('silent') };
      return { prices: await Prices.open({ ...parts, clock: () => world.now }), heard };
    },
    rounds: async () => {
      const all = await db().priceRound.findMany({ orderBy: { seq: 'asc' } });
      all.forEach(({ seq, at }, index) => {
        expect(seq).toBe(BigInt(index + 1));
        if (index > 0) expect(at > (all[index - 1] as { at: Date }).at).toBe(true);
      });
      return all;
    },
    board: ({ prices }) =>
      ['BTC', 'ETH', 'SOL'].map((asset) => {
        const detail = prices.board.indexDetail(asset, world.now);
        return detail === null ? null : JSON.stringify(detail);
      }),
    begin: async () => {
      world.now = NOON;
      await forgetPrices(db());
    },
    close: async () => {
      for (const { close } of processes) await close();
      await database.drop();
    },
  };
  return world;
}
