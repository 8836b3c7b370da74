/** Ids that nothing has: answered like what does not exist, refused by mutations, and nothing changes. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { fingerprint } from '../../support/calls/fingerprint.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import { startWithSenders, type Senders } from '../../support/calls/refused-input.js';
import { sequenceWithin } from '../../support/calls/sealed.js';
import { fill, recordFills, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import { connectSocket, post } from '../../support/services/bare.js';
import { operate } from '../../support/services/raw.js';

let { app, service, trader, accountId } = {} as Senders;

beforeAll(async () => {
  ({ app, service, trader, accountId } = await startWithSenders());
});

afterAll(() => app.close());

/** Ids that no account has. */
function idsOfNone(): [string, string][] {
  return [
    ['an unknown account', globalIdOf('Account', randomUUID())],
    ['an empty text', ''],
    ['words', 'no such id'],
    ['NUL', '\0'],
    ['NUL after an id', `${accountId}\0`],
    ['NUL within', globalIdOf('Account', 'a\0b')],
    ['NUL for an id', globalIdOf('Account', '\0')],
    ['half of a surrogate pair', '\ud800'],
    ['nothing for an id', globalIdOf('Account', '')],
    ['no uuid', globalIdOf('Account', '5')],
    ['a capital uuid', globalIdOf('Account', uuidOf(accountId).toUpperCase())],
    ['one part too many', globalIdOf('Account', uuidOf(accountId), 'BTCUSDT')],
    ['padding', `${accountId}=`],
    ['a bare uuid', uuidOf(accountId)],
    ['a type of no object', globalIdOf('constructor', uuidOf(accountId))],
    ['the prototype', globalIdOf('__proto__', uuidOf(accountId))],
    ['a type in lower case', globalIdOf('account', uuidOf(accountId))],
    ['100,000 letters', 'A'.repeat(100_000)],
    ['SQL', globalIdOf('Account', `' OR 1=1 --`)],
  ];
}

describe('an id that nothing has', () => {
  it('is answered by null, by `account`, `node` and `nodes` alike', async () => {
    for (const [what, id] of idsOfNone()) {
      const { text } = await post(
        trader,
        'query ($id: ID!) { account(id: $id) { id } node(id: $id) { id } nodes(ids: [$id]) { id } }',
        { id },
      );
      expect([what, text]).toEqual([what, '{"data":{"account":null,"node":null,"nodes":[null]}}\n']);
    }
  });

  it('is answered by null where it could be one of any other type', async () => {
    const ids = [
      ...['Venue', 'Chain', 'Asset', 'CollateralRatio', 'LedgerEntry', 'Fill'].map((type) => globalIdOf(type, 'none')),
      ...['LedgerEntry', 'Fill'].flatMap((type) =>
        ['-1', '1.5', '1e3', '0x1', '9'.repeat(18), '9'.repeat(30)].map((seq) => globalIdOf(type, seq)),
      ),
      globalIdOf('CollateralRatio', randomUUID()),
      globalIdOf('Instrument', 'BITGET'),
      globalIdOf('Instrument', 'BITGET', 'BTC-PERP'),
      globalIdOf('Position', uuidOf(accountId)),
      globalIdOf('Position', uuidOf(accountId), 'BTCUSDT', 'SHORT'),
      globalIdOf('Position', uuidOf(accountId), 'BTCUSDT', 'long'),
      globalIdOf('Position', randomUUID(), 'BTCUSDT', 'LONG'),
      globalIdOf('Balance', uuidOf(accountId)),
    ];
    const { nodes } = await trader.ask<{ nodes: unknown[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids,
    });
    expect(nodes).toEqual(ids.map(() => null));
  });

  it('has one spelling: another one of the same object is not an id', async () => {
    const { account } = await trader.ask<{ account: { ledger: { nodes: { id: string }[] } } }>(
      'query ($id: ID!) { account(id: $id) { ledger { nodes { id } } } }',
      { id: accountId },
    );
    const entry = account.ledger.nodes[0]?.id ?? '';
    const seq = sequenceWithin(app, entry);
    const spellings = [
      entry,
      // The number alone makes no id: it could be guessed.
      globalIdOf('LedgerEntry', String(seq)),
      `${entry}A`,
      globalIdOf('Venue', 'BITGET', 'x'),
      globalIdOf('Asset', 'BTC', ''),
      globalIdOf('Instrument', 'BITGET', 'BTCUSDT', 'x'),
      globalIdOf('Position', uuidOf(accountId), 'BTCUSDT', 'LONG', 'x'),
    ];
    const { nodes } = await trader.ask<{ nodes: unknown[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids: spellings,
    });
    expect(nodes).toEqual([{ id: spellings[0] }, null, null, null, null, null, null]);
  });

  it('is answered by null where it is of another type', async () => {
    const ids = await trader.ask<{
      account: {
        venue: { id: string };
        positions: { id: string; instrument: { id: string } }[];
        fills: { nodes: { id: string }[] };
        ledger: { nodes: { id: string; asset: { id: string } }[] };
      };
    }>(
      `query ($id: ID!) { account(id: $id) {
        venue { id } positions { id instrument { id } } fills { nodes { id } } ledger { nodes { id asset { id } } }
      } }`,
      { id: accountId },
    );
    const { venue, positions, fills, ledger } = ids.account;
    const others = [venue, ...positions, ...positions.map((each) => each.instrument), ...fills.nodes, ...ledger.nodes];
    expect(others.length).toBeGreaterThan(4);
    for (const { id } of others) {
      expect((await post(trader, 'query ($id: ID!) { account(id: $id) { id } }', { id })).text).toBe(
        '{"data":{"account":null}}\n',
      );
      expect((await trader.ask<{ node: unknown }>('query ($id: ID!) { node(id: $id) { id } }', { id })).node).toEqual({
        id,
      });
    }
  });

  it('is passed over by a subscription, which is refused when none is left', async () => {
    const socket = await connectSocket(trader);
    const watch = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { sequence } }';
    for (const [what, id] of idsOfNone()) {
      if (id.length > 50_000) continue;
      const [answer] = await operate(socket, watch, { ids: [id] });
      expect([what, JSON.stringify(answer)]).toEqual([what, expect.stringContaining('would watch nothing')]);
    }
    socket.close();
  });

  it('is refused by each mutation that names an account, and nothing changes', async () => {
    const before = await fingerprint(app.app.services.db);
    const ids = idsOfNone().filter(([, id]) => id.length < 50_000);
    const transfers = await recordTransfers(service, ...ids.map(([, id]) => transfer(id, 'USDT', '5')));
    const fills = await recordFills(service, ...ids.map(([, id]) => fill(id, 'BTCUSDT', 'BUY', '1', '60000')));
    for (const [kind, { recorded, alreadyKnown, errors }] of [
      ['transfers', transfers],
      ['fills', fills],
    ] as const) {
      expect([recorded, alreadyKnown]).toEqual([0, 0]);
      expect(errors).toEqual(
        ids.map((_id, index) => ({
          code: 'ACCOUNT_NOT_FOUND',
          message: 'There is no such account.',
          field: ['input', kind, String(index), 'accountId'],
          required: null,
          available: null,
        })),
      );
    }
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });
});
