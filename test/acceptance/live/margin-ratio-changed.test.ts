/** The live stream: snapshot first, then what prices, changes of the account and of ratios do; and nobody else's. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { UpdateStream, type MarginUpdate } from '../../../src/risk/streams/watch-stream.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let alice: Api;
let ahead = 0;

beforeAll(async () => {
  app = await startTestApp({ clock: () => Date.now() + ahead });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});

afterAll(() => app.close());

const SUBSCRIPTION = `subscription ($ids: [ID!]!, $minChange: Decimal) {
  marginRatioChanged(accountIds: $ids, minChange: $minChange) {
    account { id } previousStatus sequence cause
    margin { status marginRatio marginBalance maintenanceMargin accountVersion stale }
  }
}`;

interface Change {
  readonly account: { id: string };
  readonly previousStatus: string | null;
  readonly sequence: number;
  readonly cause: string;
  readonly margin: Readonly<Record<string, unknown>>;
}

function watch(api: Api, ids: string[], minChange = '0.001'): { next(): Promise<Change | null>; end(): Promise<void> } {
  const socket = api.socket();
  const stream = socket.iterate<{ marginRatioChanged: Change }>({ query: SUBSCRIPTION, variables: { ids, minChange } });
  return {
    next: async () => {
      const result = await stream.next();
      if (result.done === true) return null;
      const { data, errors } = result.value;
      if (data == null) throw new Error(JSON.stringify(errors));
      return data.marginRatioChanged;
    },
    end: async () => {
      await stream.return?.();
      await socket.dispose();
    },
  };
}

describe('an account with 1,000 USDT and a long of 1 BTC at 20,000', () => {
  let id: string;

  beforeEach(async () => {
    await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
    id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
    await recordTransfers(service, transfer(id, 'USDT', '1000'));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '20000'));
  });

  it('is sent first as it is, then when prices, fills and transfers move it', async () => {
    const stream = watch(alice, [id]);
    // 20,000 x 0.004 = 80 over 1,000.
    expect(await stream.next()).toEqual({
      account: { id },
      previousStatus: null,
      sequence: 1,
      cause: 'SNAPSHOT',
      margin: {
        status: 'HEALTHY',
        marginRatio: '0.08',
        marginBalance: '1000',
        maintenanceMargin: '80',
        accountVersion: 3,
        stale: [],
      },
    });
    // 1,000 - 900 = 100 against 19,100 x 0.004 = 76.4.
    await publishPrices(service, { 'ASTER/BTCUSDT': '19100' });
    expect(await stream.next()).toMatchObject({
      previousStatus: 'HEALTHY',
      sequence: 2,
      cause: 'PRICE',
      margin: { status: 'WARNING', marginRatio: '0.764', marginBalance: '100' },
    });
    await recordTransfers(service, transfer(id, 'USDT', '900'));
    expect(await stream.next()).toMatchObject({
      previousStatus: 'WARNING',
      sequence: 3,
      cause: 'ACCOUNT',
      margin: { status: 'HEALTHY', marginRatio: '0.0764', accountVersion: 4 },
    });
    await stream.end();
  });

  it('is sent again only when the ratio has moved by minChange, or the status has changed', async () => {
    const stream = watch(alice, [id], '0.05');
    expect((await stream.next())?.sequence).toBe(1);
    // 1,000 - 100 = 900: 79.6 / 900 = 0.0884… moved by less than 0.05.
    await publishPrices(service, { 'ASTER/BTCUSDT': '19900' });
    // 1,000 - 400 = 600: 78.4 / 600 = 0.1306… moved by more.
    await publishPrices(service, { 'ASTER/BTCUSDT': '19600' });
    expect(await stream.next()).toMatchObject({ sequence: 2, margin: { marginRatio: '0.130666666666666667' } });
    await stream.end();
  });

  it('is sent when its ratio becomes infinite and when it is finite again, and no more while it stays so', async () => {
    const stream = watch(alice, [id], '100');
    await stream.next();
    const told = async (price: string): Promise<unknown> => {
      await publishPrices(service, { 'ASTER/BTCUSDT': price });
      const { sequence, margin } = (await stream.next()) as Change;
      return [sequence, margin['status'], margin['marginRatio']];
    };
    // 19,050 x 0.004 = 76.2 over 50.
    expect(await told('19050')).toEqual([2, 'LIQUIDATION', '1.524']);
    expect(await told('18900')).toEqual([3, 'LIQUIDATION', null]);
    await publishPrices(service, { 'ASTER/BTCUSDT': '18800' });
    await app.app.services.loop.idle();
    expect(await told('19050')).toEqual([4, 'LIQUIDATION', '1.524']);
    await stream.end();
  });

  it('is never sent twice unchanged with a minChange of 0, however often it is evaluated', async () => {
    const first = watch(alice, [id], '0');
    expect((await first.next())?.sequence).toBe(1);
    // Who begins to watch has the account read anew; a price of somebody else's moves; and one of its own, to the same.
    const second = watch(alice, [id], '0');
    expect((await second.next())?.cause).toBe('SNAPSHOT');
    await publishPrices(service, { 'ASTER/ETHUSDT': '1600' });
    await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
    await app.app.services.loop.idle();
    await publishPrices(service, { 'ASTER/BTCUSDT': '20000.000000000000000001' });
    for (const stream of [first, second]) {
      const margin = { marginBalance: '1000.000000000000000001' };
      expect(await stream.next()).toMatchObject({ sequence: 2, cause: 'PRICE', margin });
      await stream.end();
    }
  });

  it('is sent when a price of it becomes stale and when it is fresh again, though nothing has moved', async () => {
    const stream = watch(alice, [id]);
    expect((await stream.next())?.margin).toMatchObject({ stale: [] });
    ahead = 61_000;
    const same = { status: 'HEALTHY', marginRatio: '0.08' };
    try {
      expect(await stream.next()).toMatchObject({
        sequence: 2,
        cause: 'PRICE',
        margin: { ...same, stale: ['BTCUSDT'] },
      });
    } finally {
      ahead = 0;
    }
    await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
    expect(await stream.next()).toMatchObject({ sequence: 3, cause: 'PRICE', margin: { ...same, stale: [] } });
    await stream.end();
  });
});

it('sends a collateral ratio that an admin changes', async () => {
  const admin = await app.as('root', 'ADMIN');
  const id = await openAccount(service, { venue: 'ASTER', chain: 'SOLANA' });
  await publishPrices(service, { JLP: '4', 'ASTER/BTCUSDT': '20000' });
  await recordTransfers(service, transfer(id, 'JLP', '1000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '20000'));
  const stream = watch(alice, [id]);
  // 4,000 x 0.9
  expect(await stream.next()).toMatchObject({ cause: 'SNAPSHOT', margin: { marginBalance: '3600' } });
  const input = {
    ...{ venue: 'ASTER', chain: 'SOLANA', asset: 'JLP', ratio: '0.1', force: true, reason: 'test', expectedVersion: 1 },
    idempotencyKey: 'JLP to a tenth',
  };
  const { changeCollateralRatio } = await admin.ask<{ changeCollateralRatio: { errors: object[] } }>(
    `mutation ($input: ChangeCollateralRatioInput!) {
      changeCollateralRatio(input: $input) { collateralRatio { version status } errors { code message } }
    }`,
    { input },
  );
  expect(changeCollateralRatio).toEqual({ collateralRatio: { version: 2, status: 'ACTIVE' }, errors: [] });
  expect(await stream.next()).toMatchObject({ cause: 'COLLATERAL_RATIO', margin: { marginBalance: '400' } });
  await stream.end();
});

it('is refused where there is nothing that the viewer may see, and passes over what is not theirs', async () => {
  const mine = await openAccount(service, { owner: 'alice' });
  const theirs = await openAccount(service, { owner: 'bob' });
  const none = watch(alice, [theirs, 'no id at all']);
  await expect(none.next()).rejects.toThrow('would watch nothing');
  await none.end();
  const some = watch(alice, [theirs, mine]);
  expect((await some.next())?.account.id).toBe(mine);
  await some.end();
});

it('takes a text that it has seen for what comes with it: the viewer, the variables and the name of the operation', async () => {
  const [mine, theirs] = [await openAccount(service, { owner: 'alice' }), await openAccount(service, { owner: 'bob' })];
  const streams = [watch(alice, [mine]), watch(await app.as('bob', 'TRADER'), [theirs]), watch(alice, [theirs])];
  const firsts = await Promise.allSettled(streams.map((stream) => stream.next()));
  expect(firsts.map((first) => (first.status === 'fulfilled' ? first.value?.account.id : null))).toEqual([
    ...[mine, theirs, null],
  ]);
  await Promise.all(streams.map((stream) => stream.end()));

  const query = 'query One { viewer { subject } } query Other { viewer { roles } }';
  const socket = alice.socket();
  const answers: unknown[] = [];
  for (const operationName of ['One', 'Other', 'Third', undefined, 'One']) {
    const operation = operationName === undefined ? { query } : { query, operationName };
    const result = await socket
      .iterate(operation)
      .next()
      .catch((errors: unknown) => ({ value: { errors } }));
    answers.push(result.value);
  }
  const one = { data: { viewer: { subject: 'alice' } } };
  const refused = { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] };
  expect(answers).toMatchObject([one, { data: { viewer: { roles: ['TRADER'] } } }, refused, refused, one]);
  await socket.dispose();
});

it('answers events of what a document may be: fragments, aliases, and variables beside those that open the stream', async () => {
  const mine = await openAccount(service);
  const socket = alice.socket();
  const query = `subscription ($ids: [ID!]!, $min: Decimal = "0", $with: Boolean!, $first: Int = 2) { ...Watch }
    fragment Watch on Subscription {
      told: marginRatioChanged(accountIds: $ids, minChange: $min) { ...What cause @include(if: $with) sequence @skip(if: $with) }
    }
    fragment What on MarginRatioChange { __typename account { id ledger(first: $first) { nodes { quantity } } } }`;
  const streams = [true, false].map((isWith) => socket.iterate({ query, variables: { ids: [mine], with: isWith } }));
  const told = async (): Promise<unknown[]> =>
    Promise.all(streams.map(async (stream) => ((await stream.next()).value as { data: unknown }).data));
  const entries = (...quantities: string[]): object => ({
    __typename: 'MarginRatioChange',
    account: { id: mine, ledger: { nodes: quantities.map((quantity) => ({ quantity })) } },
  });
  expect(await told()).toEqual([
    { told: { ...entries(), cause: 'SNAPSHOT' } },
    { told: { ...entries(), sequence: 1 } },
  ]);
  await recordTransfers(service, ...['1', '2', '3'].map((quantity) => transfer(mine, 'USDT', quantity)));
  expect(await told()).toEqual([
    { told: { ...entries('3', '2'), cause: 'ACCOUNT' } },
    { told: { ...entries('3', '2'), sequence: 2 } },
  ]);
  await socket.dispose();
});

it('gives a slow reader the latest state, and keeps one an account for it', async () => {
  await publishPrices(service, { 'ASTER/ETHUSDT': '1500' });
  const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'ETHUSDT', 'BUY', '1', '1500'));
  const internal = uuidOf(id);
  const stream = app.app.services.loop.watch(
    new UpdateStream({ accountIds: [internal], minChange: decimal('0'), everyMs: null }),
  );
  expect((await stream.next()).value).toMatchObject({ sequence: 1, cause: 'SNAPSHOT' });
  for (let price = 1501; price <= 1550; price++) await publishPrices(service, { 'ASTER/ETHUSDT': String(price) });
  // A second watcher that is up to date says when the loop has worked through the last price.
  const current = watch(alice, [id], '0');
  while ((await current.next())?.margin['marginBalance'] !== '1050');
  const latest = (await stream.next()).value as MarginUpdate;
  expect(latest.sequence).toBeGreaterThan(2);
  expect(latest.state.report.marginBalance.toFixed()).toBe('1050');
  await stream.return();
  await current.end();
});
