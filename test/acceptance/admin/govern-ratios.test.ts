/** Collateral ratios that admins schedule: what is in force when, who is sent it, and who wins at the same moment. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  codesOf,
  govern,
  newestVersion,
  ratioHistory,
  ratioInForce,
  type Ratio,
} from '../../support/calls/admin-calls.js';
import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import {
  LISTA,
  cancelRatio,
  changeRatio,
  madeRatio,
  subscribed,
  watchRatios,
} from '../../support/calls/ratio-changes.js';
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
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';

const SECOND = 1_000;
const DAY = 24 * 3_600 * SECOND;

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

    const streams = [watchRatios(alice), watchRatios(admin, '(venue: "ASTER", chain: "BNB_CHAIN")')];
    const elsewhere = watchRatios(alice, '(chain: "ETHEREUM")');
    await subscribed(app, 3);
    const due = inMs(2 * SECOND);
    const scheduled = await madeRatio(admin, LISTA, { ratio: '0.05', effectiveFrom: due, reason: 'Thin market.' });
    expect(scheduled).toMatchObject({ version: 3, status: 'SCHEDULED', effectiveFrom: due, appliedAt: null });
    expect(await Promise.all(streams.map((stream) => stream.next()))).toEqual([
      'LISTA 3 SCHEDULED null',
      'LISTA 3 SCHEDULED root',
    ]);
    // Until then nothing but the schedule has changed.
    expect(await ratioInForce(alice, LISTA)).toEqual(['2 0.1']);
    expect(await ratioInForce(alice, LISTA, due)).toEqual(['3 0.05']);
    const query =
      '{ scheduledCollateralRatios(venue: "ASTER") { version } none: scheduledCollateralRatios(venue: "BITGET") { id } }';
    expect(await alice.ask(query)).toEqual({ scheduledCollateralRatios: [{ version: 3 }], none: [] });
    const [, two] = await ratioHistory(alice, LISTA);
    expect(two).toMatchObject({ version: 2, status: 'ACTIVE', effectiveTo: due });

    expect(await Promise.all(streams.map((stream) => stream.next()))).toEqual([
      'LISTA 3 ACTIVE null',
      'LISTA 3 ACTIVE root',
    ]);
    expect(clock()).toBeGreaterThanOrEqual(Date.parse(due));
    expect(await pushed()).toEqual(['COLLATERAL_RATIO', '500']);
    expect(await ratioInForce(alice, LISTA)).toEqual(['3 0.05']);
    expect(await ratioInForce(alice, LISTA, new Date(Date.parse(due) - 1).toISOString())).toEqual(['2 0.1']);
    expect((await ratioHistory(alice, LISTA)).map(({ version, status }) => [version, status])).toEqual([
      [3, 'ACTIVE'],
      [2, 'SUPERSEDED'],
      [1, 'SUPERSEDED'],
    ]);
    // On another chain nobody heard of it.
    const arb = await madeRatio(admin, { venue: 'ASTER', chain: 'ETHEREUM', asset: 'ETH' }, { ratio: '0.5' });
    expect(await elsewhere.next()).toBe(`ETH ${arb.version} ACTIVE null`);
    for (const stream of [...streams, elsewhere]) await stream.end();
    await margins.return?.();
    await socket.dispose();
  });

  it('takes effect though no server runs at its instant, and says when it was applied', async () => {
    const due = inMs(60 * SECOND);
    const { version, id } = await madeRatio(admin, LISTA, { ratio: '0.15', effectiveFrom: due });
    await app.close();
    ahead += 120 * SECOND;
    const started = clock();
    await start();
    expect(await ratioInForce(alice, LISTA)).toEqual([`${version} 0.15`]);
    let found: Ratio | undefined;
    for (let tries = 0; tries < 400 && found?.appliedAt == null; tries++) {
      [found] = await ratioHistory(alice, LISTA);
    }
    expect(found).toMatchObject({ id, status: 'ACTIVE', effectiveFrom: due });
    expect(Date.parse(found?.appliedAt ?? '')).toBeGreaterThanOrEqual(started);
  });

  it('follows the ones before it in number and in time; what contradicts them is refused', async () => {
    const first = await madeRatio(admin, LISTA, { ratio: '0.2', effectiveFrom: inMs(2 * DAY) });
    const second = await madeRatio(admin, LISTA, { ratio: '0.25', effectiveFrom: inMs(3 * DAY) });
    for (const effectiveFrom of [null, inMs(DAY), first.effectiveFrom, inMs(2.5 * DAY), second.effectiveFrom]) {
      const { collateralRatio, errors } = await unchanged(app, () =>
        changeRatio(admin, LISTA, { ratio: '0.2', force: true, effectiveFrom }),
      );
      expect([collateralRatio, errors.map(({ code, field }) => [code, field])]).toEqual([
        null,
        [['EFFECTIVE_OUT_OF_ORDER', ['input', 'effectiveFrom']]],
      ]);
      expect(errors[0]?.message).toContain(`Version ${second.version} takes effect at ${second.effectiveFrom}`);
    }
    const third = await madeRatio(admin, LISTA, { ratio: '0.3', effectiveFrom: inMs(3 * DAY + 1) });
    const history = await ratioHistory(alice, LISTA);
    expect(history.slice(0, 3).map(({ version, effectiveTo }) => [version, effectiveTo])).toEqual([
      [third.version, null],
      [second.version, third.effectiveFrom],
      [first.version, second.effectiveFrom],
    ]);
    const each = await Promise.all(
      [first, second, third].map(({ effectiveFrom }) => ratioInForce(alice, LISTA, effectiveFrom)),
    );
    expect(each).toEqual([[`${first.version} 0.2`], [`${second.version} 0.25`], [`${third.version} 0.3`]]);

    // What was cancelled stands in nobody's way.
    expect(codesOf(await cancelRatio(admin, third.id))).toEqual([]);
    expect(codesOf(await cancelRatio(admin, first.id))).toEqual([]);
    const instead = await madeRatio(admin, LISTA, { ratio: '0.3', effectiveFrom: inMs(3 * DAY + 1) });
    expect(instead.version).toBe(third.version + 1);
    expect(await ratioInForce(alice, LISTA, first.effectiveFrom)).not.toEqual([`${first.version} 0.2`]);
    for (const { id } of [instead, second]) expect(codesOf(await cancelRatio(admin, id))).toEqual([]);
  });

  it('is refused in the past, to a millisecond', async () => {
    for (const effectiveFrom of [inMs(-1), inMs(-DAY), '0001-01-01T00:00:00Z']) {
      const outcome = await unchanged(app, () => changeRatio(admin, LISTA, { ratio: '0.15', effectiveFrom }));
      expect(outcome).toMatchObject({
        collateralRatio: null,
        errors: [{ code: 'EFFECTIVE_IN_THE_PAST', field: ['input', 'effectiveFrom'] }],
      });
    }
  });

  it('keeps what it leaves out from the version that it follows, though that is still to come', async () => {
    const first = await madeRatio(admin, LISTA, { ratio: '0.2', userCap: '1000', effectiveFrom: inMs(2 * DAY) });
    const second = await madeRatio(admin, LISTA, { platformCap: '5000', effectiveFrom: inMs(3 * DAY) });
    expect(second).toMatchObject({ tiers: [{ ratio: '0.2' }], userCap: '1000', platformCap: '5000' });
    for (const { id } of [second, first]) await cancelRatio(admin, id, { force: true });
  });
});

describe('two at the same moment', () => {
  it('of two admins who schedule, one wins and the other is refused', async () => {
    const second = await app.as('second', 'ADMIN');
    const expectedVersion = await newestVersion(admin, LISTA);
    const input = { ...LISTA, ratio: '0.55', force: true, effectiveFrom: inMs(2 * DAY), expectedVersion };
    const outcomes = await Promise.all([admin, second].map((api) => govern(api, 'changeCollateralRatio', input)));
    expect(outcomes.map(codesOf).sort()).toEqual([[], ['VERSION_CONFLICT']]);
    const sent = outcomes.flatMap(({ errors }) => errors)[0]?.message;
    expect(sent).toContain(`The newest version is ${expectedVersion + 1}, not ${expectedVersion}`);
    await cancelRatio(admin, outcomes.find(({ errors }) => errors.length === 0)?.collateralRatio?.id ?? '');
  });

  it('the same key makes one version, with another input it is refused', async () => {
    const input = {
      ...{ ...LISTA, ratio: '0.55', force: true, effectiveFrom: inMs(2 * DAY), idempotencyKey: randomUUID() },
      expectedVersion: await newestVersion(admin, LISTA),
    };
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => govern(admin, 'changeCollateralRatio', input)));
    expect(outcomes).toEqual(outcomes.map(() => outcomes[0]));
    expect(outcomes[0]).toMatchObject({ collateralRatio: { version: input.expectedVersion + 1 }, errors: [] });
    for (const other of [{ effectiveFrom: inMs(4 * DAY) }, { force: false }, { effectiveFrom: null }]) {
      const refused = await unchanged(app, () => govern(admin, 'changeCollateralRatio', { ...input, ...other }));
      expect(codesOf(refused)).toEqual(['IDEMPOTENCY_KEY_REUSED']);
    }
    await cancelRatio(admin, outcomes[0]?.collateralRatio?.id ?? '');
  });
});

describe('initial tiers', () => {
  it('say what counts when something is to be opened or taken out, until they are taken away', async () => {
    const service = await app.as('venue', 'SERVICE');
    const publish = (): Promise<unknown> =>
      publishPrices(service, { ETH: '2000', 'BITGET/ETHUSDT': '2000' }, { at: inMs(0) });
    await publish();
    const id = await openAccount(service);
    await recordTransfers(service, transfer(id, 'ETH', '1'), transfer(id, 'USDT', '150'));
    await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '2000'));
    const place = { venue: 'BITGET', chain: null, asset: 'ETH' };
    const flat = (ratio: string): object[] => [{ floor: '0', cap: null, ratio }];
    const fields = `status collateralValue initialCollateralValue availableMargin
      collateral { asset { symbol } initialCollateralValue }`;
    const state = async (): Promise<Record<string, unknown>> => {
      await publish();
      return readAccount(service, id, `margin { ${fields} } maxTransferable(asset: "USDT")`);
    };
    const initialTiersOf = (ratio: Ratio): Promise<unknown> =>
      alice.ask('query ($id: ID!) { node(id: $id) { ... on CollateralRatio { initialTiers { floor cap ratio } } } }', {
        id: ratio.id,
      });

    // USDT has no ratio of its own there: 1. Initial margin 2,000 / 20 = 100.
    await madeRatio(admin, place, { ratio: '0.9' });
    expect(await state()).toMatchObject({
      margin: { collateralValue: '1950', initialCollateralValue: '1950', availableMargin: '1850' },
      maxTransferable: '150',
    });
    const notice = await unchanged(app, () => changeRatio(admin, place, { initialTiers: flat('0') }));
    expect(codesOf(notice)).toEqual(['GUARD_RAIL']);
    const weighted = await madeRatio(admin, place, { initialTiers: flat('0') });
    expect(await initialTiersOf(weighted)).toEqual({ node: { initialTiers: flat('0') } });
    const expected = {
      margin: {
        ...{ status: 'HEALTHY', collateralValue: '1950', initialCollateralValue: '150', availableMargin: '50' },
        collateral: [
          { asset: { symbol: 'ETH' }, initialCollateralValue: '0' },
          { asset: { symbol: 'USDT' }, initialCollateralValue: '150' },
        ],
      },
      maxTransferable: '50',
    };
    expect(await state()).toMatchObject(expected);
    // What the next server reads is the same; a change that says nothing of them keeps them.
    await app.close();
    await start();
    const kept = await madeRatio(admin, place, { ratio: '0.89', reason: 'A little less.' });
    expect(await initialTiersOf(kept)).toEqual({ node: { initialTiers: flat('0') } });
    const none = await madeRatio(admin, place, { initialTiers: null });
    expect(await initialTiersOf(none)).toEqual({ node: { initialTiers: null } });
  });
});
