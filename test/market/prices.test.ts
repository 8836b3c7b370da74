import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../src/margin/decimal.js';
import { Prices, type PublishResult, type QuoteInput } from '../../src/market/prices.js';
import type { PriceChanges } from '../../src/market/quote.js';
import type { Database } from '../../src/platform/database/database.js';
import { createLogger } from '../../src/platform/log.js';
import { Rulebook } from '../../src/policy/rulebook/rulebook.js';
import { openTestDatabase } from '../support/services/database.js';
import { forgetPrices, storedPrices } from './price-database.js';

const log = createLogger('silent');

const NOON = Date.parse('2026-01-01T12:00:00Z');

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Database;
let rulebook: Rulebook;
beforeAll(async () => {
  database = await openTestDatabase();
  db = database.db;
  await db.venue.create({ data: { code: 'EMPTY', name: 'A venue without instruments' } });
  rulebook = await Rulebook.load(db);
});
afterAll(() => database.close());

let now: number;
let heard: PriceChanges[];
beforeEach(async () => {
  now = NOON;
  heard = [];
  await forgetPrices(db);
});

function open(from: Database = db): Promise<Prices> {
  const onPrices = (changes: PriceChanges): void => void heard.push(changes);
  return Prices.open({ db: from, symbols: rulebook, maxAge: 60_000, clock: () => now, onPrices, log });
}

function btc(price: string, more: Partial<QuoteInput> = {}): QuoteInput {
  return { asset: 'BTC', price: decimal(price), source: 'A', at: new Date(now), ...more };
}

function mark(price: string, more: Partial<QuoteInput> = {}): QuoteInput {
  return { ...btc(price), asset: null, venue: 'ASTER', instrument: 'BTCUSDT', ...more };
}

const stored = (): Promise<string[]> => storedPrices(db, NOON);

/** What the board shows of BTC and of ASTER's BTCUSDT, in the same words. */
function onBoard({ board }: Prices): string[] {
  const lines: string[] = [];
  const second = (at: Date): string => `${(at.getTime() - NOON) / 1000}`;
  const index = board.indexDetail('BTC', now);
  if (index !== null) lines.push(`index BTC ${toPlain(index.price)} ${second(index.at)}`);
  for (const { source, price, at } of index?.sources ?? []) {
    lines.push(`quote BTC ${source} ${toPlain(price)} ${second(at)}`);
  }
  for (const { source, price, at } of board.markDetail('ASTER', 'BTCUSDT', now)?.sources ?? []) {
    lines.push(`mark ASTER/BTCUSDT ${source} ${toPlain(price)} ${second(at)}`);
  }
  return lines.sort();
}

describe('publishing prices', () => {
  it('stores what it accepts, puts it on the board, and tells what changed', async () => {
    const prices = await open();
    const result = await prices.publish([
      btc('60000.000000000000000001'),
      btc('60002', { source: 'B' }),
      mark('60010'),
    ]);
    expect(result).toEqual({ accepted: 3, ignored: [], refusals: [] });
    const expected = [
      'index BTC 60001 0', // (60,000.000000000000000001 + 60,002) / 2 = 60,001.0000000000000000005: to the even digit
      'mark ASTER/BTCUSDT A 60010 0',
      'quote BTC A 60000.000000000000000001 0',
      'quote BTC B 60002 0',
    ];
    expect(await stored()).toEqual(expected);
    expect(onBoard(prices)).toEqual(expected);
    const marks = [{ venue: 'ASTER', instrument: 'BTCUSDT' }];
    expect(heard).toEqual([{ assets: ['BTC', 'BTC-S'], marks }]);
  });

  it('tells nothing when no price has changed', async () => {
    const prices = await open();
    await prices.publish([btc('60000')]);
    now += 1_000;
    await prices.publish([btc('60000')]);
    expect(heard).toHaveLength(1);
    expect(await stored()).toContain('index BTC 60000 1');
  });

  it.each<[what: string, quote: Partial<QuoteInput>, code: string, field: string]>([
    ['an unknown asset', { asset: 'XYZ' }, 'ASSET_NOT_FOUND', 'asset'],
    ['an unknown venue', { asset: null, venue: 'XYZ', instrument: 'BTCUSDT' }, 'VENUE_NOT_FOUND', 'venue'],
    [
      'an instrument of another venue',
      { asset: null, venue: 'ASTER', instrument: 'BTC-PERP' },
      'INSTRUMENT_NOT_FOUND',
      'instrument',
    ],
    [
      'a venue without instruments',
      { asset: null, venue: 'EMPTY', instrument: 'BTCUSDT' },
      'INSTRUMENT_NOT_FOUND',
      'instrument',
    ],
    ['an asset and an instrument', { venue: 'ASTER', instrument: 'BTCUSDT' }, 'INVALID_INPUT', 'asset'],
    ['an asset and a venue', { venue: 'ASTER' }, 'INVALID_INPUT', 'asset'],
    ['neither', { asset: null }, 'INVALID_INPUT', 'asset'],
    ['an instrument without a venue', { asset: null, instrument: 'BTCUSDT' }, 'INVALID_INPUT', 'asset'],
    ['USDT', { asset: 'USDT' }, 'INVALID_INPUT', 'asset'],
    ["an asset that takes another one's price", { asset: 'BTC-S' }, 'INVALID_INPUT', 'asset'],
    ['a price of 0', { price: decimal(0) }, 'INVALID_INPUT', 'price'],
    ['a negative price', { price: decimal(-1) }, 'INVALID_INPUT', 'price'],
    ['a price above 1e12', { price: decimal('1000000000000.000000000000000001') }, 'INVALID_INPUT', 'price'],
    ['no source', { source: '' }, 'INVALID_INPUT', 'source'],
    ['a source that is too long', { source: 'x'.repeat(101) }, 'INVALID_INPUT', 'source'],
    ['a source with NUL', { source: 'a\0b' }, 'INVALID_INPUT', 'source'],
    ['half a surrogate pair as source', { source: '\ud800' }, 'INVALID_INPUT', 'source'],
    ['an instant more than a minute ahead', { at: new Date(NOON + 60_001) }, 'INVALID_INPUT', 'at'],
    ['an instant before 1970', { at: new Date(-1) }, 'INVALID_INPUT', 'at'],
    ['no instant', { at: new Date(NaN) }, 'INVALID_INPUT', 'at'],
  ])('refuses a quote with %s, by its path, and takes the others', async (_, wrong, code, field) => {
    const prices = await open();
    const result = await prices.publish([btc('60000'), btc('1', wrong), mark('60000')]);
    expect(result).toEqual({
      accepted: 2,
      ignored: [],
      refusals: [{ code, message: expect.any(String) as unknown, field: ['quotes', '1', field] }],
    });
    expect(await stored()).toHaveLength(3);
  });

  it('takes what lies just within its bounds', async () => {
    const prices = await open();
    const edges = [
      btc('1000000000000', { at: new Date(NOON + 60_000), source: 'x'.repeat(100) }),
      btc('0.000000000000000001', { asset: 'ETH', at: new Date(0) }),
    ];
    expect(await prices.publish(edges)).toEqual({ accepted: 2, ignored: [], refusals: [] });
    expect((await stored()).filter((line) => line.startsWith('quote'))).toHaveLength(2);
  });
});

describe('a quote that is dated ahead', () => {
  it('counts from its receipt, and is outranked by what is received after it', async () => {
    const prices = await open();
    const dated = (seconds: number): { at: Date } => ({ at: new Date(NOON + seconds * 1_000) });
    await prices.publish([btc('150', dated(58)), mark('150', dated(58))]);
    expect(await stored()).toEqual(['index BTC 150 0', 'mark ASTER/BTCUSDT A 150 0', 'quote BTC A 150 0']);
    now += 1_000;
    // Another process, which knows the first quotes from the database alone.
    const other = await open();
    const taken = await other.publish([btc('100', dated(-2)), mark('100', dated(-2))]);
    expect(taken).toEqual({ accepted: 2, ignored: [], refusals: [] });
    expect(onBoard(other)).toEqual(['index BTC 100 -2', 'mark ASTER/BTCUSDT A 100 -2', 'quote BTC A 100 -2']);
    expect(await stored()).toEqual(onBoard(other));
  });

  it('is as old as its receipt', async () => {
    const prices = await open();
    await prices.publish([mark('150', { at: new Date(NOON + 58_000) })]);
    expect(prices.board.markDetail('ASTER', 'BTCUSDT', NOON + 60_001)).toMatchObject({ staleReason: 'AGED' });
  });
});

describe('a quote that is older than what is known', () => {
  it('is named to the caller that sent it, and to no other of the same round', async () => {
    const prices = await open();
    await prices.publish([mark('100')]);
    const old = { at: new Date(NOON - 3_000) };
    const [first, second] = await Promise.all([
      prices.publish([btc('1'), mark('90', old)]),
      prices.publish([btc('2'), btc('3', { source: 'B' })]),
    ]);
    expect(first).toMatchObject({
      ...{ accepted: 1, refusals: [] },
      ignored: [{ code: 'QUOTE_OUTDATED', field: ['quotes', '1', 'at'] }],
    });
    expect(second).toEqual({ accepted: 2, ignored: [], refusals: [] });
    expect(await prices.publish([mark('90', old)])).toMatchObject({ accepted: 0, ignored: [{}] });
  });
});

describe('rounds at the same moment', () => {
  it('leave the board and the database equal: the newest wins, of one instant the later call', async () => {
    const prices = await open();
    now = NOON + 20_000;
    const calls: Promise<PublishResult>[] = [];
    for (let call = 0; call < 60; call++) {
      // Instants go up and down: 0, 7, 14, ... modulo 20, so that 19 s comes three times.
      const at = new Date(NOON + ((call * 7) % 20) * 1_000);
      calls.push(
        prices.publish([
          btc(`${1_000 + call}`, { at }),
          btc(`${1_000 + call}`, { at, source: 'B' }),
          mark(`${2_000 + call}`, { at }),
        ]),
      );
    }
    await Promise.all(calls);
    // 7 x call modulo 20 is 19 for call 17, 37 and 57.
    const expected = [
      'index BTC 1057 19',
      'mark ASTER/BTCUSDT A 2057 19',
      'quote BTC A 1057 19',
      'quote BTC B 1057 19',
    ];
    expect(await stored()).toEqual(expected);
    expect(onBoard(prices)).toEqual(expected);
  });

  it('of two processes leave the newest in the database', async () => {
    now = NOON + 10_000;
    const [one, other] = await Promise.all([open(), open()]);
    const at = (seconds: number): { at: Date } => ({ at: new Date(NOON + seconds * 1_000) });
    await Promise.all([
      ...[1, 5, 3, 9].map((second) => one.publish([btc(`${second}`, at(second)), mark(`${second}`, at(second))])),
      ...[2, 8, 4, 6].map((second) => other.publish([btc(`${second}`, at(second)), mark(`${second}`, at(second))])),
    ]);
    expect(await stored()).toEqual(['index BTC 9 9', 'mark ASTER/BTCUSDT A 9 9', 'quote BTC A 9 9']);
  });
});

describe('a database that is away', () => {
  it('refuses the round as a whole; the next one is taken', async () => {
    let away = false;
    const flaky = new Proxy(db, {
      get: (target, name) => {
        if (name === '$queryRaw' && away) return () => Promise.reject(new Error('away'));
        return Reflect.get(target, name) as unknown;
      },
    });
    const prices = await open(flaky);
    away = true;
    await expect(prices.publish([btc('60000')])).rejects.toThrow('away');
    expect([onBoard(prices), heard]).toEqual([[], []]);
    away = false;
    await prices.publish([btc('60001')]);
    expect(onBoard(prices)).toEqual(await stored());
    expect(onBoard(prices)).toEqual(['index BTC 60001 0', 'quote BTC A 60001 0']);
  });
});

describe('the board', () => {
  it('survives a restart', async () => {
    const before = await open();
    await before.publish([btc('60000'), btc('60002', { source: 'B' }), mark('60010')]);
    now += 30_000;
    const after = await open();
    expect(onBoard(after)).toEqual(onBoard(before));
    expect(after.board.marketOf('ASTER', now).index('BTC')).toEqual({ price: decimal(60001), stale: false });
    now += 30_001;
    expect(after.board.marketOf('ASTER', now).index('BTC')).toEqual({ price: decimal(60001), stale: true });
    expect((await open()).board.indexDetail('BTC', now)).toEqual(after.board.indexDetail('BTC', now));
  });

  it('composes anew what has aged out, stores it, and tells', async () => {
    const prices = await open();
    now = NOON + 30_000;
    await prices.publish([btc('60000', { at: new Date(NOON) }), btc('60002', { source: 'B' })]);
    now += 30_001;
    await prices.refresh();
    expect(await stored()).toContain('index BTC 60002 30');
    expect(heard.slice(1)).toEqual([{ assets: ['BTC', 'BTC-S'], marks: [] }]);
    now += 60_000;
    await prices.refresh();
    await prices.refresh();
    // Stale now, which is told once and is no new price to store.
    expect(heard.slice(2)).toEqual([{ assets: ['BTC', 'BTC-S'], marks: [] }]);
    expect(prices.board.indexDetail('BTC', now)).toMatchObject({ price: decimal(60002), stale: true });
  });
});
