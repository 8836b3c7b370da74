/** Operations that ask in the wrong way, or for what is not the asker's, with the answer to each. */
import type { BadOperation } from './bad-documents.js';
import { transfer } from './venue-system.js';
import { globalIdOf } from './global-ids.js';

const WATCH =
  'subscription ($ids: [ID!]!, $min: Decimal) { marginRatioChanged(accountIds: $ids, minChange: $min) { sequence } }';
const watch = (what: string, min: unknown, ws: string): BadOperation => ({
  what: `minChange ${what}`,
  query: WATCH,
  variables: ({ hers }) => ({ ids: [hers], min }),
  ws,
});

export const BAD_ARGUMENTS: Readonly<Record<string, readonly BadOperation[]>> = {
  decimals: [
    watch('NaN', 'NaN', 'BAD_USER_INPUT'),
    watch('Infinity', 'Infinity', 'BAD_USER_INPUT'),
    watch('1e5', '1e5', 'BAD_USER_INPUT'),
    watch('0x10', '0x10', 'BAD_USER_INPUT'),
    watch('empty', '', 'BAD_USER_INPUT'),
    watch('with a blank before', ' 1', 'BAD_USER_INPUT'),
    watch('1,5', '1,5', 'BAD_USER_INPUT'),
    watch('of Arabic digits', '١', 'BAD_USER_INPUT'),
    watch('of 31 integer digits', '1'.repeat(31), 'BAD_USER_INPUT'),
    watch('of 19 fraction digits', `0.${'1'.repeat(19)}`, 'BAD_USER_INPUT'),
    watch('of 90,000 digits', '9'.repeat(90_000), 'BAD_USER_INPUT'),
    watch('a JSON number', 0.1, 'BAD_USER_INPUT'),
    watch('true', true, 'BAD_USER_INPUT'),
    watch('a list', ['1'], 'BAD_USER_INPUT'),
    watch('below 0', '-0.001', 'BAD_USER_INPUT'),
  ],
  ids: [
    { what: 'an id that is none', query: '{ account(id: "x") { id } }', http: '200 null', ws: 'null' },
    {
      what: "another trader's account",
      query: 'query ($id: ID!) { account(id: $id) { id } }',
      variables: ({ his }) => ({ id: his }),
      http: '200 null',
      ws: 'null',
    },
    {
      what: "another trader's account, as a node",
      query: 'query ($id: ID!) { node(id: $id) { id } }',
      variables: ({ his }) => ({ id: his }),
      http: '200 null',
      ws: 'null',
    },
    {
      what: 'an id of another type',
      query: 'query ($id: ID!) { account(id: $id) { id } }',
      variables: () => ({ id: globalIdOf('Asset', 'BTC') }),
      http: '200 null',
      ws: 'null',
    },
    { what: 'a number for an id', query: '{ account(id: 1) { id } }', http: '200 null', ws: 'null' },
    {
      what: "to watch another trader's account",
      query: WATCH,
      variables: ({ his }) => ({ ids: [his] }),
      ws: 'BAD_USER_INPUT',
    },
    { what: 'to watch none', query: WATCH, variables: () => ({ ids: [] }), ws: 'BAD_USER_INPUT' },
    {
      what: 'alerts after a cursor that is none',
      query: 'subscription { riskAlerts(after: "abc") { cursor } }',
      ws: 'BAD_USER_INPUT',
    },
    { what: 'a price of no asset', query: '{ assets(symbols: ["NOTHING"]) { symbol } }', http: '200 data', ws: 'data' },
  ],
  access: [
    {
      what: 'accounts, as nobody',
      role: 'nobody',
      query: '{ accounts { totalCount } }',
      http: '200 UNAUTHENTICATED',
      ws: 'UNAUTHENTICATED',
    },
    {
      what: 'the audit, as a trader',
      query: '{ auditLog(first: 1) { nodes { actor } } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'the audit, as a service',
      role: 'SERVICE',
      query: '{ auditLog(first: 1) { nodes { actor } } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'the overview, as a trader',
      query: '{ riskOverview(venue: "BITGET") { asOf } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'a preview, as a trader',
      query:
        '{ previewCollateralRatios(changes: [{venue: "ASTER", chain: "BNB_CHAIN", asset: "LISTA", ratio: "0.5"}]) { asOf } }',
      http: '200 FORBIDDEN',
      ws: 'FORBIDDEN',
    },
    {
      what: 'to record a transfer, as a trader',
      query: 'mutation ($t: [TransferInput!]!) { recordTransfers(input: {transfers: $t}) { recorded } }',
      variables: ({ hers }) => ({ t: [transfer(hers, 'USDT', '1')] }),
      http: '200 FORBIDDEN',
      ws: 'OPERATION_NOT_SUPPORTED',
    },
    {
      what: 'to record a transfer, as an admin',
      role: 'ADMIN',
      query: 'mutation ($t: [TransferInput!]!) { recordTransfers(input: {transfers: $t}) { recorded } }',
      variables: ({ hers }) => ({ t: [transfer(hers, 'USDT', '1')] }),
      http: '200 FORBIDDEN',
      ws: 'OPERATION_NOT_SUPPORTED',
    },
    {
      what: "to set the leverage of another trader's account",
      query:
        'mutation ($id: ID!) { setLeverage(input: {accountId: $id, instrument: "BTCUSDT", leverage: "5"}) { errors { code field } } }',
      variables: ({ his }) => ({ id: his }),
      http: '200 ACCOUNT_NOT_FOUND input,accountId',
      ws: 'OPERATION_NOT_SUPPORTED',
    },
  ],
  transports: [
    { what: 'a subscription', query: 'subscription { riskAlerts { cursor } }', http: '400 OPERATION_NOT_SUPPORTED' },
    {
      what: 'a mutation',
      query:
        'mutation ($id: ID!) { withdraw(input: {accountId: $id, asset: "USDT", quantity: "1", idempotencyKey: "k"}) { errors { code field } } }',
      variables: ({ hers }) => ({ id: hers }),
      ws: 'OPERATION_NOT_SUPPORTED',
    },
  ],
  clocks: [
    {
      what: 'a transfer of tomorrow',
      role: 'SERVICE',
      query: 'mutation ($t: [TransferInput!]!) { recordTransfers(input: {transfers: $t}) { errors { code field } } }',
      variables: ({ hers }) => ({ t: [{ ...transfer(hers, 'USDT', '1'), at: new Date(Date.now() + 86_400_000) }] }),
      http: '200 INVALID_INPUT input,transfers,0,at',
    },
    {
      what: 'a price of tomorrow',
      role: 'SERVICE',
      query:
        'mutation ($at: DateTime!) { publishPrices(input: {quotes: [{asset: "BTC", price: "1", source: "x", at: $at}]}) { errors { code field } } }',
      variables: () => ({ at: new Date(Date.now() + 86_400_000) }),
      http: '200 INVALID_INPUT input,quotes,0,at',
    },
    {
      what: 'an instant that is none',
      query: 'query ($id: ID!) { account(id: $id) { marginAt(at: "yesterday") { reason } } }',
      variables: ({ hers }) => ({ id: hers }),
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
    {
      what: '30 February',
      query: 'query ($id: ID!) { account(id: $id) { marginAt(at: "2026-02-30T00:00:00Z") { reason } } }',
      variables: ({ hers }) => ({ id: hers }),
      http: '400 GRAPHQL_VALIDATION_FAILED',
      ws: 'GRAPHQL_VALIDATION_FAILED',
    },
  ],
};
