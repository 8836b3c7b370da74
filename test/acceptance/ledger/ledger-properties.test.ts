/**
 * After any requests in any order, every balance is the sum of its entries, versions rise, and refusals change nothing.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { readAccount } from '../../support/calls/account-reader.js';
import { call, versionOf, wrongBalances, type Mutation } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

/** More of them for a long run: PROPERTY_RUNS=200. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 6);

let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});

afterAll(() => app.close());

const quantity = fc.integer({ min: 1, max: 40_000 }).map((number) => String(number / 4));
const signed = fc.tuple(fc.constantFrom('', '-'), quantity).map(([sign, size]) => `${sign}${size}`);
const instrument = fc.constantFrom('BTC-PERP', 'ETH-PERP');

const step = fc.oneof(
  fc.record({
    what: fc.constant('fill'),
    instrument,
    side: fc.constantFrom('BUY', 'SELL'),
    size: fc.constantFrom('0.5', '1', '3.25'),
    price: fc.constantFrom('9000', '10000', '11111.1'),
    fee: fc.constantFrom('0', '7.5', '-1'),
  }),
  fc.record({ what: fc.constant('transfer'), asset: fc.constantFrom('USDT', 'BTC'), quantity: signed }),
  fc.record({ what: fc.constant('withdraw'), asset: fc.constantFrom('USDT', 'BTC'), quantity }),
  fc.record({ what: fc.constant('adjustPositionMargin'), quantity: signed }),
  fc.record({ what: fc.constant('recordLedgerEntries'), quantity: signed, onMargin: fc.boolean() }),
  fc.record({ what: fc.constant('setLeverage'), instrument, leverage: fc.constantFrom('1', '10', '25', '100') }),
  fc.record({ what: fc.constant('setMarginMode'), instrument, marginMode: fc.constantFrom('CROSS', 'ISOLATED') }),
  fc.record({ what: fc.constant('setPositionMode'), positionMode: fc.constantFrom('ONE_WAY', 'HEDGE') }),
  fc.record({
    ...{ what: fc.constant('setCollateralAsset'), asset: fc.constantFrom('BTC', 'ETH', 'USDT'), counts: fc.boolean() },
  }),
  fc.record({ what: fc.constant('setCollateralMode'), collateralMode: fc.constantFrom('SINGLE_ASSET', 'MULTI_ASSET') }),
);

type Step = { readonly what: string } & Record<string, unknown>;

/** Does it; whether all of it was refused. */
async function take(id: string, { what, ...input }: Step): Promise<boolean> {
  const { positions } = await readAccount<{ positions: { id: string; side: 'LONG' | 'SHORT' }[] }>(
    alice,
    id,
    'positions { id side }',
  );
  const positionId = positions[0]?.id ?? id;
  if (what === 'fill') {
    const { instrument: symbol, side, size, price, fee } = input as Record<string, string>;
    const trade = fill(id, symbol ?? '', side as 'BUY', size ?? '', price ?? '', {
      fee: fee ?? '0',
      positionSide: 'LONG',
    });
    return (await recordFills(service, trade)).recorded === 0;
  }
  if (what === 'transfer') {
    return (
      (await recordTransfers(service, transfer(id, String(input['asset']), String(input['quantity'])))).recorded === 0
    );
  }
  if (what === 'recordLedgerEntries') {
    const entry = {
      ...{ entryId: `e-${Math.random()}`, accountId: id, asset: 'USDT', quantity: input['quantity'] },
      ...{ kind: 'FUNDING', at: new Date(), positionId: input['onMargin'] === true ? positionId : null },
    };
    return (await call(service, what, { entries: [entry] })).recorded === 0;
  }
  const name = what as Mutation;
  const target = name === 'adjustPositionMargin' ? { positionId } : { accountId: id };
  return (await call(alice, name, { ...input, ...target })).errors.length > 0;
}

const ALL = `collateralMode switchedOffAssets { symbol } positionMode version balances { asset { symbol } quantity }
  positions { id size isolatedMargin leverage marginMode } instrumentSettings { leverage marginMode }
  ledger(first: 1) { nodes { id } }`;

it('keeps every balance the sum of its entries', async () => {
  let taken = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 12 }), async (steps) => {
      const id = await openAccount(service, { venue: 'ASCENDEX' });
      await publishPrices(service, { BTC: '10000', 'ASCENDEX/BTC-PERP': '10000', 'ASCENDEX/ETH-PERP': '10000' });
      await recordTransfers(service, transfer(id, 'USDT', '5000'), transfer(id, 'BTC', '2'));
      for (const each of steps) {
        const before = await readAccount(alice, id, ALL);
        const version = await versionOf(alice, id);
        const wasRefused = await take(id, each);
        if (wasRefused) expect(await readAccount(alice, id, ALL)).toEqual(before);
        else {
          const after = await readAccount(alice, id, ALL);
          const changed = JSON.stringify(after) !== JSON.stringify(before);
          expect(await versionOf(alice, id)).toBe(version + (changed ? 1 : 0));
        }
        refused += wasRefused ? 1 : 0;
        taken += wasRefused ? 0 : 1;
        expect(await wrongBalances(app.app.services.db)).toBe(0);
      }
    }),
    { numRuns: RUNS },
  );
  // Both happen, or the property says nothing.
  expect(Math.min(taken, refused)).toBeGreaterThan(RUNS);
});
