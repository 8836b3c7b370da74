/** Collateral ratios that admins take back, and the guard rails that stand against a change or a cancellation. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { codesOf, govern, ratioHistory, ratioInForce, type Place } from '../../support/calls/admin-calls.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { globalIdOf } from '../../support/calls/global-ids.js';
import {
  LISTA,
  cancelRatio,
  changeRatio,
  madeRatio,
  subscribed,
  watchRatios,
} from '../../support/calls/ratio-changes.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

let app: TestApp;
let admin: Api;
let alice: Api;
const inMs = (milliseconds: number): string => new Date(Date.now() + milliseconds).toISOString();

beforeAll(async () => {
  app = await startTestApp();
  admin = await app.as('root', 'ADMIN');
  alice = await app.as('alice', 'TRADER');
});
afterAll(() => app.close());

const btc: Place = { venue: 'BITGET', asset: 'BTC' };

describe('a cancellation', () => {
  it('takes a version back before it takes effect, and sends that to subscribers', async () => {
    const scheduled = await madeRatio(admin, LISTA, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    const stream = watchRatios(alice);
    await subscribed(app, 1);
    const input = { reason: 'Not needed.', idempotencyKey: randomUUID() };
    const first = await cancelRatio(admin, scheduled.id, input);
    expect(first).toMatchObject({
      collateralRatio: {
        ...scheduled,
        ...{ status: 'CANCELLED', cancelReason: 'Not needed.', cancelledBy: 'root' },
        cancelledAt: expect.any(String),
      },
      errors: [],
    });
    expect(Date.parse(first.collateralRatio?.cancelledAt ?? '')).toBeLessThanOrEqual(Date.now());
    expect(await stream.next()).toBe(`LISTA ${scheduled.version} CANCELLED null`);
    // The same again answers the same, and does nothing.
    expect(await unchanged(app, () => cancelRatio(admin, scheduled.id, input))).toEqual(first);
    expect(await alice.ask('{ scheduledCollateralRatios { id } }')).toEqual({ scheduledCollateralRatios: [] });
    const [newest] = await ratioHistory(alice, LISTA);
    expect(newest).toMatchObject({ id: scheduled.id, status: 'CANCELLED', cancelledBy: null });
    expect(await ratioInForce(alice, LISTA, inMs(3 * DAY))).not.toContain(`${scheduled.version} 0.2`);
    await stream.end();
  });

  it('is refused of what is in force, was in force, was cancelled or does not exist', async () => {
    const scheduled = await madeRatio(admin, LISTA, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    await cancelRatio(admin, scheduled.id);
    const [, inForce, superseded] = (await ratioHistory(admin, LISTA)).filter(
      ({ status, id }) => status !== 'CANCELLED' || id === scheduled.id,
    );
    for (const [id, code, word] of [
      [scheduled.id, 'NOT_CANCELLABLE', 'cancelled already'],
      [inForce?.id ?? '', 'NOT_CANCELLABLE', 'in force'],
      [superseded?.id ?? '', 'NOT_CANCELLABLE', 'was in force'],
      ['x', 'RATIO_NOT_FOUND', 'no such version'],
      [globalIdOf('CollateralRatio', randomUUID()), 'RATIO_NOT_FOUND', 'no such version'],
    ] as const) {
      const { collateralRatio, errors } = await unchanged(app, () => cancelRatio(admin, id));
      expect([collateralRatio, errors.map((error) => [error.code, error.field])]).toEqual([
        null,
        [[code, ['input', 'id']]],
      ]);
      expect(errors[0]?.message).toContain(word);
    }
  });

  it('of one between two others needs force where the step that is left is one that nobody let through', async () => {
    const before = (await ratioInForce(admin, btc))[0];
    const first = await madeRatio(admin, btc, { ratio: '0.9', effectiveFrom: inMs(2 * DAY) });
    const second = (await changeRatio(admin, btc, { ratio: '0.8', effectiveFrom: inMs(4 * DAY) })).collateralRatio;
    if (second == null) throw new Error('Expected a version.');
    const refused = await unchanged(app, () => cancelRatio(admin, first.id));
    expect(refused).toMatchObject({
      collateralRatio: null,
      errors: [{ code: 'GUARD_RAIL', field: ['input', 'id'], available: '0.1' }],
    });
    expect(codesOf(await cancelRatio(admin, first.id, { force: true }))).toEqual([]);
    expect(await ratioInForce(admin, btc, first.effectiveFrom)).toEqual([before]);
    expect(codesOf(await cancelRatio(admin, second.id))).toEqual([]);
  });

  it('and a change at the same moment: either one comes first, and both answers are true', async () => {
    const scheduled = await madeRatio(admin, LISTA, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    const expectedVersion = scheduled.version;
    const [cancelled, changed] = await Promise.all([
      cancelRatio(admin, scheduled.id, { force: true }),
      govern(admin, 'changeCollateralRatio', { ...LISTA, ratio: '0.12', force: true, expectedVersion }),
    ]);
    expect(codesOf(cancelled)).toEqual([]);
    // At once, it cannot come before what is scheduled; after the cancellation it can.
    expect([[], ['EFFECTIVE_OUT_OF_ORDER']]).toContainEqual(codesOf(changed));
  });
});

describe('the guard rails', () => {
  it('are stated by the policy', async () => {
    expect(await alice.ask('{ venues { policy { guardRails { maxStep minNoticeHours } } } }')).toEqual({
      venues: Array.from({ length: 9 }, () => ({
        policy: { guardRails: { maxStep: '0.1', minNoticeHours: 24 } },
      })),
    });
  });

  it.each<[string, Place, object, string, string, string]>([
    ['a step', LISTA, { ratio: '0.9' }, 'ratio', '0.8', '0.1'],
    ['a step in tiers', LISTA, { tiers: [{ floor: '0', ratio: '0.9' }] }, 'tiers', '0.8', '0.1'],
    ['a cut at once', LISTA, { ratio: '0.05' }, 'effectiveFrom', '24', '0'],
    ['a cap at once', LISTA, { userCap: '5' }, 'effectiveFrom', '24', '0'],
    [
      'a lower tier below a higher one',
      LISTA,
      { tiers: [{ floor: '0', cap: '5', ratio: '0.12' }, { floor: '5', ratio: '0.13' }] }, // prettier-ignore
      'tiers',
      '0.13',
      '0.12',
    ],
    [
      'USDT below 0.99',
      { venue: 'BITGET', asset: 'USDT' },
      { ratio: '0.98', effectiveFrom: inMs(2 * DAY) },
      'ratio',
      '0.99',
      '0.98',
    ],
  ])('stand against %s, unless it is forced', async (_what, place, choice, field, required, available) => {
    if (place === LISTA) await madeRatio(admin, LISTA, { tiers: [{ floor: '0', ratio: '0.1' }], userCap: null });
    const refused = await unchanged(app, () => changeRatio(admin, place, choice));
    expect(refused).toMatchObject({
      collateralRatio: null,
      errors: [{ code: 'GUARD_RAIL', field: ['input', field], required, available }],
    });
    expect(codesOf(await changeRatio(admin, place, { ...choice, force: true }))).toEqual([]);
  });

  it('name all that stands against it, the step first', async () => {
    await madeRatio(admin, LISTA, { ratio: '0.9', userCap: null });
    const { errors } = await unchanged(app, () =>
      changeRatio(admin, LISTA, { ratio: '0.1', effectiveFrom: inMs(HOUR) }),
    );
    expect(errors).toMatchObject([{ code: 'GUARD_RAIL', required: '0.8', available: '0.1' }]);
    expect(errors[0]?.message).toMatch(/step of a ratio is 0\.8, and may be 0\.1; .* hours of notice, and takes 24\.$/);
  });

  it('let a small raise pass at once, and a small cut with a day of notice', async () => {
    await madeRatio(admin, LISTA, { ratio: '0.5', userCap: null });
    expect(codesOf(await changeRatio(admin, LISTA, { ratio: '0.6' }))).toEqual([]);
    const cut = await changeRatio(admin, LISTA, { ratio: '0.5', effectiveFrom: inMs(DAY + SECOND) });
    expect(cut).toMatchObject({ collateralRatio: { status: 'SCHEDULED' }, errors: [] });
    await cancelRatio(admin, cut.collateralRatio?.id ?? '');
  });
});
