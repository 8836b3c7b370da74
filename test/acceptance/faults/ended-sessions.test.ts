/** The database ends sessions, or stands still, while the fields of an event are read: no event is passed over. */
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { uuidOf } from '../../support/calls/global-ids.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import { CALM, LOST, openLongs } from '../../support/calls/long-position.js';
import { openAccount, publishPrices, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL } from '../../support/services/database.js';
import { connectSocket, type RawSocket } from '../../support/services/raw.js';
import { openStream } from '../../support/services/transports.js';
import { until } from '../../support/until.js';

/** 160 crossings. */
const LONGS = 8;
const ROUNDS = 10;

const FIELDS = 'cursor account { name version ledger(first: 3) { nodes { id } } fills(first: 3) { nodes { fillId } } }';
const ALERTS = `subscription ($after: String) { riskAlerts(after: $after) { ${FIELDS} } }`;
const RATIOS = `subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "0") {
  margin { accountVersion } account { fills(first: 1) { nodes { fillId } } } } }`;

interface Payload {
  readonly data?: { riskAlerts?: { cursor: string }; marginRatioChanged?: { margin: { accountVersion: number } } };
  readonly errors?: readonly { message: string; extensions: Record<string, unknown> }[];
}

const withServer = SERVER_URL === null ? describe.skip : describe;

withServer('while the fields of an event fail (with TEST_DATABASE_URL)', () => {
  let app: TestApp;
  let service: Api;
  let alice: Api;
  let operator: pg.Client;
  let account: string;

  beforeAll(async () => {
    app = await startTestApp({ env: { LIMIT_OPERATION_SECONDS: '2', LIMIT_EVENT_SECONDS: '3' } });
    operator = new pg.Client({ connectionString: app.database.env.DATABASE_URL ?? '' });
    await operator.connect();
    service = await app.as('venue', 'SERVICE');
    alice = await app.as('alice', 'TRADER');
    account = await openAccount(service);
    await recordTransfers(service, transfer(account, 'USDT', '200'));
  });

  afterAll(async () => {
    await operator.end();
    await app.close();
  });

  async function listen(query: string, variables: object = {}): Promise<RawSocket> {
    const socket = await connectSocket(alice);
    socket.send({ id: '1', type: 'subscribe', payload: { query, variables } });
    // Whatever comes first on another operation: the first one is open then.
    socket.send({ id: '2', type: 'subscribe', payload: { query: '{ viewer { subject } }' } });
    for (;;) if ((await socket.next()).id === '2') break;
    await socket.next();
    return socket;
  }

  /** Alerts from now on, wherever the stream is opened. */
  async function listenFromNow(): Promise<RawSocket> {
    const { riskAlerts } = await alice.ask<{ riskAlerts: { liveCursor: string } }>(
      '{ riskAlerts(first: 1) { liveCursor } }',
    );
    return listen(ALERTS, { after: riskAlerts.liveCursor });
  }

  /** As the leader does. */
  async function store(count: number): Promise<void> {
    const ids = Array.from({ length: count }, () => uuidOf(account));
    const last = await storeAlerts(app.app.services.db, ids);
    app.app.services.bus.emit('alerts', { last });
  }

  /** Cursors of all that is stored, oldest first. */
  async function listed(): Promise<string[]> {
    const cursors: string[] = [];
    for (let after: string | null = null; ; after = cursors.at(-1) ?? null) {
      const { riskAlerts } = await alice.ask<{ riskAlerts: { nodes: { cursor: string }[] } }>(
        'query ($after: String) { riskAlerts(first: 100, after: $after) { nodes { cursor } } }',
        { after },
      );
      cursors.push(...riskAlerts.nodes.map(({ cursor }) => cursor));
      if (riskAlerts.nodes.length < 100) return cursors.reverse();
    }
  }

  /** The cursors of the next events, each with its data. */
  async function take(socket: RawSocket, count: number): Promise<(string | undefined)[]> {
    const cursors: (string | undefined)[] = [];
    while (cursors.length < count) cursors.push(((await socket.next()).payload as Payload).data?.riskAlerts?.cursor);
    return cursors;
  }

  it('ended sessions cost no event: all crossings come with their data, once and in order', async () => {
    await publishPrices(service, CALM);
    await openLongs(service, LONGS);
    const socket = await listenFromNow();
    const received = take(socket, ROUNDS * 2 * LONGS);
    let isOver = false;
    let ended = 0;
    const ending = (async () => {
      while (!isOver) {
        const { rowCount } = await operator.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        );
        ended += rowCount ?? 0;
        await wait(150 + Math.random() * 250);
      }
    })();
    const stored = async (): Promise<number> =>
      Number((await operator.query<{ count: string }>('SELECT count(*) FROM risk_alerts')).rows[0]?.count);
    for (let crossings = LONGS; crossings <= ROUNDS * 2 * LONGS; crossings += LONGS) {
      const prices = (crossings / LONGS) % 2 === 1 ? LOST : CALM;
      // The session of the request may be ended, too.
      const isPublished = (): Promise<boolean> =>
        publishPrices(service, prices).then(
          () => true,
          () => false,
        );
      await until(isPublished);
      await until(async () => (await stored()) >= crossings);
    }
    const cursors = await received;
    isOver = true;
    await ending;
    socket.close();
    expect(cursors).toEqual(await listed());
    expect(ended).toBeGreaterThan(5);
  });

  /** Nobody can read trades until `release`. */
  async function holdTrades(): Promise<() => Promise<void>> {
    const holder = new pg.Client({ connectionString: app.database.env.DATABASE_URL ?? '' });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE fills IN ACCESS EXCLUSIVE MODE');
    return () => holder.end();
  }

  it('an event that cannot be read for a while comes late, and so does the next one', async () => {
    const before = (await listed()).length;
    const socket = await listenFromNow();
    const release = await holdTrades();
    await store(3);
    await wait(1_500);
    await release();
    expect(await take(socket, 3)).toEqual((await listed()).slice(before));
    socket.close();
  });

  it('after a stated time the stream says so and ends, and goes on from the last cursor', async () => {
    const before = (await listed()).length;
    const socket = await listenFromNow();
    await store(1);
    const [last] = await take(socket, 1);
    const release = await holdTrades();
    await store(3);
    const { type, payload } = await socket.next();
    const { data, errors } = payload as Payload;
    const codes = errors?.map(({ extensions }) => extensions['code']);
    expect([type, data, codes]).toEqual(['next', undefined, ['SERVICE_UNAVAILABLE']]);
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    socket.close();
    await release();

    const again = await listen(ALERTS, { after: last });
    expect([last, ...(await take(again, 3))]).toEqual((await listed()).slice(before));
    again.close();
  });

  it('a margin state is not passed over either, and a stream of events ends in the same way', async () => {
    const socket = await listen(RATIOS, { ids: [account] });
    const versionOf = (payload: unknown): number | undefined =>
      (payload as Payload).data?.marginRatioChanged?.margin.accountVersion;
    const first = versionOf((await socket.next()).payload) ?? 0;
    const release = await holdTrades();
    const stream = openStream(alice, RATIOS, { ids: [account] });
    const text = (await stream).text();
    await recordTransfers(service, transfer(account, 'USDT', '1'));
    expect(await text).toMatch(
      /event: next\ndata: \{"errors":\[\{.*"code":"SERVICE_UNAVAILABLE".*\}\]\}\n\nevent: complete\ndata: ?\n\n$/,
    );
    expect(((await socket.next()).payload as Payload).errors?.[0]?.extensions['code']).toBe('SERVICE_UNAVAILABLE');
    expect((await socket.next()).type).toBe('complete');
    await release();
    socket.close();
    const again = await listen(RATIOS, { ids: [account] });
    expect(versionOf((await again.next()).payload)).toBe(first + 1);
    again.close();
  });
});
