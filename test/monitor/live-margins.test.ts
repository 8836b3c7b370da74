import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import { LiveMargins } from '../../src/monitor/live-margins.js';
import type { MarginUpdate, WatchStream } from '../../src/monitor/watch-stream.js';
import type { Database } from '../../src/platform/database.js';
import type { Api } from '../support/api.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { openAccount, recordTransfers, transfer } from '../support/venue-system.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
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

async function newest(stream: WatchStream): Promise<string> {
  const { value } = (await stream.next()) as { value: MarginUpdate };
  return value.state.report.marginBalance.toFixed();
}

it('does not take what was read for a watcher that left for what a new one is to see', async () => {
  const { services } = app.app;
  const gate = gated(services.db);
  const live = new LiveMargins({ ...services, db: gate.db });
  const id = await openAccount(service);
  const local = Buffer.from(id, 'base64url').toString().slice('Account:'.length);

  const left = live.watch([local], decimal(0));
  // Each change before the first read is one more that an old count would cover up.
  for (let change = 0; change < 5; change++) await recordTransfers(service, transfer(id, 'USDT', '1'));
  gate.shut();
  await recordTransfers(service, transfer(id, 'USDT', '1'));
  await left.return();
  const stayed = live.watch([local], decimal(0));
  gate.open();
  let balance = await newest(stayed);
  for (let change = 0; change < 3; change++) await recordTransfers(service, transfer(id, 'USDT', '100'));
  while (balance !== '306') balance = await newest(stayed);
  expect(balance).toBe('306');
  live.close();
}, 15_000);
