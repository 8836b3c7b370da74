/** Interest and policies that admins change: versions with their instants, and what they come to. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { auditLog, codesOf, govern, type AdminMutation, type AdminOutcome } from '../../support/calls/admin-calls.js';
import { readAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { ledgerOf } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  reportOpenOrders,
  resting,
  transfer,
} from '../../support/calls/venue-system.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let app: TestApp;
let admin: Api;
let service: Api;
/** Tomorrow at 10:20, so that a test knows when interest is due. */
let now = Math.ceil(Date.now() / DAY) * DAY + 10 * HOUR + 20 * 60_000;
const later = (milliseconds: number): string => new Date(now + milliseconds).toISOString();

beforeAll(async () => {
  app = await startTestApp({ clock: () => now });
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
});
afterAll(() => app.close());

async function policyOf(venue: string, at: string | null = null): Promise<Record<string, unknown>> {
  const query = `query ($at: DateTime) { venues { code policy(at: $at) { version effectiveFrom liquidatesAtEquality
    liquidationRatio { numerator denominator } transferFloor { notionalRate maintenanceMultiple }
    openOrders { initial maintenance openLoss }
    maintenanceMethod liquidationFeeRate warningRatio marginCallRatio isolatedInMultiAsset debtMarginRate
    interest { asset { symbol } hourlyRate freeThreshold } autoExchange { thresholds { asset { symbol } balance } } } } }`;
  const { venues } = await admin.ask<{ venues: { code: string; policy: Record<string, unknown> }[] }>(query, { at });
  return venues.find(({ code }) => code === venue)?.policy ?? {};
}

async function newest(venue: string): Promise<number> {
  return Number((await policyOf(venue, '9999-01-01T00:00:00Z'))['version']);
}

async function change(
  name: AdminMutation,
  input: { readonly venue: string } & Record<string, unknown>,
): Promise<AdminOutcome> {
  return govern(admin, name, { expectedVersion: await newest(input.venue), ...input });
}

/** Time passes, and the interest that falls due meanwhile is booked. */
async function pass(milliseconds: number): Promise<void> {
  now += milliseconds;
  const hour = new Date(Math.floor(now / HOUR) * HOUR);
  for (;;) {
    const [row] = await app.app.services.db.$queryRaw<{ due: number }[]>`
      SELECT COUNT(*)::int AS due FROM accounts
      WHERE venue_code = 'ASTER' AND collateral_mode = 'MULTI_ASSET'
        AND COALESCE(interest_through, opened_at) < ${hour}::timestamptz`;
    if (row?.due === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function ratio(numerator: string, denominator: string): object {
  return { numerator, denominator };
}

function floor(notionalRate: string, maintenanceMultiple: string): object {
  return { notionalRate, maintenanceMultiple };
}

describe('a margin policy', () => {
  it('carries along what a change leaves out, and is in force from its instant on', async () => {
    const before = await policyOf('ASTER');
    const effectiveFrom = later(DAY);
    const scheduled = await change('changeMarginPolicy', {
      ...{ venue: 'ASTER', warningRatio: '0.6', debtMarginRate: '0.05', effectiveFrom, reason: 'Caution.' },
    });
    expect(scheduled.errors).toEqual([]);
    const next = { ...before, version: 3, effectiveFrom, warningRatio: '0.6', debtMarginRate: '0.05' };
    expect(scheduled.policy).toEqual({
      ...{ ...next, id: expect.any(String) },
      ...{ reason: 'Caution.', changedBy: 'root', guardRails: { maxStep: '0.1', minNoticeHours: 24 } },
    });
    expect(await policyOf('ASTER')).toEqual(before);
    expect(await policyOf('ASTER', effectiveFrom)).toEqual(next);
    // What would come before it contradicts it.
    for (const [name, input] of [
      ['changeMarginPolicy', { warningRatio: '0.7' }],
      ['changeMarginPolicy', { warningRatio: '0.7', effectiveFrom }],
      ['changeInterestRate', { asset: 'USDT', hourlyRate: '0', freeThreshold: '0', effectiveFrom: later(HOUR) }],
    ] as const) {
      const refused = await unchanged(app, () => change(name, { venue: 'ASTER', ...input }));
      expect([refused.policy, codesOf(refused)]).toEqual([null, ['EFFECTIVE_OUT_OF_ORDER']]);
      expect(refused.errors[0]?.message).toContain(`Version 3 takes effect at ${effectiveFrom}`);
    }
    await pass(DAY);
    expect(await policyOf('ASTER')).toEqual(next);
  });

  it('liquidates at a ratio that is no decimal, and says so', async () => {
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1000' }, { at: later(0) });
    const id = await openAccount(service, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
    await recordTransfers(service, transfer(id, 'USDT', '63'));
    // Maintenance margin: 10,000 x 0.6 % = 60.
    await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '10', '1000'));
    const state = (): Promise<unknown> => readAccount(service, id, 'margin { status marginRatio initialMargin }');
    const asked = { venue: 'ASCENDEX', liquidationRatio: ratio('1', '1.05') };
    const refused = await unchanged(app, () => change('changeMarginPolicy', asked));
    expect(refused.errors[0]?.message).toContain('makes a rule stricter with 0 hours of notice');
    const changed = await change('changeMarginPolicy', { ...asked, force: true });
    expect(changed.policy).toMatchObject({ liquidationRatio: ratio('1', '1.05') });
    // 60 = 63 / 1.05, where ASCENDEX liquidates.
    expect(await state()).toMatchObject({ margin: { status: 'LIQUIDATION', marginRatio: '0.952380952380952381' } });
    await recordTransfers(service, transfer(id, 'USDT', '0.000000000000000001'));
    expect(await state()).toMatchObject({ margin: { status: 'MARGIN_CALL' } });
    const step = await unchanged(app, () =>
      change('changeMarginPolicy', { venue: 'ASCENDEX', liquidationRatio: ratio('9', '10.6') }),
    );
    // 1 / 1.05 - 9 / 10.6
    expect(step.errors[0]?.message).toContain('the step of liquidationRatio is 0.103324348607367476, and may be 0.1');
    const back = await change('changeMarginPolicy', { venue: 'ASCENDEX', liquidationRatio: ratio('1', '1') });
    expect(codesOf(back)).toEqual([]);
  });

  it('keeps a floor under what a transfer leaves', async () => {
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1000' }, { at: later(0) });
    const id = await openAccount(service, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'ETH-PERP', 'BUY', '1', '1000'));
    // Initial margin 50, maintenance margin 6.
    const most = (): Promise<unknown> => readAccount(service, id, 'maxTransferable(asset: "USDT")');
    expect(await most()).toMatchObject({ maxTransferable: '950' });
    const asked = { venue: 'ASCENDEX', transferFloor: floor('0.1', '20') };
    expect(codesOf(await unchanged(app, () => change('changeMarginPolicy', asked)))).toEqual(['GUARD_RAIL']);
    const changed = await change('changeMarginPolicy', { ...asked, force: true });
    expect(changed.policy).toMatchObject({ transferFloor: floor('0.1', '20') });
    // 20 x 6 = 120, which is more than 100.
    expect(await most()).toMatchObject({ maxTransferable: '880' });
    const out = async (quantity: string): Promise<string[]> => {
      const { errors } = await recordTransfers(service, transfer(id, 'USDT', quantity));
      return errors.map(({ code }) => code);
    };
    expect(await out('-880.000000000000000001')).toEqual(['INSUFFICIENT_MARGIN']);
    expect(await out('-880')).toEqual([]);
    expect(codesOf(await change('changeMarginPolicy', { ...asked, transferFloor: floor('0', '0') }))).toEqual([]);
  });

  it('says what resting orders require', async () => {
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1000' }, { at: later(0) });
    const id = await openAccount(service, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await reportOpenOrders(service, { accountId: id, instrument: 'ETH-PERP', ...resting(1, ['10', '9000']) });
    const margin = () => readAccount(service, id, 'margin { openOrderInitialMargin maintenanceMargin }');
    const before = await margin();
    expect(before).toMatchObject({ margin: { openOrderInitialMargin: '450', maintenanceMargin: '0' } });
    const rules = (initial: string, maintenance: string, openLoss: string) => ({
      venue: 'ASCENDEX',
      openOrders: { initial, maintenance, openLoss },
    });
    const stricter = rules('WORST_SIDE', 'WORST_SIDE', 'NONE');
    expect(codesOf(await unchanged(app, () => change('changeMarginPolicy', stricter)))).toEqual(['GUARD_RAIL']);
    const changed = await change('changeMarginPolicy', { ...stricter, force: true });
    expect(changed.policy).toMatchObject({ openOrders: { maintenance: 'WORST_SIDE' } });
    expect(await margin()).toMatchObject({ margin: { openOrderInitialMargin: '450', maintenanceMargin: '54' } });
    // What asks less takes no notice.
    expect(codesOf(await change('changeMarginPolicy', rules('WORST_SIDE', 'NONE', 'NONE')))).toEqual([]);
    expect(await margin()).toEqual(before);
  });

  it('decides over statuses as soon as it is in force', async () => {
    await publishPrices(service, { 'ASCENDEX/BTC-PERP': '10000' }, { at: later(0) });
    const id = await openAccount(service, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
    await recordTransfers(service, transfer(id, 'USDT', '150'));
    await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '0.1', '10000'));
    // 1,000 x 0.6 % = 6 of 150; with a fee of 10 % on top 106 of 150.
    const state = (): Promise<unknown> => readAccount(service, id, 'margin { status maintenanceMargin policyVersion }');
    const expectedVersion = await newest('ASCENDEX');
    const before = (await state()) as { margin: { status: string } };
    expect(before.margin.status).toBe('HEALTHY');
    const asked = { venue: 'ASCENDEX', liquidationFeeRate: '0.1' };
    const liquidated = async (): Promise<number> => {
      const noticed = { ...asked, effectiveFrom: later(25 * HOUR), expectedVersion };
      const { errors } = await unchanged(app, () => change('changeMarginPolicy', noticed));
      return Number(/would lift (\d+) accounts? to LIQUIDATION/.exec(errors[0]?.message ?? '')?.[1] ?? 0);
    };
    const others = await liquidated();
    // What was recorded a moment ago counts, too: 106 of 106, where ASCENDEX liquidates.
    const bare = await openAccount(service, { venue: 'ASCENDEX', collateralMode: 'SINGLE_ASSET' });
    await recordTransfers(service, transfer(bare, 'USDT', '106'));
    await recordFills(service, fill(bare, 'BTC-PERP', 'BUY', '0.1', '10000'));
    expect(await liquidated()).toBe(others + 1);
    const changed = await change('changeMarginPolicy', { ...asked, force: true });
    expect(codesOf(changed)).toEqual([]);
    expect(await state()).toMatchObject({ margin: { status: 'WARNING', policyVersion: expectedVersion + 1 } });
  });

  it('takes thresholds of auto-exchange all at once, and none for an empty list', async () => {
    const autoExchange = [
      { asset: 'USDT', balance: '-5000' },
      { asset: 'ETH', balance: '-0.5' },
    ];
    const { policy } = await change('changeMarginPolicy', { venue: 'DYDX', autoExchange, force: true });
    expect(policy).toMatchObject({
      autoExchange: {
        thresholds: [
          { asset: { symbol: 'ETH' }, balance: '-0.5' },
          { asset: { symbol: 'USDT' }, balance: '-5000' },
        ],
      },
    });
    expect((await change('changeMarginPolicy', { venue: 'DYDX', autoExchange: null })).policy).toMatchObject({
      autoExchange: { thresholds: [{ balance: '-0.5' }, { balance: '-5000' }] },
    });
    const none = await change('changeMarginPolicy', { venue: 'DYDX', autoExchange: [] });
    expect(none.policy?.['autoExchange']).toBeNull();
  });

  it.each<[string, object, string, string[]]>([
    ['a warning after the margin call', { warningRatio: '0.9' }, 'RATIO_OUT_OF_RANGE', ['warningRatio']],
    ['a margin call above 1', { marginCallRatio: '1.000000000000000001' }, 'RATIO_OUT_OF_RANGE', ['marginCallRatio']],
    ['a negative warning', { warningRatio: '-0.1' }, 'RATIO_OUT_OF_RANGE', ['warningRatio']],
    ['liquidation at 0', { liquidationRatio: ratio('0', '1') }, 'RATIO_OUT_OF_RANGE', ['liquidationRatio']],
    ['liquidation above 1', { liquidationRatio: ratio('1.05', '1') }, 'RATIO_OUT_OF_RANGE', ['liquidationRatio']],
    ['a denominator of 0', { liquidationRatio: ratio('1', '0') }, 'RATIO_OUT_OF_RANGE', ['liquidationRatio']],
    ['both below 0', { liquidationRatio: ratio('-1', '-1') }, 'RATIO_OUT_OF_RANGE', ['liquidationRatio']],
    ['liquidation at the margin call', { liquidationRatio: ratio('8', '10') }, 'POLICY_INVALID', ['marginCallRatio']],
    ['a margin call at liquidation', { marginCallRatio: '1' }, 'POLICY_INVALID', ['marginCallRatio']],
    [
      'margin for debts with early liquidation',
      { liquidationRatio: ratio('1', '1.05'), debtMarginRate: '0.05' },
      'POLICY_INVALID',
      ['debtMarginRate'],
    ],
    [
      'PnL as equity where debts are exchanged',
      { pnlCounts: 'AS_EQUITY', autoExchange: [{ asset: 'USDT', balance: '-100' }] },
      'POLICY_INVALID',
      ['pnlCounts'],
    ],
    ['a floor of all notional and more', { transferFloor: floor('1.01', '0') }, 'INVALID_INPUT', ['transferFloor']],
    ['a negative multiple', { transferFloor: floor('0', '-1') }, 'INVALID_INPUT', ['transferFloor']],
    ['a negative fee', { liquidationFeeRate: '-0.1' }, 'INVALID_INPUT', ['liquidationFeeRate']],
    ['a rate above 1', { debtMarginRate: '1.1' }, 'INVALID_INPUT', ['debtMarginRate']],
    [
      'a positive threshold',
      { autoExchange: [{ asset: 'USDT', balance: '1' }] },
      'INVALID_INPUT',
      ['autoExchange', '0', 'balance'],
    ],
    [
      'an unknown asset',
      { autoExchange: [{ asset: 'NOPE', balance: '-1' }] },
      'ASSET_NOT_FOUND',
      ['autoExchange', '0', 'asset'],
    ],
    [
      'an asset twice',
      { autoExchange: [{ asset: 'USDT', balance: '-1' }, { asset: 'USDT', balance: '-2' }] }, // prettier-ignore
      'INVALID_INPUT',
      ['autoExchange', '1', 'asset'],
    ],
    [
      '51 thresholds',
      { autoExchange: Array.from({ length: 51 }, () => ({ asset: 'USDT', balance: '-1' })) },
      'INVALID_INPUT',
      ['autoExchange'],
    ],
    ['no venue of ours', { venue: 'NOPE', expectedVersion: 1 }, 'VENUE_NOT_FOUND', ['venue']],
    ['a stale version', { expectedVersion: 1 }, 'VERSION_CONFLICT', ['expectedVersion']],
    ['an instant in the past', { effectiveFrom: later(-1) }, 'EFFECTIVE_IN_THE_PAST', ['effectiveFrom']],
    ['no reason', { reason: '' }, 'INVALID_INPUT', ['reason']],
    ['no key', { idempotencyKey: '' }, 'INVALID_INPUT', ['idempotencyKey']],
  ])('is refused with %s', async (_what, choice, code, field) => {
    const { policy, errors } = await unchanged(app, () => change('changeMarginPolicy', { venue: 'ASTER', ...choice }));
    expect(policy).toBeNull();
    expect(errors.map((error) => [error.code, error.field])).toEqual([[code, ['input', ...field]]]);
  });

  it('lets one of two admins win, and makes one version of a key that is sent twice at the same moment', async () => {
    const second = await app.as('second', 'ADMIN');
    const expectedVersion = await newest('DYDX');
    const input = { venue: 'DYDX', debtMarginRate: '0.01', force: true, expectedVersion };
    const outcomes = await Promise.all([admin, second].map((api) => govern(api, 'changeMarginPolicy', input)));
    expect(outcomes.map(codesOf).sort()).toEqual([[], ['VERSION_CONFLICT']]);
    expect(outcomes.flatMap(({ errors }) => errors)[0]?.message).toContain(
      `The newest version is ${expectedVersion + 1}`,
    );

    const keyed = { ...input, expectedVersion: expectedVersion + 1, idempotencyKey: randomUUID() };
    const same = await Promise.all([1, 2, 3, 4].map(() => govern(admin, 'changeMarginPolicy', keyed)));
    expect(same).toEqual(same.map(() => same[0]));
    expect(await newest('DYDX')).toBe(expectedVersion + 2);
    const other = await unchanged(app, () => govern(admin, 'changeMarginPolicy', { ...keyed, debtMarginRate: '0.02' }));
    expect(codesOf(other)).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });
});

describe('an interest rate', () => {
  it('is paid from the hour on that ends after its instant; what others pay stays', async () => {
    const borrower = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM' });
    await publishPrices(service, { ETH: '2000', 'ASTER/ETHUSDT': '2000' }, { at: later(0) });
    await recordTransfers(service, transfer(borrower, 'ETH', '10'));
    await recordFills(
      service,
      fill(borrower, 'ETHUSDT', 'BUY', '1', '5000'),
      fill(borrower, 'ETHUSDT', 'SELL', '1', '2000'),
    );
    // 10:20 and a debt of 3,000: the hour until 11:00 costs what held by then, the one until 12:00 ten times that.
    const changed = await change('changeInterestRate', {
      ...{ venue: 'ASTER', asset: 'USDT', hourlyRate: '0.0000457', freeThreshold: '1000' },
      ...{ effectiveFrom: later(HOUR), force: true },
    });
    expect(changed.policy).toMatchObject({
      interest: [
        { asset: { symbol: 'USD1' }, hourlyRate: '0.00000457', freeThreshold: '1000' },
        { asset: { symbol: 'USDT' }, hourlyRate: '0.0000457', freeThreshold: '1000' },
      ],
    });
    await pass(2 * HOUR);
    let posted: string[] = [];
    for (let tries = 0; tries < 400 && posted.length < 2; tries++) {
      posted = (await ledgerOf(service, borrower)).filter((entry) => entry.startsWith('INTEREST'));
    }
    // 2,000 x 0.00000457, then 2,000.00914 x 0.0000457.
    expect(posted.map((entry) => entry.split(' ')[2])).toEqual(['-0.091400417698', '-0.00914']);
  });

  it('of 0 ends the interest', async () => {
    const ended = await change('changeInterestRate', {
      venue: 'ASTER',
      asset: 'USD1',
      hourlyRate: '0',
      freeThreshold: '0',
      force: true,
    });
    expect(ended.policy).toMatchObject({ interest: [{ asset: { symbol: 'USDT' } }] });
  });

  it.each<[string, object, string, string[]]>([
    ['a negative rate', { hourlyRate: '-0.1' }, 'INVALID_INPUT', ['hourlyRate']],
    ['a rate above 1', { hourlyRate: '1.1' }, 'INVALID_INPUT', ['hourlyRate']],
    ['a negative threshold', { freeThreshold: '-1' }, 'INVALID_INPUT', ['freeThreshold']],
    ['an unknown asset', { asset: 'NOPE' }, 'ASSET_NOT_FOUND', ['asset']],
    ['no venue of ours', { venue: 'NOPE', expectedVersion: 1 }, 'VENUE_NOT_FOUND', ['venue']],
    ['a stale version', { expectedVersion: 0 }, 'VERSION_CONFLICT', ['expectedVersion']],
    ['an instant in the past', { effectiveFrom: later(-1) }, 'EFFECTIVE_IN_THE_PAST', ['effectiveFrom']],
  ])('is refused with %s', async (_what, choice, code, field) => {
    const input = { venue: 'ASTER', asset: 'USDT', hourlyRate: '0.1', freeThreshold: '1', ...choice };
    const { policy, errors } = await unchanged(app, () => change('changeInterestRate', input));
    expect(policy).toBeNull();
    expect(errors.map((error) => [error.code, error.field])).toEqual([[code, ['input', ...field]]]);
  });
});

it('keeps all of it in the audit', async () => {
  const { nodes } = await auditLog(admin);
  const of = (action: string) => nodes.find((entry) => entry.action === action && entry.done);
  expect(of('changeInterestRate')).toMatchObject({ subjectKey: 'ASTER/USD1', actor: 'root', reason: 'test' });
  expect(of('changeMarginPolicy')?.subjectKey).toBe('DYDX');
});
