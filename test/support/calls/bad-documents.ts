/** Operations whose document is wrong, or too large, with the answer to each. */

/** Of the trader who asks, and of another one. */
interface Accounts {
  readonly hers: string;
  readonly his: string;
}

export interface BadOperation {
  readonly what: string;
  readonly role?: string;
  readonly query: string;
  readonly variables?: (accounts: Accounts) => object;
  /** By HTTP: the status, and the code. */
  readonly http?: string;
  /** By WebSocket: the code. */
  readonly ws?: string;
}

const nested = (depth: number): string => {
  return `{ account(id: "x") { ${'positions { account { '.repeat(depth)}id${' } }'.repeat(depth)} } }`;
};
const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

export const BAD_DOCUMENTS: Readonly<Record<string, readonly BadOperation[]>> = {
  syntax: [
    { what: 'nothing', query: '', http: '400 BAD_USER_INPUT', ws: 'GRAPHQL_PARSE_FAILED' },
    { what: 'a comment alone', query: '# hello', http: '400 GRAPHQL_PARSE_FAILED', ws: 'GRAPHQL_PARSE_FAILED' },
    {
      what: 'a brace that is not closed',
      query: '{ viewer { subject }',
      http: '400 GRAPHQL_PARSE_FAILED',
      ws: 'GRAPHQL_PARSE_FAILED',
    },
    {
      what: 'a text that is not closed',
      query: '{ account(id: "x) { id } }',
      http: '400 GRAPHQL_PARSE_FAILED',
      ws: 'GRAPHQL_PARSE_FAILED',
    },
    {
      what: 'no operation, but a fragment',
      query: 'fragment F on Viewer { subject }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'two operations, and no name',
      query: 'query A { viewer { subject } } query B { viewer { subject } }',
      http: '400 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'a field that is not there',
      query: '{ viewer { subjects } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'an object without its fields',
      query: '{ viewer }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'an argument that is not there',
      query: '{ viewer(x: 1) { subject } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a fragment within itself',
      query: '{ viewer { ...F } } fragment F on Viewer { ...F }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a directive that is not there',
      query: '{ viewer @admin { subject } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a variable that is not declared',
      query: '{ account(id: $id) { id } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a variable that is not given',
      query: 'query ($id: ID!) { account(id: $id) { id } }',
      http: '400 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'a variable of another type',
      query: 'query ($first: Int) { accounts(first: $first) { totalCount } }',
      variables: () => ({ first: 'ten' }),
      http: '400 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'a subscription of which the field hangs on a variable',
      query: 'subscription ($x: Boolean!) { riskAlerts @include(if: $x) { cursor } }',
      variables: () => ({ x: true }),
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: 'a subscription without its field',
      query: 'subscription { ... @skip(if: true) { riskAlerts { cursor } } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
  ],
  limits: [
    { what: '17 fields within each other', query: nested(9), http: '400 LIMIT_EXCEEDED', ws: 'LIMIT_EXCEEDED' },
    {
      what: '51 aliases',
      query: `{ ${many(51, (index) => `a${index}: viewer { subject }`)} }`,
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: '21 root fields',
      query: `{ ${many(21, (index) => `a${index}: viewer { subject }`)} }`,
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: '51 directives',
      query: `{ viewer { subject ${many(51, () => '@include(if: true)')} } }`,
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: '1,001 tokens',
      query: `{ viewer { ${many(1_001, () => 'subject')} } }`,
      http: '400 GRAPHQL_PARSE_FAILED',
      ws: 'GRAPHQL_PARSE_FAILED',
    },
    {
      what: 'a cost beyond the bound',
      query:
        '{ accounts(first: 100) { nodes { ledger(first: 100) { nodes { account { margin { marginRatio } } } } } } }',
      http: '400 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: 'first: 101',
      query: '{ accounts(first: 101) { totalCount } }',
      http: '200 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'first: -1',
      query: '{ accounts(first: -1) { totalCount } }',
      http: '200 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: '101 ids',
      query: 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      variables: ({ hers }) => ({ ids: Array.from({ length: 101 }, () => hers) }),
      http: '200 LIMIT_EXCEEDED',
      ws: 'LIMIT_EXCEEDED',
    },
    {
      what: 'a cursor that no page gave out',
      query: '{ accounts(first: 1, after: "abc") { totalCount } }',
      http: '200 BAD_USER_INPUT',
      ws: 'BAD_USER_INPUT',
    },
    {
      what: 'an Int beyond 32 bits',
      query: '{ accounts(first: 3000000000) { totalCount } }',
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
  ],
};
