/** Alert rules through the API: set, answered again, bounded, removed; and nobody else's. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { post } from '../../support/services/raw.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import { openAccount, type Problem } from '../../support/calls/venue-system.js';

interface Rule {
  readonly id: string;
  readonly marginRatio: string;
  readonly rearmBelow: string;
}

let app: TestApp;
let service: Api;
let alice: Api;
let bob: Api;
let account: string;
/** A leader that reads the change before its event is sent gives one of its own. */
let noticed = new Set<string>();

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  bob = await app.as('bob', 'TRADER');
  app.app.services.bus.on('accounts', ({ ids }) => {
    for (const id of ids) noticed.add(id);
  });
});

afterAll(() => app.close());

beforeEach(async () => {
  account = await openAccount(service);
  // The leader may find the opening in the outbox first, and give its own event of it.
  await app.app.services.loop.idle();
  noticed = new Set();
});

const SET = `mutation ($input: SetAlertRuleInput!) { setAlertRule(input: $input) {
  rule { id marginRatio rearmBelow } errors { code message field } } }`;
const REMOVE = `mutation ($id: ID!) { removeAlertRule(input: {id: $id}) { removedId errors { code message field } } }`;

async function set(marginRatio: string, rearmBelow?: string | null): Promise<{ rule: Rule | null; errors: Problem[] }> {
  const input = { accountId: account, marginRatio, ...(rearmBelow === undefined ? {} : { rearmBelow }) };
  const { setAlertRule } = await alice.ask<{ setAlertRule: { rule: Rule | null; errors: Problem[] } }>(SET, { input });
  return setAlertRule;
}

async function rulesOf(id: string): Promise<Rule[]> {
  const { alertRules } = await readAccount<{ alertRules: Rule[] }>(
    await app.as('root', 'ADMIN'),
    id,
    'alertRules { id marginRatio rearmBelow }',
  );
  return alertRules;
}

/** Changes that are left for the leader, beside the opening; some may be done already. */
async function outboxNumber(): Promise<bigint> {
  const [row] = await app.app.services.db.$queryRaw<{ last: bigint }[]>`
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM outbox_seq_seq`;
  return row?.last ?? -1n;
}

describe('a rule', () => {
  it.each([
    ['0.6', undefined, '0.57'],
    ['0.6', null, '0.57'],
    ['0.6', '0.6', '0.6'],
    ['0.6', '0.000000000000000001', '0.000000000000000001'],
    ['1000', undefined, '950'],
    ['0.000000000000000001', undefined, '0.000000000000000001'],
    // 0.95 of it has 20 digits: a tie goes to the even one.
    ['0.00000000000000001', undefined, '0.00000000000000001'],
    ['0.00000000000000003', undefined, '0.000000000000000028'],
  ])('of %s, armed again below %s, holds', async (marginRatio, rearmBelow, expected) => {
    const { rule, errors } = await set(marginRatio, rearmBelow);
    expect(errors).toEqual([]);
    expect(rule).toMatchObject({ marginRatio, rearmBelow: expected });
    expect(await rulesOf(account)).toEqual([rule]);
  });

  it.each([
    ['0', undefined, 'marginRatio'],
    ['-0.5', undefined, 'marginRatio'],
    ['1000.000000000000000001', undefined, 'marginRatio'],
    ['0.6', '0.600000000000000001', 'rearmBelow'],
    ['0.6', '0', 'rearmBelow'],
    ['0.6', '-0.1', 'rearmBelow'],
  ])('of %s, armed again below %s, is refused', async (marginRatio, rearmBelow, field) => {
    const { rule, errors } = await set(marginRatio, rearmBelow);
    expect(rule).toBeNull();
    expect(errors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', field] }]);
    expect(errors[0]?.message).toContain(`got ${field === 'marginRatio' ? marginRatio : rearmBelow}`);
    expect(await rulesOf(account)).toEqual([]);
    expect(noticed).toEqual(new Set());
  });

  it('is there once, however often it is sent, and reaches the leader once', async () => {
    const before = await outboxNumber();
    const answers = await Promise.all([set('0.7'), set('0.7', '0.665'), set('0.7'), set('0.7')]);
    expect(new Set(answers.map(({ rule }) => rule?.id)).size).toBe(1);
    expect((await rulesOf(account)).map(({ marginRatio }) => marginRatio)).toEqual(['0.7']);
    expect(await outboxNumber()).toBe(before + 1n);
    expect(noticed).toEqual(new Set([uuidOf(account)]));
    await set('0.7', '0.5');
    expect((await rulesOf(account)).map(({ rearmBelow }) => rearmBelow)).toEqual(['0.5', '0.665']);
  });

  it('does not raise the version of the account', async () => {
    await set('0.7');
    expect(await readAccount(alice, account, 'version')).toEqual({ version: 1 });
  });

  it('is one of twenty at most, also when they are sent at once', async () => {
    const ratios = Array.from({ length: 30 }, (_, index) => `0.${index + 11}`);
    const answers = await Promise.all(ratios.map((ratio) => set(ratio)));
    const refused = answers.filter(({ rule }) => rule === null);
    expect(refused).toHaveLength(10);
    for (const { errors } of refused) expect(errors).toMatchObject([{ code: 'LIMIT_EXCEEDED' }]);
    const rules = await rulesOf(account);
    expect(rules).toHaveLength(20);
    expect(rules.map(({ marginRatio }) => marginRatio)).toEqual(
      [...rules.map(({ marginRatio }) => marginRatio)].sort(),
    );
    // One that is there already is answered still, and there is room again when one is removed.
    expect((await set(rules[0]?.marginRatio ?? '')).rule).toEqual(rules[0]);
    await alice.ask(REMOVE, { id: rules[0]?.id });
    expect((await set('0.99')).errors).toEqual([]);
  });
});

describe('the removal of a rule', () => {
  it('reaches the leader; again there is none', async () => {
    const { rule } = await set('0.8');
    const before = await outboxNumber();
    noticed = new Set();
    expect(await alice.ask(REMOVE, { id: rule?.id })).toEqual({ removeAlertRule: { removedId: rule?.id, errors: [] } });
    expect(await rulesOf(account)).toEqual([]);
    expect(await outboxNumber()).toBe(before + 1n);
    expect(noticed).toEqual(new Set([uuidOf(account)]));
    expect(await alice.ask(REMOVE, { id: rule?.id })).toMatchObject({
      removeAlertRule: { removedId: null, errors: [{ code: 'ALERT_RULE_NOT_FOUND', field: ['input', 'id'] }] },
    });
  });
});

describe("somebody else's", () => {
  it('account answers like one that does not exist', async () => {
    const input = (accountId: string): object => ({ input: { accountId, marginRatio: '0.5' } });
    const nobodys = await post(bob, SET, input(globalIdOf('Account', randomUUID())));
    expect(nobodys.text).toContain('"rule":null,"errors":[{"code":"ACCOUNT_NOT_FOUND"');
    const both = await app.as('bob', 'TRADER', 'ADMIN');
    for (const api of [bob, both]) expect(await post(api, SET, input(account))).toEqual(nobodys);
    for (const id of ['', 'x', globalIdOf('Account', 'x')]) expect(await post(bob, SET, input(id))).toEqual(nobodys);
    expect(await rulesOf(account)).toEqual([]);
    expect(noticed).toEqual(new Set());
  });

  it('rule answers like one that does not exist', async () => {
    const { rule } = await set('0.5');
    const nobodys = await post(bob, REMOVE, { id: globalIdOf('AlertRule', randomUUID()) });
    expect(nobodys.text).toContain('"removedId":null,"errors":[{"code":"ALERT_RULE_NOT_FOUND"');
    for (const id of [rule?.id, account, 'x']) expect(await post(bob, REMOVE, { id })).toEqual(nobodys);
    expect(await rulesOf(account)).toEqual([rule]);
    const node = 'query ($id: ID!) { node(id: $id) { id ... on AlertRule { marginRatio account { owner } } } }';
    expect(await alice.ask(node, { id: rule?.id })).toEqual({
      node: { id: rule?.id, marginRatio: '0.5', account: { owner: 'alice' } },
    });
    expect(await bob.ask(node, { id: rule?.id })).toEqual({ node: null });
    expect(await bob.ask(node, { id: globalIdOf('AlertRule', 'x') })).toEqual({ node: null });
  });

  it('role may set none', async () => {
    const codeOf = async (api: Api): Promise<unknown> =>
      (await api.send(SET, { input: { accountId: account, marginRatio: '0.5' } })).errors?.map(
        ({ extensions }) => extensions.code,
      );
    expect(await codeOf(await app.as('alice', 'ADMIN'))).toEqual(['FORBIDDEN']);
    expect(await codeOf(service)).toEqual(['FORBIDDEN']);
    expect(await codeOf(app.anonymous())).toEqual(['UNAUTHENTICATED']);
  });
});
