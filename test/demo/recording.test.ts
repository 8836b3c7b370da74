import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from '@jest/globals';

import { toPlain } from '../../src/margin/decimal.js';
import { pricesAt, readRecording, type Recording } from '../../src/demo/recording.js';
import { PACKAGE_ROOT } from '../../src/platform/package-root.js';

const FOLDER = join(PACKAGE_ROOT, 'prisma', 'replay');
const MINUTES = 'prices-2023-03-usdc-depeg.csv';
const HOURS = 'prices-2023-03-hourly.csv';

let recording: Recording;
beforeAll(async () => {
  recording = await readRecording(FOLDER);
});

function prices(instant: string): Record<string, string> {
  const recorded = pricesAt(recording, Date.parse(instant));
  return Object.fromEntries(recorded.map(({ asset, source, price }) => [asset, `${toPlain(price)} ${source}`]));
}

describe('the recording', () => {
  it('says what every asset cost at the end of a recorded minute', () => {
    expect(prices('2023-03-11T07:50:00Z')).toEqual({
      BTC: '19958.14 replay:binance-us',
      // 19,958.14 / 22,960.78 = 0.869227439137520589457...: the lowest of the weekend.
      USDC: '0.869227439137520589 replay:binance-us',
      // The closes of 07:00, the last full hour.
      ETH: '1457.19 replay:binance',
      BNB: '278 replay:binance',
      SOL: '17.96 replay:binance',
      Cake: '3.554 replay:binance',
      TWT: '1.169 replay:binance',
      LINK: '6.175 replay:binance',
      ADA: '0.3166 replay:binance',
      DOT: '5.518 replay:binance',
      LisUSD: '1 nominal',
      USD1: '1 nominal',
      USDF: '1 nominal',
      BonusUSD: '1 nominal',
      LISTA: '0.1 nominal',
      ASTER: '0.8 nominal',
      'USDC.e': '0.869227439137520589 nominal',
      PUMPBTC: '19958.14 nominal',
      WBETH: '1457.19 nominal',
      RSETH: '1457.19 nominal',
      Stone: '1457.19 nominal',
      SlisBNB: '278 nominal',
      asBNB: '278 nominal',
    });
  });

  it('says between two closes the one before', () => {
    expect(prices('2023-03-11T07:59:59.999Z')).toMatchObject({
      BTC: '19848.75 replay:binance-us',
      ETH: expect.stringMatching(/^1457\.19 /) as unknown,
    });
    expect(prices('2023-03-11T08:00:00Z')).toMatchObject({
      BTC: '19862.9 replay:binance-us',
      ETH: expect.stringMatching(/^1416\.65 /) as unknown,
    });
  });

  it('ends a minute after its last close, and has nothing before its first', () => {
    expect(new Date(recording.end).toISOString()).toBe('2023-03-13T12:01:00.000Z');
    expect(Object.keys(prices('2023-03-10T11:59:59.999Z')).sort()).toEqual(
      ['ASTER', 'BonusUSD', 'LISTA', 'LisUSD', 'USD1', 'USDF'], // what needs no other price
    );
  });

  it.each([
    ['a column that is missing', (text: string) => text.replace('BTCUSDC', 'BTCEUR'), /expected a column "BTCUSDC"/],
    [
      'a price that is none',
      (text: string) => text.replace('19776.55', 'n/a'),
      /line 3: expected .* found "2023-03-10T12:01/,
    ],
    ['a price of 0', (text: string) => text.replace('19776.55', '0'), /line 3: expected/],
    ['a row that is not later', (text: string) => text.replace('T12:01:00Z', 'T12:00:00Z'), /line 3: expected a later/],
  ])('is refused with %s', async (_, broken, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'plimsoll-recording-'));
    await copyFile(join(FOLDER, HOURS), join(folder, HOURS));
    await writeFile(join(folder, MINUTES), broken(await readFile(join(FOLDER, MINUTES), 'utf8')));
    await expect(readRecording(folder)).rejects.toThrow(message);
    await rm(folder, { recursive: true });
  });
});
