/** `kill -9` in the middle of writes: after the next start everything that was acknowledged is there, once. */
import { expect, it } from '@jest/globals';

import { apiFor, type Api } from '../../support/services/api.js';
import { ledgerOf } from '../../support/calls/stored-ledger.js';
import { createTestDatabase } from '../../support/services/database.js';
import { startServerProcess } from '../../support/services/process.js';
import { fill, openAccount, recordFills, recordTransfers, transfer } from '../../support/calls/venue-system.js';

/** More rounds for a long run: KILL_ROUNDS=200. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 3);
const CLIENTS = 4;

interface Sent {
  readonly acknowledged: string[];
  /** Sent, and not answered: it may be there or not. */
  readonly unanswered: string[];
}

/** Sends fills until the server is gone. */
async function storm(service: Api, accountId: string, round: number, client: number, sent: Sent): Promise<Sent> {
  for (let count = 0; ; count++) {
    const fillId = `kill-${round}-${client}-${count}`;
    try {
      await recordFills(
        service,
        fill(accountId, 'BTCUSDT', count % 3 === 2 ? 'SELL' : 'BUY', '0.01', '20000', { fillId, fee: '0.1' }),
      );
      sent.acknowledged.push(fillId);
    } catch {
      sent.unanswered.push(fillId);
      return sent;
    }
  }
}

it(
  `loses nothing and doubles nothing in ${ROUNDS} rounds`,
  async () => {
    const database = await createTestDatabase();
    try {
      let server = await startServerProcess(database.env);
      let service = await apiFor(server.url, 'venue', 'SERVICE');
      const accounts = await Promise.all(Array.from({ length: CLIENTS }, () => openAccount(service)));
      await recordTransfers(service, ...accounts.map((id) => transfer(id, 'USDT', '100000')));
      const acknowledged: string[] = [];
      const unanswered = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        const sent = accounts.map((): Sent => ({ acknowledged: [], unanswered: [] }));
        const storms = accounts.map((id, client) => storm(service, id, round, client, sent[client] as Sent));
        while (sent.some((each) => each.acknowledged.length === 0))
          await new Promise((resolve) => setTimeout(resolve, 5));
        // A different moment each round, within the first few hundred milliseconds of writing.
        await new Promise((resolve) => setTimeout(resolve, 100 + ((round * 97) % 400)));
        await server.kill();
        for (const sent of await Promise.all(storms)) {
          acknowledged.push(...sent.acknowledged);
          for (const id of sent.unanswered) unanswered.add(id);
        }
        server = await startServerProcess(database.env);
        service = await apiFor(server.url, 'venue', 'SERVICE');
      }
      await server.kill();

      const { db, close } = await database.open();
      const { fillIds, faults } = await ledgerOf(db);
      await close();
      expect(acknowledged.length).toBeGreaterThan(ROUNDS);
      expect(acknowledged.filter((id) => !fillIds.includes(id))).toEqual([]);
      expect(fillIds.filter((id) => !acknowledged.includes(id) && !unanswered.has(id))).toEqual([]);
      expect(faults).toEqual([]);
    } finally {
      await database.drop();
    }
  },
  60_000 + ROUNDS * 20_000,
);
