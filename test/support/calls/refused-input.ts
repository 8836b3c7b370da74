/** Input that is wrong: who sends it, and what a refusal looks like that a client can show. */
import { expect } from '@jest/globals';

import type { Api } from '../services/api.js';
import { startTestApp, type TestApp } from '../services/app.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
  type Problem,
} from './venue-system.js';

export interface Senders {
  readonly app: TestApp;
  readonly service: Api;
  /** Alice. */
  readonly trader: Api;
  /** At BITGET, of alice: 10,000 USDT and a long of 1 BTC. */
  readonly accountId: string;
}

export async function startWithSenders(): Promise<Senders> {
  const app = await startTestApp();
  const service = await app.as('venue', 'SERVICE');
  const trader = await app.as('alice', 'TRADER');
  const accountId = await openAccount(service);
  await publishPrices(service, { BTC: '60000', 'BITGET/BTCUSDT': '60000' });
  await recordTransfers(service, transfer(accountId, 'USDT', '10000'));
  await recordFills(service, fill(accountId, 'BTCUSDT', 'BUY', '1', '60000'));
  return { app, service, trader, accountId };
}

/** Nothing of the program, the database or the machine; and no answer that a client would have to page through. */
const INTERNALS =
  /prisma|postgres|pglite|select |insert |node_modules|\.ts\b|\.js\b|\(.*:\d+:\d+\)|file:|stacktrace|Something went wrong/i;

export interface Refused {
  readonly errors: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
  readonly data?: Record<string, unknown> | null;
}

/** The codes of an answer that has to be an error, and a presentable one. */
export function refusedCodes(text: string): string[] {
  expect(text.length).toBeLessThan(4_000);
  expect(text).not.toMatch(INTERNALS);
  const { errors, data } = JSON.parse(text) as Refused;
  expect(Object.values(data ?? {}).filter((field) => field !== null)).toEqual([]);
  return [...new Set(errors.map(({ extensions }) => extensions.code))];
}

/** One problem, of this code and field, in a sentence or two. */
export function expectProblem(errors: readonly Problem[], code: string, field: string[]): void {
  expect(errors.map((error) => ({ code: error.code, field: error.field }))).toEqual([{ code, field }]);
  expect(errors[0]?.message).toMatch(/^[A-Z0-9].*\.$/);
  expect(errors[0]?.message.length).toBeLessThan(300);
}
