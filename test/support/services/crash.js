/**
 * All marks of a venue crash, at which so many accounts change their status at once, in a process of its own; plain
 * JavaScript over the build. Prints what was stored, in which order, and what the watchers were sent.
 */
import { decimal, quotientDown, toPlain } from '../../../dist/src/margin/decimal.js';
import { stateOf } from '../../../dist/src/ledger/account-text.js';
import { assessMargin } from '../../../dist/src/margin/state/assess.js';
import { Prices } from '../../../dist/src/market/prices.js';
import { openDatabase } from '../../../dist/src/platform/database/database.js';
import { createBus } from '../../../dist/src/platform/events.js';
import { createLogger } from '../../../dist/src/platform/log.js';
import { Rulebook } from '../../../dist/src/policy/rulebook/rulebook.js';
import { AlertWriter } from '../../../dist/src/risk/alerts/alert-writer.js';
import { MarginLoop } from '../../../dist/src/risk/engine/margin-loop.js';
import { UpdateStream } from '../../../dist/src/risk/streams/watch-stream.js';

const [, , argument = '0'] = process.argv;
const count = Number(argument);
const [BEFORE, AFTER] = ['60000', '36000'];
const VENUE = 'BITGET';
const INSTRUMENT = 'BTCUSDT';
/** Of a hundred accounts; the others come to WARNING. */
const [LIQUIDATED, CALLED] = [9, 31];
/** The last ones, which come to WARNING. */
const WATCHED = 5;

const log = createLogger('error');
const url = process.env.DATABASE_URL ?? null;
const { db, close } = await openDatabase({ url, dataDir: process.env.DATA_DIR, poolSize: 4 });
const rulebook = await Rulebook.load(db);
const bus = createBus();
const prices = await Prices.open({
  ...{ db, symbols: rulebook, maxAge: 3_600_000, clock: Date.now, log },
  onPrices: (changes) => bus.emit('prices', changes),
});
const publish = async (price) => {
  const quote = { venue: VENUE, instrument: INSTRUMENT, price: decimal(price), source: 'test', at: new Date() };
  await prices.publish([quote]);
};

const position = [INSTRUMENT, 'LONG', '1', BEFORE];
const crashed = { index: () => null, mark: () => ({ price: decimal(AFTER), stale: false }) };
/** So much that nothing is owed after the crash, which would require margin of its own. */
const PLENTY = '1000000';
const { marginBalance, maintenanceMargin } = assessMargin(
  stateOf(['MULTI_ASSET', 'HEDGE', ['USDT', PLENTY], [[...position, '20', 'CROSS', '0']]]),
  crashed,
  rulebook.policy(VENUE, null, new Date()),
);

const idOf = (number) => `00000000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;

/** Holds so much that the crash leaves it with this ratio. */
function rowOf(number) {
  const place = number % 100;
  const ratio = place < LIQUIDATED ? '1.1' : place < LIQUIDATED + CALLED ? '0.9' : '0.6';
  const usdt = quotientDown(maintenanceMargin, decimal(ratio)).minus(marginBalance.minus(PLENTY));
  const now = new Date().toISOString();
  const held = ['MULTI_ASSET', 'HEDGE', ['USDT', toPlain(usdt)], [[...position, '0']], [], [], []];
  return [idOf(number), 1, VENUE, null, 'Test', 'alice', now, now, held, null];
}

const loop = new MarginLoop({ db, rulebook, prices, bus, log });
await publish(BEFORE);
for (let number = 0; number < count; number++) loop.accounts.put(rowOf(number), new Date());
await loop.start();
await db.$executeRaw`
  INSERT INTO accounts (id, name, owner, venue_code, collateral_mode, position_mode, opened_at)
  SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid, 'Test', 'alice', 'BITGET', 'MULTI_ASSET',
    'HEDGE', now()
  FROM generate_series(0, ${count - 1}::int) AS number`;
const watched = Array.from({ length: WATCHED }, (_, index) => idOf(count - 1 - index));
for (const id of watched) {
  const usdt = rowOf(count - 1)[8][2][1];
  await db.$executeRaw`
    INSERT INTO balances (account_id, asset_symbol, quantity) VALUES (${id}::uuid, 'USDT', ${usdt}::numeric)`;
  await db.$executeRaw`
    INSERT INTO positions (account_id, venue_code, instrument, side, size, cost)
    VALUES (${id}::uuid, ${VENUE}, ${INSTRUMENT}, 'LONG', 1, ${BEFORE}::numeric)`;
}
const rows = await db.$queryRaw`UPDATE duty SET term = term + 1 RETURNING term`;
const term = { number: rows[0].term, ended: new globalThis.AbortController().signal };
loop.setAlertWriter(await AlertWriter.begin({ db, log, bus }, term));
await loop.idle();
const stream = loop.watch(new UpdateStream({ accountIds: watched, minChange: decimal('0.1'), everyMs: null }));
for (let read = 0; read < WATCHED; read++) await stream.next();
await loop.idle();

let stored = 0n;
let portions = 0;
bus.on('alerts', ({ last }) => {
  stored = last;
  portions += 1;
});
const pushed = (async () => {
  const statuses = [];
  for (let read = 0; read < WATCHED; read++) statuses.push((await stream.next()).value.state.report.status);
  return { statuses, storedBefore: Number(stored) };
})();
await publish(AFTER);
await loop.idle();

const runs = await db.$queryRaw`
  SELECT status::text AS status, count(*)::int AS alerts FROM (
    SELECT status, seq - row_number() OVER (PARTITION BY status ORDER BY seq) AS run, seq FROM risk_alerts
  ) AS numbered GROUP BY status, run ORDER BY min(seq)`;
const [totals] = await db.$queryRaw`
  SELECT count(*)::int AS alerts, count(DISTINCT account_id)::int AS accounts FROM risk_alerts`;
const [{ done }] = await db.$queryRaw`SELECT done_round = taken_round AS done FROM duty`;
process.stdout.write(JSON.stringify({ ...totals, runs, done, portions, pushed: await pushed }));
await loop.close();
await close();
process.exit(0);
