/** PostgreSQL away at start, and away for a while: a clear word, nothing lost, nothing doubled, no restart. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { runToExit } from '../../support/services/process.js';
import { connectSocket, post } from '../../support/services/raw.js';
import { startTcpProxy, type TcpProxy } from '../../support/services/tcp-proxy.js';
import { openAccount, recordTransfers, transfer } from '../../support/calls/venue-system.js';

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const INTERNALS = /prisma|postgres|127\.0\.0\.1|ECONN|socket|node_modules|\.ts\b|\.js\b|select |password|hunter2/i;

describe('away at start', () => {
  it('the server ends with a code other than 0 and says what does not answer, without the password', async () => {
    const port = await closedPort();
    const { code, output } = await runToExit({ DATABASE_URL: `postgresql://me:hunter2@127.0.0.1:${port}/plimsoll` });
    expect(code).toBe(1);
    expect(output).toContain(
      `Plimsoll did not start. The database at 127.0.0.1:${port}/plimsoll cannot be used: nothing answers there.`,
    );
    expect(output).toContain('DATABASE_URL');
    expect(output).not.toContain('hunter2');
    expect(output).not.toMatch(/node_modules|\bat .*:\d+:\d+/);
  });

  it('so it does when the name of the host is of nobody', async () => {
    const { code, output } = await runToExit({ DATABASE_URL: 'postgresql://me:hunter2@nowhere.invalid/plimsoll' });
    expect(code).toBe(1);
    expect(output).toContain('The database at nowhere.invalid:5432/plimsoll cannot be used: nothing answers there.');
    expect(output).not.toMatch(/hunter2|node_modules/);
  });
});

const withServer = SERVER_URL === null ? describe.skip : describe;

withServer('of a wrong address (with TEST_DATABASE_URL)', () => {
  it.each([
    ['no such database', (url: URL) => (url.pathname = '/plimsoll_nothing')],
    ['no such user', (url: URL) => (url.username = 'plimsoll_nobody')],
  ])('the server ends with a code other than 0 and says why, without the password: %s', async (_what, spoil) => {
    const url = new URL(SERVER_URL ?? '');
    url.password = 'hunter2';
    spoil(url);
    const { code, output } = await runToExit({ DATABASE_URL: url.href });
    expect(code).toBe(1);
    expect(output).toContain('Plimsoll did not start. ');
    expect(output).toMatch(/plimsoll_nothing|plimsoll_nobody/);
    expect(output).not.toMatch(/hunter2|node_modules/);
  });
});

withServer('away during a request (with TEST_DATABASE_URL)', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let app: TestApp;
  let service: Api;
  let admin: Api;
  let accountId: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    const url = new URL(database.env.DATABASE_URL ?? '');
    proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${proxy.port}`;
    app = await startTestApp({ database, env: { DATABASE_URL: url.href } });
    service = await app.as('venue', 'SERVICE');
    admin = await app.as('root', 'ADMIN');
    accountId = await openAccount(service);
    await recordTransfers(service, transfer(accountId, 'USDT', '10'));
  });

  afterEach(async () => {
    await proxy.close();
    await proxy.restore();
  });

  afterAll(async () => {
    await app.close();
    await proxy.close();
    await database.drop();
  });

  const READ = 'query ($id: ID!) { account(id: $id) { version balances { quantity } } }';
  const health = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`${app.url}${path}`);
    return [response.status, await response.text()];
  };

  /** Until the pool has let go of the connections that were cut. */
  async function recovered(): Promise<void> {
    const [status] = await health('/readyz');
    if (status !== 200) throw new Error(`Expected to be ready again, got ${status}.`);
  }

  const TRANSFER =
    'mutation ($input: RecordTransfersInput!) { recordTransfers(input: $input) { recorded alreadyKnown } }';
  const OPEN = 'mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id } } }';
  const CHANGE = `mutation ($input: ChangeCollateralRatioInput!) {
    changeCollateralRatio(input: $input) { collateralRatio { version } errors { code } } }`;
  const PUBLISH = 'mutation ($input: PublishPricesInput!) { publishPrices(input: $input) { accepted } }';
  const ratio = (expectedVersion: number, idempotencyKey: string): object => ({
    input: { venue: 'BITGET', asset: 'BTC', ratio: '0.5', force: true, reason: 'x', expectedVersion, idempotencyKey },
  });

  function expectUnavailable({ status, text }: { status: number; text: string }): void {
    expect(text).not.toMatch(INTERNALS);
    const { errors } = JSON.parse(text) as { errors: { message: string; extensions: { code: string } }[] };
    expect([status, errors.map(({ extensions }) => extensions.code)]).toEqual([200, ['SERVICE_UNAVAILABLE']]);
    expect(errors[0]?.message).toBe('The service cannot answer at the moment; try again shortly.');
  }

  it('is said without internals, and is over without a restart', async () => {
    expect((await health('/readyz'))[0]).toBe(200);
    const open = { name: 'x', owner: 'alice', venue: 'BITGET', idempotencyKey: 'away' };
    const moved = transfer(accountId, 'USDT', '5');
    const quote = { asset: 'BTC', price: '60000', source: 'x', at: new Date().toISOString() };
    const asks: (() => Promise<{ status: number; text: string }>)[] = [
      () => post(admin, READ, { id: accountId }),
      () => post(admin, '{ accounts { nodes { id } } }'),
      () => post(admin, OPEN, { input: open }),
      () => post(admin, CHANGE, ratio(1, 'away-ratio')),
      () => post(service, TRANSFER, { input: { transfers: [moved] } }),
      () => post(service, PUBLISH, { input: { quotes: [quote] } }),
    ];

    // An account that was asked for lately would be answered.
    app.app.services.hotAccounts.clear();
    await proxy.cut();
    for (const ask of asks) expectUnavailable(await ask());
    // At the same moment, too: more than the pool has connections.
    for (const answer of await Promise.all([...asks, ...asks, ...asks].map((ask) => ask()))) expectUnavailable(answer);
    const [status, text] = await health('/readyz');
    expect(status).toBe(503);
    expect(text).toContain('The database does not answer.');
    expect(text).not.toMatch(/prisma|postgres|127\.0\.0\.1|ECONN/i);
    expect((await health('/livez'))[0]).toBe(200);
    // What is in memory is answered still.
    expect((await admin.ask<{ venues: object[] }>('{ venues { code } }')).venues).toHaveLength(9);

    await proxy.restore();
    await recovered();
    expect(await admin.ask(READ, { id: accountId })).toEqual({
      account: { version: 2, balances: [{ quantity: '10' }] },
    });
    expect(await admin.ask('{ assets(symbols: ["BTC"]) { indexPrice { price } } }')).toEqual({
      assets: [{ indexPrice: null }],
    });
    expect(await service.ask(TRANSFER, { input: { transfers: [moved] } })).toEqual({
      recordTransfers: { recorded: 1, alreadyKnown: 0 },
    });
    expect(await admin.ask(CHANGE, ratio(1, 'away-ratio'))).toEqual({
      changeCollateralRatio: { collateralRatio: { version: 2 }, errors: [] },
    });
    expect(await service.ask(PUBLISH, { input: { quotes: [quote] } })).toEqual({ publishPrices: { accepted: 1 } });
  });

  it('does not end a subscription, which sends what came after', async () => {
    const socket = await connectSocket(admin);
    const query = `subscription { marginRatioChanged(accountIds: ["${accountId}"], minChange: "0") { margin { accountVersion } } }`;
    const received = async (): Promise<number> => {
      const { payload } = await socket.next();
      return (payload as { data: { marginRatioChanged: { margin: { accountVersion: number } } } }).data
        .marginRatioChanged.margin.accountVersion;
    };
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    const before = await received();
    // The first test has changed a ratio; when that is heard is its own affair.
    const different = async (): Promise<number> => {
      for (;;) {
        const version = await received();
        if (version !== before) return version;
      }
    };
    await proxy.cut();
    expect((await health('/readyz'))[0]).toBe(503);
    await proxy.restore();
    await recovered();
    await recordTransfers(service, transfer(accountId, 'USDT', '1'));
    expect(await different()).toBe(before + 1);
    socket.close();
  });

  it('in the moment of a commit: what was made is recognised, and watchers are sent it', async () => {
    const socket = await connectSocket(admin);
    const query = `subscription { marginRatioChanged(accountIds: ["${accountId}"], minChange: "0") { margin { walletValue } } }`;
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    const walletOf = (payload: unknown): number =>
      Number(
        (payload as { data: { marginRatioChanged: { margin: { walletValue: string } } } }).data.marginRatioChanged
          .margin.walletValue,
      );
    const before = walletOf((await socket.next()).payload);

    const moved = transfer(accountId, 'USDT', '7', 'its answer is lost');
    const input = { input: { transfers: [moved] } };
    const cut = proxy.cutAtCommitOf('its answer is lost');
    expectUnavailable(await post(service, TRANSFER, input));
    await cut;
    await proxy.restore();
    await recovered();
    // The database had done it, and only the answer was lost: who watches must not be left with the old state.
    expect(walletOf((await socket.next()).payload)).toBe(before + 7);
    expect(await service.ask(TRANSFER, input)).toEqual({ recordTransfers: { recorded: 0, alreadyKnown: 1 } });
    socket.close();
  });

  it('in the moment of the commit of a ratio: sent again it is answered, and in force', async () => {
    const newest = `{ collateralRatioHistory(venue: "BITGET", asset: "BTC", first: 1) { nodes { version status } } }`;
    type Found = { collateralRatioHistory: { nodes: [{ version: number }] } };
    const { version } = (await admin.ask<Found>(newest)).collateralRatioHistory.nodes[0];
    const cut = proxy.cutAtCommitOf('the answer is lost');
    expectUnavailable(await post(admin, CHANGE, ratio(version, 'the answer is lost')));
    await cut;
    await proxy.restore();
    await recovered();
    expect(await admin.ask(CHANGE, ratio(version, 'the answer is lost'))).toEqual({
      changeCollateralRatio: { collateralRatio: { version: version + 1 }, errors: [] },
    });
    expect(await admin.ask(newest)).toEqual({
      collateralRatioHistory: { nodes: [{ version: version + 1, status: 'ACTIVE' }] },
    });
  });
});
