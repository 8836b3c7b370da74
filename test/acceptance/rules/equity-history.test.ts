/** A chart of an account: each of its points is what `marginAt` answers of that instant. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { startApp } from '../../../src/app.js';
import { readAccount, tryAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { post } from '../../support/services/raw.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const OPENED = Date.parse('2026-06-01T10:00:00.000Z');
const MINUTE = 60_000;

let app: TestApp;
let service: Api;
let alice: Api;
let id: string;
let clock = OPENED;

beforeAll(async () => {
  app = await startTestApp({ clock: () => clock, startApp });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  // Prices begin two minutes later than the account holds what needs one.
  id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  await recordTransfers(service, { ...transfer(id, 'USDT', '605'), at: iso(clock) });
  clock += MINUTE;
  await recordFills(service, { ...fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'), at: iso(clock) });
  for (let minute = 1; minute <= 6; minute += 1) {
    clock += MINUTE;
    await publishPrices(service, { 'ASTER/BTCUSDT': String(20_000 - 1_000 * minute) }, { at: iso(clock) });
  }
  clock += MINUTE / 2;
});

afterAll(() => app.close());

const iso = (instant: number): string => new Date(instant).toISOString();

interface Point {
  readonly at: string;
  readonly reason: string | null;
  readonly status: string | null;
  readonly marginRatio: string | null;
}

const TOTALS = 'walletValue unrealizedPnl marginBalance marginRatio status';

async function history(from: number, to: number, points: number): Promise<Point[]> {
  const field = `history(from: "${iso(from)}", to: "${iso(to)}", points: ${points}) { at reason ${TOTALS} }`;
  return (await readAccount<{ history: Point[] }>(alice, id, field)).history;
}

it('is what marginAt says of each instant, with why there is nothing', async () => {
  const [from, to] = [OPENED - MINUTE, clock + MINUTE];
  const points = await history(from, to, 38);
  expect(points).toHaveLength(38);
  expect([points.at(0)?.at, points.at(-1)?.at]).toEqual([iso(from), iso(to)]);
  for (const { at, reason, ...totals } of points) {
    const { marginAt } = await readAccount<{ marginAt: { reason: string | null; margin: object | null } }>(
      alice,
      id,
      `marginAt(at: "${at}") { reason margin { ${TOTALS} } }`,
    );
    const nothing = { walletValue: null, unrealizedPnl: null, marginBalance: null, marginRatio: null, status: null };
    expect({ at, reason, totals }).toEqual({ at, reason: marginAt.reason, totals: marginAt.margin ?? nothing });
  }
  const reasons = new Set(points.map(({ reason }) => reason));
  expect([...reasons].sort()).toEqual(['BEFORE_OPENING', 'IN_THE_FUTURE', 'PRICES_NOT_KEPT', null].sort());
  expect(new Set(points.map(({ status }) => status)).size).toBeGreaterThan(3);
});

it('has its points at even distances, and at whole milliseconds', async () => {
  const instants = (await history(OPENED, OPENED + 100, 4)).map(({ at }) => Date.parse(at) - OPENED);
  expect(instants).toEqual([0, 33, 66, 100]);
});

it.each([
  ['one point', OPENED, OPENED + MINUTE, 1, '`points` from 2 to 500'],
  ['501 points', OPENED, OPENED + MINUTE, 501, '`points` from 2 to 500'],
  ['an end at its beginning', OPENED, OPENED, 2, '`from` before `to`'],
])('is refused with %s', async (_what, from, to, points, message) => {
  const field = `history(from: "${iso(from)}", to: "${iso(to)}", points: ${points}) { at }`;
  const { errors } = await tryAccount(alice, id, field);
  expect(errors?.[0]?.message).toContain(message);
  expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
});

it('costs by its points', async () => {
  const costOf = async (points: number): Promise<number> => {
    const field = `history(from: "${iso(OPENED)}", to: "${iso(clock)}", points: ${points}) { at }`;
    const { text } = await post(alice, `{ account(id: ${JSON.stringify(id)}) { ${field} } }`);
    return (JSON.parse(text) as { extensions: { cost: number } }).extensions.cost;
  };
  expect((await costOf(200)) / (await costOf(100))).toBeGreaterThan(1.9);
});
