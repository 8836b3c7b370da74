/**
 * Of two accounts that do the same, one has a fill more, somewhere in between. Once that is reversed, both are the same to
 * the last digit, but for the version (rules: 25).
 */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { readAccount } from '../../support/calls/account-reader.js';
import { ledgerOf as storedLedger } from '../../support/calls/stored-ledger.js';
import { call } from '../../support/calls/trader-calls.js';
import { fill, openHolding, publishPrices, recordFills, reverseFill } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

/** More of them for a long run: PROPERTY_RUNS=200. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 12);
const INSTRUMENT = 'BTC-PERP';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp({ env: { PRICE_MAX_AGE: '86400' } });
  service = await app.as('venue', 'SERVICE');
  await publishPrices(service, { BTC: '10000', 'ASCENDEX/BTC-PERP': '10000', 'ASCENDEX/ETH-PERP': '10000' });
});

afterAll(() => app.close());

const filled = fc.record({
  what: fc.constant('fill' as const),
  side: fc.constantFrom('BUY' as const, 'BUY' as const, 'BUY' as const, 'SELL' as const),
  size: fc.constantFrom('0.5', '1', '0.333333333333333333'),
  price: fc.constantFrom('9900', '10000', '10111.123456789'),
  fee: fc.constantFrom('0', '7.5', '-0.000000000000000001'),
  feeAsset: fc.constantFrom(null, 'BTC'),
});
const step = fc.oneof(
  { weight: 4, arbitrary: filled },
  fc.record({ what: fc.constant('margin' as const), quantity: fc.constantFrom('50', '-20', '0.1') }),
  fc.record({ what: fc.constant('funding' as const), quantity: fc.constantFrom('3', '-3.3') }),
  fc.record({ what: fc.constant('leverage' as const), leverage: fc.constantFrom('3', '10', '25') }),
  fc.record({ what: fc.constant('elsewhere' as const), side: fc.constantFrom('BUY' as const, 'SELL' as const) }),
  fc.record({ what: fc.constant('reverse' as const), place: fc.nat({ max: 3 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One of the two accounts, with the fills of the steps that both take. */
interface Twin {
  readonly id: string;
  readonly fills: string[];
}

async function twin(positionMode: 'ONE_WAY' | 'HEDGE', marginMode: 'CROSS' | 'ISOLATED'): Promise<Twin> {
  const id = await openHolding(service, { USDT: '50000', BTC: '2' }, { venue: 'ASCENDEX', positionMode });
  await call(service, 'setMarginMode', { accountId: id, instrument: INSTRUMENT, marginMode });
  return { id, fills: [] };
}

async function recordOne(
  id: string,
  { side, ...of }: Partial<Extract<Step, { what: 'fill' }>>,
): Promise<string | null> {
  const fillId = randomUUID();
  const { size = '1', price = '10000', fee = '0', feeAsset = null } = of;
  const choice = { fillId, fee, feeAsset, positionSide: 'LONG' } as const;
  const { recorded } = await recordFills(service, fill(id, INSTRUMENT, side ?? 'BUY', size, price, choice));
  return recorded === 1 ? fillId : null;
}

/** Does it; whether it was done. */
async function take(of: Twin, each: Step): Promise<boolean> {
  const { positions } = await readAccount<{ positions: { id: string; instrument: { symbol: string } }[] }>(
    service,
    of.id,
    'positions { id instrument { symbol } }',
  );
  const positionId = positions.find(({ instrument }) => instrument.symbol === INSTRUMENT)?.id ?? of.id;
  const at = new Date().toISOString();
  switch (each.what) {
    case 'fill': {
      const fillId = await recordOne(of.id, each);
      if (fillId !== null) of.fills.push(fillId);
      return fillId !== null;
    }
    case 'margin':
      return (await call(service, 'adjustPositionMargin', { positionId, quantity: each.quantity })).errors.length === 0;
    case 'funding': {
      const entry = { entryId: randomUUID(), accountId: of.id, asset: 'USDT', kind: 'FUNDING', at };
      const entries = [{ ...entry, positionId, quantity: each.quantity }];
      return (await call(service, 'recordLedgerEntries', { entries })).recorded === 1;
    }
    case 'leverage':
      return (
        (await call(service, 'setLeverage', { accountId: of.id, instrument: INSTRUMENT, leverage: each.leverage }))
          .errors.length === 0
      );
    case 'elsewhere': {
      const other = fill(of.id, 'ETH-PERP', each.side, '0.1', '10000', { positionSide: 'LONG' });
      return (await recordFills(service, other)).recorded === 1;
    }
    case 'reverse': {
      const fillId = of.fills[each.place];
      if (fillId === undefined) return false;
      return (await reverseFill(service, { venue: 'ASCENDEX', fillId })).errors.length === 0;
    }
  }
}

async function stateOf(id: string): Promise<unknown> {
  const { balances, ...state } = await readAccount<{ balances: { quantity: string }[] }>(
    service,
    id,
    `balances { asset { symbol } quantity } instrumentSettings { leverage marginMode }
     positions { instrument { symbol } side size entryPrice isolatedMargin leverage marginMode unrealizedPnl }
     margin { walletValue collateralValue marginBalance initialMargin maintenanceMargin availableMargin }`,
  );
  return { ...state, balances: balances.filter(({ quantity }) => quantity !== '0') };
}

it('is as if it had never been', async () => {
  let [compared, impossible] = [0, 0];
  const modes = fc.record({
    positionMode: fc.constantFrom('ONE_WAY' as const, 'HEDGE' as const),
    marginMode: fc.constantFrom('CROSS' as const, 'ISOLATED' as const),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 7 }),
      fc.nat(),
      filled,
      modes,
      async (steps, pick, more, { positionMode, marginMode }) => {
        const [one, other] = [await twin(positionMode, marginMode), await twin(positionMode, marginMode)];
        const place = pick % steps.length;
        let extra: string | null = null;
        for (const [index, each] of steps.entries()) {
          if (index === place) extra = await recordOne(one.id, more);
          // What only one of them may do, such as taking more margin out, makes them other accounts.
          if ((await take(one, each)) !== (await take(other, each))) return;
        }
        if (extra === null) return;
        const { errors } = await reverseFill(service, { venue: 'ASCENDEX', fillId: extra });
        if (errors.length > 0) {
          expect(errors).toMatchObject([{ code: 'REVERSAL_IMPOSSIBLE' }]);
          impossible += 1;
          return;
        }
        expect(await stateOf(one.id)).toEqual(await stateOf(other.id));
        compared += 1;
      },
    ),
    { numRuns: RUNS },
  );
  expect((await storedLedger(app.app.services.db)).faults).toEqual([]);
  // Else the property says little.
  expect(compared).toBeGreaterThan(RUNS / 10);
  expect(compared + impossible).toBeGreaterThan(RUNS / 5);
});
