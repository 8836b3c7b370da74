/** Who sees what; and what is not the viewer's answers, to the byte, like what does not exist. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { apiFor, apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { globalIdOf } from '../../support/calls/global-ids.js';
import { cursorOfList, sequenceIdOf } from '../../support/calls/sealed.js';
import { connectSocket, post } from '../../support/services/bare.js';
import { operate } from '../../support/services/raw.js';
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
      [ids.account, globalIdOf('Account', nobody)],
      [ids.position, globalIdOf('Position', nobody, 'BTCUSDT', 'LONG')],
      [ids.fill, sequenceIdOf(app, 'Fill', 999_999n)],
      [ids.entry, sequenceIdOf(app, 'LedgerEntry', 999_999n)],
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
    const entry = cursorOfList(app, 'ledger', '999999');
    const ledger = 'query ($id: ID!, $after: String) { account(id: $id) { ledger(after: $after) { nodes { id } } } }';
    expect(await bob.ask(ledger, { id: bobs, after: entry })).toEqual({ account: { ledger: { nodes: [] } } });
  });

  it('is passed over by a subscription, which is sent the own one only', async () => {
    const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { account { name } cause } }';
    const socket = await connectSocket(bob);
    const ofNobody = await operate(socket, watch, { ids: [globalIdOf('Account', randomUUID())] });
    expect(JSON.stringify(ofNobody)).toContain('would watch nothing');
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

describe('a mutation', () => {
  it.each([
    ['setCollateralAsset', 'accountId: "ID", asset: "BTC", counts: false', 'ACCOUNT_NOT_FOUND'],
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
          ? [ids.position, globalIdOf('Position', nobody, 'BTCUSDT', 'LONG')]
          : [account, globalIdOf('Account', nobody)];
      // An admin who trades as well sees her account, and changes it no more than anybody else.
      for (const api of [bob, await app.as('bob', 'TRADER', 'ADMIN')]) {
        const answer = await post(api, query.replace('ID', theirs));
        expect(answer).toEqual(await post(api, query.replace('ID', nobodys)));
        expect(answer.text).toContain(`"errors":[{"code":"${code}"`);
      }
      expect(await fingerprint(app.app.services.db)).toEqual(before);
    },
  );
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
