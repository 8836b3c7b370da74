/**
 * Three days of March 2023 as they were recorded, in which USDC fell to 0.87 USDT: BTC minute by minute on Binance.US,
 * other assets hour by hour on Binance (prisma/replay/README.md names the sources). Assets without a recorded price
 * have a nominal one, under a source that says so.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ZERO, decimal, parseDecimal, quotientHalfEven, type Decimal } from '../margin/decimal.js';

export interface RecordedPrice {
  readonly asset: string;
  readonly source: string;
  /** In USDT. */
  readonly price: Decimal;
}

export interface Recording {
  readonly minutes: readonly Row[];
  readonly hours: readonly Row[];
  /** End of the last recorded minute, in milliseconds since 1970. */
  readonly end: number;
}

interface Row {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Closing prices by the name of their column. */
  readonly prices: ReadonlyMap<string, Decimal>;
}

export const MINUTE_MS = 60_000;

const MINUTES_FILE = 'prices-2023-03-usdc-depeg.csv';
const HOURS_FILE = 'prices-2023-03-hourly.csv';
const MINUTES_SOURCE = 'replay:binance-us';
const HOURS_SOURCE = 'replay:binance';
const NOMINAL_SOURCE = 'nominal';

const HOURLY_ASSETS: ReadonlyMap<string, string> = new Map([
  ['ETHUSDT', 'ETH'],
  ['BNBUSDT', 'BNB'],
  ['SOLUSDT', 'SOL'],
  ['CAKEUSDT', 'Cake'],
  ['TWTUSDT', 'TWT'],
  ['LINKUSDT', 'LINK'],
  ['ADAUSDT', 'ADA'],
  ['DOTUSDT', 'DOT'],
]);

/** Not recorded: a round number for pegged or small assets, the plain coin's price for wrapped ones. */
const NOMINAL_PRICES = new Map<string, Decimal | { readonly like: string }>([
  ['LisUSD', decimal(1)],
  ['USD1', decimal(1)],
  ['USDF', decimal(1)],
  ['BonusUSD', decimal(1)],
  ['LISTA', decimal('0.1')],
  ['ASTER', decimal('0.8')],
  ['USDC.e', { like: 'USDC' }],
  ['PUMPBTC', { like: 'BTC' }],
  ['WBETH', { like: 'ETH' }],
  ['RSETH', { like: 'ETH' }],
  ['Stone', { like: 'ETH' }],
  ['SlisBNB', { like: 'BNB' }],
  ['asBNB', { like: 'BNB' }],
]);

/** Throws if a file is invalid, and names the line. */
export async function readRecording(folder: string): Promise<Recording> {
  const minutes = await readRows(join(folder, MINUTES_FILE), ['BTCUSDT', 'BTCUSDC']);
  const hours = await readRows(join(folder, HOURS_FILE), [...HOURLY_ASSETS.keys()]);
  const last = minutes.at(-1);
  if (last === undefined || hours.length === 0) throw new Error(`The recording in ${folder} is empty.`);
  return { minutes, hours, end: last.at + MINUTE_MS };
}

/** Every price at a recorded instant: the last close at or before it. */
export function pricesAt(recording: Recording, at: number): RecordedPrice[] {
  const minute = lastAtOrBefore(recording.minutes, at);
  const hour = lastAtOrBefore(recording.hours, at);
  const prices: RecordedPrice[] = [];
  const bitcoin = minute?.prices.get('BTCUSDT');
  const bitcoinInUsdc = minute?.prices.get('BTCUSDC');
  if (bitcoin !== undefined && bitcoinInUsdc !== undefined) {
    prices.push({ asset: 'BTC', source: MINUTES_SOURCE, price: bitcoin });
    // USDC in USDT was not recorded: it is a coin's price in USDT by its price in USDC, half-even.
    prices.push({ asset: 'USDC', source: MINUTES_SOURCE, price: quotientHalfEven(bitcoin, bitcoinInUsdc) });
  }
  for (const [column, asset] of HOURLY_ASSETS) {
    const price = hour?.prices.get(column);
    if (price !== undefined) prices.push({ asset, source: HOURS_SOURCE, price });
  }
  const recorded = new Map(prices.map(({ asset, price }) => [asset, price]));
  for (const [asset, nominal] of NOMINAL_PRICES) {
    const price = 'like' in nominal ? recorded.get(nominal.like) : nominal;
    if (price !== undefined) prices.push({ asset, source: NOMINAL_SOURCE, price });
  }
  return prices;
}

function lastAtOrBefore(rows: readonly Row[], at: number): Row | undefined {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as Row).at <= at) low = middle + 1;
    else high = middle;
  }
  return rows[low - 1];
}

async function readRows(file: string, columns: readonly string[]): Promise<Row[]> {
  const [header = '', ...lines] = (await readFile(file, 'utf8')).trim().split(/\r?\n/);
  const names = header.split(',');
  const missing = ['time', ...columns].find((name) => !names.includes(name));
  if (missing !== undefined) throw new Error(`${file}: expected a column "${missing}" in its first line.`);
  const rows: Row[] = [];
  lines.forEach((line, index) => {
    const cells = new Map(line.split(',').map((cell, column) => [names[column], cell]));
    const at = Date.parse(cells.get('time') ?? '');
    const prices = new Map(columns.map((name) => [name, parseDecimal(cells.get(name) ?? '')]));
    const isWrong = [...prices.values()].some((price) => price === null || price.lte(ZERO));
    if (isWrong || !(at > (rows.at(-1)?.at ?? -Infinity))) {
      throw new Error(`${file}, line ${index + 2}: expected a later instant and prices above 0, found "${line}".`);
    }
    rows.push({ at, prices: prices as Map<string, Decimal> });
  });
  return rows;
}
