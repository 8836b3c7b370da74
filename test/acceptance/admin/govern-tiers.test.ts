/** Maintenance tiers that admins change: versions with their instants, and the amounts that they come to. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { auditLog, codesOf, govern, type AdminOutcome } from '../../support/calls/admin-calls.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let app: TestApp;
let admin: Api;
let service: Api;
let now = Date.now();
const later = (milliseconds: number): string => new Date(now + milliseconds).toISOString();

beforeAll(async () => {
  app = await startTestApp({ clock: () => now });
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
});
afterAll(() => app.close());

async function tiersOf(
  venue: string,
  symbol: string,
  at: string | null = null,
): Promise<{ id: string; tiersVersion: number; tiers: object[] }> {
  const query = `query ($venue: String, $symbols: [String!], $at: DateTime) { instruments(venue: $venue, symbols: $symbols) {
    id tiersVersion tiers(at: $at) { tier floor cap maintenanceRate maintenanceAmount maxLeverage } } }`;
  type Found = { instruments: { id: string; tiersVersion: number; tiers: object[] }[] };
  const [found] = (await admin.ask<Found>(query, { venue, symbols: [symbol], at })).instruments;
  if (found === undefined) throw new Error(`There is no ${symbol}.`);
  return found;
}

function errorsOf({ errors }: AdminOutcome): string[][] {
  return errors.map(({ code, field }) => [code, (field ?? []).join('.')]);
}

describe('maintenance tiers', () => {
  const tier = (floor: string, cap: string | null, rate = '0.01', maxLeverage = '50'): object => ({
    ...{ floor, cap, maintenanceRate: rate, maxLeverage },
  });

  it('have the amounts that floors and rates give, from their instant on', async () => {
    const { tiersVersion: expectedVersion, tiers: before } = await tiersOf('ASTER', 'BTCUSDT');
    const tiers = [tier('0', '1000', '0.01'), tier('1000', '5000', '0.025'), tier('5000', null, '0.05', '10')];
    const effectiveFrom = later(DAY);
    const input = { venue: 'ASTER', instrument: 'BTCUSDT', tiers, expectedVersion, effectiveFrom, force: true };
    const changed = await govern(admin, 'changeMaintenanceTiers', input);
    expect(changed).toMatchObject({ instrument: { tiersVersion: expectedVersion + 1, tiers: before }, errors: [] });
    expect((await tiersOf('ASTER', 'BTCUSDT', effectiveFrom)).tiers).toMatchObject([
      { tier: 1, floor: '0', cap: '1000', maintenanceAmount: '0' },
      // 1,000 x 0.015, and 5,000 x 0.025 more.
      { tier: 2, floor: '1000', cap: '5000', maintenanceAmount: '15' },
      { tier: 3, floor: '5000', cap: null, maintenanceAmount: '140', maxLeverage: '10' },
    ]);
    const early = { ...input, expectedVersion: expectedVersion + 1, effectiveFrom: later(HOUR) };
    expect(codesOf(await unchanged(app, () => govern(admin, 'changeMaintenanceTiers', early)))).toEqual([
      'EFFECTIVE_OUT_OF_ORDER',
    ]);
    const state = async (): Promise<unknown> => {
      const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
      await publishPrices(service, { 'ASTER/BTCUSDT': '10000' }, { at: later(0) });
      await recordTransfers(service, transfer(id, 'USDT', '10000'));
      await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10000'));
      return readAccount(service, id, 'margin { maintenanceMargin }');
    };
    expect(await state()).toEqual({ margin: { maintenanceMargin: '40' } });
    now += DAY;
    // 10,000 x 0.05 - 140
    expect(await state()).toEqual({ margin: { maintenanceMargin: '360' } });
  });

  it('of a flat venue have none, and are named by the id of the instrument or by a symbol of one venue', async () => {
    const { id, tiersVersion } = await tiersOf('ASCENDEX', 'ETH-PERP');
    const tiers = [tier('0', '1000', '0.01'), tier('1000', null, '0.025')];
    for (const [index, instrument] of [id, 'ETH-PERP'].entries()) {
      const input = { instrument, tiers, expectedVersion: tiersVersion + index, force: true };
      expect(await govern(admin, 'changeMaintenanceTiers', input)).toMatchObject({
        instrument: {
          ...{ symbol: 'ETH-PERP', venue: { code: 'ASCENDEX' } },
          tiers: [{ maintenanceAmount: '0' }, { maintenanceAmount: '0' }],
        },
        errors: [],
      });
    }
  });

  it('do not fall where the method is FLAT and orders count for maintenance margin, now or later', async () => {
    const policy = async (choice: object): Promise<string[][]> => {
      const { venues } = await admin.ask<{ venues: { code: string; policy: { version: number } }[] }>(
        '{ venues { code policy { version } } }',
      );
      const expectedVersion = venues.find(({ code }) => code === 'ASCENDEX')?.policy.version;
      const input = { venue: 'ASCENDEX', expectedVersion, force: true, ...choice };
      return errorsOf(await govern(admin, 'changeMarginPolicy', input));
    };
    const change = async (...rates: string[]): Promise<string[][]> => {
      const { tiersVersion: expectedVersion } = await tiersOf('ASCENDEX', 'ETH-PERP');
      const rows = rates.map((rate, index) => tier(`${1000 * index}`, rates[index + 1] ? `${1000 * index + 1000}` : null, rate)); // prettier-ignore
      const input = { venue: 'ASCENDEX', instrument: 'ETH-PERP', tiers: rows, expectedVersion, force: true };
      return errorsOf(await govern(admin, 'changeMaintenanceTiers', input));
    };
    const orders = (maintenance: string): object => ({
      openOrders: { initial: 'WORST_SIDE', maintenance, openLoss: 'NONE' },
    });
    expect(await change('0.02', '0.01')).toEqual([]);
    expect(await policy(orders('WORST_SIDE'))).toEqual([['POLICY_INVALID', 'input.openOrders']]);
    expect(await policy({ ...orders('WORST_SIDE'), maintenanceMethod: 'PROGRESSIVE' })).toEqual([]);
    expect(await policy({ maintenanceMethod: 'FLAT' })).toEqual([['POLICY_INVALID', 'input.maintenanceMethod']]);
    expect(await change('0.01', '0.02')).toEqual([]);
    expect(await policy({ maintenanceMethod: 'FLAT', effectiveFrom: later(HOUR) })).toEqual([]);
    expect(await change('0.01', '0.02', '0.015')).toEqual([['TIERS_INVALID', 'input.tiers.2.maintenanceRate']]);
    now += HOUR;
    expect(await change('0.01', '0.02', '0.015')).toEqual([['TIERS_INVALID', 'input.tiers.2.maintenanceRate']]);
    expect(await policy(orders('NONE'))).toEqual([]);
    expect(await change('0.01', '0.02', '0.015')).toEqual([]);
  });

  it('are refused where it is not clear of which instrument', async () => {
    const { id } = await tiersOf('BITGET', 'BTCUSDT');
    for (const [input, code] of [
      [{ instrument: 'BTCUSDT' }, 'INVALID_INPUT'],
      [{ instrument: 'NOPE' }, 'INSTRUMENT_NOT_FOUND'],
      [{ instrument: 'BTCUSDT', venue: 'ASCENDEX' }, 'INSTRUMENT_NOT_FOUND'],
      [{ instrument: id, venue: 'ASTER' }, 'INSTRUMENT_NOT_FOUND'],
    ] as const) {
      const outcome = await unchanged(app, () =>
        govern(admin, 'changeMaintenanceTiers', { ...input, tiers: [tier('0', null)], expectedVersion: 1 }),
      );
      expect([outcome.instrument, outcome.errors.map((error) => [error.code, error.field])]).toEqual([
        null,
        [[code, ['input', 'instrument']]],
      ]);
    }
  });

  it.each<[string, object[], string[]]>([
    ['a gap', [tier('0', '10'), tier('11', null)], ['1', 'floor']],
    ['an overlap', [tier('0', '10'), tier('9', null)], ['1', 'floor']],
    ['no beginning at 0', [tier('1', null)], ['0', 'floor']],
    ['none at all', [], []],
    ['1,000 of them', Array.from({ length: 1_000 }, (_none, floor) => tier(`${floor}`, `${floor + 1}`)), []],
    ['a rate of 0', [tier('0', null, '0')], ['0', 'maintenanceRate']],
    ['a negative rate', [tier('0', null, '-0.1')], ['0', 'maintenanceRate']],
    ['leverage below 1', [tier('0', null, '0.01', '0.5')], ['0', 'maxLeverage']],
    ['leverage above that of the instrument', [tier('0', null, '0.01', '126')], ['0', 'maxLeverage']],
  ])('are refused with %s', async (_what, tiers, place) => {
    const expectedVersion = (await tiersOf('BITGET', 'BTCUSDT')).tiersVersion;
    const input = { venue: 'BITGET', instrument: 'BTCUSDT', tiers, expectedVersion };
    const { instrument, errors } = await unchanged(app, () => govern(admin, 'changeMaintenanceTiers', input));
    expect(instrument).toBeNull();
    expect(errors.map((error) => [error.code, error.field])).toEqual([['TIERS_INVALID', ['input', 'tiers', ...place]]]);
  });

  it('are refused with a stale version, and made once for a key', async () => {
    const { tiersVersion: expectedVersion } = await tiersOf('BITGET', 'ETHUSDT');
    const input = {
      ...{ venue: 'BITGET', instrument: 'ETHUSDT', tiers: [tier('0', null)], expectedVersion, force: true },
      idempotencyKey: randomUUID(),
    };
    const same = await Promise.all([1, 2, 3].map(() => govern(admin, 'changeMaintenanceTiers', input)));
    expect(same).toEqual(same.map(() => same[0]));
    expect(same[0]).toMatchObject({ instrument: { tiersVersion: expectedVersion + 1 }, errors: [] });
    const stale = await unchanged(app, () =>
      govern(admin, 'changeMaintenanceTiers', { ...input, idempotencyKey: randomUUID() }),
    );
    expect(codesOf(stale)).toEqual(['VERSION_CONFLICT']);
    expect(stale.errors[0]?.message).toContain(`The newest version is ${expectedVersion + 1}, not ${expectedVersion}`);
  });
});

it('keeps it in the audit, with what stood before and since', async () => {
  const { nodes } = await auditLog(admin);
  const entry = nodes.find(({ action, done }) => action === 'changeMaintenanceTiers' && done);
  expect(entry).toMatchObject({ subjectKey: 'BITGET/ETHUSDT', subject: (await tiersOf('BITGET', 'ETHUSDT')).id });
  const [before, after] = [entry?.before, entry?.after].map((text) => {
    return JSON.parse(text ?? '') as { version: number; tiers: { maintenanceRate: string }[] };
  });
  expect(after?.version).toBe((before?.version ?? 0) + 1);
  expect(after?.tiers).toEqual([
    { tier: 1, floor: '0', cap: null, maintenanceRate: '0.01', maintenanceAmount: '0', maxLeverage: '50' },
  ]);
});
