/** Pages, lists and requests that are malformed: answered clearly and shortly, and nothing changes. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { fingerprint, unchanged } from '../../support/calls/fingerprint.js';
import { globalIdOf } from '../../support/calls/global-ids.js';
import { refusedCodes, startWithSenders, type Senders } from '../../support/calls/refused-input.js';
import { fill, transfer } from '../../support/calls/venue-system.js';
import { connectSocket, post, postRaw } from '../../support/services/bare.js';
import { operate } from '../../support/services/raw.js';

let { app, service, trader, accountId } = {} as Senders;

beforeAll(async () => {
  ({ app, service, trader, accountId } = await startWithSenders());
});

afterAll(() => app.close());

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
      // As they were before they were sealed.
      cursorOf([]),
      cursorOf(['1']),
      cursorOf([randomUUID(), 'x']),
      '[['.repeat(20_000),
    ].map((cursor) => `after: "${cursor}"`),
  ];

  it.each(LISTS)('of %s is refused for a bad `first` or a cursor that no page gave out', async (_what, list) => {
    for (const args of badPages) {
      const { text } = await post(trader, list.replace('ID', accountId).replace('ARGS', args));
      expect([args.slice(0, 60), ...refusedCodes(text)]).toEqual([args.slice(0, 60), 'BAD_USER_INPUT']);
    }
  });

  it.each([
    ['accounts', '{ accounts(where: {name: "a\\u0000"}) { nodes { id } } }'],
    ['accounts by owner', '{ accounts(where: {owner: "\\u0000"}) { nodes { id } totalCount } }'],
    ['the ledger', '{ account(id: "ID") { ledger(asset: "\\u0000") { nodes { id } } } }'],
    ['fills', '{ account(id: "ID") { fills(instrument: "\\u0000") { nodes { id } } } }'],
  ])('of %s is refused for a filter with NUL', async (_what, query) => {
    const { text } = await post(trader, query.replace('ID', accountId));
    expect(refusedCodes(text)).toEqual(['BAD_USER_INPUT']);
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
  const many = (count: number): string[] => Array.from({ length: count }, () => globalIdOf('Account', randomUUID()));

  it('is refused by `nodes`, `assets` and `instruments` from 101 on, and taken up to 100', async () => {
    const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
    expect(refusedCodes((await post(trader, nodes, { ids: many(101) })).text)).toEqual(['LIMIT_EXCEEDED']);
    expect((await trader.ask<{ nodes: unknown[] }>(nodes, { ids: many(100) })).nodes).toHaveLength(100);
    for (const list of ['assets', 'instruments']) {
      const query = `query ($symbols: [String!]!) { ${list}(symbols: $symbols) { symbol } }`;
      const symbols = Array.from({ length: 101 }, () => 'BTC');
      expect(refusedCodes((await post(trader, query, { symbols })).text)).toEqual(['LIMIT_EXCEEDED']);
    }
  });

  it('is refused by a subscription from 101 ids on, and so is an empty one', async () => {
    const socket = await connectSocket(trader);
    const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { sequence } }';
    const [tooMany] = await operate(socket, watch, { ids: many(101) });
    expect(refusedCodes(JSON.stringify(tooMany?.payload))).toEqual(['LIMIT_EXCEEDED']);
    const [none] = await operate(socket, watch, { ids: [] });
    expect(refusedCodes(JSON.stringify(none?.payload))).toEqual(['BAD_USER_INPUT']);
    const [negative] = await operate(
      socket,
      `subscription { marginRatioChanged(accountIds: ["${accountId}"], minChange: "-0.001") { sequence } }`,
    );
    expect(refusedCodes(JSON.stringify(negative?.payload))).toEqual(['BAD_USER_INPUT']);
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
    const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { errors { code } } }`;
    const input = { [name]: Array.from({ length: 1_001 }, item) };
    const { text } = await unchanged(app, () => post(service, query, { input }));
    expect(refusedCodes(text)).toEqual(['LIMIT_EXCEEDED']);
  });

  it('is refused for a body of more than a megabyte', async () => {
    const { status, text } = await postRaw(
      service,
      JSON.stringify({ query: '{ viewer { subject } }', x: 'x'.repeat(1_100_000) }),
    );
    expect(status).toBe(413);
    expect(refusedCodes(text)).toEqual(['LIMIT_EXCEEDED']);
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
    expect(refusedCodes(text)).toEqual([code]);
    expect(status).toBe(400);
  });

  it('is refused when it names a persisted query, of which there are none', async () => {
    const persistedQuery = { version: 1, sha256Hash: '0'.repeat(64) };
    const { status, text } = await postRaw(trader, JSON.stringify({ extensions: { persistedQuery } }));
    expect(refusedCodes(text)).toEqual(['BAD_USER_INPUT']);
    // Clients that try a hash first take 200 for "send the whole query".
    expect(status).toBe(200);
  });

  it('is refused when it is no JSON', async () => {
    const { status, text } = await postRaw(trader, '{ viewer { subject } }', { 'content-type': 'text/plain' });
    expect(refusedCodes(text)).toEqual(['BAD_USER_INPUT']);
    expect(status).toBe(400);
  });

  it('is refused over POST when it is a subscription', async () => {
    for (const api of [trader, app.anonymous()]) {
      const { status, text } = await post(
        api,
        `subscription { marginRatioChanged(accountIds: ["${accountId}"]) { sequence } }`,
      );
      expect(refusedCodes(text)).toEqual(['OPERATION_NOT_SUPPORTED']);
      expect(status).toBe(400);
    }
  });

  it('is refused over GET when it changes something', async () => {
    const query = 'mutation { recordTransfers(input: {transfers: []}) { recorded } }';
    const response = await fetch(`${app.url}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { authorization: service.authorization ?? '', 'content-type': 'application/json' },
    });
    expect(response.status).toBe(405);
    expect(refusedCodes(await response.text())).toEqual(['BAD_USER_INPUT']);
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
      expect([query, ...refusedCodes(JSON.stringify(errors))]).toEqual([query, code]);
    }
    const [alive] = await operate(socket, '{ viewer { subject } }');
    expect(alive?.payload).toMatchObject({ data: { viewer: { subject: 'venue' } } });
    expect(await fingerprint(app.app.services.db)).toEqual(before);
    socket.close();
  });
});
