/** Decimals, dates and texts that are malformed: answered clearly, shortly and at once, and nothing changes. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { fingerprint } from '../../support/calls/fingerprint.js';
import { refusedCodes, startWithSenders, type Refused, type Senders } from '../../support/calls/refused-input.js';
import { connectSocket, post, postRaw } from '../../support/services/bare.js';
import { operate } from '../../support/services/raw.js';

let { app, service, trader, accountId } = {} as Senders;

beforeAll(async () => {
  ({ app, service, trader, accountId } = await startWithSenders());
});

afterAll(() => app.close());

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

  async function expectRefusal(quantity: string, how: 'variable' | 'literal', code: string): Promise<void> {
    const before = await fingerprint(app.app.services.db);
    const begun = performance.now();
    const { status, text } = await postRaw(service, transferOf(quantity, how));
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(refusedCodes(text)).toEqual([code]);
    expect(status).toBe(400);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  }

  it.each([...quoted, ...others])('is refused as a variable: %s', (_what, json) =>
    expectRefusal(json, 'variable', 'BAD_USER_INPUT'),
  );

  it.each([...quoted, ...others, ...words])('is refused as a literal: %s', (_what, literal) =>
    expectRefusal(literal, 'literal', 'GRAPHQL_VALIDATION_FAILED'),
  );

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
      expect(refusedCodes(JSON.stringify(answer?.payload))).toEqual(['BAD_USER_INPUT']);
    }
    for (const by of ['5', '"NaN"', `"${LONG}"`, LONG]) {
      const literal = `subscription { marginRatioChanged(accountIds: ["${accountId}"], minChange: ${by}) { sequence } }`;
      const [answer] = await operate(socket, literal);
      expect(answer?.type).toBe('error');
      expect(refusedCodes(JSON.stringify({ errors: answer?.payload }))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
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
    expect(refusedCodes(text)).toEqual(['BAD_USER_INPUT']);
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
    expect(refusedCodes(text)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    const socket = await connectSocket(trader);
    const [answer] = await operate(socket, query);
    expect(refusedCodes(JSON.stringify({ errors: answer?.payload }))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    socket.close();
  });

  it.each([
    ['an Int variable', 'query ($x: Int!) { accounts(first: $x) { nodes { id } } }', LONG],
    ['an enum variable', 'query ($x: AccountOrder!) { accounts(orderBy: $x) { nodes { id } } }', LONG],
  ])('are answered shortly: %s', async (_what, query, x) => {
    const { text } = await post(trader, query, { x });
    expect(refusedCodes(text)).toEqual(['BAD_USER_INPUT']);
  });
});
