/** What each role may do: every root field, asked by each of them, by nobody, and by who has no role. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { CALLERS, ROLES } from '../../support/calls/access-contract.js';
import { fingerprint, unchanged } from '../../support/calls/fingerprint.js';
import { openAccount } from '../../support/calls/venue-system.js';
import { apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { connectSocket, post } from '../../support/services/bare.js';
import { operate, type RawSocket } from '../../support/services/raw.js';
import { tokenOf } from '../../support/services/tokens.js';

let app: TestApp;
let alice: Api;
let admin: Api;
let service: Api;
let anonymous: Api;
/** A good token, of somebody with no role that this server knows. */
let guest: Api;
/** Of alice. */
let account: string;

beforeAll(async () => {
  app = await startTestApp();
  alice = await app.as('alice', 'TRADER');
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
  anonymous = app.anonymous();
  guest = apiWith(app.url, `Bearer ${await tokenOf({ sub: 'alice', roles: ['trader', 'OWNER'] })}`);
  account = await openAccount(service);
});

afterAll(() => app.close());

/** Every root field there is, as valid as it can be. */
const QUERIES: Record<string, string> = {
  node: '{ node(id: "x") { id } }',
  nodes: '{ nodes(ids: ["x"]) { id } }',
  viewer: '{ viewer { subject } }',
  account: '{ account(id: "x") { id } }',
  accounts: '{ accounts { nodes { id } } }',
  venues: '{ venues { id } }',
  assets: '{ assets { id } }',
  instruments: '{ instruments { id } }',
  collateralRatios: '{ collateralRatios { id } }',
  collateralRatioHistory: '{ collateralRatioHistory(venue: "BITGET", asset: "BTC") { nodes { id } } }',
  scheduledCollateralRatios: '{ scheduledCollateralRatios { id } }',
  ruleHistory: '{ ruleHistory(id: "x") { nodes { id } } }',
  scheduledRules: '{ scheduledRules { nodes { id } } }',
  riskAlerts: '{ riskAlerts { nodes { id } } }',
  auditLog: '{ auditLog { nodes { id } } }',
  previewRuleChange: '{ previewRuleChange(change: { marginPolicy: { venue: "BITGET" } }) { asOf } }',
  previewCollateralRatios: '{ previewCollateralRatios(changes: [{ venue: "BITGET", asset: "BTC" }]) { asOf } }',
  riskOverview: '{ riskOverview(venue: "BITGET") { asOf } }',
};

const AT = '2026-01-01T00:00:00Z';
const MUTATIONS = mutationsOf({
  openAccount: 'name: "", owner: "", venue: "", idempotencyKey: "x"',
  changeCollateralRatio: 'venue: "", asset: "", reason: "", expectedVersion: 0, idempotencyKey: "x"',
  cancelCollateralRatio: 'id: "x", reason: "x", idempotencyKey: "x"',
  cancelRuleChange: 'id: "x", reason: "x", idempotencyKey: "x"',
  changeInterestRate: `venue: "", asset: "", hourlyRate: "0", freeThreshold: "0", expectedVersion: 0, reason: "x",
    idempotencyKey: "x"`,
  changeMaintenanceTiers: 'instrument: "x", tiers: [], expectedVersion: 0, reason: "x", idempotencyKey: "x"',
  changeMarginPolicy: 'venue: "", expectedVersion: 0, reason: "x", idempotencyKey: "x"',
  publishPrices: `quotes: [{asset: "", price: "1", source: "x", at: "${AT}"}]`,
  recordFills: `fills: [{fillId: "x", accountId: "x", instrument: "x", side: BUY, size: "1", price: "1", at: "${AT}"}]`,
  recordAccountTransfer: `transferId: "x", fromAccountId: "x", toAccountId: "x", asset: "x", quantity: "1", at: "${AT}"`,
  reportOpenOrders:
    'orders: [{accountId: "x", instrument: "x", buySize: "1", buyNotional: "1", sellSize: "0", sellNotional: "0", sequence: "1"}]',
  recordTrades: `trades: [{tradeId: "x", instrument: "x", size: "1", price: "1", at: "${AT}", buyer: {accountId: "x"},
    seller: {accountId: "x"}}]`,
  recordTransfers: `transfers: [{transferId: "x", accountId: "x", asset: "x", quantity: "1", at: "${AT}"}]`,
  recordLedgerEntries: `entries: [{entryId: "x", accountId: "x", asset: "x", quantity: "1", kind: FUNDING, at: "${AT}"}]`,
  reverseFill: `reversalId: "x", venue: "x", fillId: "x", at: "${AT}"`,
  acknowledgeRiskAlert: 'id: "x"',
  acknowledgeRiskAlerts: 'through: "x"',
  adjustPositionMargin: 'positionId: "x", quantity: "1", idempotencyKey: "x"',
  removeAlertRule: 'id: "x"',
  setAlertRule: 'accountId: "x", marginRatio: "1"',
  setCollateralAsset: 'accountId: "x", asset: "x", counts: false',
  setCollateralMode: 'accountId: "x", collateralMode: SINGLE_ASSET',
  setLeverage: 'accountId: "x", instrument: "x", leverage: "5"',
  setMarginMode: 'accountId: "x", instrument: "x", marginMode: ISOLATED',
  setPositionMode: 'accountId: "x", positionMode: HEDGE',
  withdraw: 'accountId: "x", asset: "x", quantity: "1", idempotencyKey: "x"',
});

function mutationsOf(inputs: Record<string, string>): Record<string, string> {
  const entries = Object.entries(inputs);
  return Object.fromEntries(
    entries.map(([name, input]) => [name, `mutation { ${name}(input: {${input}}) { errors { code } } }`]),
  );
}

const isForAll = ([name]: [string, string]): boolean => CALLERS[name] === ROLES;
const FOR_ALL = Object.entries(QUERIES).filter(isForAll);
const FOR_ADMINS = Object.entries(QUERIES).filter((query) => !isForAll(query));

const codeOf = (text: string): unknown =>
  (JSON.parse(text) as { errors?: { extensions: { code: string } }[] }).errors?.map((error) => error.extensions.code);

describe('a query', () => {
  it.each(FOR_ALL)('is answered to any role, and to no one else: %s', async (_name, query) => {
    for (const api of [alice, admin, service]) expect(codeOf((await post(api, query)).text)).toBeUndefined();
    expect(codeOf((await post(anonymous, query)).text)).toEqual(['UNAUTHENTICATED']);
    expect(codeOf((await post(guest, query)).text)).toEqual(['FORBIDDEN']);
  });

  it.each(FOR_ADMINS)('is answered to admins, and to no one else: %s', async (_name, query) => {
    expect(codeOf((await post(admin, query)).text)).toBeUndefined();
    for (const api of [alice, service, guest]) expect(codeOf((await post(api, query)).text)).toEqual(['FORBIDDEN']);
    expect(codeOf((await post(anonymous, query)).text)).toEqual(['UNAUTHENTICATED']);
  });

  it.each(FOR_ALL)('is answered so over WebSocket too: %s', async (_name, query) => {
    const over = async (api: Api): Promise<unknown> => {
      const socket = await connectSocket(api);
      const [answer] = await operate(socket, query);
      socket.close();
      return codeOf(JSON.stringify(answer?.payload));
    };
    expect(await over(alice)).toBeUndefined();
    expect(await over(anonymous)).toEqual(['UNAUTHENTICATED']);
    expect(await over(guest)).toEqual(['FORBIDDEN']);
  });

  it('of nobody is answered by a refusal and nothing else', async () => {
    const query = 'query ($id: ID!) { account(id: $id) { id } }';
    const theirs = await post(anonymous, query, { id: account });
    expect(theirs).toEqual(await post(anonymous, query, { id: 'x' }));
    expect(JSON.parse(theirs.text)).toEqual({
      data: { account: null },
      errors: [
        {
          message: 'Send a token: "Authorization: Bearer ...".',
          locations: [{ line: 1, column: 20 }],
          path: ['account'],
          extensions: { code: 'UNAUTHENTICATED' },
        },
      ],
    });
  });
});

describe('a subscription', () => {
  const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { sequence } }';

  it('is refused to nobody and to who has no role, and the socket stays open', async () => {
    for (const [api, code] of [
      [anonymous, 'UNAUTHENTICATED'],
      [guest, 'FORBIDDEN'],
    ] as const) {
      const socket: RawSocket = await connectSocket(api);
      for (const id of [account, 'x']) {
        const [answer] = await operate(socket, watch, { ids: [id] });
        expect(codeOf(JSON.stringify(answer?.payload))).toEqual([code]);
      }
      socket.close();
    }
  });
});

describe('a mutation', () => {
  it.each(Object.entries(MUTATIONS))('is for its roles only: %s', async (name, query) => {
    const before = await fingerprint(app.app.services.db);
    for (const [role, api] of [
      ['TRADER', alice],
      ['ADMIN', admin],
      ['SERVICE', service],
    ] as const) {
      const { text } = await post(api, query);
      expect([role, codeOf(text)]).toEqual([role, CALLERS[name]?.includes(role) === true ? undefined : ['FORBIDDEN']]);
    }
    expect(codeOf((await post(anonymous, query)).text)).toEqual(['UNAUTHENTICATED']);
    expect(codeOf((await post(guest, query)).text)).toEqual(['FORBIDDEN']);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it('of several is refused before anything is done for those that are not allowed', async () => {
    const open = (key: string): string => `openAccount(input: {name: "x", owner: "x", venue: "BITGET",
      idempotencyKey: "${key}"}) { account { id } }`;
    const { text } = await unchanged(app, () => post(alice, `mutation { a: ${open('a')} b: ${open('b')} }`));
    expect(codeOf(text)).toContain('FORBIDDEN');
  });
});

describe('the tables', () => {
  it('name every root field', async () => {
    const query = '{ __schema { queryType { fields { name } } mutationType { fields { name } } } }';
    type Fields = { fields: { name: string }[] };
    const { __schema: schema } = await admin.ask<{ __schema: { queryType: Fields; mutationType: Fields } }>(query);
    const names = ({ fields }: Fields): string[] => fields.map(({ name }) => name).sort();
    expect(names(schema.queryType)).toEqual(Object.keys(QUERIES).sort());
    expect(names(schema.mutationType)).toEqual(Object.keys(MUTATIONS).sort());
  });
});
