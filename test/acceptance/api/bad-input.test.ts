/** What is malformed is answered clearly, shortly and at once, and changes nothing. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { connectSocket, post, postRaw } from '../../support/services/bare.js';
import { operate } from '../../support/services/raw.js';
import {
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  fill,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let trader: Api;
let anonymous: Api;
/** At BITGET, of alice: 1,000 USDT and a long of 1 BTC. */
let accountId: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  trader = await app.as('alice', 'TRADER');
  anonymous = app.anonymous();
  accountId = await openAccount(service);
  await publishPrices(service, { BTC: '60000', 'BITGET/BTCUSDT': '60000' });
  await recordTransfers(service, transfer(accountId, 'USDT', '10000'));
  await recordFills(service, fill(accountId, 'BTCUSDT', 'BUY', '1', '60000'));
});

afterAll(() => app.close());

/** Nothing of the program, the database or the machine; and no answer that a client would have to page through. */
const INTERNALS =
  /prisma|postgres|pglite|select |insert |node_modules|\.ts\b|\.js\b|\(.*:\d+:\d+\)|file:|stacktrace|Something went wrong/i;

interface Refused {
  readonly errors: readonly { message: string; extensions: { code: string } }[];
  readonly data?: Record<string, unknown> | null;
}

/** The codes of an answer that has to be an error, and a presentable one. */
function codesOf(text: string): string[] {
  expect(text.length).toBeLessThan(4_000);
  expect(text).not.toMatch(INTERNALS);
  const { errors, data } = JSON.parse(text) as Refused;
  expect(Object.values(data ?? {}).filter((field) => field !== null)).toEqual([]);
  return [...new Set(errors.map(({ extensions }) => extensions.code))];
}

const TRANSFER = `mutation ($input: RecordTransfersInput!) {
  recordTransfers(input: $input) { recorded alreadyKnown errors { code field } }
}`;

/** A transfer of a quantity as it stands in the text of the request: as JSON, or as a literal of the language. */
function transferOf(quantity: string, how: 'variable' | 'literal'): string {
  const at = new Date().toISOString();
  const transferId = randomUUID();
  if (how === 'variable') {
    const rest = JSON.stringify({ transferId, accountId, asset: 'USDT', at }).slice(1, -1);
    return `{"query":${JSON.stringify(TRANSFER)},"variables":{"input":{"transfers":[{${rest},"quantity":${quantity}}]}}}`;
  }
  const item = `{transferId: "${transferId}", accountId: "${accountId}", asset: "USDT", at: "${at}", quantity: ${quantity}}`;
  return JSON.stringify({ query: `mutation { recordTransfers(input: {transfers: [${item}]}) { recorded } }` });
}

const LONG = '9'.repeat(90_000);

describe('a Decimal', () => {
  const strings: readonly (readonly [string, string])[] = [
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['-Infinity', '-Infinity'],
    ['hexadecimal', '0x10'],
    ['an exponent', '1e5'],
    ['a capital exponent', '1E5'],
    ['nothing', ''],
    ['a blank', ' '],
    ['a blank before', ' 5'],
    ['a line break after', '5\\n'],
    ['NUL after', '5\\u0000'],
    ['a plus', '+5'],
    ['two signs', '--5'],
    ['a sign alone', '-'],
    ['no integer digit', '.5'],
    ['no fraction digit', '5.'],
    ['two points', '1.2.3'],
    ['a leading zero', '05'],
    ['a comma', '1,000'],
    ['an underscore', '1_000'],
    ['digits of another script', '\u0665'],
    ['31 integer digits', '1' + '0'.repeat(30)],
    ['19 fraction digits', '0.0000000000000000001'],
    ['90,000 digits', LONG],
    ['90,000 fraction digits', `0.${LONG}`],
  ];
  const others: readonly (readonly [string, string])[] = [
    ['a number', '5'],
    ['a fraction', '0.5'],
    ['a number with an exponent', '1e5'],
    ['a number of 90,000 digits', LONG],
    ['true', 'true'],
    ['null', 'null'],
    ['a list', '["5"]'],
    ['an object', '{}'],
  ];
  const words: readonly (readonly [string, string])[] = [
    ['the word NaN', 'NaN'],
    ['the word Infinity', 'Infinity'],
  ];
  const quoted = strings.map(([what, text]): [string, string] => [`${what}, as a string`, `"${text}"`]);

  it.each([...quoted, ...others])('is refused as a variable: %s', async (_what, json) => {
    const before = await fingerprint(app.app.services.db);
    const begun = performance.now();
    const { status, text } = await postRaw(service, transferOf(json, 'variable'));
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(codesOf(text)).toEqual(['BAD_USER_INPUT']);
    expect(status).toBe(400);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it.each([...quoted, ...others, ...words])('is refused as a literal: %s', async (_what, literal) => {
    const before = await fingerprint(app.app.services.db);
    const begun = performance.now();
    const { status, text } = await postRaw(service, transferOf(literal, 'literal'));
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(codesOf(text)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect(status).toBe(400);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it.each([
    ['a number as a variable', '5', 'variable'],
    ['a number as a literal', '5', 'literal'],
    ['31 digits as a variable', `"${'1'.repeat(31)}"`, 'variable'],
    ['90,000 digits as a variable', `"${LONG}"`, 'variable'],
    ['90,000 digits as a literal', `"${LONG}"`, 'literal'],
  ] as const)('is answered with what would be right: %s', async (_what, quantity, how) => {
    const { text } = await postRaw(service, transferOf(quantity, how));
    const [error] = (JSON.parse(text) as Refused).errors;
    expect(error?.message).toContain('a decimal as a string in plain notation, such as "-12.5"');
    expect(error?.message).toMatch(how === 'variable' ? /transfers\[0\]\.quantity/ : /got a (number|string)/);
  });

  it('is taken with 30 integer and 18 fraction digits, where the quantity is refused for its size', async () => {
    const widest = `"${'9'.repeat(30)}.${'9'.repeat(18)}"`;
    const { status, text } = await postRaw(service, transferOf(widest, 'variable'));
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      data: {
        recordTransfers: {
          recorded: 0,
          alreadyKnown: 0,
          errors: [{ code: 'INVALID_INPUT', field: ['input', 'transfers', '0', 'quantity'] }],
        },
      },
    });
  });

  it('is refused over WebSocket too, and the socket stays open', async () => {
    const socket = await connectSocket(trader);
    const watch = `subscription ($ids: [ID!]!, $by: Decimal!) {
      marginRatioChanged(accountIds: $ids, minChange: $by) { sequence }
    }`;
    for (const by of [5, 'NaN', '1e5', '', LONG]) {
      const [answer] = await operate(socket, watch, { ids: [accountId], by });
      expect(answer?.type).toBe('next');
      expect(codesOf(JSON.stringify(answer?.payload))).toEqual(['BAD_USER_INPUT']);
    }
    for (const by of ['5', '"NaN"', `"${LONG}"`, LONG]) {
      const literal = `subscription { marginRatioChanged(accountIds: ["${accountId}"], minChange: ${by}) { sequence } }`;
      const [answer] = await operate(socket, literal);
      expect(answer?.type).toBe('error');
      expect(codesOf(JSON.stringify({ errors: answer?.payload }))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    }
    const [alive] = await operate(socket, '{ viewer { subject } }');
    expect(alive?.payload).toMatchObject({ data: { viewer: { subject: 'alice' } } });
    socket.close();
  });
});

describe('a DateTime', () => {
  it.each([
    ['no zone', '2023-03-11T08:06:00'],
    ['another zone', '2023-03-11T08:06:00+01:00'],
    ['no time', '2023-03-11'],
    ['microseconds', '2023-03-11T08:06:00.123456Z'],
    ['30 February', '2023-02-30T08:06:00Z'],
    ['hour 24', '2023-03-11T24:00:00Z'],
    ['a leap second', '2023-03-11T23:59:60Z'],
    ['a year of six digits', '+012023-03-11T08:06:00Z'],
    ['words', 'yesterday'],
    ['90,000 digits', LONG],
    ['a number', 1678522000000],
  ])('is refused with %s', async (_what, at) => {
    const { status, text } = await post(trader, 'query ($at: DateTime!) { collateralRatios(at: $at) { id } }', { at });
    expect(codesOf(text)).toEqual(['BAD_USER_INPUT']);
    expect(status).toBe(400);
  });
});

describe('other values of enormous length', () => {
  it.each([
    ['an Int literal', `{ accounts(first: ${LONG}) { nodes { id } } }`],
    ['an enum literal', `{ accounts(orderBy: ${'X'.repeat(90_000)}) { nodes { id } } }`],
    ['a field', `{ ${'x'.repeat(90_000)} }`],
    ['an argument', `{ accounts(${'x'.repeat(90_000)}: 1) { nodes { id } } }`],
    ['a fragment', `{ ...${'x'.repeat(90_000)} }`],
  ])('are answered shortly: %s', async (_what, query) => {
    const { text } = await post(trader, query);
    expect(codesOf(text)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    const socket = await connectSocket(trader);
    const [answer] = await operate(socket, query);
    expect(codesOf(JSON.stringify({ errors: answer?.payload }))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    socket.close();
  });

  it.each([
    ['an Int variable', 'query ($x: Int!) { accounts(first: $x) { nodes { id } } }', LONG],
    ['an enum variable', 'query ($x: AccountOrder!) { accounts(orderBy: $x) { nodes { id } } }', LONG],
  ])('are answered shortly: %s', async (_what, query, x) => {
    const { text } = await post(trader, query, { x });
    expect(codesOf(text)).toEqual(['BAD_USER_INPUT']);
  });
});

const idOf = (...parts: string[]): string => Buffer.from(parts.join(':')).toString('base64url');
const localOf = (id: string): string => Buffer.from(id, 'base64url').toString().split(':')[1] ?? '';

/** Ids that no account has. */
function idsOfNone(): [string, string][] {
  return [
    ['an unknown account', idOf('Account', randomUUID())],
    ['an empty text', ''],
    ['words', 'no such id'],
    ['NUL', '\0'],
    ['NUL after an id', `${accountId}\0`],
    ['NUL within', idOf('Account', 'a\0b')],
    ['NUL for an id', idOf('Account', '\0')],
    ['half of a surrogate pair', '\ud800'],
    ['nothing for an id', idOf('Account', '')],
    ['no uuid', idOf('Account', '5')],
    ['a capital uuid', idOf('Account', localOf(accountId).toUpperCase())],
    ['one part too many', idOf('Account', localOf(accountId), 'BTCUSDT')],
    ['padding', `${accountId}=`],
    ['a bare uuid', localOf(accountId)],
    ['a type of no object', idOf('constructor', localOf(accountId))],
    ['the prototype', idOf('__proto__', localOf(accountId))],
    ['a type in lower case', idOf('account', localOf(accountId))],
    ['100,000 letters', 'A'.repeat(100_000)],
    ['SQL', idOf('Account', `' OR 1=1 --`)],
  ];
}

describe('an id that nothing has', () => {
  it('is answered by null, by `account`, `node` and `nodes` alike', async () => {
    for (const [what, id] of idsOfNone()) {
      const { text } = await post(
        trader,
        'query ($id: ID!) { account(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }',
        { id },
      );
      expect([what, text]).toEqual([what, '{"data":{"account":null,"node":null,"nodes":[null]}}\n']);
    }
  });

  it('is answered by null where it could be one of any other type', async () => {
    const ids = [
      ...['Venue', 'Chain', 'Asset', 'CollateralRatio', 'LedgerEntry', 'Fill'].map((type) => idOf(type, 'none')),
      ...['LedgerEntry', 'Fill'].flatMap((type) =>
        ['-1', '1.5', '1e3', '0x1', '9'.repeat(18), '9'.repeat(30)].map((seq) => idOf(type, seq)),
      ),
      idOf('CollateralRatio', randomUUID()),
      idOf('Instrument', 'BITGET'),
      idOf('Instrument', 'BITGET', 'BTC-PERP'),
      idOf('Position', localOf(accountId)),
      idOf('Position', localOf(accountId), 'BTCUSDT', 'SHORT'),
      idOf('Position', localOf(accountId), 'BTCUSDT', 'long'),
      idOf('Position', randomUUID(), 'BTCUSDT', 'LONG'),
      idOf('Balance', localOf(accountId)),
    ];
    const { nodes } = await trader.ask<{ nodes: unknown[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids,
    });
    expect(nodes).toEqual(ids.map(() => null));
  });

  it('has one spelling: another one of the same object is not an id', async () => {
    const { account } = await trader.ask<{ account: { ledger: { nodes: { id: string }[] } } }>(
      'query ($id: ID!) { account(id: $id) { ledger { nodes { id } } } }',
      { id: accountId },
    );
    const seq = localOf(account.ledger.nodes[0]?.id ?? '');
    const spellings = [
      idOf('LedgerEntry', seq),
      idOf('LedgerEntry', `0${seq}`),
      idOf('LedgerEntry', seq, 'x'),
      idOf('Venue', 'BITGET', 'x'),
      idOf('Asset', 'BTC', ''),
      idOf('Instrument', 'BITGET', 'BTCUSDT', 'x'),
      idOf('Position', localOf(accountId), 'BTCUSDT', 'LONG', 'x'),
    ];
    const { nodes } = await trader.ask<{ nodes: unknown[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids: spellings,
    });
    expect(nodes).toEqual([{ id: spellings[0] }, null, null, null, null, null, null]);
  });

  it('is answered by null where it is of another type', async () => {
    const ids = await trader.ask<{
      account: {
        venue: { id: string };
        positions: { id: string; instrument: { id: string } }[];
        fills: { nodes: { id: string }[] };
        ledger: { nodes: { id: string; asset: { id: string } }[] };
      };
    }>(
      `query ($id: ID!) { account(id: $id) {
        venue { id } positions { id instrument { id } } fills { nodes { id } } ledger { nodes { id asset { id } } }
      } }`,
      { id: accountId },
    );
    const { venue, positions, fills, ledger } = ids.account;
    const others = [venue, ...positions, ...positions.map((each) => each.instrument), ...fills.nodes, ...ledger.nodes];
    expect(others.length).toBeGreaterThan(4);
    for (const { id } of others) {
      expect((await post(trader, 'query ($id: ID!) { account(id: $id) { id } }', { id })).text).toBe(
        '{"data":{"account":null}}\n',
      );
      expect((await trader.ask<{ node: unknown }>('query ($id: ID!) { node(id: $id) { id } }', { id })).node).toEqual({
        id,
      });
    }
  });

  it('is passed over by a subscription, which ends when none is left', async () => {
    const socket = await connectSocket(trader);
    const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { sequence } }';
    for (const [what, id] of idsOfNone()) {
      if (id.length > 50_000) continue;
      expect([what, await operate(socket, watch, { ids: [id] })]).toEqual([what, [{ type: 'complete' }]]);
    }
    socket.close();
  });

  it('is refused by each mutation that names an account, and nothing changes', async () => {
    const before = await fingerprint(app.app.services.db);
    const ids = idsOfNone().filter(([, id]) => id.length < 50_000);
    const transfers = await recordTransfers(service, ...ids.map(([, id]) => transfer(id, 'USDT', '5')));
    const fills = await recordFills(service, ...ids.map(([, id]) => fill(id, 'BTCUSDT', 'BUY', '1', '60000')));
    for (const [kind, { recorded, alreadyKnown, errors }] of [
      ['transfers', transfers],
      ['fills', fills],
    ] as const) {
      expect([recorded, alreadyKnown]).toEqual([0, 0]);
      expect(errors).toEqual(
        ids.map((_id, index) => ({
          code: 'ACCOUNT_NOT_FOUND',
          message: 'There is no such account.',
          field: ['input', kind, String(index), 'accountId'],
          required: null,
          available: null,
        })),
      );
    }
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });
});

describe('a page', () => {
  const LISTS: readonly (readonly [string, string])[] = [
    ['accounts', '{ accounts(ARGS) { nodes { id } } }'],
    ['viewer.accounts', '{ viewer { accounts(ARGS) { nodes { id } } } }'],
    ['account.ledger', '{ account(id: "ID") { ledger(ARGS) { nodes { id } } } }'],
    ['account.fills', '{ account(id: "ID") { fills(ARGS) { nodes { id } } } }'],
    ['collateralRatioHistory', '{ collateralRatioHistory(venue: "BITGET", asset: "BTC", ARGS) { nodes { id } } }'],
  ];
  const cursorOf = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const badPages: string[] = [
    ...['first: 0', 'first: -1', 'first: 101', 'first: 2147483647'],
    ...[
      '',
      'garbage',
      '%%%',
      '\\u0000',
      'x'.repeat(2_000),
      cursorOf([]),
      cursorOf({}),
      cursorOf('1'),
      cursorOf([1]),
      cursorOf([null]),
    ]
      .concat([
        cursorOf(['1\0']),
        cursorOf(['-1']),
        cursorOf(['1.5']),
        cursorOf(['9'.repeat(30)]),
        cursorOf([[['1']]]),
        cursorOf([randomUUID().toUpperCase(), 'x']),
        '[['.repeat(20_000),
      ])
      .map((cursor) => `after: "${cursor}"`),
  ];

  it.each(LISTS)('of %s is refused for a bad `first` or a cursor that no page gave out', async (_what, list) => {
    for (const args of badPages) {
      const { text } = await post(trader, list.replace('ID', accountId).replace('ARGS', args));
      expect([args.slice(0, 60), ...codesOf(text)]).toEqual([args.slice(0, 60), 'BAD_USER_INPUT']);
    }
  });

  it('of accounts by name is refused for a cursor without a name', async () => {
    const { text } = await post(
      trader,
      `{ accounts(orderBy: NAME, after: "${cursorOf([randomUUID()])}") { nodes { id } } }`,
    );
    expect(codesOf(text)).toEqual(['BAD_USER_INPUT']);
  });

  it.each([
    ['accounts', '{ accounts(where: {name: "a\\u0000"}) { nodes { id } } }'],
    ['accounts by owner', '{ accounts(where: {owner: "\\u0000"}) { nodes { id } totalCount } }'],
    ['the ledger', '{ account(id: "ID") { ledger(asset: "\\u0000") { nodes { id } } } }'],
    ['fills', '{ account(id: "ID") { fills(instrument: "\\u0000") { nodes { id } } } }'],
  ])('of %s is refused for a filter with NUL', async (_what, query) => {
    const { text } = await post(trader, query.replace('ID', accountId));
    expect(codesOf(text)).toEqual(['BAD_USER_INPUT']);
  });

  it.each([
    ['accounts', '{ accounts(where: {venue: "X", chain: "Y", asset: "__proto__"}) { nodes { id } totalCount } }'],
    ['ratios', '{ collateralRatios(venue: "\\u0000", asset: "X") { id } }'],
    ['a history', '{ collateralRatioHistory(venue: "\\u0000", asset: "X") { nodes { id } } }'],
    ['instruments', '{ instruments(venue: "\\u0000", symbols: ["__proto__"]) { id } }'],
    ['assets', '{ assets(symbols: ["\\u0000", "__proto__", "btc"]) { id } }'],
  ])('of %s is empty for codes that nothing has', async (_what, query) => {
    const { data } = await trader.send<Record<string, unknown>>(query);
    const [list] = Object.values(data ?? {});
    expect(Array.isArray(list) ? list : (list as { nodes: unknown[] }).nodes).toEqual([]);
  });
});

describe('a list that is longer than the contract allows', () => {
  const many = (count: number): string[] => Array.from({ length: count }, () => idOf('Account', randomUUID()));

  it('is refused by `nodes`, `assets` and `instruments` from 101 on, and taken up to 100', async () => {
    const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
    expect(codesOf((await post(trader, nodes, { ids: many(101) })).text)).toEqual(['LIMIT_EXCEEDED']);
    expect((await trader.ask<{ nodes: unknown[] }>(nodes, { ids: many(100) })).nodes).toHaveLength(100);
    for (const list of ['assets', 'instruments']) {
      const query = `query ($symbols: [String!]!) { ${list}(symbols: $symbols) { symbol } }`;
      const symbols = Array.from({ length: 101 }, () => 'BTC');
      expect(codesOf((await post(trader, query, { symbols })).text)).toEqual(['LIMIT_EXCEEDED']);
    }
  });

  it('is refused by a subscription from 101 ids on, and so is an empty one', async () => {
    const socket = await connectSocket(trader);
    const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { sequence } }';
    const [tooMany] = await operate(socket, watch, { ids: many(101) });
    expect(codesOf(JSON.stringify(tooMany?.payload))).toEqual(['LIMIT_EXCEEDED']);
    const [none] = await operate(socket, watch, { ids: [] });
    expect(codesOf(JSON.stringify(none?.payload))).toEqual(['BAD_USER_INPUT']);
    const [negative] = await operate(
      socket,
      `subscription { marginRatioChanged(accountIds: ["${accountId}"], minChange: "-0.001") { sequence } }`,
    );
    expect(codesOf(JSON.stringify(negative?.payload))).toEqual(['BAD_USER_INPUT']);
    socket.close();
  });

  it.each([
    ['fills', 'recordFills', 'RecordFillsInput', () => fill(accountId, 'BTCUSDT', 'BUY', '1', '1')],
    ['transfers', 'recordTransfers', 'RecordTransfersInput', () => transfer(accountId, 'USDT', '1')],
    [
      'quotes',
      'publishPrices',
      'PublishPricesInput',
      () => ({ asset: 'BTC', price: '1', source: 'x', at: new Date().toISOString() }),
    ],
  ])('is refused for 1,001 %s, and none of them is taken', async (name, mutation, type, item) => {
    const before = await fingerprint(app.app.services.db);
    const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { errors { code } } }`;
    const { text } = await post(service, query, { input: { [name]: Array.from({ length: 1_001 }, item) } });
    expect(codesOf(text)).toEqual(['LIMIT_EXCEEDED']);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it('is refused for a body of more than a megabyte', async () => {
    const { status, text } = await postRaw(
      service,
      JSON.stringify({ query: '{ viewer { subject } }', x: 'x'.repeat(1_100_000) }),
    );
    expect(status).toBe(413);
    expect(codesOf(text)).toEqual(['LIMIT_EXCEEDED']);
  });
});

describe('a request that is none', () => {
  it.each([
    ['a syntax error', '{"query":"{ viewer { subject "}', 'GRAPHQL_PARSE_FAILED'],
    ['a control character', '{"query":"{ \\u0001 }"}', 'GRAPHQL_PARSE_FAILED'],
    ['no operation', '{"query":"fragment F on Query { venues { id } }"}', 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown field', '{"query":"{ nothing }"}', 'GRAPHQL_VALIDATION_FAILED'],
    ['1,001 tokens', `{"query":"{${' id'.repeat(1_001)}}"}`, 'GRAPHQL_PARSE_FAILED'],
    ['two operations and no name', '{"query":"query A { venues { id } } query B { venues { id } }"}', 'BAD_USER_INPUT'],
    ['a name of no operation', '{"query":"query A { venues { id } }","operationName":"B"}', 'BAD_USER_INPUT'],
    ['a missing variable', '{"query":"query ($id: ID!) { node(id: $id) { id } }"}', 'BAD_USER_INPUT'],
    ['variables that are a list', '{"query":"{ venues { id } }","variables":[]}', 'BAD_USER_INPUT'],
    ['a query that is a number', '{"query":5}', 'BAD_USER_INPUT'],
    ['no query', '{}', 'BAD_USER_INPUT'],
    ['null', 'null', 'BAD_USER_INPUT'],
    ['a list of requests', '[{"query":"{ venues { id } }"}]', 'BAD_USER_INPUT'],
    ['half of an object', '{"query":', 'BAD_USER_INPUT'],
    ['a poisoned object', '{"__proto__":{"query":"{ venues { id } }"}}', 'BAD_USER_INPUT'],
    ['nothing', '', 'BAD_USER_INPUT'],
  ])('is refused with 400: %s', async (_what, body, code) => {
    const { status, text } = await postRaw(trader, body);
    expect(codesOf(text)).toEqual([code]);
    expect(status).toBe(400);
  });

  it('is refused when it names a persisted query, of which there are none', async () => {
    const persistedQuery = { version: 1, sha256Hash: '0'.repeat(64) };
    const { status, text } = await postRaw(trader, JSON.stringify({ extensions: { persistedQuery } }));
    expect(codesOf(text)).toEqual(['BAD_USER_INPUT']);
    // Clients that try a hash first take 200 for "send the whole query".
    expect(status).toBe(200);
  });

  it('is refused when it is no JSON', async () => {
    const { status, text } = await postRaw(trader, '{ viewer { subject } }', { 'content-type': 'text/plain' });
    expect(codesOf(text)).toEqual(['BAD_USER_INPUT']);
    expect(status).toBe(400);
  });

  it('is refused over POST when it is a subscription', async () => {
    for (const api of [trader, anonymous]) {
      const { status, text } = await post(
        api,
        `subscription { marginRatioChanged(accountIds: ["${accountId}"]) { sequence } }`,
      );
      expect(codesOf(text)).toEqual(['OPERATION_NOT_SUPPORTED']);
      expect(status).toBe(400);
    }
  });

  it('is refused over GET when it changes something', async () => {
    const query = 'mutation { recordTransfers(input: {transfers: []}) { recorded } }';
    const response = await fetch(`${app.url}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { authorization: service.authorization ?? '', 'content-type': 'application/json' },
    });
    expect(response.status).toBe(405);
    expect(codesOf(await response.text())).toEqual(['BAD_USER_INPUT']);
  });

  it('does not close a socket: syntax errors, unknown fields, mutations', async () => {
    const socket = await connectSocket(service);
    const before = await fingerprint(app.app.services.db);
    for (const [query, code, type] of [
      ['{ viewer { subject ', 'GRAPHQL_PARSE_FAILED', 'error'],
      ['', 'GRAPHQL_PARSE_FAILED', 'error'],
      ['{ \u0001 }', 'GRAPHQL_PARSE_FAILED', 'error'],
      [`{${' id'.repeat(1_001)}}`, 'GRAPHQL_PARSE_FAILED', 'error'],
      ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED', 'error'],
      ['query A { venues { id } } query B { venues { id } }', 'BAD_USER_INPUT', 'error'],
      ['mutation { recordTransfers(input: {transfers: []}) { recorded } }', 'OPERATION_NOT_SUPPORTED', 'next'],
    ] as const) {
      const [answer] = await operate(socket, query);
      expect(answer?.type).toBe(type);
      const errors = type === 'error' ? { errors: answer?.payload } : answer?.payload;
      expect([query, ...codesOf(JSON.stringify(errors))]).toEqual([query, code]);
    }
    const [alive] = await operate(socket, '{ viewer { subject } }');
    expect(alive?.payload).toMatchObject({ data: { viewer: { subject: 'venue' } } });
    expect(await fingerprint(app.app.services.db)).toEqual(before);
    socket.close();
  });
});
