/** `kill -9` in the middle of trades: whatever was acknowledged or not, both sides of each are there, once, or neither. */
import { expect, it } from '@jest/globals';

import { apiFor, type Api } from '../../support/services/api.js';
import { ledgerOf } from '../../support/calls/stored-ledger.js';
import { createTestDatabase } from '../../support/services/database.js';
import { startServerProcess } from '../../support/services/process.js';
import { openAccount, recordTrades, trade } from '../../support/calls/venue-system.js';

/** More rounds for a long run: KILL_ROUNDS=200. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 3);
const CLIENTS = 4;

interface Sent {
  readonly acknowledged: string[];
  /** Of requests that were not answered: they may be there or not. */
  readonly unanswered: { readonly tradeId: string; readonly input: object }[];
}

/** Sends pairs of trades until the server is gone; the client's account trades with the one beside it. */
async function storm(service: Api, [one, other]: readonly [string, string], name: string, sent: Sent): Promise<void> {
  for (let count = 0; ; count++) {
    const inputs = [0, 1].map((place) => {
      const tradeId = `${name}-${count}-${place}`;
      const [buyer, seller] = (count + place) % 3 === 2 ? [other, one] : [one, other];
      return { tradeId, input: trade(buyer, seller, '0.01', '20000', { tradeId, buyer: { fee: '0.1' } }) };
    });
    try {
      const { errors } = await recordTrades(service, ...inputs.map(({ input }) => input));
      expect(errors).toEqual([]);
      sent.acknowledged.push(...inputs.map(({ tradeId }) => tradeId));
    } catch {
      sent.unanswered.push(...inputs);
      return;
    }
  }
}

it(
  `leaves no half of a trade in ${ROUNDS} rounds, and what is sent again is there once`,
  async () => {
    const database = await createTestDatabase();
    try {
      let server = await startServerProcess(database.env);
      let service = await apiFor(server.url, 'venue', 'SERVICE');
      const accounts = await Promise.all(Array.from({ length: CLIENTS }, () => openAccount(service)));
      const expected = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        const sent = accounts.map((): Sent => ({ acknowledged: [], unanswered: [] }));
        const storms = accounts.map((id, client) =>
          storm(service, [id, accounts[(client + 1) % CLIENTS] ?? ''], `kill-${round}-${client}`, sent[client] as Sent),
        );
        while (sent.some((each) => each.acknowledged.length === 0))
          await new Promise((resolve) => setTimeout(resolve, 5));
        // A different moment each round, within the first few hundred milliseconds of writing.
        await new Promise((resolve) => setTimeout(resolve, 100 + ((round * 97) % 400)));
        await server.kill();
        await Promise.all(storms);

        server = await startServerProcess(database.env);
        service = await apiFor(server.url, 'venue', 'SERVICE');
        // What was not answered is sent again: each of them is there then, whether it was before or not.
        const open = sent.flatMap(({ unanswered }) => unanswered);
        const { recorded, alreadyKnown, errors } = await recordTrades(service, ...open.map(({ input }) => input));
        expect([recorded + alreadyKnown, errors]).toEqual([open.length, []]);
        for (const id of sent.flatMap(({ acknowledged }) => acknowledged)) expected.add(id);
        for (const { tradeId } of open) expected.add(tradeId);
      }
      await server.kill();

      const { db, close } = await database.open();
      const { fillIds, faults } = await ledgerOf(db);
      const nets = await db.$queryRaw<{ net: string }[]>`
        SELECT trim_scale(SUM(CASE WHEN side = 'LONG' THEN size ELSE -size END))::text AS net FROM positions`;
      await close();
      expect(faults).toEqual([]);
      expect([...fillIds].sort()).toEqual([...expected, ...expected].sort());
      expect(nets).toEqual([{ net: '0' }]);
    } finally {
      await database.drop();
    }
  },
  60_000 + ROUNDS * 20_000,
);
