/** Stored alerts through the API: what they say, in which order, to whom, and how they are acknowledged. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { configure, readAccount, tryAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { connectSocket, operate, post } from '../../support/services/raw.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import { alertCursorOf, cursorOfList, sequenceIdOf, sequenceWithin } from '../../support/calls/sealed.js';
import { storeAlerts, type AlertChoice } from '../../support/calls/stored-alerts.js';
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
let admin: Api;
let alice: Api;
let bob: Api;
let account: string;
let bobs: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  admin = await app.as('root', 'ADMIN');
  alice = await app.as('alice', 'TRADER');
  bob = await app.as('bob', 'TRADER');
  account = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  bobs = await openAccount(service, { owner: 'bob' });
});

afterAll(() => app.close());

const store = (ids: string[], choice: AlertChoice = {}): Promise<bigint> =>
  storeAlerts(app.app.services.db, ids.map(uuidOf), choice);

const idOf = (seq: bigint): string => sequenceIdOf(app, 'RiskAlert', seq);

const FIELDS = `id kind status previousStatus marginRatio marginBalance maintenanceMargin at cursor acknowledgedAt effectiveAt
  account { id } instrument { symbol } side position { id } rule { id marginRatio } collateralRatio { id version }
  ledgerEntries { kind quantity }`;

async function newest(id: string, fields = FIELDS): Promise<Record<string, unknown>> {
  const { alerts } = await readAccount<{ alerts: { nodes: Record<string, unknown>[] } }>(
    alice,
    id,
    `alerts(first: 1) { nodes { ${fields} } }`,
  );
  return alerts.nodes[0] ?? {};
}

describe('an alert', () => {
  it('of the cross account says how it stood, and of no position', async () => {
    const last = await store([account], {
      ...{ status: 'LIQUIDATION', previousStatus: 'MARGIN_CALL', marginRatio: null },
      ...{ marginBalance: '-12.5', maintenanceMargin: '300.000000000000000001' },
    });
    expect(await newest(account)).toEqual({
      id: idOf(last),
      kind: 'STATUS_CHANGED',
      status: 'LIQUIDATION',
      previousStatus: 'MARGIN_CALL',
      marginRatio: null,
      marginBalance: '-12.5',
      maintenanceMargin: '300.000000000000000001',
      at: expect.stringMatching(/^20.*Z$/),
      cursor: alertCursorOf(app, last),
      account: { id: account },
      ...{ instrument: null, side: null, position: null, rule: null, collateralRatio: null, ledgerEntries: [] },
      ...{ acknowledgedAt: null, effectiveAt: null },
    });
  });

  it('of an isolated position names it as long as it is open, and its instrument and side for ever', async () => {
    const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
    await publishPrices(service, { 'ASTER/BTCUSDT': '20000' });
    await recordTransfers(service, transfer(id, 'USDT', '10000'));
    await configure(app, id, 'BTCUSDT', 10, 'ISOLATED');
    await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '20000'));
    await store([id], { instrument: 'BTCUSDT', side: 'SHORT' });
    const fields = 'instrument { symbol venue { code } } side position { id size isolatedMargin }';
    const was = { instrument: { symbol: 'BTCUSDT', venue: { code: 'ASTER' } }, side: 'SHORT' };
    const position = { id: globalIdOf('Position', uuidOf(id), 'BTCUSDT', 'SHORT'), size: '1', isolatedMargin: '2000' };
    expect(await newest(id, fields)).toEqual({ ...was, position });
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '20000'));
    expect(await newest(id, fields)).toEqual({ ...was, position: null });
    // What is opened in cross margin afterwards is another matter.
    await configure(app, id, 'BTCUSDT', 10, 'CROSS');
    await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '20000'));
    expect(await newest(id, fields)).toEqual({ ...was, position: null });
  });

  it('of a ratio that is scheduled, and of what was booked, names it', async () => {
    const { collateralRatios } = await alice.ask<{ collateralRatios: { id: string; version: number }[] }>(
      '{ collateralRatios(venue: "BITGET", asset: "BTC") { id version } }',
    );
    const [ratio] = collateralRatios;
    const ratioId = uuidOf(ratio?.id ?? '');
    const effectiveAt = '2030-01-01T00:00:00.000Z';
    await store([account], { kind: 'COLLATERAL_RATIO_SCHEDULED', ratioId, effectiveAt });
    expect(await newest(account, 'kind collateralRatio { id version } effectiveAt')).toEqual({
      kind: 'COLLATERAL_RATIO_SCHEDULED',
      collateralRatio: ratio,
      effectiveAt,
    });

    await recordTransfers(service, transfer(account, 'USDT', '7'), transfer(account, 'USDT', '-2'));
    const { ledger } = await readAccount<{ ledger: { nodes: { id: string }[] } }>(
      alice,
      account,
      'ledger(first: 2) { nodes { id } }',
    );
    const entries = ledger.nodes.map(({ id }) => String(sequenceWithin(app, id)));
    await store([account], { kind: 'AUTO_EXCHANGED', entries });
    expect(await newest(account, 'kind ledgerEntries { id quantity }')).toEqual({
      kind: 'AUTO_EXCHANGED',
      ledgerEntries: ledger.nodes.map(({ id }, index) => ({ id, quantity: ['-2', '7'][index] })),
    });
  });

  it('of a rule names the rule until it is removed', async () => {
    const { setAlertRule } = await alice.ask<{ setAlertRule: { rule: { id: string } } }>(
      'mutation ($input: SetAlertRuleInput!) { setAlertRule(input: $input) { rule { id } } }',
      { input: { accountId: account, marginRatio: '0.6' } },
    );
    const { id } = setAlertRule.rule;
    const ruleId = uuidOf(id);
    await store([account], { kind: 'RULE_FIRED', ruleId });
    expect(await newest(account, 'kind rule { id marginRatio account { id } }')).toEqual({
      kind: 'RULE_FIRED',
      rule: { id, marginRatio: '0.6', account: { id: account } },
    });
    await alice.ask('mutation ($id: ID!) { removeAlertRule(input: {id: $id}) { removedId } }', { id });
    expect(await newest(account, 'kind rule { id }')).toEqual({ kind: 'RULE_FIRED', rule: null });
  });
});

describe('a list of alerts', () => {
  interface Listed {
    readonly nodes: { readonly cursor: string; readonly kind: string; readonly account: { readonly id: string } }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  }
  const PAGE = 'nodes { cursor kind account { id } } pageInfo { hasNextPage endCursor }';
  const LIST = `query ($first: Int, $after: String, $ids: [ID!], $kinds: [RiskAlertKind!]) {
    riskAlerts(first: $first, after: $after, accountIds: $ids, kinds: $kinds) { ${PAGE} } }`;

  let mine: string;
  let other: string;
  let first: bigint;

  beforeAll(async () => {
    mine = await openAccount(service, { owner: 'carol' });
    other = await openAccount(service, { owner: 'carol' });
    const last = await store(Array.from({ length: 7 }, (_, index) => [mine, other, bobs][index % 3] ?? ''));
    first = last - 6n;
    await store([mine], { kind: 'INTEREST_STARTED' });
  });

  const cursors = (...offsets: number[]): string[] =>
    offsets.map((offset) => alertCursorOf(app, first + BigInt(offset)));
  const list = async (api: Api, variables: object): Promise<Listed> =>
    (await api.ask<{ riskAlerts: Listed }>(LIST, variables)).riskAlerts;
  const listed = async (api: Api, variables: object): Promise<string[]> =>
    (await list(api, variables)).nodes.map(({ cursor }) => cursor);

  it("holds the viewer's own, newest first, page by page", async () => {
    const carol = await app.as('carol', 'TRADER');
    expect(await listed(carol, {})).toEqual(cursors(7, 6, 4, 3, 1, 0));
    const page = await list(carol, { first: 4 });
    expect(page.nodes.map(({ cursor }) => cursor)).toEqual(cursors(7, 6, 4, 3));
    expect(page.nodes.map(({ account: { id } }) => id)).toEqual([mine, mine, other, mine]);
    expect(page.pageInfo).toEqual({ hasNextPage: true, endCursor: cursors(3)[0] });
    const rest = await list(carol, { first: 4, after: page.pageInfo.endCursor });
    expect(rest.nodes.map(({ cursor }) => cursor)).toEqual(cursors(1, 0));
    expect(rest.pageInfo.hasNextPage).toBe(false);
  });

  it('holds only those of the accounts and kinds that are named', async () => {
    const carol = await app.as('carol', 'TRADER');
    expect(await listed(carol, { ids: [other] })).toEqual(cursors(4, 1));
    expect(await listed(carol, { ids: [other, mine, other], first: 2 })).toEqual(cursors(7, 6));
    expect(await listed(carol, { kinds: ['INTEREST_STARTED', 'RULE_FIRED'] })).toEqual(cursors(7));
    expect(await listed(carol, { ids: [mine], kinds: ['RULE_FIRED'] })).toEqual([]);
    expect(await listed(admin, { ids: [mine], kinds: ['INTEREST_STARTED'] })).toEqual(cursors(7));
  });

  it("passes over what is not the viewer's to see, like what does not exist", async () => {
    const nobody = globalIdOf('Account', randomUUID());
    for (const ids of [[mine], [nobody], ['no id'], [mine, nobody]]) expect(await listed(bob, { ids })).toEqual([]);
    expect(await listed(bob, { ids: [mine, bobs] })).toEqual(cursors(5, 2));
    // A cursor of somebody else's is a place in the sequence, and opens nothing.
    expect(await listed(bob, { after: cursors(4)[0] })).toEqual(cursors(2));
  });

  it('holds everything for admins and services', async () => {
    for (const api of [admin, service])
      expect(await listed(api, { first: 8 })).toEqual(cursors(7, 6, 5, 4, 3, 2, 1, 0));
  });

  it('of an account holds its own', async () => {
    const carol = await app.as('carol', 'TRADER');
    const { alerts } = await readAccount<{ alerts: Listed }>(carol, mine, `alerts(first: 3) { ${PAGE} }`);
    expect(alerts.nodes.map(({ cursor }) => cursor)).toEqual(cursors(7, 6, 3));
    const after = `alerts(after: "${alerts.pageInfo.endCursor}") { ${PAGE} }`;
    const rest = await readAccount<{ alerts: Listed }>(carol, mine, after);
    expect(rest.alerts.nodes.map(({ cursor }) => cursor)).toEqual(cursors(0));
    expect((await tryAccount<{ account: null }>(bob, mine, `alerts { ${PAGE} }`)).data).toEqual({ account: null });
  });

  it.each([
    ['no ids', { ids: [] }],
    ['101 ids', { ids: Array.from({ length: 101 }, (_, index) => `id${index}`) }],
    ['no kinds', { kinds: [] }],
    ['an unknown kind', { kinds: ['FIRE'] }],
    ['a cursor that is garbage', { after: 'garbage' }],
    ['a cursor of another list', () => ({ after: cursorOfList(app, 'accounts', randomUUID(), 'name') })],
    ['a cursor of the former form', { after: Buffer.from('["1"]').toString('base64url') }],
    ['first: 0', { first: 0 }],
    ['first: 101', { first: 101 }],
  ])('is refused with %s', async (_what, given) => {
    const { errors } = await alice.send(LIST, typeof given === 'function' ? given() : given);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
  });
});

describe('an acknowledgement', () => {
  const ACKNOWLEDGE = `mutation ($id: ID!) {
    acknowledgeRiskAlert(input: {id: $id}) { alert { id acknowledgedAt } errors { code message field } } }`;
  type Answer = {
    acknowledgeRiskAlert: { alert: { id: string; acknowledgedAt: string } | null; errors: { code: string }[] };
  };

  it('is kept, and answered as it was when it is sent again', async () => {
    const id = idOf(await store([account]));
    const [one, two] = await Promise.all([
      alice.ask<Answer>(ACKNOWLEDGE, { id }),
      alice.ask<Answer>(ACKNOWLEDGE, { id }),
    ]);
    expect(one.acknowledgeRiskAlert).toEqual({
      alert: { id, acknowledgedAt: expect.stringMatching(/^20.*Z$/) },
      errors: [],
    });
    expect(two).toEqual(one);
    expect(await alice.ask<Answer>(ACKNOWLEDGE, { id })).toEqual(one);
    expect(await newest(account, 'id acknowledgedAt')).toEqual(one.acknowledgeRiskAlert.alert);
    const node = 'query ($id: ID!) { node(id: $id) { id ... on RiskAlert { acknowledgedAt } } }';
    expect(await admin.ask(node, { id })).toEqual({ node: one.acknowledgeRiskAlert.alert });
  });

  it("of what is not the trader's answers like one of what does not exist", async () => {
    const last = await store([account]);
    const theirs = await post(bob, ACKNOWLEDGE, { id: idOf(last) });
    const both = await app.as('bob', 'TRADER', 'ADMIN', 'SERVICE');
    expect(await post(both, ACKNOWLEDGE, { id: idOf(last) })).toEqual(theirs);
    const ofNone = [idOf(99_999_999n), idOf(0n), globalIdOf('RiskAlert', '1')];
    for (const id of [...ofNone, sequenceIdOf(app, 'Fill', last), account, '']) {
      expect(await post(bob, ACKNOWLEDGE, { id })).toEqual(theirs);
    }
    expect(theirs.text).toContain('"alert":null,"errors":[{"code":"ALERT_NOT_FOUND"');
    expect(await newest(account, 'acknowledgedAt')).toEqual({ acknowledgedAt: null });
  });

  it('is for traders only', async () => {
    const id = idOf(await store([account]));
    const codeOf = async (api: Api): Promise<unknown> =>
      (await api.send(ACKNOWLEDGE, { id })).errors?.map(({ extensions }) => extensions.code);
    expect(await codeOf(admin)).toEqual(['FORBIDDEN']);
    expect(await codeOf(service)).toEqual(['FORBIDDEN']);
    expect(await codeOf(app.anonymous())).toEqual(['UNAUTHENTICATED']);
  });
});

describe('a node', () => {
  const NODE = 'query ($id: ID!) { node(id: $id) { id __typename ... on RiskAlert { account { owner } } } }';

  it('is an alert to who may see it, and nothing to anybody else', async () => {
    const id = idOf(await store([account]));
    const node = { id, __typename: 'RiskAlert', account: { owner: 'alice' } };
    for (const api of [alice, admin, service]) expect(await api.ask(NODE, { id })).toEqual({ node });
    const nothing = await post(bob, NODE, { id: idOf(99_999_999n) });
    expect(nothing.text).toContain('{"data":{"node":null}');
    expect(await post(bob, NODE, { id })).toEqual(nothing);
    const anonymous = await connectSocket(app.anonymous());
    const [answer] = await operate(anonymous, '{ riskAlerts { nodes { id } } }');
    expect(JSON.stringify(answer)).toContain('UNAUTHENTICATED');
    anonymous.close();
  });
});
