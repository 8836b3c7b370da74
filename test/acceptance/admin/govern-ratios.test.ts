/** Collateral ratios that admins schedule, force, take back: what is in force when, who is sent it, what stays. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  govern,
  newestVersion,
  ratioHistory,
  ratioInForce,
  type AdminOutcome,
  type Place,
  type Ratio,
} from '../../support/calls/admin-calls.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

let database: TestDatabase;
let app: TestApp;
let admin: Api;
let alice: Api;
/** Real time, so that sockets and timers mean what they say; a test may jump ahead. */
let ahead = 0;
const clock = (): number => Date.now() + ahead;
const inMs = (milliseconds: number): string => new Date(clock() + milliseconds).toISOString();

async function start(): Promise<void> {
  app = await startTestApp({ clock, database });
  admin = await app.as('root', 'ADMIN');
  alice = await app.as('alice', 'TRADER');
}

beforeAll(async () => {
  database = await createTestDatabase();
  await start();
});
afterAll(async () => {
  await app.close();
  await database.drop();
});

const lista: Place = { venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA' };
const btc: Place = { venue: 'BITGET', asset: 'BTC' };

async function change(place: Place, choice: object): Promise<AdminOutcome> {
  return govern(admin, 'changeCollateralRatio', {
    ...place,
    expectedVersion: await newestVersion(admin, place),
    ...choice,
  });
}

async function made(place: Place, choice: object): Promise<Ratio> {
  const { collateralRatio, errors } = await change(place, { force: true, ...choice });
  expect(errors).toEqual([]);
  if (collateralRatio == null) throw new Error('Expected a version.');
  return collateralRatio;
}

const cancel = (id: string, choice: object = {}): Promise<AdminOutcome> =>
  govern(admin, 'cancelCollateralRatio', { id, ...choice });
const codes = ({ errors }: AdminOutcome): string[] => errors.map(({ code }) => code);

async function unchanged<T>(work: () => Promise<T>): Promise<T> {
  const before = await fingerprint(app.app.services.db);
  const answer = await work();
  expect(await fingerprint(app.app.services.db)).toEqual(before);
  return answer;
}

/** What a subscriber is sent of ratios, one after the other. */
function watch(api: Api, args = ''): { next(): Promise<string>; end(): Promise<void> } {
  const socket = api.socket();
  type Event = { collateralRatioChanged: Ratio & { asset: { symbol: string } } };
  const stream = socket.iterate<Event>({
    query: `subscription { collateralRatioChanged${args} { asset { symbol } version status changedBy } }`,
  });
  return {
    next: async () => {
      const result = await stream.next();
      if (result.done === true) return 'end';
      const sent = result.value.data?.collateralRatioChanged;
      return `${sent?.asset.symbol} ${sent?.version} ${sent?.status} ${sent?.changedBy}`;
    },
    end: async () => {
      await stream.return?.();
      await socket.dispose();
    },
  };
}

/** Subscriptions have no acknowledgement: events from now on reach those that were opened before. */
async function subscribed(count: number): Promise<void> {
  const feed = app.app.services.ratioFeed as unknown as { streams: Set<unknown> };
  for (const end = Date.now() + 5_000; feed.streams.size < count;) {
    if (Date.now() > end) throw new Error('The subscription did not begin.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a change that is scheduled', () => {
  it('is seen beforehand, takes effect at its instant while subscribers watch, and stays in the history', async () => {
    const service = await app.as('venue', 'SERVICE');
    await publishPrices(service, { LISTA: '1', 'ASTER/BTCUSDT': '20000' });
    const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
    await recordTransfers(service, transfer(id, 'LISTA', '10000'));
    await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '0.1', '20000'));
    const socket = alice.socket();
    type Pushed = { marginRatioChanged: { cause: string; margin: { collateralValue: string } } };
    const margins = socket.iterate<Pushed>({
      query:
        'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { cause margin { collateralValue } } }',
      variables: { ids: [id] },
    });
    const pushed = async (): Promise<unknown> => {
      const result = await margins.next();
      const sent = result.done === true ? undefined : result.value.data?.marginRatioChanged;
      return [sent?.cause, sent?.margin.collateralValue];
    };
    expect(await pushed()).toEqual(['SNAPSHOT', '1000']);

    const streams = [watch(alice), watch(admin, '(venue: "ASTER", chain: "BNB_CHAIN")')];
    const elsewhere = watch(alice, '(chain: "ETHEREUM")');
    await subscribed(3);
    const due = inMs(2 * SECOND);
    const scheduled = await made(lista, { ratio: '0.05', effectiveFrom: due, reason: 'Thin market.' });
    expect(scheduled).toMatchObject({ version: 3, status: 'SCHEDULED', effectiveFrom: due, appliedAt: null });
    expect(await Promise.all(streams.map((stream) => stream.next()))).toEqual([
      'LISTA 3 SCHEDULED null',
      'LISTA 3 SCHEDULED root',
    ]);
    // Until then nothing but the schedule has changed.
    expect(await ratioInForce(alice, lista)).toEqual(['2 0.1']);
    expect(await ratioInForce(alice, lista, due)).toEqual(['3 0.05']);
    const query =
      '{ scheduledCollateralRatios(venue: "ASTER") { version } none: scheduledCollateralRatios(venue: "BITGET") { id } }';
    expect(await alice.ask(query)).toEqual({ scheduledCollateralRatios: [{ version: 3 }], none: [] });
    const [, two] = await ratioHistory(alice, lista);
    expect(two).toMatchObject({ version: 2, status: 'ACTIVE', effectiveTo: due });

    expect(await Promise.all(streams.map((stream) => stream.next()))).toEqual([
      'LISTA 3 ACTIVE null',
      'LISTA 3 ACTIVE root',
    ]);
    expect(clock()).toBeGreaterThanOrEqual(Date.parse(due));
    expect(await pushed()).toEqual(['COLLATERAL_RATIO', '500']);
    expect(await ratioInForce(alice, lista)).toEqual(['3 0.05']);
    expect(await ratioInForce(alice, lista, new Date(Date.parse(due) - 1).toISOString())).toEqual(['2 0.1']);
    expect((await ratioHistory(alice, lista)).map(({ version, status }) => [version, status])).toEqual([
      [3, 'ACTIVE'],
      [2, 'SUPERSEDED'],
      [1, 'SUPERSEDED'],
    ]);
    // On another chain nobody heard of it.
    const arb = await made({ venue: 'ASTER', chain: 'ETHEREUM', asset: 'ETH' }, { ratio: '0.5' });
    expect(await elsewhere.next()).toBe(`ETH ${arb.version} ACTIVE null`);
    for (const stream of [...streams, elsewhere]) await stream.end();
    await margins.return?.();
    await socket.dispose();
  });

  it('takes effect though no server runs at its instant, and says when it was applied', async () => {
    const due = inMs(60 * SECOND);
    const { version, id } = await made(lista, { ratio: '0.15', effectiveFrom: due });
    await app.close();
    ahead += 120 * SECOND;
    const started = clock();
    await start();
    expect(await ratioInForce(alice, lista)).toEqual([`${version} 0.15`]);
    let found: Ratio | undefined;
    for (let tries = 0; tries < 400 && found?.appliedAt == null; tries++) {
      [found] = await ratioHistory(alice, lista);
    }
    expect(found).toMatchObject({ id, status: 'ACTIVE', effectiveFrom: due });
    expect(Date.parse(found?.appliedAt ?? '')).toBeGreaterThanOrEqual(started);
  });

  it('follows the ones before it in number and in time; what contradicts them is refused', async () => {
    const first = await made(lista, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    const second = await made(lista, { ratio: '0.25', effectiveFrom: inMs(3 * DAY) });
    for (const effectiveFrom of [null, inMs(DAY), first.effectiveFrom, inMs(2.5 * DAY), second.effectiveFrom]) {
      const { collateralRatio, errors } = await unchanged(() =>
        change(lista, { ratio: '0.2', force: true, effectiveFrom }),
      );
      expect([collateralRatio, errors.map(({ code, field }) => [code, field])]).toEqual([
        null,
        [['EFFECTIVE_OUT_OF_ORDER', ['input', 'effectiveFrom']]],
      ]);
      expect(errors[0]?.message).toContain(`Version ${second.version} takes effect at ${second.effectiveFrom}`);
    }
    const third = await made(lista, { ratio: '0.3', effectiveFrom: inMs(3 * DAY + 1) });
    const history = await ratioHistory(alice, lista);
    expect(history.slice(0, 3).map(({ version, effectiveTo }) => [version, effectiveTo])).toEqual([
      [third.version, null],
      [second.version, third.effectiveFrom],
      [first.version, second.effectiveFrom],
    ]);
    const each = await Promise.all(
      [first, second, third].map(({ effectiveFrom }) => ratioInForce(alice, lista, effectiveFrom)),
    );
    expect(each).toEqual([[`${first.version} 0.2`], [`${second.version} 0.25`], [`${third.version} 0.3`]]);

    // What was cancelled stands in nobody's way.
    expect(codes(await cancel(third.id))).toEqual([]);
    expect(codes(await cancel(first.id))).toEqual([]);
    const instead = await made(lista, { ratio: '0.3', effectiveFrom: inMs(3 * DAY + 1) });
    expect(instead.version).toBe(third.version + 1);
    expect(await ratioInForce(alice, lista, first.effectiveFrom)).not.toEqual([`${first.version} 0.2`]);
    for (const { id } of [instead, second]) expect(codes(await cancel(id))).toEqual([]);
  });

  it('is refused in the past, to a millisecond', async () => {
    for (const effectiveFrom of [inMs(-1), inMs(-DAY), '0001-01-01T00:00:00Z']) {
      const outcome = await unchanged(() => change(lista, { ratio: '0.15', effectiveFrom }));
      expect(outcome).toMatchObject({
        collateralRatio: null,
        errors: [{ code: 'EFFECTIVE_IN_THE_PAST', field: ['input', 'effectiveFrom'] }],
      });
    }
  });

  it('keeps what it leaves out from the version that it follows, though that is still to come', async () => {
    const first = await made(lista, { ratio: '0.2', userCap: '1000', effectiveFrom: inMs(2 * DAY) });
    const second = await made(lista, { platformCap: '5000', effectiveFrom: inMs(3 * DAY) });
    expect(second).toMatchObject({ tiers: [{ ratio: '0.2' }], userCap: '1000', platformCap: '5000' });
    for (const { id } of [second, first]) await cancel(id, { force: true });
  });
});

describe('a cancellation', () => {
  it('takes a version back before it takes effect, and sends that to subscribers', async () => {
    const scheduled = await made(lista, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    const stream = watch(alice);
    await subscribed(1);
    const input = { reason: 'Not needed.', idempotencyKey: randomUUID() };
    const first = await cancel(scheduled.id, input);
    expect(first).toMatchObject({
      collateralRatio: {
        ...scheduled,
        ...{ status: 'CANCELLED', cancelReason: 'Not needed.', cancelledBy: 'root' },
        cancelledAt: expect.any(String),
      },
      errors: [],
    });
    expect(Date.parse(first.collateralRatio?.cancelledAt ?? '')).toBeLessThanOrEqual(clock());
    expect(await stream.next()).toBe(`LISTA ${scheduled.version} CANCELLED null`);
    // The same again answers the same, and does nothing.
    expect(await unchanged(() => cancel(scheduled.id, input))).toEqual(first);
    expect(await alice.ask('{ scheduledCollateralRatios { id } }')).toEqual({ scheduledCollateralRatios: [] });
    const [newest] = await ratioHistory(alice, lista);
    expect(newest).toMatchObject({ id: scheduled.id, status: 'CANCELLED', cancelledBy: null });
    expect(await ratioInForce(alice, lista, inMs(3 * DAY))).not.toContain(`${scheduled.version} 0.2`);
    await stream.end();
  });

  it('is refused of what is in force, was in force, was cancelled or does not exist', async () => {
    const scheduled = await made(lista, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    await cancel(scheduled.id);
    const [, inForce, superseded] = (await ratioHistory(admin, lista)).filter(
      ({ status, id }) => status !== 'CANCELLED' || id === scheduled.id,
    );
    for (const [id, code, word] of [
      [scheduled.id, 'NOT_CANCELLABLE', 'cancelled already'],
      [inForce?.id ?? '', 'NOT_CANCELLABLE', 'in force'],
      [superseded?.id ?? '', 'NOT_CANCELLABLE', 'was in force'],
      ['x', 'RATIO_NOT_FOUND', 'no such version'],
      [Buffer.from(`CollateralRatio:${randomUUID()}`).toString('base64url'), 'RATIO_NOT_FOUND', 'no such version'],
    ] as const) {
      const { collateralRatio, errors } = await unchanged(() => cancel(id));
      expect([collateralRatio, errors.map((error) => [error.code, error.field])]).toEqual([
        null,
        [[code, ['input', 'id']]],
      ]);
      expect(errors[0]?.message).toContain(word);
    }
  });

  it('of one between two others needs force where the step that is left is one that nobody let through', async () => {
    const before = (await ratioInForce(admin, btc))[0];
    const first = await made(btc, { ratio: '0.9', effectiveFrom: inMs(2 * DAY) });
    const second = (await change(btc, { ratio: '0.8', effectiveFrom: inMs(4 * DAY) })).collateralRatio;
    if (second == null) throw new Error('Expected a version.');
    const refused = await unchanged(() => cancel(first.id));
    expect(refused).toMatchObject({
      collateralRatio: null,
      errors: [{ code: 'GUARD_RAIL', field: ['input', 'id'], available: '0.1' }],
    });
    expect(codes(await cancel(first.id, { force: true }))).toEqual([]);
    expect(await ratioInForce(admin, btc, first.effectiveFrom)).toEqual([before]);
    expect(codes(await cancel(second.id))).toEqual([]);
  });

  it('and a change at the same moment: either one comes first, and both answers are true', async () => {
    const scheduled = await made(lista, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    const expectedVersion = scheduled.version;
    const [cancelled, changed] = await Promise.all([
      cancel(scheduled.id, { force: true }),
      govern(admin, 'changeCollateralRatio', { ...lista, ratio: '0.12', force: true, expectedVersion }),
    ]);
    expect(codes(cancelled)).toEqual([]);
    // At once, it cannot come before what is scheduled; after the cancellation it can.
    expect([[], ['EFFECTIVE_OUT_OF_ORDER']]).toContainEqual(codes(changed));
  });
});

describe('the guard rails', () => {
  it('are stated by the policy', async () => {
    expect(await alice.ask('{ venues { policy { guardRails { maxStep minNoticeHours } } } }')).toEqual({
      venues: ['ASCENDEX', 'ASTER', 'BITGET'].map(() => ({
        policy: { guardRails: { maxStep: '0.1', minNoticeHours: 24 } },
      })),
    });
  });

  it.each<[string, Place, object, string, string, string]>([
    ['a step', lista, { ratio: '0.9' }, 'ratio', '0.8', '0.1'],
    ['a step in tiers', lista, { tiers: [{ floor: '0', ratio: '0.9' }] }, 'tiers', '0.8', '0.1'],
    ['a cut at once', lista, { ratio: '0.05' }, 'effectiveFrom', '24', '0'],
    ['a cap at once', lista, { userCap: '5' }, 'effectiveFrom', '24', '0'],
    [
      'a lower tier below a higher one',
      lista,
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
    if (place === lista) await made(lista, { tiers: [{ floor: '0', ratio: '0.1' }], userCap: null });
    const refused = await unchanged(() => change(place, choice));
    expect(refused).toMatchObject({
      collateralRatio: null,
      errors: [{ code: 'GUARD_RAIL', field: ['input', field], required, available }],
    });
    expect(codes(await change(place, { ...choice, force: true }))).toEqual([]);
  });

  it('name all that stands against it, the step first', async () => {
    await made(lista, { ratio: '0.9', userCap: null });
    const { errors } = await unchanged(() => change(lista, { ratio: '0.1', effectiveFrom: inMs(HOUR) }));
    expect(errors).toMatchObject([{ code: 'GUARD_RAIL', required: '0.8', available: '0.1' }]);
    expect(errors[0]?.message).toMatch(/step of a ratio is 0\.8, and may be 0\.1; .* hours of notice, and takes 24\.$/);
  });

  it('let a small raise pass at once, and a small cut with a day of notice', async () => {
    await made(lista, { ratio: '0.5', userCap: null });
    expect(codes(await change(lista, { ratio: '0.6' }))).toEqual([]);
    const cut = await change(lista, { ratio: '0.5', effectiveFrom: inMs(DAY + SECOND) });
    expect(cut).toMatchObject({ collateralRatio: { status: 'SCHEDULED' }, errors: [] });
    await cancel(cut.collateralRatio?.id ?? '');
  });
});

describe('two at the same moment', () => {
  it('of two admins who schedule, one wins and the other is refused', async () => {
    const second = await app.as('second', 'ADMIN');
    const expectedVersion = await newestVersion(admin, lista);
    const input = { ...lista, ratio: '0.55', force: true, effectiveFrom: inMs(2 * DAY), expectedVersion };
    const outcomes = await Promise.all([admin, second].map((api) => govern(api, 'changeCollateralRatio', input)));
    expect(outcomes.map(codes).sort()).toEqual([[], ['VERSION_CONFLICT']]);
    const sent = outcomes.flatMap(({ errors }) => errors)[0]?.message;
    expect(sent).toContain(`The newest version is ${expectedVersion + 1}, not ${expectedVersion}`);
    await cancel(outcomes.find(({ errors }) => errors.length === 0)?.collateralRatio?.id ?? '');
  });

  it('the same key makes one version, with another input it is refused', async () => {
    const input = {
      ...{ ...lista, ratio: '0.55', force: true, effectiveFrom: inMs(2 * DAY), idempotencyKey: randomUUID() },
      expectedVersion: await newestVersion(admin, lista),
    };
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => govern(admin, 'changeCollateralRatio', input)));
    expect(outcomes).toEqual(outcomes.map(() => outcomes[0]));
    expect(outcomes[0]).toMatchObject({ collateralRatio: { version: input.expectedVersion + 1 }, errors: [] });
    for (const other of [{ effectiveFrom: inMs(4 * DAY) }, { force: false }, { effectiveFrom: null }]) {
      const refused = await unchanged(() => govern(admin, 'changeCollateralRatio', { ...input, ...other }));
      expect(codes(refused)).toEqual(['IDEMPOTENCY_KEY_REUSED']);
    }
    await cancel(outcomes[0]?.collateralRatio?.id ?? '');
  });
});
