/** A server that is killed under open streams: a client that comes back has every alert, once. */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, it } from '@jest/globals';

import { sequenceId, sequenceOfId } from '../../../src/api/types/global-id.js';
import { Seal } from '../../../src/api/types/seal.js';
import { openInstallation } from '../../../src/platform/installation.js';
import { apiFor, type Api } from '../../support/services/api.js';
import { expectLedger } from '../../support/calls/stored-ledger.js';
import { createTestDatabase } from '../../support/services/database.js';
import { CALM, LOST, openLong } from '../../support/calls/long-position.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { connectSocket } from '../../support/services/raw.js';
import { until } from '../../support/until.js';
import { publishPrices } from '../../support/calls/venue-system.js';

/** What is undone after each test, the last first. */
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Unless the test has killed it. */
async function end(server: ServerProcess): Promise<void> {
  if (server.child.exitCode === null && server.child.signalCode === null) await server.kill();
}

/** Follows the alerts of a viewer from a cursor on, until its server is gone. */
interface Alerts {
  readonly ids: string[];
  cursor: string;
}

async function listen(api: Api, alerts: Alerts): Promise<void> {
  const socket = await connectSocket(api);
  undo.push(() => socket.close());
  const query = 'subscription ($after: String) { riskAlerts(after: $after) { id cursor } }';
  socket.send({ id: '1', type: 'subscribe', payload: { query, variables: { after: alerts.cursor } } });
  const read = async (): Promise<void> => {
    for (;;) {
      const { payload } = await socket.next();
      const { id, cursor } = (payload as { data: { riskAlerts: { id: string; cursor: string } } }).data.riskAlerts;
      alerts.ids.push(id);
      alerts.cursor = cursor;
    }
  };
  void read().catch(() => undefined);
}

/** More for a long run. */
const ALERT_KILLS = Number(process.env['KILL_ROUNDS'] ?? 1);

it(
  `a client that comes back has every alert exactly once, though the server was killed (${ALERT_KILLS} times)`,
  async () => {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    let server = await startServerProcess({ ...database.env, LOG_LEVEL: 'error' });
    undo.push(() => end(server));
    let service = await apiFor(server.url, 'venue', 'SERVICE');
    await publishPrices(service, CALM);
    const owners = ['alice', 'alice', 'alice', 'bob'];
    for (const owner of owners) await openLong(service, owner);
    const newest = '{ riskAlerts(first: 1) { nodes { id cursor } } }';
    type Newest = { riskAlerts: { nodes: { id: string; cursor: string }[] } };
    await publishPrices(service, LOST);
    await until(async () => (await service.ask<Newest>(newest)).riskAlerts.nodes.length === 1);
    await until(
      async () => (await service.ask<Newest>('{ riskAlerts { nodes { id } } }')).riskAlerts.nodes.length === 4,
    );
    const start = (await service.ask<Newest>(newest)).riskAlerts.nodes[0];
    if (start === undefined) throw new Error('Expected an alert.');

    const hers: Alerts = { ids: [], cursor: start.cursor };
    const all: Alerts = { ids: [], cursor: start.cursor };
    for (let kill = 0; ; kill++) {
      await listen(await apiFor(server.url, 'alice', 'TRADER'), hers);
      await listen(service, all);
      if (kill === ALERT_KILLS) break;
      // Each price takes all of them over a boundary, and none waits for what came of the one before.
      const received = all.ids.length;
      let isKilled = false;
      const publishing = (async () => {
        for (let step = 0; !isKilled; step++) {
          await publishPrices(service, step % 2 === 0 ? CALM : LOST).catch(() => undefined);
        }
      })();
      await until(() => all.ids.length >= received + 20);
      await server.kill();
      isKilled = true;
      await publishing;
      server = await startServerProcess({ ...database.env, LOG_LEVEL: 'error' });
      service = await apiFor(server.url, 'venue', 'SERVICE');
    }
    // One more from each side of the boundary.
    for (const prices of [CALM, LOST, CALM]) {
      const received = all.ids.length;
      await publishPrices(service, prices);
      await Promise.race([until(() => all.ids.length >= received + owners.length), sleep(300)]);
    }
    // What is stored by now is heard, by each who may; more may follow until the server is gone.
    for (const [api, received] of [
      [service, all],
      [await apiFor(server.url, 'alice', 'TRADER'), hers],
    ] as const) {
      const [last] = (await api.ask<Newest>(newest)).riskAlerts.nodes;
      await until(() => received.ids.includes(last?.id ?? ''));
    }
    await server.kill();

    const { db, close } = await database.open();
    undo.push(close);
    const seal = new Seal((await openInstallation(db)).secret);
    const stored = await db.riskAlert.findMany({
      where: { seq: { gt: sequenceOfId(seal, 'RiskAlert', start.id) ?? 0n } },
      orderBy: { seq: 'asc' },
      include: { account: true },
    });
    expect(stored.length).toBeGreaterThan(20);
    const ids = stored.map(({ seq }) => sequenceId(seal, 'RiskAlert', seq));
    expect(all.ids.length).toBeGreaterThan(20);
    expect(all.ids).toEqual(ids.slice(0, all.ids.length));
    await expectLedger(db, []);
    const ofAlice = ids.filter((_, index) => stored[index]?.account.owner === 'alice');
    expect(hers.ids.length).toBeGreaterThan(10);
    expect(hers.ids).toEqual(ofAlice.slice(0, hers.ids.length));
  },
  60_000 + ALERT_KILLS * 20_000,
);
