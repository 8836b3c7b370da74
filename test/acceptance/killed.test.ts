/** `kill -9` in the middle of writes: after the next start everything that was acknowledged is there, once. */
import { expect, it } from '@jest/globals';

import { apiFor, type Api } from '../support/api.js';
import { createTestDatabase } from '../support/database.js';
import { startServerProcess } from '../support/process.js';
import { fill, openAccount, recordFills, recordTransfers, transfer } from '../support/venue-system.js';

/** More rounds for a long run: KILL_ROUNDS=200. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 3);
const CLIENTS = 4;

interface Sent {
  readonly acknowledged: string[];
  /** Sent, and not answered: it may be there or not. */
  readonly unanswered: string[];
}

/** Sends fills until the server is gone. */
async function storm(service: Api, accountId: string, round: number, client: number): Promise<Sent> {
  const sent: Sent = { acknowledged: [], unanswered: [] };
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
        const storms = accounts.map((id, client) => storm(service, id, round, client));
        // A different moment each round, within the first few hundred milliseconds of writing.
        await new Promise((resolve) => setTimeout(resolve, 400 + ((round * 97) % 400)));
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
      const stored = new Set((await db.fill.findMany({ select: { fillId: true } })).map(({ fillId }) => fillId));
      expect(acknowledged.length).toBeGreaterThan(ROUNDS);
      expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
      expect([...stored].filter((id) => !acknowledged.includes(id) && !unanswered.has(id))).toEqual([]);
      const [row] = await db.$queryRaw<{ wrong: number; fees: number; positions: number }[]>`
        SELECT
          (SELECT COUNT(*)::int FROM balances WHERE quantity <> (SELECT SUM(quantity) FROM ledger_entries
            WHERE account_id = balances.account_id AND asset_symbol = balances.asset_symbol)) AS wrong,
          (SELECT COUNT(*)::int FROM ledger_entries WHERE kind = 'FEE') AS fees,
          (SELECT COUNT(*)::int FROM positions WHERE side = 'LONG' AND size <> (SELECT SUM(
            CASE WHEN side = 'BUY' THEN size ELSE -size END) FROM fills WHERE account_id = positions.account_id)
          ) AS positions`;
      // Balances are the sums of their entries, every fill paid once, and positions are what the fills say.
      expect(row).toEqual({ wrong: 0, fees: stored.size, positions: 0 });
      await close();
    } finally {
      await database.drop();
    }
  },
  60_000 + ROUNDS * 20_000,
);
