/** The clock of the server's machine jumps for seconds: no stored instant jumps with it, and readiness says so. */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { signToken } from '../../../src/platform/tokens.js';
import { TEST_SECRET, apiWith, type Api } from '../../support/services/api.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { startObservedProcess, type ObservedProcess } from '../../support/services/observed-process.js';
import { call, ledgerOf } from '../../support/calls/trader-calls.js';
import { openAccount, publishPrices, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

const HOUR = 3_600_000;
/** Longer than the jump. */
const TOKEN_SECONDS = 86_400;

let database: TestDatabase;
let observed: ObservedProcess;
let service: Api;

beforeAll(async () => {
  database = await createTestDatabase();
  observed = await startObservedProcess({ ...database.env, LOG_LEVEL: 'warn' });
  const viewer = { subject: 'venue', roles: ['SERVICE' as const] };
  const token = await signToken(TEST_SECRET, viewer, { validSeconds: TOKEN_SECONDS });
  service = apiWith(observed.server.url, `Bearer ${token}`);
});

afterAll(async () => {
  await observed.server.kill();
  await database.drop();
});

async function readyz(): Promise<{ status: string; problems: { name: string; message: string }[] }> {
  return (await (await fetch(`${observed.server.url}/readyz`)).json()) as Awaited<ReturnType<typeof readyz>>;
}

/** Margin balances at instants of the past. */
async function balancesAt(id: string, instants: readonly number[]): Promise<(string | undefined)[]> {
  const asked = instants.map(
    (at, index) => `m${index}: marginAt(at: "${new Date(at).toISOString()}") { margin { marginBalance } }`,
  );
  const { account } = await service.ask<{ account: Record<string, { margin: { marginBalance: string } | null }> }>(
    `{ account(id: "${id}") { ${asked.join(' ')} } }`,
  );
  return instants.map((_at, index) => account[`m${index}`]?.margin?.marginBalance);
}

/** An instant between what was done before and what is done after, by the clock of the database. */
async function between(): Promise<number> {
  await sleep(20);
  const at = Date.now();
  await sleep(20);
  return at;
}

it('two hours ahead for three seconds: what was recorded meanwhile is dated right, and so is what follows', async () => {
  const id = await openAccount(service);
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await observed.setClock(2 * HOUR);
  expect(await recordTransfers(service, transfer(id, 'USDT', '10'))).toMatchObject({ recorded: 1, errors: [] });
  const ahead = await between();
  expect(await publishPrices(service, { BTC: '50000' })).toMatchObject({ accepted: 1, errors: [] });
  await until(async () => (await readyz()).problems.some(({ name }) => name === 'CLOCK_APART'));
  const { status, problems } = await readyz();
  expect(status).toBe('degraded');
  expect(problems.map(({ name }) => name)).toContain('CLOCK_APART');
  await sleep(2_000);
  await observed.setClock(0);
  expect(await recordTransfers(service, transfer(id, 'USDT', '100'))).toMatchObject({ recorded: 1, errors: [] });
  const right = await between();
  expect(await balancesAt(id, [ahead, right])).toEqual(['1010', '1110']);
  const price = await service.ask('{ assets(symbols: ["BTC"]) { indexPrice { stale } } }');
  expect(price).toEqual({ assets: [{ indexPrice: { stale: false } }] });
  const { account } = await service.ask<{ account: { ledger: { nodes: { at: string }[] } } }>(
    `{ account(id: "${id}") { ledger(first: 3) { nodes { at } } } }`,
  );
  for (const { at } of account.ledger.nodes) expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(60_000);
});

it('six hours ahead for seconds: a debtor pays no interest', async () => {
  const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
  const at = new Date().toISOString();
  const owed = { entryId: 'owed', accountId: id, asset: 'USDT', quantity: '-3000', kind: 'ADJUSTMENT', at };
  await call(service, 'recordLedgerEntries', { entries: [owed] });
  await observed.setClock(6 * HOUR);
  await sleep(2_500);
  await observed.setClock(0);
  await recordTransfers(service, transfer(id, 'USDT', '3000'));
  await sleep(1_500);
  const ledger = await ledgerOf(service, id);
  expect(ledger.filter((entry) => entry.startsWith('INTEREST') && !isOfThisHour(entry))).toEqual([]);
});

/** A full hour that came while the test ran. */
function isOfThisHour(entry: string): boolean {
  const hour = Date.parse(entry.split('interest:')[1] ?? '');
  return hour <= Date.now() && hour > Date.now() - 20_000;
}
