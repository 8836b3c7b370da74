/** Fills of many callers at once are committed in groups: each is taken once, in order, whatever else is in its group. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { applyFill } from '../../../src/margin/change/fill.js';
import { ZERO, decimal, toPlain, type Decimal } from '../../../src/margin/decimal.js';
import type { AccountState, PositionState } from '../../../src/margin/model.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL } from '../../support/services/database.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { expectLedger } from '../../support/calls/stored-ledger.js';
import { fill, openAccount, recordFills, type Batch } from '../../support/calls/venue-system.js';

const CALLERS = 32;
const ACCOUNTS = 6;
const MODES = ['ONE_WAY', 'HEDGE'] as const;
/** More of them for a long run: PROPERTY_RUNS=50. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 2);

let app: TestApp;
let service: Api;
/** On PostgreSQL a second server writes the same accounts. */
let other: TestApp | null = null;
let services: readonly Api[];

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  other = SERVER_URL === null ? null : await startTestApp({ database: app.database });
  services = other === null ? [service] : [service, await other.as('venue', 'SERVICE')];
});

afterAll(async () => {
  await other?.close();
  await app.close();
});

interface Trade {
  readonly account: number;
  readonly instrument: string;
  readonly side: 'BUY' | 'SELL';
  readonly positionSide: 'LONG' | 'SHORT';
  readonly size: string;
  readonly price: string;
  readonly fee: string;
}

const trade: fc.Arbitrary<Trade> = fc.record({
  account: fc.nat(ACCOUNTS - 1),
  instrument: fc.constantFrom('BTCUSDT', 'ETHUSDT'),
  side: fc.constantFrom('BUY', 'SELL'),
  positionSide: fc.constantFrom('LONG', 'SHORT'),
  size: fc.constantFrom('0.3', '1', '2.7'),
  price: fc.constantFrom('9000', '10000.5', '11111.1'),
  fee: fc.constantFrom('0', '7.5', '-1'),
});
const batch = fc.record({
  trades: fc.array(trade, { minLength: 1, maxLength: 3 }),
  /** Sent once more, as after an answer that was lost. */
  again: fc.boolean(),
  /** With a fill of no account in it. */
  spoilt: fc.boolean(),
});
const callers = fc.array(fc.array(batch, { minLength: 2, maxLength: 5 }), { minLength: CALLERS, maxLength: CALLERS });

/** When a fill was sent and answered, by its id. */
type Times = Map<string, { readonly sent: number; answered: number }>;

const NOBODY = 'QWNjb3VudDowMTkyYjNjNC1mZmZmLTdmZmYtOGZmZi1mZmZmZmZmZmZmZmY';

async function run(
  ids: readonly string[],
  sent: readonly { trades: readonly Trade[]; again: boolean; spoilt: boolean }[],
  caller: number,
  times: Times,
): Promise<void> {
  for (const [place, { trades, again, spoilt }] of sent.entries()) {
    const fills = trades.map(({ account, instrument, side, size, price, fee, positionSide }, index) => {
      const fillId = `${ids[0] ?? ''} ${caller} ${place} ${index}`;
      times.set(fillId, { sent: performance.now(), answered: Infinity });
      return fill(ids[account] ?? '', instrument, side, size, price, { fillId, fee, positionSide });
    });
    const all = spoilt ? [...fills, fill(NOBODY, 'BTCUSDT', 'BUY', '1', '1', { fee: '0' })] : fills;
    const answeredNow = (): void => {
      for (let index = 0; index < trades.length; index++) {
        const of = times.get(`${ids[0] ?? ''} ${caller} ${place} ${index}`);
        if (of !== undefined) of.answered = performance.now();
      }
    };
    const first = await record(by(caller + place), all);
    expectAnswer(first, fills.length, spoilt);
    answeredNow();
    if (!again) continue;
    const second = await record(by(caller), all);
    // What was refused may be taken now. What was taken is known.
    answeredNow();
    expect(second.alreadyKnown).toBeGreaterThanOrEqual(first.recorded + first.alreadyKnown);
    expectAnswer(second, fills.length, spoilt);
  }
}

function by(number: number): Api {
  return services[number % services.length] ?? service;
}

/** Sent again where other work held an account for too long: two servers compete for few accounts. */
async function record(api: Api, fills: readonly object[]): Promise<Batch> {
  for (;;) {
    try {
      return await recordFills(api, ...fills);
    } catch (error) {
      if (!String(error).includes('SERVICE_UNAVAILABLE')) throw error;
    }
  }
}

/** Each is taken or refused by itself: with a hedge, one that closes more than there is; and the one of nobody. */
function expectAnswer({ recorded, alreadyKnown, errors }: Batch, fills: number, spoilt: boolean): void {
  expect(recorded + alreadyKnown + errors.length).toBe(fills + (spoilt ? 1 : 0));
  const codes = errors.map(({ code }) => code);
  expect(codes.filter((code) => code !== 'INVALID_INPUT')).toEqual(spoilt ? ['ACCOUNT_NOT_FOUND'] : []);
}

interface Stored {
  readonly fillId: string;
  readonly instrument: string;
  readonly side: 'BUY' | 'SELL';
  readonly positionSide: 'LONG' | 'SHORT' | null;
  readonly size: Decimal;
  readonly price: Decimal;
  readonly fee: Decimal;
}

/** The account's fills in the order in which they were recorded. */
async function storedFills(id: string): Promise<Stored[]> {
  const rows = await app.app.services.db.fill.findMany({ where: { accountId: uuidOf(id) }, orderBy: { seq: 'asc' } });
  return rows.map(({ fillId, instrument, side, positionSide, size, price, fee }) => {
    const numbers = { size: decimal(size.toFixed()), price: decimal(price.toFixed()), fee: decimal(fee.toFixed()) };
    return { fillId, instrument, side, positionSide, ...numbers };
  });
}

/** The account as one after the other would have made it. */
function replayed(
  fills: readonly Stored[],
  positionMode: 'ONE_WAY' | 'HEDGE',
): { balance: string; positions: object[] } {
  let balance = ZERO;
  const held = new Map<string, PositionState>();
  for (const each of fills) {
    const state: AccountState = {
      ...{ collateralMode: 'MULTI_ASSET', switchedOff: [], positionMode, balances: [], openOrders: [] },
      positions: [...held.values()].filter(({ size }) => !size.isZero()),
    };
    const effect = applyFill(state, { ...each, leverage: decimal('20'), marginMode: 'CROSS', settlementAsset: 'USDT' });
    if (effect.refusal !== null) throw new Error(`${each.fillId} is refused after those before it.`);
    for (const position of effect.positions) held.set(`${position.instrument}/${position.side}`, position);
    for (const { quantity } of effect.changes) balance = balance.plus(quantity);
  }
  const positions = [...held.values()]
    .filter(({ size }) => !size.isZero())
    .map(({ instrument, side, size, cost }) => ({ instrument, side, size: toPlain(size), cost: toPlain(cost) }));
  return { balance: toPlain(balance), positions: sorted(positions) };
}

function sorted(positions: readonly object[]): object[] {
  return positions.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** None was recorded after one that was sent when it had been answered. */
function expectOrder(fills: readonly Stored[], times: Times): void {
  let sent = -Infinity;
  for (const { fillId } of fills) {
    const of = times.get(fillId);
    expect(of?.answered ?? 0).toBeGreaterThan(sent);
    sent = Math.max(sent, of?.sent ?? 0);
  }
}

it('leaves balances, positions and versions as one after the other, each account in the order of arrival', async () => {
  const { db } = app.app.services;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(callers, async (sent) => {
      const modes = Array.from({ length: ACCOUNTS }, (_, index) => MODES[index % 2] ?? 'HEDGE');
      const ids = await Promise.all(modes.map((positionMode) => openAccount(service, { positionMode })));
      const times: Times = new Map();
      await Promise.all(sent.map((batches, caller) => run(ids, batches, caller, times)));
      let stored = 0;
      for (const [index, id] of ids.entries()) {
        const fills = await storedFills(id);
        stored += fills.length;
        expectOrder(fills, times);
        const { balance, positions } = replayed(fills, modes[index] ?? 'HEDGE');
        const rows = await db.position.findMany({ where: { accountId: uuidOf(id), size: { not: 0 } } });
        expect(
          sorted(
            rows.map(({ instrument, side, size, cost }) => ({
              instrument,
              side,
              size: size.toFixed(),
              cost: cost.toFixed(),
            })),
          ),
        ).toEqual(positions);
        const account = await db.account.findUniqueOrThrow({ where: { id: uuidOf(id) }, include: { balances: true } });
        expect(account.balances[0]?.quantity.toFixed() ?? '0').toBe(balance);
        // Each request that recorded anything of the account has raised its version by one.
        const [count] = await db.$queryRaw<{ versions: number; entries: number }[]>`
          SELECT count(*)::int AS versions FROM account_versions WHERE account_id = ${uuidOf(id)}::uuid`;
        expect(account.version).toBe(count?.versions);
        const requests = new Set(fills.map(({ fillId }) => fillId.slice(0, fillId.lastIndexOf(' '))));
        expect(account.version).toBeGreaterThanOrEqual(1 + requests.size);
      }
      refused += times.size - stored;
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  await expectLedger(db, []);
  // Some are, or the property says little.
  expect(refused).toBeGreaterThan(0);
});
