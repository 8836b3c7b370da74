/** Apollo Client's subscription to alerts, by the recipe of docs/clients.md, through a wire that is cut. */
import { randomUUID } from 'node:crypto';
import { connect, createServer } from 'node:net';

import { ApolloClient, ApolloLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { authorization, productUrl } from './product.js';

const CUTS = 10;
const trader = `cut-${randomUUID()}`;
const ALERTS = gql`
  subscription Alerts($after: String) {
    riskAlerts(after: $after) {
      id
      cursor
      account {
        id
        name
      }
    }
  }
`;

let proxy;
beforeAll(async () => {
  proxy = await startProxy(Number(new URL(productUrl()).port));
});
afterAll(() => proxy.cut());

/** A wire to the server that can be cut, and mended on the same port. */
async function startProxy(target) {
  const sockets = new Set();
  let server;
  const listen = (port) =>
    new Promise((resolve) => {
      server = createServer((client) => {
        const upstream = connect(target, '127.0.0.1');
        for (const [from, to] of [
          [client, upstream],
          [upstream, client],
        ]) {
          sockets.add(from);
          from.on('error', () => undefined).on('close', () => sockets.delete(from) && to.destroy());
          from.pipe(to);
        }
      });
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address();
  return {
    port,
    mend: () => listen(port),
    cut: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function ask(token, query, variables = {}) {
  const response = await fetch(productUrl(), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: token },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

const venue = authorization('venue', 'SERVICE');
const own = authorization(trader, 'TRADER');
const mutate = (name, type, input) =>
  ask(venue, `mutation ($input: ${type}!) { ${name}(input: $input) { errors { code message } } }`, { input });
const at = () => new Date().toISOString();
const publish = (price) =>
  mutate('publishPrices', 'PublishPricesInput', {
    quotes: [
      { asset: 'BTC', price, source: 'cuts', at: at() },
      { venue: 'BITGET', instrument: 'BTCUSDT', price, source: 'cuts', at: at() },
    ],
  });
const listed = async () => (await ask(own, '{ riskAlerts(first: 100) { nodes { id } liveCursor } }')).riskAlerts;

/** At 20,000 the account is calm, and at 18,000 it is lost. */
async function openLong() {
  const opened = await ask(
    venue,
    'mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id } } }',
    { input: { name: 'A phone', owner: trader, venue: 'BITGET', idempotencyKey: randomUUID() } },
  );
  const accountId = opened.openAccount.account.id;
  await mutate('recordTransfers', 'RecordTransfersInput', {
    transfers: [{ transferId: randomUUID(), accountId, asset: 'USDT', quantity: '200', at: at() }],
  });
  await mutate('recordFills', 'RecordFillsInput', {
    fills: [
      {
        ...{ fillId: randomUUID(), accountId, instrument: 'BTCUSDT' },
        ...{ side: 'BUY', size: '0.1', price: '20000', at: at() },
      },
    ],
  });
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test(`${CUTS} cuts cost no alert and double none`, async () => {
  await publish('20000');
  await openLong();
  const { nodes, liveCursor } = await listed();
  expect(nodes).toEqual([]);

  let connections = 0;
  const socket = createClient({
    url: `ws://127.0.0.1:${proxy.port}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: own },
    retryAttempts: Infinity,
    retryWait: () => wait(10),
    shouldRetry: () => true,
    on: { connected: () => (connections += 1) },
  });
  const handled = [];
  const resuming = new ApolloLink((operation, forward) => {
    if (operation.operationName === 'Alerts') {
      const get = () => handled.at(-1)?.cursor ?? liveCursor;
      Object.defineProperty(operation.variables, 'after', { enumerable: true, get });
    }
    return forward(operation);
  });
  const client = new ApolloClient({
    link: resuming.concat(new GraphQLWsLink(socket)),
    cache: new InMemoryCache(),
  });
  const failures = [];
  const listening = client.subscribe({ query: ALERTS }).subscribe({
    next: ({ data, error }) => (error === undefined ? handled.push(data.riskAlerts) : failures.push(error)),
    error: (error) => failures.push(error),
  });

  for (let cut = 0; cut < CUTS; cut++) {
    await wait(50 + Math.random() * 100);
    await proxy.cut();
    // What happens in the tunnel.
    await publish('18000');
    await wait(50);
    await publish('20000');
    await wait(50);
    await proxy.mend();
  }
  let expected = [];
  for (const end = Date.now() + 10_000; Date.now() < end; await wait(50)) {
    expected = (await listed()).nodes.map(({ id }) => id).reverse();
    if (handled.at(-1)?.id === expected.at(-1)) break;
  }
  listening.unsubscribe();
  client.stop();
  await socket.dispose();
  expect(failures).toEqual([]);
  expect(handled.map(({ id }) => id)).toEqual(expected);
  expect(expected.length).toBeGreaterThan(CUTS / 2);
  expect(connections).toBeGreaterThan(CUTS / 2);
});
