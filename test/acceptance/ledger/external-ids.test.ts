/** Accounts that are opened and found by the venue's own ids: one account an id, however often it is opened. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import type { Problem } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { post } from '../../support/services/raw.js';

let app: TestApp;
let service: Api;
let admin: Api;
let alice: Api;
let bob: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  admin = await app.as('root', 'ADMIN');
  alice = await app.as('alice', 'TRADER');
  bob = await app.as('bob', 'TRADER');
});

afterAll(() => app.close());

interface Opened {
  readonly account: { readonly id: string; readonly externalId: string | null } | null;
  readonly errors: readonly Problem[];
}

/** With a key of its own. */
async function open(api: Api, choice: object): Promise<Opened> {
  const input = { name: 'x', owner: 'alice', venue: 'BITGET', idempotencyKey: randomUUID(), ...choice };
  const query = `mutation ($input: OpenAccountInput!) {
    openAccount(input: $input) { account { id externalId } errors { code message field } } }`;
  return (await api.ask<{ openAccount: Opened }>(query, { input })).openAccount;
}

async function openedAs(api: Api, choice: object): Promise<string> {
  const { account, errors } = await open(api, choice);
  if (account === null) throw new Error(`The account was refused: ${JSON.stringify(errors)}`);
  return account.id;
}

const BY_EXTERNAL_ID =
  'query ($externalId: ID, $venue: String, $id: ID) { account(externalId: $externalId, venue: $venue, id: $id) { id } }';

async function idOf(api: Api, externalId: string, venue = 'BITGET'): Promise<string | null> {
  const { account } = await api.ask<{ account: { id: string } | null }>(BY_EXTERNAL_ID, { externalId, venue });
  return account?.id ?? null;
}

/** Accounts and their versions: an opening that is answered again still keeps its key. */
async function accounts(): Promise<object[]> {
  return app.app.services.db.$queryRaw<object[]>`
    SELECT id::text, version, (SELECT count(*)::int FROM account_versions WHERE account_id = id) AS versions
    FROM accounts ORDER BY accounts.id`;
}

const EIGHT = Array.from({ length: 8 }, (_none, index) => index);
const TAKEN = { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'externalId'] };

describe('an opening with an external id', () => {
  it('answers it, by every way to the account', async () => {
    const externalId = randomUUID();
    const id = await openedAs(service, { externalId });
    expect(await idOf(service, externalId)).toBe(id);
    expect(await readAccount(alice, id, 'externalId')).toEqual({ externalId });
    const query =
      'query ($id: ID!) { node(id: $id) { ... on Account { externalId } } viewer { accounts(first: 100) { nodes { externalId } } } }';
    const found = await alice.ask<{ viewer: { accounts: { nodes: object[] } } }>(query, { id });
    expect(found).toMatchObject({ node: { externalId } });
    expect(found.viewer.accounts.nodes).toContainEqual({ externalId });
    const without = await openedAs(service, {});
    expect(await readAccount(service, without, 'externalId')).toEqual({ externalId: null });
  });

  it('that comes again, by anybody who opens accounts, answers the same account and opens nothing', async () => {
    const externalId = randomUUID();
    const content = { externalId, venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' };
    const id = await openedAs(service, content);
    // What has been set since is no content of the opening.
    await alice.ask('mutation ($input: SetPositionModeInput!) { setPositionMode(input: $input) { errors { code } } }', {
      input: { accountId: id, positionMode: 'HEDGE' },
    });
    const before = await accounts();
    expect(await openedAs(service, content)).toBe(id);
    expect(await openedAs(admin, { ...content, positionMode: 'ONE_WAY' })).toBe(id);
    expect(await accounts()).toEqual(before);
    expect(await readAccount(alice, id, 'positionMode version')).toEqual({ positionMode: 'HEDGE', version: 2 });
  });

  it('stands in the audit once, where an admin opened it', async () => {
    const content = { externalId: randomUUID(), name: `audited ${randomUUID()}` };
    await openedAs(admin, content);
    await openedAs(admin, content);
    const query = '{ auditLog { nodes { action subjectKey done } } }';
    const { auditLog } = await admin.ask<{ auditLog: { nodes: { subjectKey: string }[] } }>(query);
    const own = auditLog.nodes.filter(({ subjectKey }) => subjectKey.endsWith(content.name));
    expect(own).toEqual([{ action: 'openAccount', subjectKey: `BITGET//${content.name}`, done: true }]);
  });

  it.each<[string, object]>([
    ['name', { name: 'y' }],
    ['owner', { owner: 'bob' }],
    ['chain', { chain: 'BNB_CHAIN' }],
    ['collateral mode', { collateralMode: 'SINGLE_ASSET' }],
    ['position mode', { positionMode: 'HEDGE' }],
  ])('is refused with another %s, and nothing is written', async (_what, other) => {
    const content = { externalId: randomUUID(), venue: 'ASTER', chain: 'ETHEREUM' };
    await openedAs(service, content);
    const again = await unchanged(app, () => open(service, { ...content, ...other }));
    expect(again).toMatchObject({ account: null, errors: [TAKEN] });
    expect(again.errors).toHaveLength(1);
  });

  it('is unique at its venue alone', async () => {
    const externalId = randomUUID();
    const [here, there] = [
      await openedAs(service, { externalId }),
      await openedAs(service, { externalId, venue: 'ASCENDEX' }),
    ];
    expect(here).not.toBe(there);
    expect(await idOf(service, externalId)).toBe(here);
    expect(await idOf(service, externalId, 'ASCENDEX')).toBe(there);
  });

  it('opens one account for eight requests at the same moment, each with a key of its own', async () => {
    const content = { externalId: randomUUID(), owner: randomUUID() };
    const opened = await Promise.all(EIGHT.map((index) => openedAs(index % 2 === 0 ? service : admin, content)));
    expect(new Set(opened).size).toBe(1);
    const query = 'query ($owner: String!) { accounts(where: {owner: $owner}) { totalCount } }';
    expect(await admin.ask(query, { owner: content.owner })).toEqual({ accounts: { totalCount: 1 } });
  });

  it('opens one account for eight different ones at the same moment, and refuses seven', async () => {
    const content = { externalId: randomUUID(), owner: randomUUID() };
    const opened = await Promise.all(EIGHT.map((index) => open(service, { ...content, name: `of ${index}` })));
    expect(opened.filter(({ account }) => account !== null)).toHaveLength(1);
    for (const { account, errors } of opened) if (account === null) expect(errors).toMatchObject([TAKEN]);
  });

  it.each([
    ['empty', ''],
    ['too long', 'x'.repeat(201)],
    ['with NUL', 'a\0b'],
    ['with half a surrogate pair', 'a\ud800b'],
  ])('is refused where the id is %s', async (_what, externalId) => {
    const { account, errors } = await unchanged(app, () => open(service, { externalId }));
    expect(account).toBeNull();
    expect(errors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'externalId'] }]);
  });
});

describe('an account that is named by its external id', () => {
  it("is answered to its owner, admins and services, and to others like one that the venue doesn't have", async () => {
    const externalId = randomUUID();
    const id = await openedAs(service, { externalId });
    for (const api of [alice, admin, service]) expect(await idOf(api, externalId)).toBe(id);
    const asBob = await post(bob, BY_EXTERNAL_ID, { externalId, venue: 'BITGET' });
    expect(asBob).toEqual(await post(bob, BY_EXTERNAL_ID, { externalId: randomUUID(), venue: 'BITGET' }));
    expect(JSON.parse(asBob.text)).toMatchObject({ data: { account: null } });
    const anonymous = await post(app.anonymous(), BY_EXTERNAL_ID, { externalId, venue: 'BITGET' });
    expect(anonymous.text).toContain('UNAUTHENTICATED');
  });

  it.each([
    ['of no account', randomUUID(), 'BITGET'],
    ['at no venue', 'x', 'NOWHERE'],
    ['that no account can have', 'a\0b', 'BITGET'],
    ['at a venue that no text can name', 'x', 'a\ud800b'],
    ['that is empty', '', 'BITGET'],
  ])('is null for an id %s', async (_what, externalId, venue) => {
    expect(await idOf(service, externalId, venue)).toBeNull();
  });

  it('is waited for at a version', async () => {
    const externalId = randomUUID();
    await openedAs(service, { externalId });
    const query = `query ($externalId: ID!, $version: Int!) {
      account(externalId: $externalId, venue: "BITGET", atLeastVersion: $version) { version } }`;
    expect(await alice.ask(query, { externalId, version: 1 })).toEqual({ account: { version: 1 } });
    const { text } = await post(alice, query, { externalId, version: 9 });
    expect(text).toContain('SERVICE_UNAVAILABLE');
  });

  it.each<[string, object]>([
    ['nothing', {}],
    ['the external id alone', { externalId: 'x' }],
    ['the venue alone', { venue: 'BITGET' }],
    ['both ids', { id: 'x', externalId: 'x', venue: 'BITGET' }],
    ['an id with a venue', { id: 'x', venue: 'BITGET' }],
  ])('is BAD_USER_INPUT where the query names %s', async (_what, variables) => {
    const { text } = await post(service, BY_EXTERNAL_ID, variables);
    expect(text).toContain('"code":"BAD_USER_INPUT"');
    expect(text).toContain('Expected `id`, or `externalId` and `venue`');
  });

  it('is looked up by one statement, however many a query names', async () => {
    const ids = EIGHT.map(() => randomUUID());
    for (const externalId of ids) await openedAs(service, { externalId });
    const named = ids.map((id, index) => `a${index}: account(externalId: "${id}", venue: "BITGET") { externalId }`);
    const before = app.statements.length;
    const found = await service.ask<Record<string, object>>(`{ ${named.join(' ')} }`);
    expect(Object.values(found)).toEqual(ids.map((externalId) => ({ externalId })));
    expect(app.statements.slice(before).filter((sql) => sql.includes('external_id text'))).toHaveLength(1);
  });
});
