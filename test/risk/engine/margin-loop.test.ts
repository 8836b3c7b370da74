import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { startApp } from '../../../src/app.js';
import { decimal } from '../../../src/margin/decimal.js';
import { Prices } from '../../../src/market/prices.js';
import { AlertWriter } from '../../../src/risk/alerts/alert-writer.js';
import { MarginLoop } from '../../../src/risk/engine/margin-loop.js';
import { UpdateStream, type MarginUpdate } from '../../../src/risk/streams/watch-stream.js';
import { createBus } from '../../../src/platform/events.js';
import type { Database } from '../../../src/platform/database/database.js';
import { createLogger } from '../../../src/platform/log.js';
import { sleep } from '../../../src/platform/retry.js';
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
import { newTerm, startAt } from '../alerts/writer-world.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp({ startApp });
  service = await app.as('venue', 'SERVICE');
});

afterAll(() => app.close());

/** A database whose reads wait for `open()`. */
function gated(db: Database): { db: Database; open(): void; shut(): void } {
  let release = (): void => undefined;
  let gate: Promise<void> = Promise.resolve();
  const db_ = new Proxy(db, {
    get: (target, name) => {
      if (name !== '$queryRaw') return Reflect.get(target, name) as unknown;
      return async (...args: Parameters<Database['$queryRaw']>) => {
        const rows: unknown = await target.$queryRaw(...args);
        await gate;
        return rows;
      };
    },
  });
  return {
    db: db_,
    open: () => release(),
    shut: () => {
      gate = new Promise((resolve) => (release = resolve));
    },
  };
}

async function newest(stream: UpdateStream): Promise<string> {
  const { value } = (await stream.next()) as { value: MarginUpdate };
  return value.state.report.marginBalance.toFixed();
}

it('does not take what was read for a watcher that left for what a new one is to see', async () => {
  const { services } = app.app;
  const gate = gated(services.db);
  const live = new MarginLoop({ ...services, db: gate.db });
  const id = await openAccount(service);
  const local = uuidOf(id);

  const left = live.watch(new UpdateStream({ accountIds: [local], minChange: decimal(0), everyMs: null }));
  // Each change before the first read is one more that an old count would cover up.
  for (let change = 0; change < 5; change++) await recordTransfers(service, transfer(id, 'USDT', '1'));
  gate.shut();
  await recordTransfers(service, transfer(id, 'USDT', '1'));
  await left.return();
  const stayed = live.watch(new UpdateStream({ accountIds: [local], minChange: decimal(0), everyMs: null }));
  gate.open();
  let balance = await newest(stayed);
  for (let change = 0; change < 3; change++) await recordTransfers(service, transfer(id, 'USDT', '100'));
  while (balance !== '306') balance = await newest(stayed);
  expect(balance).toBe('306');
  await live.close();
});

it('goes on sending to watchers when leadership begins, also what was read while a price batch of a predecessor was finished', async () => {
  const { services } = app.app;
  // Events come when the test says so.
  const bus = createBus();
  const live = new MarginLoop({ ...services, bus });
  const alertWriter = async (): Promise<AlertWriter> => {
    const { number } = await newTerm(services.db);
    return AlertWriter.begin({ ...services, bus }, { number, ended: new AbortController().signal });
  };
  const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  const local = uuidOf(id);
  await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '20000'));
  await live.start();
  const stream = live.watch(new UpdateStream({ accountIds: [local], minChange: decimal('0.001'), everyMs: null }));
  expect(await newest(stream)).toBe('1000');

  const predecessor = await alertWriter();
  await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
  await startAt(predecessor, services.prices.snapshot().seq);
  await recordTransfers(service, transfer(id, 'USDT', '500'));
  const successor = await alertWriter();
  expect(successor.unfinishedSeq).not.toBeNull();
  live.setAlertWriter(successor);
  bus.emit('accounts', { ids: [local], cause: 'ACCOUNT' });
  expect(await newest(stream)).toBe('1500');
  await live.idle();
  // 80 / 1,500 = 0.0533… and 79.6 / 1,400 = 0.0568…: calm both times.
  await publishPrices(service, { 'ASTER/BTCUSDT': '19900' });
  live.wake();
  expect(await newest(stream)).toBe('1400');
  await live.close();
});

it('assesses what it has read at the prices that were stored before', async () => {
  const { services } = app.app;
  const bus = createBus();
  // A board as another server has it, whom no notice has come.
  const prices = await Prices.open({
    ...services,
    symbols: services.rulebook,
    maxAge: 60_000,
    onPrices: () => undefined,
  });
  const live = new MarginLoop({ ...services, bus, prices });
  const id = await openAccount(service);
  const local = uuidOf(id);
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  const stream = live.watch(new UpdateStream({ accountIds: [local], minChange: decimal(0), everyMs: null }));
  expect(await newest(stream)).toBe('1000');
  await live.idle();
  await publishPrices(service, { 'BITGET/SOLUSDT': '100' });
  await recordFills(service, fill(id, 'SOLUSDT', 'BUY', '1', '90'));
  bus.emit('accounts', { ids: [local], cause: 'ACCOUNT' });
  expect(await newest(stream)).toBe('1010');
  await live.close();
});

it('takes the price batch that it evaluates, and not one that another follows meanwhile', async () => {
  const { services } = app.app;
  const bus = createBus();
  const prices = await Prices.open({
    ...services,
    symbols: services.rulebook,
    maxAge: 60_000,
    onPrices: () => undefined,
  });
  const live = new MarginLoop({ ...services, bus, prices });
  const id = await openAccount(service);
  await live.start();
  live.setAlertWriter(await AlertWriter.begin({ ...services, bus }, await newTerm(services.db)));
  await live.idle();
  await publishPrices(service, { 'BITGET/SOLUSDT': '101' });
  await prices.catchUp();
  const { seq } = prices.snapshot();
  await publishPrices(service, { 'BITGET/SOLUSDT': '102' });
  const local = Buffer.from(id, 'base64url').toString().slice('Account:'.length);
  bus.emit('accounts', { ids: [local], cause: 'ACCOUNT' });
  await live.idle();
  const batches = await services.db.priceRound.findMany({ where: { seq: { gte: seq } }, orderBy: { seq: 'asc' } });
  expect(batches.map(({ taken }) => taken)).toEqual([false, true]);
  await live.close();
});

it('is closed at once while it waits to read an account again', async () => {
  const { services } = app.app;
  const log = createLogger('silent');
  const failed = new Promise<void>((resolve) => {
    log.error = () => resolve();
  });
  const db = new Proxy(services.db, {
    get: () => () => Promise.reject(new Error('The database is away.')),
  });
  const bus = createBus();
  const live = new MarginLoop({ ...services, db, bus, log });
  bus.emit('accounts', { ids: ['00000000-0000-7000-8000-000000000000'], cause: 'ACCOUNT' });
  await failed;
  // Half of the pause.
  expect(await Promise.race([live.close().then(() => 'closed'), sleep(250, null).then(() => 'held up')])).toBe(
    'closed',
  );
});
