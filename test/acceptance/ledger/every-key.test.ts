/** Every key and every id that the schema promises to take once: eight requests at the same moment leave what one leaves. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { buildSchema, isInputObjectType, isNonNullType } from 'graphql';

import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import { newestVersion } from '../../support/calls/admin-calls.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { call } from '../../support/calls/trader-calls.js';
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
let admin: Api;
let cash: string;
let isolated: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  admin = await app.as('root', 'ADMIN');
  await publishPrices(service, { 'BITGET/ETHUSDT': '1500' });
  cash = await openAccount(service);
  isolated = await openAccount(service, { collateralMode: 'SINGLE_ASSET' });
  await recordTransfers(service, transfer(cash, 'USDT', '1000'), transfer(isolated, 'USDT', '1000'));
  const setting = { accountId: isolated, instrument: 'ETHUSDT', marginMode: 'ISOLATED' };
  expect((await call(alice, 'setMarginMode', setting)).errors).toEqual([]);
  await recordFills(service, fill(isolated, 'ETHUSDT', 'BUY', '1', '1500'));
});
afterAll(() => app.close());

const BITGET = { venue: 'BITGET', reason: 'test' };
const policyVersion = async (): Promise<number> => {
  const { venues } = await admin.ask<{ venues: { code: string; policy: { version: number } }[] }>(
    '{ venues { code policy { version } } }',
  );
  return venues.find(({ code }) => code === 'BITGET')?.policy.version ?? 0;
};
const ratio = async (asset: string, value: number): Promise<object> => {
  const expectedVersion = await newestVersion(admin, { venue: 'BITGET', asset });
  return { ...BITGET, asset, ratio: `0.9${value}`, force: true, expectedVersion };
};

interface Case {
  readonly api: () => Api;
  /** What is asked of the payload, beside its errors. */
  readonly selection: string;
  /** A request that is taken, another one for each number. */
  readonly input: (number: number) => object | Promise<object>;
}

const CASES: Readonly<Record<string, Case>> = {
  openAccount: {
    ...{ api: () => service, selection: 'account { id }' },
    input: (number) => ({ name: `Account ${number}`, owner: 'alice', venue: 'BITGET' }),
  },
  withdraw: {
    ...{ api: () => alice, selection: 'entry { id balanceAfter }' },
    input: (number) => ({ accountId: cash, asset: 'USDT', quantity: String(1 + number) }),
  },
  adjustPositionMargin: {
    ...{ api: () => alice, selection: 'position { isolatedMargin }' },
    input: async (number) => {
      const query = 'query ($id: ID!) { account(id: $id) { positions { id } } }';
      const { account } = await alice.ask<{ account: { positions: { id: string }[] } }>(query, { id: isolated });
      return { positionId: account.positions[0]?.id, quantity: String(1 + number) };
    },
  },
  changeCollateralRatio: {
    ...{ api: () => admin, selection: 'collateralRatio { id version }' },
    input: (number) => ratio('BTC', number),
  },
  cancelCollateralRatio: {
    ...{ api: () => admin, selection: 'collateralRatio { id status }' },
    input: async (number) => {
      const effectiveFrom = new Date(Date.now() + 3_600_000).toISOString();
      const input = { ...(await ratio('ETH', number)), effectiveFrom, idempotencyKey: `schedule ${number}` };
      const scheduled = await send('changeCollateralRatio', input);
      return { id: (scheduled as { collateralRatio: { id: string } }).collateralRatio.id, reason: 'test', force: true };
    },
  },
  cancelRuleChange: {
    ...{ api: () => admin, selection: 'version { id status }' },
    input: async (number) => {
      const { venues } = await admin.ask<{ venues: { code: string; id: string }[] }>('{ venues { code id } }');
      const id = venues.find(({ code }) => code === 'ASCENDEX')?.id;
      const query = 'query ($id: ID!) { ruleHistory(id: $id, first: 1) { nodes { version } } }';
      const { ruleHistory } = await admin.ask<{ ruleHistory: { nodes: { version: number }[] } }>(query, { id });
      const scheduled = await send('changeMarginPolicy', {
        ...{ venue: 'ASCENDEX', reason: 'test', debtMarginRate: '0.01', force: true },
        effectiveFrom: new Date(Date.now() + 3_600_000).toISOString(),
        expectedVersion: ruleHistory.nodes[0]?.version,
        idempotencyKey: `schedule a policy ${number}`,
      });
      return { id: (scheduled as { policy: { id: string } }).policy.id, reason: 'test' };
    },
  },
  changeInterestRate: {
    ...{ api: () => admin, selection: 'policy { version }' },
    input: async (number) => ({
      ...{ ...BITGET, asset: 'USDT', hourlyRate: `0.0000${1 + number}`, freeThreshold: '10', force: true },
      expectedVersion: await policyVersion(),
    }),
  },
  changeMarginPolicy: {
    ...{ api: () => admin, selection: 'policy { id version }' },
    input: async (number) => ({ ...BITGET, warningRatio: `0.5${number}`, expectedVersion: await policyVersion() }),
  },
  changeMaintenanceTiers: {
    ...{ api: () => admin, selection: 'instrument { tiersVersion }' },
    input: async (number) => {
      const query = '{ instruments(venue: "BITGET", symbols: ["BTCUSDT"]) { tiersVersion } }';
      const { instruments } = await admin.ask<{ instruments: { tiersVersion: number }[] }>(query);
      const tier = { floor: '0', cap: null, maintenanceRate: `0.00${4 + number}`, maxLeverage: '100' };
      const expectedVersion = instruments[0]?.tiersVersion;
      return { ...BITGET, instrument: 'BTCUSDT', tiers: [tier], force: true, expectedVersion };
    },
  },
};

/** Facts by their ids; each batch holds one twice. */
const FACTS: Readonly<Record<string, (number: number) => object>> = {
  recordFills: (number) => {
    const one = fill(cash, 'ETHUSDT', 'BUY', '0.01', '1500', { fillId: `fill ${number}`, fee: '0.1' });
    return { fills: [one, one] };
  },
  recordTransfers: (number) => {
    const one = transfer(cash, 'USDT', '3', `transfer ${number}`);
    return { transfers: [one, one] };
  },
  recordLedgerEntries: (number) => {
    const at = new Date().toISOString();
    const one = { entryId: `entry ${number}`, accountId: cash, asset: 'USDT', quantity: '2', kind: 'FUNDING', at };
    return { entries: [one, one] };
  },
};

async function send(mutation: string, input: object): Promise<unknown> {
  const { api, selection } = CASES[mutation] ?? { api: () => service, selection: 'recorded alreadyKnown' };
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input!`;
  const source = `mutation ($input: ${type}) { ${mutation}(input: $input) { ${selection} errors { code message } } }`;
  const answer = await api().ask<Record<string, { errors: object[] }>>(source, { input });
  expect(answer[mutation]?.errors).toEqual([]);
  return answer[mutation];
}

/** Rows of everything that a mutation may leave, but for what the server does by itself. */
async function rows(): Promise<Record<string, number>> {
  const { db } = app.app.services;
  await app.app.services.loop.idle();
  return {
    accounts: await db.account.count(),
    versions: await db.accountVersion.count(),
    entries: await db.ledgerEntry.count(),
    fills: await db.fill.count(),
    transfers: await db.transfer.count(),
    reported: await db.reportedEntry.count(),
    ratios: await db.collateralRatio.count(),
    policies: await db.marginPolicy.count(),
    tiers: await db.maintenanceSchedule.count(),
    keys: await db.idempotencyKey.count(),
    audited: await db.auditEntry.count(),
  };
}

async function left(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await rows();
  await work();
  return Object.fromEntries(Object.entries(await rows()).map(([what, count]) => [what, count - (before[what] ?? 0)]));
}

it('knows every mutation of the schema that takes a key', () => {
  const schema = buildSchema(readFileSync(join(PACKAGE_ROOT, 'schema.graphql'), 'utf8'));
  const keyed = Object.values(schema.getMutationType()?.getFields() ?? {}).filter(({ args }) => {
    const type = args[0]?.type;
    const input = isNonNullType(type) ? type.ofType : type;
    return isInputObjectType(input) && 'idempotencyKey' in input.getFields();
  });
  expect(keyed.map(({ name }) => name).sort()).toEqual(Object.keys(CASES).sort());
});

it.each(Object.keys(CASES))(
  '%s: eight requests of one key leave what one leaves, and answer the same',
  async (name) => {
    const { input } = CASES[name] as Case;
    const first = { ...(await input(1)), idempotencyKey: `${name} 1` };
    const ofOne = await left(() => send(name, first));
    expect(ofOne['keys']).toBe(1);
    const second = { ...(await input(2)), idempotencyKey: `${name} 2` };
    let answers: unknown[] = [];
    const ofEight = await left(async () => {
      answers = await Promise.all(Array.from({ length: 8 }, () => send(name, second)));
    });
    expect(ofEight).toEqual(ofOne);
    expect(answers).toEqual(answers.map(() => answers[0]));
    expect(await left(() => send(name, first))).toEqual(
      Object.fromEntries(Object.keys(ofOne).map((what) => [what, 0])),
    );
  },
);

it.each(Object.keys(FACTS))('%s: eight requests with one id leave what one leaves', async (name) => {
  const batch = FACTS[name] as (number: number) => object;
  const ofOne = await left(async () => {
    expect(await send(name, batch(1))).toMatchObject({ recorded: 1, alreadyKnown: 1 });
  });
  const second = batch(2);
  let answers: { recorded: number; alreadyKnown: number }[] = [];
  const ofEight = await left(async () => {
    answers = (await Promise.all(Array.from({ length: 8 }, () => send(name, second)))) as typeof answers;
  });
  expect(ofEight).toEqual(ofOne);
  expect(answers.map(({ recorded }) => recorded).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
  expect(answers.map(({ recorded, alreadyKnown }) => recorded + alreadyKnown)).toEqual(answers.map(() => 2));
});
