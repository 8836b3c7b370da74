/**
 * Who gets at whose accounts, asked by operations that are made of the schema itself: every root field, every argument
 * that takes an id, every field that leads from one object to another. What is added to the schema fails here until
 * access-contract.ts says whose it is.
 */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OperationTypeNode } from 'graphql';

import type { Role } from '../../../src/platform/tokens.js';
import {
  CALLERS,
  MADE_BY_THE_SENDER,
  NAMED,
  OWNED,
  OWNED_KINDS,
  ROLES,
  type OwnedKind,
} from '../../support/calls/access-contract.js';
import { govern, newestVersion } from '../../support/calls/admin-calls.js';
import { apiWith, type Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { alertCursorOf } from '../../support/calls/sealed.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import {
  argumentsOfType,
  leadsTo,
  operationOf,
  publishedSchema,
  rootFields,
  type RootField,
  type Values,
} from '../../support/fuzz/generated-operations.js';
import { firstFrames, post } from '../../support/services/raw.js';
import { tokenOf } from '../../support/services/tokens.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

/** Stands in every text that she may choose: another reader of it has got at data that are not his. */
const CANARY = 'canary';
const HERS = `${CANARY}-alice`;

/** What the venue has, so that a call fails for nothing but what it is about. */
const REAL: Values = {
  ...{ venue: '"ASTER"', chain: '"ETHEREUM"', asset: '"BTC"', instrument: '"BTCUSDT"', first: '5' },
  ...{ from: '"2026-01-01T00:00:00Z"', to: '"2100-01-01T00:00:00Z"', points: '2' },
  ...{ quantity: '"1"', leverage: '"5"', price: '"60000"', size: '"0.001"', side: 'BUY' },
  'change.collateralRatio.ratio': '"0.1"',
  ...{
    marginRatio: '"0.9"',
    ratio: '"0.1"',
    shocks: '"-0.1"',
    'input.entries.asset': '"USDT"',
    'input.entries.kind': 'FUNDING',
  },
};

/** What a root field takes of it: one account is named by its id, or by another one beside a venue. */
const realOf = (root: RootField): Values =>
  nameOf(root) === 'account' ? Object.fromEntries(Object.entries(REAL).filter(([name]) => name !== 'venue')) : REAL;

/** Of the sender's making, and never used before. */
const ownIds = (): Values =>
  Object.fromEntries(
    ['idempotencyKey', 'fillId', 'tradeId', 'reversalId', 'transferId', 'entryId'].map((name) => [
      name,
      `"${randomUUID()}"`,
    ]),
  );

const schema = publishedSchema();
const roots = rootFields(schema);
const nameOf = ({ operation, field }: RootField): string =>
  operation === OperationTypeNode.SUBSCRIPTION && schema.getQueryType()?.getFields()[field.name] !== undefined
    ? `subscription ${field.name}`
    : field.name;
const callersOf = (root: RootField): readonly Role[] => CALLERS[nameOf(root)] ?? [];
const listed = roots.map((root) => [nameOf(root), root] as const);
const idPaths = roots.flatMap((root) =>
  argumentsOfType(root, 'ID')
    .map((path) => ({ root, path, key: `${nameOf(root)}.${path}` }))
    .filter(({ key }) => !MADE_BY_THE_SENDER.test(key)),
);

let app: TestApp;
let alice: Api;
let bob: Api;
let bobs: string;
let admin: Api;
let service: Api;
/** Of a version that has an impact. */
let ratioId: string;
/** Of hers. */
const ids = {} as Record<OwnedKind, string>;

beforeAll(async () => {
  const bounds = { TOKENS: '100000', DEPTH: '100', ALIASES: '10000', COST: '100000000', COST_PER_MINUTE: '1000000000' };
  const env = Object.entries(bounds).map(([name, value]) => [`LIMIT_${name}`, value]);
  app = await startTestApp({ env: Object.fromEntries(env) as Record<string, string> });
  alice = await app.as(HERS, 'TRADER');
  bob = await app.as('bob', 'TRADER');
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
  const place = { venue: 'ASTER', chain: 'ETHEREUM' };
  ids.Account = await openAccount(service, { ...place, name: HERS, owner: HERS });
  bobs = await openAccount(service, { ...place, name: 'of bob', owner: 'bob' });
  await publishPrices(service, { BTC: '60000', 'ASTER/BTCUSDT': '60000' });
  for (const [account, name] of [
    [ids.Account, CANARY],
    [bobs, 'bob'],
  ] as const) {
    await recordTransfers(
      service,
      transfer(account, 'USDT', '10000', `${name}-USDT`),
      transfer(account, 'BTC', '1', `${name}-BTC`),
    );
    await recordFills(service, fill(account, 'BTCUSDT', 'BUY', '0.1', '60000', { fee: '3', fillId: `${name}-fill` }));
  }
  const ratio = { ...place, asset: 'BTC', ratio: '0.9' };
  const expectedVersion = await newestVersion(admin, ratio);
  const changed = await govern(admin, 'changeCollateralRatio', { ...ratio, expectedVersion, force: true });
  ratioId = changed.collateralRatio?.id ?? '';
  const fee = { venue: 'ASTER', liquidationFeeRate: '0.001', expectedVersion: 2, force: true };
  await govern(admin, 'changeMarginPolicy', fee);
  const later = {
    effectiveFrom: new Date(Date.now() + 86_400_000).toISOString(),
    expectedVersion: expectedVersion + 1,
  };
  await govern(admin, 'changeCollateralRatio', { ...ratio, ratio: '0.8', ...later, force: true });
  // A rule that holds already fires at the next price.
  await alice.ask('mutation ($input: SetAlertRuleInput!) { setAlertRule(input: $input) { errors { code } } }', {
    input: { accountId: ids.Account, marginRatio: '0.001' },
  });
  await findIds();
});

afterAll(() => app.close());

/** One of each kind that she has; the alert comes when the server has looked at her account. */
async function findIds(): Promise<void> {
  const query = `query ($id: ID!) { account(id: $id) { alertRules { id } positions { id } fills { nodes { id } }
    ledger { nodes { id } } alerts { nodes { id } } } }`;
  type Some = readonly { id: string }[];
  type Found = Record<'alertRules' | 'positions', Some> & Record<'fills' | 'ledger' | 'alerts', { nodes: Some }>;
  for (let price = 60_000; ids.RiskAlert === undefined; price -= 10) {
    await publishPrices(service, { BTC: String(price), 'ASTER/BTCUSDT': String(price) });
    const { account } = await alice.ask<{ account: Found }>(query, { id: ids.Account });
    const { alertRules, positions, fills, ledger, alerts } = account;
    const first = { AlertRule: alertRules, Position: positions, Fill: fills.nodes, LedgerEntry: ledger.nodes };
    for (const [kind, found] of Object.entries({ ...first, RiskAlert: alerts.nodes })) {
      if (found[0] !== undefined) ids[kind as OwnedKind] = found[0].id;
    }
    if (price < 59_000) throw new Error('She was not alerted.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** An id of the same form that nothing has. */
function nobodys(id: string): string {
  const { seal } = app.app.services;
  const sealed = seal.open('id', id);
  if (sealed !== null) return seal.seal('id', sealed.replace(/\d+$/, '999999'));
  const text = Buffer.from(id, 'base64url').toString();
  const other = text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, randomUUID());
  if (other === text) throw new Error(`Expected an id with a UUID or a number, got ${text}.`);
  return Buffer.from(other).toString('base64url');
}

/** What is answered, to the byte; of a subscription all that comes at first. */
async function answerTo(api: Api, { operation }: RootField, query: string): Promise<string> {
  if (operation !== OperationTypeNode.SUBSCRIPTION) return (await post(api, query)).text;
  return (await firstFrames(api, query)).join('\n');
}

function codesIn(text: string): string[] {
  return ['UNAUTHENTICATED', 'FORBIDDEN'].filter((code) => text.includes(`"code":"${code}"`));
}

describe('everything in the schema is classified', () => {
  it('root fields, by who may call them', () => {
    expect(roots.map(nameOf).sort()).toEqual(Object.keys(CALLERS).sort());
  });

  it('arguments that take an id, by what they name', () => {
    expect(idPaths.map(({ key }) => key).sort()).toEqual(Object.keys(NAMED).sort());
  });

  it('types that have an id, by whether they belong to an account', () => {
    const node = schema.getType('Node');
    const kinds = schema.getPossibleTypes(node as Parameters<typeof schema.getPossibleTypes>[0]);
    expect(kinds.map(({ name }) => name).sort()).toEqual(Object.keys(OWNED).sort());
    expect(Object.keys(ids).sort()).toEqual([...OWNED_KINDS].sort());
  });
});

describe('a root field', () => {
  const call = (root: RootField): string => operationOf(schema, root, {}, 'name');

  it.each(listed)('is answered to those who may call it: %s', async (_name, root) => {
    const roles = callersOf(root);
    const apis = await Promise.all(roles.map((role) => app.as('somebody', role)));
    const answers = await Promise.all(apis.map((api) => answerTo(api, root, call(root))));
    expect(answers.map(codesIn)).toEqual(roles.map(() => []));
  });

  it.each(listed)('is refused to everybody else, and does nothing: %s', async (_name, root) => {
    const before = await fingerprint(app.app.services.db);
    const anonymous = await answerTo(app.anonymous(), root, call(root));
    expect(codesIn(anonymous)).toEqual(['UNAUTHENTICATED']);
    const others = ROLES.filter((role) => !callersOf(root).includes(role));
    // All the roles there are but those that may; one of them alone; and none that this server knows.
    for (const roles of [others, ...others.map((role) => [role]), [], ['OWNER', 'trader']]) {
      const token = await tokenOf({ sub: HERS, roles });
      const answer = await answerTo(apiWith(app.url, `Bearer ${token}`), root, call(root));
      expect([roles, codesIn(answer)]).toEqual([roles, ['FORBIDDEN']]);
    }
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });
});

describe('whatever can be followed from a root field', () => {
  const queries = listed.filter(
    ([, { operation, field }]) => operation === OperationTypeNode.QUERY && leadsTo(schema, field.type, 'Account'),
  );
  const call = (root: RootField, account: string): string => {
    const id = JSON.stringify(nameOf(root) === 'ruleHistory' ? ratioId : account);
    return operationOf(schema, root, { ...realOf(root), id, ids: id }, 'everything');
  };

  it.each(queries)('leads another trader to nothing of hers: %s', async (_name, root) => {
    const answer = await answerTo(bob, root, call(root, bobs));
    for (const hers of [CANARY, ...Object.values(ids)]) expect(answer).not.toContain(hers);
  });

  it.each(queries)('leads those who may see her account to it: %s', async (name, root) => {
    // A viewer's own accounts are the viewer's.
    const answers = await Promise.all(
      [alice, admin].map(async (api) =>
        (await answerTo(api, root, call(root, ids.Account))).includes(HERS) ? api : null,
      ),
    );
    expect([name, answers.some((api) => api !== null)]).toEqual([name, true]);
  });
});

describe('an id', () => {
  interface Asked {
    readonly key: string;
    readonly kind: OwnedKind;
    readonly root: RootField;
    readonly path: string;
  }
  const asked: Asked[] = idPaths.flatMap(({ root, path, key }) => {
    const kinds = /^nodes?\./.test(key) ? OWNED_KINDS : NAMED[key] === null ? [] : [NAMED[key] as OwnedKind];
    return kinds.map((kind) => ({ key, kind, root, path }));
  });
  const cases = asked.map((each) => [each.key, each.kind, each] as const);
  const call = ({ root, path }: Asked, id: string, others: Values = {}): string => {
    const sides = {
      ...{ fromAccountId: JSON.stringify(bobs), toAccountId: JSON.stringify(bobs) },
      ...{
        'input.trades.buyer.accountId': JSON.stringify(bobs),
        'input.trades.seller.accountId': JSON.stringify(bobs),
      },
    };
    const through = JSON.stringify(alertCursorOf(app, 1_000n));
    const values = { ...realOf(root), through, ...ownIds(), ...sides, ...others, [path]: JSON.stringify(id) };
    return operationOf(schema, root, values, root.operation === OperationTypeNode.MUTATION ? 'near' : 'everything');
  };
  const isForTraders = ({ root }: Asked): boolean => callersOf(root).includes('TRADER');
  const isForServices = ({ root }: Asked): boolean => callersOf(root).includes('SERVICE');

  it.each(cases.filter(([, , each]) => isForTraders(each)))(
    "that is another trader's is answered like one that nothing has: %s (%s)",
    async (_key, kind, each) => {
      const before = await fingerprint(app.app.services.db);
      const callers = [bob];
      // An admin who trades as well sees her account, and changes it no more than anybody else. So does a service, but for
      // what services may change of any account.
      if (each.root.operation === OperationTypeNode.MUTATION) {
        callers.push(await app.as('bob', ...ROLES.filter((role) => role !== 'SERVICE' || !isForServices(each))));
      }
      for (const caller of callers) {
        const [theirs, nothings] = await Promise.all([
          answerTo(caller, each.root, call(each, ids[kind])),
          answerTo(caller, each.root, call(each, nobodys(ids[kind]))),
        ]);
        expect(theirs).toBe(nothings);
        expect(theirs).not.toContain(CANARY);
        expect(codesIn(theirs)).toEqual([]);
      }
      expect(await fingerprint(app.app.services.db)).toEqual(before);
    },
  );

  it("of another account's position is answered like one that nothing has, to the venue's systems too", async () => {
    const each = asked.find(({ key }) => key === 'recordLedgerEntries.input.entries.positionId') as Asked;
    const withHis = { accountId: JSON.stringify(bobs) };
    const theirs = await answerTo(service, each.root, call(each, ids.Position, withHis));
    expect(theirs).toBe(await answerTo(service, each.root, call(each, nobodys(ids.Position), withHis)));
    expect(theirs).toContain('POSITION_NOT_FOUND');
  });

  it.each(cases.filter(([, , each]) => each.root.operation === OperationTypeNode.MUTATION && isForServices(each)))(
    "of any account is found by the venue's systems: %s (%s)",
    async (_key, kind, each) => {
      const withHers = kind === 'Position' && !isForTraders(each) ? { accountId: JSON.stringify(ids.Account) } : {};
      const hers = await answerTo(service, each.root, call(each, ids[kind], withHers));
      expect(hers).not.toBe(await answerTo(service, each.root, call(each, nobodys(ids[kind]), withHers)));
      expect(codesIn(hers)).toEqual([]);
    },
  );

  // Last, because she does change her account.
  it.each(cases)('is found by those whose it is: %s (%s)', async (_key, kind, each) => {
    const owner = isForTraders(each) ? alice : service;
    // Each acknowledgement finds something to do.
    await app.app.services.db.riskAlert.updateMany({ data: { acknowledgedAt: null } });
    const withHers = kind === 'Position' && !isForTraders(each) ? { accountId: JSON.stringify(ids.Account) } : {};
    const nothing = await answerTo(owner, each.root, call(each, nobodys(ids[kind]), withHers));
    expect(await answerTo(owner, each.root, call(each, ids[kind], withHers))).not.toBe(nothing);
  });
});
