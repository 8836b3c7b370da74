/** What an entry of the ledger comes from: its fill, and its instrument. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { openIsolated } from '../../support/calls/isolated-account.js';
import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { call, refusals, type Outcome } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  openHolding,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  await publishPrices(service, { BTC: '10000', 'ASCENDEX/BTC-PERP': '10000', 'ASCENDEX/ETH-PERP': '1000' });
  await publishPrices(service, { 'ASTER/BTCUSDT': '10000' });
});

afterAll(() => app.close());

interface Origin {
  readonly kind: string;
  readonly asset: { readonly symbol: string };
  readonly quantity: string;
  readonly instrument: { readonly symbol: string } | null;
  readonly fill: { readonly fillId: string; readonly size: string } | null;
}

/** Oldest first, from the last entries on: kind, asset, quantity, instrument, fill. */
async function originsOf(id: string, last: number): Promise<string[]> {
  const { ledger } = await readAccount<{ ledger: { nodes: Origin[] } }>(
    alice,
    id,
    `ledger(first: ${last}) { nodes { kind asset { symbol } quantity instrument { symbol } fill { fillId size } } }`,
  );
  return ledger.nodes
    .map(({ kind, asset, quantity, instrument, fill: of }) =>
      [kind, asset.symbol, quantity, instrument?.symbol ?? '-', of?.fillId ?? '-'].join(' '),
    )
    .reverse();
}

/** At 10x in isolated margin. */
async function isolated(): Promise<{ id: string; positionId: string; opened: string }> {
  const id = await openIsolated(service);
  const opened = randomUUID();
  await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '10000', { fillId: opened }));
  const { positions } = await readAccount<{ positions: { id: string }[] }>(alice, id, 'positions { id }');
  return { id, positionId: positions[0]?.id ?? '', opened };
}

const entry = (accountId: string, quantity: string, choice: object = {}): Record<string, unknown> => ({
  ...{ entryId: randomUUID(), accountId, asset: 'USDT', quantity, kind: 'FUNDING', at: new Date().toISOString() },
  ...choice,
});
const record = (...entries: object[]): Promise<Outcome> => call(service, 'recordLedgerEntries', { entries });

describe('an entry of a fill', () => {
  it('names it and its instrument: PnL and fee in cross margin, each of its own fill', async () => {
    const id = await openAccount(service, { venue: 'ASCENDEX' });
    const [first, second] = [randomUUID(), randomUUID()];
    const taken = await recordFills(
      service,
      fill(id, 'BTC-PERP', 'BUY', '1', '10000', { fillId: first, fee: '2' }),
      fill(id, 'ETH-PERP', 'BUY', '1', '1000'),
      fill(id, 'BTC-PERP', 'SELL', '1', '10010', { fillId: second, fee: '3' }),
    );
    expect(taken).toEqual({ recorded: 3, alreadyKnown: 0, errors: [] });
    expect(await originsOf(id, 20)).toEqual([
      `FEE USDT -2 BTC-PERP ${first}`,
      `REALIZED_PNL USDT 10 BTC-PERP ${second}`,
      `FEE USDT -3 BTC-PERP ${second}`,
    ]);
  });

  it('names them in isolated margin: what was set aside, what the margin gave, and what was insured', async () => {
    const { id, opened } = await isolated();
    const closed = randomUUID();
    await recordFills(service, fill(id, 'BTC-PERP', 'SELL', '1', '8000', { fillId: closed, fee: '1' }));
    expect(await originsOf(id, 5)).toEqual([
      `MARGIN_ADJUSTMENT USDT -1000 BTC-PERP ${opened}`,
      `MARGIN_ADJUSTMENT USDT 1000 BTC-PERP ${closed}`,
      `REALIZED_PNL USDT -2000 BTC-PERP ${closed}`,
      `FEE USDT -1 BTC-PERP ${closed}`,
      `INSURANCE USDT 1001 BTC-PERP ${closed}`,
    ]);
  });

  it('names the fill that led to an automatic exchange', async () => {
    const id = await openHolding(service, { BTC: '5' }, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    const paid = randomUUID();
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000', { fillId: paid, fee: '10001' }));
    const origins = await originsOf(id, 3);
    expect(origins[0]).toBe(`FEE USDT -10001 BTCUSDT ${paid}`);
    expect(origins.slice(1).map((text) => text.replace(/ -?[\d.]+ /, ' '))).toEqual([
      `AUTO_EXCHANGE BTC BTCUSDT ${paid}`,
      `AUTO_EXCHANGE USDT BTCUSDT ${paid}`,
    ]);
  });

  it('is found by each of two venues that number their fills alike', async () => {
    const fillId = randomUUID();
    const here = await openAccount(service, { venue: 'ASCENDEX' });
    const there = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    await recordFills(
      service,
      fill(here, 'BTC-PERP', 'BUY', '1', '10000', { fillId, fee: '2' }),
      fill(there, 'BTCUSDT', 'BUY', '3', '10000', { fillId, fee: '2' }),
    );
    for (const [id, size] of [
      [here, '1'],
      [there, '3'],
    ] as const) {
      const { ledger } = await readAccount<{ ledger: object }>(alice, id, 'ledger { nodes { fill { size } } }');
      expect(ledger).toEqual({ nodes: [{ fill: { size } }] });
    }
  });
});

describe('an entry of no fill', () => {
  it('names the instrument of the position whose margin was moved', async () => {
    const { id, positionId } = await isolated();
    await call(alice, 'adjustPositionMargin', { positionId, quantity: '100' });
    await record(entry(id, '-30', { positionId }), entry(id, '-2000', { positionId, kind: 'LIQUIDATION_FEE' }));
    expect(await originsOf(id, 6)).toEqual([
      'MARGIN_ADJUSTMENT USDT -100 BTC-PERP -',
      'FUNDING USDT -30 BTC-PERP -',
      'MARGIN_ADJUSTMENT USDT 30 BTC-PERP -',
      'LIQUIDATION_FEE USDT -2000 BTC-PERP -',
      'MARGIN_ADJUSTMENT USDT 1070 BTC-PERP -',
      'INSURANCE USDT 930 BTC-PERP -',
    ]);
  });

  it('names the instrument that it is reported with, on the balance; else none', async () => {
    const id = await openHolding(service, { USDT: '100' }, { venue: 'ASCENDEX' });
    await record(entry(id, '-1', { instrument: 'ETH-PERP' }), entry(id, '-2'), entry(id, '-3', { instrument: null }));
    expect(await originsOf(id, 4)).toEqual([
      'DEPOSIT USDT 100 - -',
      'FUNDING USDT -1 ETH-PERP -',
      'FUNDING USDT -2 - -',
      'FUNDING USDT -3 - -',
    ]);
  });

  it('has the instrument as part of its content; that of its position is the same, named or not', async () => {
    const { id, positionId } = await isolated();
    const cross = entry(id, '-1', { instrument: 'ETH-PERP' });
    const isolatedOne = entry(id, '-1', { positionId });
    expect(await record(cross, isolatedOne)).toMatchObject({ recorded: 2, errors: [] });
    const again = await unchanged(app, () => record(cross, { ...isolatedOne, instrument: 'BTC-PERP' }));
    expect(again).toMatchObject({ recorded: 0, alreadyKnown: 2, errors: [] });
    const others = [
      { ...cross, instrument: 'BTC-PERP' },
      { ...cross, instrument: null },
    ];
    const reused = await unchanged(app, () => record(...others));
    expect(reused.errors.map(({ code }) => code)).toEqual(others.map(() => 'IDEMPOTENCY_KEY_REUSED'));
  });

  it.each([
    ['that there is not', 'NOPE', 'INSTRUMENT_NOT_FOUND'],
    ['of another venue', 'BTCUSDT', 'INSTRUMENT_NOT_FOUND'],
    ['in lower case', 'btc-perp', 'INSTRUMENT_NOT_FOUND'],
    ['with NUL', 'BTC-PERP\0', 'INSTRUMENT_NOT_FOUND'],
    ['other than that of its position', 'ETH-PERP', 'INVALID_INPUT'],
  ])('is refused with an instrument %s', async (_what, instrument, code) => {
    const { id, positionId } = await isolated();
    const choice = code === 'INVALID_INPUT' ? { positionId } : {};
    const answer = await unchanged(app, () => record(entry(id, '-1', { ...choice, instrument })));
    expect(refusals(answer)).toMatchObject([{ code, field: ['input', 'entries', '0', 'instrument'] }]);
  });
});

it('that was recorded before entries named it has neither', async () => {
  const id = await openAccount(service, { venue: 'ASCENDEX' });
  await app.app.services.db.$executeRaw`
    INSERT INTO ledger_entries (account_id, asset_symbol, quantity, balance_after, kind, reference, at)
    VALUES (${uuidOf(id)}::uuid, 'USDT', -2, -2, 'FEE', 'of old', now())`;
  expect(await originsOf(id, 1)).toEqual(['FEE USDT -2 - -']);
});

it('of a deposit comes from no instrument', async () => {
  const id = await openAccount(service);
  await recordTransfers(service, transfer(id, 'USDT', '1'));
  expect(await originsOf(id, 1)).toEqual(['DEPOSIT USDT 1 - -']);
});
