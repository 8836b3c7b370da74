/** Apollo Client as an app would use it: HTTP for queries and mutations, WebSocket for subscriptions, one cache by id. */
import { randomUUID } from 'node:crypto';

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { ALERTS, DEPOSIT, LEDGER, LISTED, OPEN, PUBLISH, READ, RULE, TRADE, WATCH, WAYS } from './apollo-documents.js';
import { authorization, productUrl, schemaText } from './product.js';

const schema = buildSchema(schemaText());
const possibleTypes = { Node: schema.getPossibleTypes(schema.getType('Node')).map(({ name }) => name) };

/** What the client finds wrong with an answer, such as data that its cache cannot keep, it says on the console. */
const complaints = ['warn', 'error'].map((level) => jest.spyOn(console, level).mockImplementation(() => undefined));
afterEach(() => {
  expect(complaints.flatMap(({ mock }) => mock.calls)).toEqual([]);
});

const clients = [];
afterAll(() => Promise.all(clients.map((end) => end())));

function clientOf(token) {
  const socket = createClient({
    url: productUrl().replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: token },
  });
  const isSubscription = ({ query }) => getMainDefinition(query).operation === 'subscription';
  const client = new ApolloClient({
    link: ApolloLink.split(
      isSubscription,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: productUrl(), headers: token === undefined ? {} : { authorization: token } }),
    ),
    cache: new InMemoryCache({
      possibleTypes,
      typePolicies: { Account: { fields: { ledger: relayStylePagination() } } },
    }),
  });
  clients.push(async () => {
    client.stop();
    await socket.dispose();
  });
  return client;
}

const at = () => new Date().toISOString();
const trader = 'apollo-client';
let venue;
let app;
let accountId;

const publish = (price) =>
  venue.mutate({
    mutation: PUBLISH,
    variables: {
      input: {
        quotes: [
          { asset: 'BTC', price, source: 'suite', at: at() },
          { venue: 'BITGET', instrument: 'BTCUSDT', price, source: 'suite', at: at() },
        ],
      },
    },
  });

const deposit = (quantity) =>
  venue.mutate({
    mutation: DEPOSIT,
    variables: { input: { transfers: [{ transferId: randomUUID(), accountId, asset: 'USDT', quantity, at: at() }] } },
  });

beforeAll(async () => {
  venue = clientOf(authorization('venue', 'SERVICE'));
  app = clientOf(authorization(trader, 'TRADER'));
  const { data } = await venue.mutate({
    mutation: OPEN,
    variables: { input: { name: 'A phone', owner: trader, venue: 'BITGET', idempotencyKey: randomUUID() } },
  });
  accountId = data.openAccount.account.id;
  await publish('60000');
  await deposit('10000');
  await venue.mutate({
    mutation: TRADE,
    variables: {
      input: {
        fills: [
          {
            ...{ fillId: randomUUID(), accountId, instrument: 'BTCUSDT' },
            ...{ side: 'BUY', size: '1', price: '60000', at: at() },
          },
        ],
      },
    },
  });
});

test('a mutation writes what it answers into the cache, under the id of the account', async () => {
  const { data } = await deposit('1');
  const [account] = data.recordTransfers.accounts;
  expect(account).toMatchObject({ id: accountId, balances: [{ asset: { symbol: 'USDT' }, quantity: '10001' }] });
  const key = venue.cache.identify({ __typename: 'Account', id: accountId });
  expect(venue.cache.extract()[key]).toMatchObject({ __typename: 'Account', version: account.version });
});

test('what is pushed reaches a screen that has only queried', async () => {
  const screen = app.watchQuery({ query: READ, variables: { id: accountId } });
  const shown = [];
  const looking = screen.subscribe(({ data, loading }) => loading || shown.push(data.account));
  const pushes = app.subscribe({ query: WATCH, variables: { ids: [accountId] } });
  const heard = [];
  const listening = pushes.subscribe(({ data }) => heard.push(data.marginRatioChanged));
  await until(() => shown.length > 0 && heard.length > 0);
  expect(heard[0]).toMatchObject({ cause: 'SNAPSHOT', account: { id: accountId } });

  await publish('55000');
  await until(() => shown.at(-1).margin.marginBalance === '5001');
  expect(heard.at(-1)).toMatchObject({ cause: 'PRICE' });
  expect(shown.at(-1).margin).toEqual(heard.at(-1).account.margin);
  const objects = Object.keys(app.cache.extract()).filter((key) => key.startsWith('Account:'));
  expect(objects).toEqual([app.cache.identify({ __typename: 'Account', id: accountId })]);
  listening.unsubscribe();
  looking.unsubscribe();
});

test('the same account by `node`, by a list and by the viewer is one object', async () => {
  const { data } = await app.query({
    query: WAYS,
    variables: { id: accountId },
  });
  expect(data.node.name).toBe('A phone');
  expect(data.accounts.edges).toEqual([expect.objectContaining({ node: data.node })]);
  expect(data.viewer.accounts.nodes).toEqual([data.node]);
});

test('pages of a connection grow into one list', async () => {
  await deposit('2');
  const list = app.watchQuery({ query: LEDGER, variables: { id: accountId } });
  const looking = list.subscribe(() => undefined);
  const page = () => list.getCurrentResult().data?.account?.ledger;
  await until(() => page() !== undefined);
  const first = page();
  expect(first.edges).toHaveLength(2);
  await list.fetchMore({ variables: { after: first.pageInfo.endCursor } });
  await until(() => page().edges.length > 2);
  expect(page().edges.slice(0, 2)).toEqual(first.edges);
  expect(page().edges.map(({ node }) => node.quantity)).toEqual(['2', '1', '10000']);
  looking.unsubscribe();
});

test('an alert is pushed once, and is the one that the list has', async () => {
  const alerts = app.subscribe({
    query: ALERTS,
  });
  const heard = [];
  const listening = alerts.subscribe(({ data }) => heard.push(data.riskAlerts));
  // What comes before the stream is open is not told to it; once a later one on the same socket answers, it is.
  const snapshots = [];
  const later = app
    .subscribe({ query: WATCH, variables: { ids: [accountId] } })
    .subscribe((each) => snapshots.push(each));
  await until(() => snapshots.length > 0);
  later.unsubscribe();
  await app.mutate({
    mutation: RULE,
    variables: { input: { accountId, marginRatio: '0.01' } },
  });
  await publish('54000');
  await until(() => heard.length > 0);
  const { data } = await app.query({
    query: LISTED,
  });
  expect(data.riskAlerts.edges.map(({ node }) => node)).toEqual(heard);
  expect(heard).toEqual([expect.objectContaining({ kind: 'RULE_FIRED', account: expect.anything() })]);
  listening.unsubscribe();
});

test.each([
  ['nobody', undefined, 'UNAUTHENTICATED'],
  ['a token that nobody signed', 'Bearer x.y.z', 'UNAUTHENTICATED'],
  ['a role that may not', authorization(trader, 'TRADER'), 'FORBIDDEN'],
])('the code of a refusal reaches the app: %s', async (_who, token, code) => {
  const client = clientOf(token);
  const { error } = await client.mutate({
    mutation: DEPOSIT,
    variables: { input: { transfers: [] } },
    errorPolicy: 'all',
  });
  expect(CombinedGraphQLErrors.is(error)).toBe(true);
  expect(error.errors.map(({ extensions }) => extensions.code)).toEqual([code]);
});

async function until(condition) {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('It did not happen within ten seconds.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
