/** Who sees what, who may do what; and what is not the viewer's answers, to the byte, like what does not exist. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { apiFor, apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { connectSocket, post } from '../../support/services/bare.js';
import { operate, type RawSocket } from '../../support/services/raw.js';
import { tokenOf } from '../../support/services/tokens.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
/** Alice owns `account`, at ASTER on ETHEREUM; bob another one. */
let alice: Api;
let bob: Api;
let admin: Api;
let service: Api;
let anonymous: Api;
/** A good token, of somebody with no role that this server knows. */
let guest: Api;
let account: string;
let bobs: string;
let ids: { account: string; position: string; fill: string; entry: string };

beforeAll(async () => {
  app = await startTestApp();
  alice = await app.as('alice', 'TRADER');
  bob = await app.as('bob', 'TRADER');
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
  anonymous = app.anonymous();
  guest = apiWith(app.url, `Bearer ${await tokenOf({ sub: 'alice', roles: ['trader', 'OWNER'] })}`);
  account = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', name: 'of alice' });
  bobs = await openAccount(service, { owner: 'bob', name: 'of bob' });
  await publishPrices(service, { BTC: '60000', 'ASTER/BTCUSDT': '60000' });
  await recordTransfers(service, transfer(account, 'USDT', '10000'));
  await recordFills(service, fill(account, 'BTCUSDT', 'BUY', '0.1', '60000', { fee: '3' }));
  type Found = { positions: { id: string }[]; fills: { nodes: { id: string }[] }; ledger: { nodes: { id: string }[] } };
  const found = await alice.ask<{ account: Found }>(
    'query ($id: ID!) { account(id: $id) { positions { id } fills { nodes { id } } ledger { nodes { id } } } }',
    { id: account },
  );
  const { positions, fills, ledger } = found.account;
  ids = { account, position: idOf(positions), fill: idOf(fills.nodes), entry: idOf(ledger.nodes) };
});

afterAll(() => app.close());

function idOf([first]: readonly { id: string }[]): string {
  if (first === undefined) throw new Error('There is none.');
  return first.id;
}

const global = (...parts: string[]): string => Buffer.from(parts.join(':')).toString('base64url');
const DEEP = `{
  id __typename
  ... on Account { name owner version status balances { quantity } margin { marginBalance }
    positions { id } fills { nodes { id } } ledger { nodes { id } } venue { code } chain { code } }
  ... on Position { size account { owner } }
  ... on Fill { size account { owner } }
  ... on LedgerEntry { quantity account { owner } }
}`;

describe("an account, and what hangs on it, that is not the viewer's", () => {
  /** By kind: what is alice's, and an id of the same form that nothing has. */
  const pairs = (): [string, string][] => {
    const nobody = randomUUID();
    return [
      [ids.account, global('Account', nobody)],
      [ids.position, global('Position', nobody, 'BTCUSDT', 'LONG')],
      [ids.fill, global('Fill', '999999')],
      [ids.entry, global('LedgerEntry', '999999')],
    ];
  };

  it('is seen by its owner, admins and services', async () => {
    for (const api of [alice, admin, service]) {
      for (const [id] of pairs()) {
        const { node, nodes } = await api.ask<{ node: { id: string }; nodes: unknown[] }>(
          `query ($id: ID!) { node(id: $id) ${DEEP} nodes(ids: [$id]) ${DEEP} }`,
          { id },
        );
        expect(node.id).toBe(id);
        expect(JSON.stringify(node)).toContain('"owner":"alice"');
        expect(nodes).toEqual([node]);
      }
      const found = await api.ask<{ account: { owner: string } }>('query ($id: ID!) { account(id: $id) { owner } }', {
        id: account,
      });
      expect(found.account.owner).toBe('alice');
    }
  });

  it.each([
    ['node', `query ($id: ID!) { node(id: $id) ${DEEP} }`, '{"data":{"node":null}}\n'],
    ['nodes', `query ($id: ID!) { nodes(ids: [$id]) ${DEEP} }`, '{"data":{"nodes":[null]}}\n'],
    ['account', 'query ($id: ID!) { account(id: $id) { owner } }', '{"data":{"account":null}}\n'],
    [
      'account, asked for what fails',
      'query ($id: ID!) { account(id: $id) { ledger(first: 0) { nodes { id } } } }',
      '{"data":{"account":null}}\n',
    ],
  ])('answers like what does not exist, by `%s`', async (_what, query, nothing) => {
    for (const [theirs, nobodys] of pairs()) {
      expect(await post(bob, query, { id: nobodys })).toEqual({ status: 200, text: nothing });
      expect(await post(bob, query, { id: theirs })).toEqual({ status: 200, text: nothing });
    }
  });

  it('is left out of lists, whatever the filter', async () => {
    const query = `query ($where: AccountFilter) {
      accounts(where: $where, orderBy: NAME) { totalCount nodes { name } } viewer { accounts { totalCount nodes { name } } } }`;
    const owns = { totalCount: 1, nodes: [{ name: 'of bob' }] };
    const none = { totalCount: 0, nodes: [] };
    const all = { totalCount: 2, nodes: [{ name: 'of alice' }, { name: 'of bob' }] };
    const hers = { totalCount: 1, nodes: [{ name: 'of alice' }] };
    const viewer = { accounts: owns };
    expect(await bob.ask(query)).toEqual({ accounts: owns, viewer });
    for (const where of [
      { owner: 'alice' },
      { name: 'of alice' },
      { venue: 'ASTER' },
      { chain: 'ETHEREUM' },
      { asset: 'USDT' },
    ]) {
      expect(await bob.ask(query, { where })).toEqual({ accounts: none, viewer });
      for (const api of [admin, service]) {
        expect(await api.ask(query, { where })).toEqual({ accounts: hers, viewer: { accounts: none } });
      }
    }
    expect(await admin.ask(query)).toEqual({ accounts: all, viewer: { accounts: none } });
  });

  it('is not reached by a cursor that somebody else was given', async () => {
    const page =
      'query ($after: String) { accounts(first: 1, after: $after) { nodes { name } pageInfo { endCursor } } }';
    type Page = { accounts: { nodes: { name: string }[]; pageInfo: { endCursor: string } } };
    const { accounts } = await admin.ask<Page>(page);
    expect(accounts.nodes).toEqual([{ name: 'of alice' }]);
    const after = accounts.pageInfo.endCursor;
    expect((await bob.ask<Page>(page, { after })).accounts.nodes).toEqual([{ name: 'of bob' }]);
    expect((await alice.ask<Page>(page, { after })).accounts.nodes).toEqual([]);
    // The sequence of ledger entries runs through all accounts; a cursor of hers opens none of them to him.
    const entry = Buffer.from(JSON.stringify(['999999'])).toString('base64url');
    const ledger = 'query ($id: ID!, $after: String) { account(id: $id) { ledger(after: $after) { nodes { id } } } }';
    expect(await bob.ask(ledger, { id: bobs, after: entry })).toEqual({ account: { ledger: { nodes: [] } } });
  });

  it('is passed over by a subscription, which is sent the own one only', async () => {
    const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { account { name } cause } }';
    const socket = await connectSocket(bob);
    const ofNobody = await operate(socket, watch, { ids: [global('Account', randomUUID())] });
    expect(ofNobody).toEqual([{ type: 'complete' }]);
    expect(await operate(socket, watch, { ids: [account] })).toEqual(ofNobody);
    expect(await operate(socket, watch, { ids: [ids.position] })).toEqual(ofNobody);

    socket.send({ id: 'both', type: 'subscribe', payload: { query: watch, variables: { ids: [account, bobs] } } });
    const first = await socket.next();
    expect(first.payload).toEqual({ data: { marginRatioChanged: { account: { name: 'of bob' }, cause: 'SNAPSHOT' } } });
    // Hers changes, then his: the next thing that he hears is of his.
    await recordTransfers(service, transfer(account, 'USDT', '1'));
    await recordFills(service, fill(account, 'BTCUSDT', 'BUY', '0.01', '60000'));
    await recordTransfers(service, transfer(bobs, 'USDT', '1000'));
    await publishPrices(service, { 'BITGET/BTCUSDT': '60000' });
    await recordFills(service, fill(bobs, 'BTCUSDT', 'BUY', '0.1', '60000'));
    const second = await socket.next();
    expect(second.payload).toEqual({ data: { marginRatioChanged: { account: { name: 'of bob' }, cause: 'ACCOUNT' } } });
    socket.close();
  });

  it('is watched by its owner, admins and services', async () => {
    const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { account { name } } }';
    for (const api of [alice, admin, service]) {
      const socket = await connectSocket(api);
      socket.send({ id: '1', type: 'subscribe', payload: { query: watch, variables: { ids: [account] } } });
      expect((await socket.next()).payload).toEqual({
        data: { marginRatioChanged: { account: { name: 'of alice' } } },
      });
      socket.close();
    }
  });

  it('is found again by who owns it under another role too', async () => {
    const both = await app.as('bob', 'TRADER', 'ADMIN');
    expect(await both.ask('query ($id: ID!) { account(id: $id) { name } }', { id: account })).toEqual({
      account: { name: 'of alice' },
    });
  });
});

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
};

/** For admins only. */
const ADMIN_QUERIES: Record<string, string> = {
  auditLog: '{ auditLog { nodes { id } } }',
  previewRuleChange: '{ previewRuleChange(change: { marginPolicy: { venue: "BITGET" } }) { asOf } }',
  previewCollateralRatios: '{ previewCollateralRatios(changes: [{ venue: "BITGET", asset: "BTC" }]) { asOf } }',
  riskOverview: '{ riskOverview(venue: "BITGET") { asOf } }',
};

const AT = '2026-01-01T00:00:00Z';
const MUTATIONS: Record<string, { query: string; roles: readonly string[] }> = {
  openAccount: {
    query: `mutation { openAccount(input: {name: "", owner: "", venue: "", idempotencyKey: "x"}) { errors { code } } }`,
    roles: ['ADMIN', 'SERVICE'],
  },
  changeCollateralRatio: {
    query: `mutation { changeCollateralRatio(input: {venue: "", asset: "", reason: "", expectedVersion: 0,
      idempotencyKey: "x"}) { errors { code } } }`,
    roles: ['ADMIN'],
  },
  ...Object.fromEntries(
    Object.entries({
      cancelCollateralRatio: 'id: "x"',
      cancelRuleChange: 'id: "x"',
      changeInterestRate: 'venue: "", asset: "", hourlyRate: "0", freeThreshold: "0", expectedVersion: 0',
      changeMaintenanceTiers: 'instrument: "x", tiers: [], expectedVersion: 0',
      changeMarginPolicy: 'venue: "", expectedVersion: 0',
    }).map(([name, input]) => [
      name,
      {
        query: `mutation { ${name}(input: {${input}, reason: "x", idempotencyKey: "x"}) { errors { code } } }`,
        roles: ['ADMIN'],
      },
    ]),
  ),
  publishPrices: {
    query: `mutation { publishPrices(input: {quotes: [{asset: "", price: "1", source: "x", at: "${AT}"}]}) {
      errors { code } } }`,
    roles: ['SERVICE'],
  },
  recordFills: {
    query: `mutation { recordFills(input: {fills: [{fillId: "x", accountId: "x", instrument: "x", side: BUY, size: "1",
      price: "1", at: "${AT}"}]}) { errors { code } } }`,
    roles: ['SERVICE'],
  },
  recordTransfers: {
    query: `mutation { recordTransfers(input: {transfers: [{transferId: "x", accountId: "x", asset: "x", quantity: "1",
      at: "${AT}"}]}) { errors { code } } }`,
    roles: ['SERVICE'],
  },
  recordLedgerEntries: {
    query: `mutation { recordLedgerEntries(input: {entries: [{entryId: "x", accountId: "x", asset: "x", quantity: "1",
      kind: FUNDING, at: "${AT}"}]}) { errors { code } } }`,
    roles: ['SERVICE'],
  },
  ...Object.fromEntries(
    Object.entries({
      acknowledgeRiskAlert: 'id: "x"',
      adjustPositionMargin: 'positionId: "x", quantity: "1", idempotencyKey: "x"',
      removeAlertRule: 'id: "x"',
      setAlertRule: 'accountId: "x", marginRatio: "1"',
      setCollateralMode: 'accountId: "x", collateralMode: SINGLE_ASSET',
      setLeverage: 'accountId: "x", instrument: "x", leverage: "5"',
      setMarginMode: 'accountId: "x", instrument: "x", marginMode: ISOLATED',
      setPositionMode: 'accountId: "x", positionMode: HEDGE',
      withdraw: 'accountId: "x", asset: "x", quantity: "1", idempotencyKey: "x"',
    }).map(([name, input]) => [
      name,
      { query: `mutation { ${name}(input: {${input}}) { errors { code } } }`, roles: ['TRADER'] },
    ]),
  ),
};

const codeOf = (text: string): unknown =>
  (JSON.parse(text) as { errors?: { extensions: { code: string } }[] }).errors?.map((error) => error.extensions.code);

describe('a query', () => {
  it.each(Object.entries(QUERIES))('is answered to any role, and to no one else: %s', async (_name, query) => {
    for (const api of [alice, admin, service]) expect(codeOf((await post(api, query)).text)).toBeUndefined();
    expect(codeOf((await post(anonymous, query)).text)).toEqual(['UNAUTHENTICATED']);
    expect(codeOf((await post(guest, query)).text)).toEqual(['FORBIDDEN']);
  });

  it.each(Object.entries(ADMIN_QUERIES))('is answered to admins, and to no one else: %s', async (_name, query) => {
    expect(codeOf((await post(admin, query)).text)).toBeUndefined();
    for (const api of [alice, service, guest]) expect(codeOf((await post(api, query)).text)).toEqual(['FORBIDDEN']);
    expect(codeOf((await post(anonymous, query)).text)).toEqual(['UNAUTHENTICATED']);
  });

  it.each(Object.entries(QUERIES))('is answered so over WebSocket too: %s', async (_name, query) => {
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
  const everybody = (): Record<string, Api> => ({ TRADER: alice, ADMIN: admin, SERVICE: service });

  it.each(Object.entries(MUTATIONS))('is for its roles only: %s', async (_name, { query, roles }) => {
    const before = await fingerprint(app.app.services.db);
    for (const [role, api] of Object.entries(everybody())) {
      const { text } = await post(api, query);
      expect([role, codeOf(text)]).toEqual([role, roles.includes(role) ? undefined : ['FORBIDDEN']]);
    }
    expect(codeOf((await post(anonymous, query)).text)).toEqual(['UNAUTHENTICATED']);
    expect(codeOf((await post(guest, query)).text)).toEqual(['FORBIDDEN']);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it.each([
    ['setCollateralMode', 'accountId: "ID", collateralMode: SINGLE_ASSET', 'ACCOUNT_NOT_FOUND'],
    ['setLeverage', 'accountId: "ID", instrument: "BTCUSDT", leverage: "5"', 'ACCOUNT_NOT_FOUND'],
    ['setMarginMode', 'accountId: "ID", instrument: "ETHUSDT", marginMode: ISOLATED', 'ACCOUNT_NOT_FOUND'],
    ['setPositionMode', 'accountId: "ID", positionMode: HEDGE', 'ACCOUNT_NOT_FOUND'],
    ['withdraw', 'accountId: "ID", asset: "USDT", quantity: "1", idempotencyKey: "hers"', 'ACCOUNT_NOT_FOUND'],
    ['adjustPositionMargin', 'positionId: "ID", quantity: "1", idempotencyKey: "hers"', 'POSITION_NOT_FOUND'],
  ])(
    "on an account that is not the trader's answers like one on what does not exist: %s",
    async (name, input, code) => {
      const before = await fingerprint(app.app.services.db);
      const query = `mutation { ${name}(input: {${input}}) { __typename errors { code message field } } }`;
      const nobody = randomUUID();
      const [theirs, nobodys] =
        name === 'adjustPositionMargin'
          ? [ids.position, global('Position', nobody, 'BTCUSDT', 'LONG')]
          : [account, global('Account', nobody)];
      // An admin who trades as well sees her account, and changes it no more than anybody else.
      for (const api of [bob, await app.as('bob', 'TRADER', 'ADMIN', 'SERVICE')]) {
        const answer = await post(api, query.replace('ID', theirs));
        expect(answer).toEqual(await post(api, query.replace('ID', nobodys)));
        expect(answer.text).toContain(`"errors":[{"code":"${code}"`);
      }
      expect(await fingerprint(app.app.services.db)).toEqual(before);
    },
  );

  it('of several is refused before anything is done for those that are not allowed', async () => {
    const open = (key: string): string => `openAccount(input: {name: "x", owner: "x", venue: "BITGET",
      idempotencyKey: "${key}"}) { account { id } }`;
    const before = await fingerprint(app.app.services.db);
    const { text } = await post(alice, `mutation { a: ${open('a')} b: ${open('b')} }`);
    expect(codeOf(text)).toContain('FORBIDDEN');
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });
});

describe('the tables', () => {
  it('name every root field', async () => {
    const query = '{ __schema { queryType { fields { name } } mutationType { fields { name } } } }';
    type Fields = { fields: { name: string }[] };
    const { __schema: schema } = await admin.ask<{ __schema: { queryType: Fields; mutationType: Fields } }>(query);
    const names = ({ fields }: Fields): string[] => fields.map(({ name }) => name).sort();
    expect(names(schema.queryType)).toEqual(Object.keys({ ...QUERIES, ...ADMIN_QUERIES }).sort());
    expect(names(schema.mutationType)).toEqual(Object.keys(MUTATIONS).sort());
  });
});

describe('who changed a ratio', () => {
  it('is shown to admins, and to nobody else', async () => {
    const change = `mutation ($input: ChangeCollateralRatioInput!) {
      changeCollateralRatio(input: $input) { collateralRatio { id version changedBy } errors { code } } }`;
    const input = {
      venue: 'BITGET',
      asset: 'BTC',
      ratio: '0.9',
      force: true,
      reason: 'x',
      expectedVersion: 1,
      idempotencyKey: 'by',
    };
    type Changed = { changeCollateralRatio: { collateralRatio: { id: string; version: number; changedBy: string } } };
    const { collateralRatio } = (await admin.ask<Changed>(change, { input })).changeCollateralRatio;
    expect(collateralRatio).toMatchObject({ version: 2, changedBy: 'root' });
    const reads = `query ($id: ID!) {
      node(id: $id) { ... on CollateralRatio { changedBy } }
      collateralRatios(venue: "BITGET", asset: "BTC") { changedBy }
      collateralRatioHistory(venue: "BITGET", asset: "BTC") { nodes { changedBy } }
      assets(symbols: ["BTC"]) { collateralRatios(venue: "BITGET") { changedBy } }
    }`;
    const seen = (first: string | null): object => ({
      node: { changedBy: first },
      collateralRatios: [{ changedBy: first }],
      collateralRatioHistory: { nodes: [{ changedBy: first }, { changedBy: null }] },
      assets: [{ collateralRatios: [{ changedBy: first }] }],
    });
    expect(await admin.ask(reads, { id: collateralRatio.id })).toEqual(seen('root'));
    for (const api of [alice, service]) expect(await api.ask(reads, { id: collateralRatio.id })).toEqual(seen(null));
  });
});

describe('a subject', () => {
  it('is compared letter by letter', async () => {
    for (const subject of ['Alice', 'alice ', 'al%', '*', '']) {
      const api = subject === '' ? guest : await apiFor(app.url, subject, 'TRADER');
      const { data } = await api.send<{ accounts: { totalCount: number } }>('{ accounts { totalCount } }');
      expect([subject, data?.accounts.totalCount ?? 0]).toEqual([subject, 0]);
    }
  });
});
