/** Between two storms: waits until all work is done, and compares what the servers say, push, and remember. */
import type pg from 'pg';

import { globalId } from '../../src/api/types/global-id.js';
import { sleep } from '../../src/platform/retry.js';
import type { Caller } from './api.js';
import type { Listener } from './listen.js';
import type { SoakServer } from './servers.js';
import { VENUE } from './venue.js';
import type { Pushed, Subscriber } from './watch.js';

const WORK_MS = 60_000;
const AGREE_MS = 20_000;

const ACCOUNTS = `{ accounts(first: 100) { nodes { id version margin {
  status marginRatio marginBalance maintenanceMargin walletValue collateralValue unrealizedPnl availableMargin } } } }`;
const OVERVIEW = `{ riskOverview(venue: "${VENUE}") { accounts { status accounts } shortfall } }`;

interface Node {
  readonly id: string;
  readonly version: number;
  readonly margin: Pushed;
}

/** The leader has done all that there is. Null: it has; else what is missing. */
async function work(pool: pg.Pool): Promise<string | null> {
  const { rows } = await pool.query<{ outbox: string; behind: string }>(`
    SELECT (SELECT count(*) FROM outbox) AS outbox,
      (SELECT COALESCE(max(seq), 0) FROM price_rounds) - (SELECT done_round FROM duty) AS behind`);
  const [row] = rows;
  return row?.outbox === '0' && row.behind === '0' ? null : JSON.stringify(row);
}

export async function workDone(pool: pg.Pool): Promise<string | null> {
  let last: string | null = 'nothing answers';
  for (const end = performance.now() + WORK_MS; performance.now() < end; await sleep(200, null)) {
    last = await work(pool).catch((error: unknown) => String(error));
    if (last === null) return null;
  }
  return `The leader has not finished its work: ${last}.`;
}

/** Everybody who must say the same. */
export interface Witnesses {
  readonly servers: readonly SoakServer[];
  readonly subscribers: readonly Subscriber[];
  readonly listeners: readonly Listener[];
  readonly trader: Caller;
  readonly admin: Caller;
  readonly pool: pg.Pool;
}

export interface Comparison {
  /** None: all agree. */
  readonly differences: readonly string[];
  /** Accounts, once for each server, subscriber and listener. */
  readonly compared: number;
}

/** Compares until all agree, or for a while. */
export async function agreement(witnesses: Witnesses): Promise<Comparison> {
  let found: Comparison = { differences: ['nothing was compared'], compared: 0 };
  for (const end = performance.now() + AGREE_MS; performance.now() < end; await sleep(250, null)) {
    found = await compare(witnesses).catch((error: unknown) => ({ differences: [String(error)], compared: 0 }));
    if (found.differences.length === 0) break;
  }
  return found;
}

export async function compare(witnesses: Witnesses): Promise<Comparison> {
  const { servers, subscribers, listeners, trader, admin, pool } = witnesses;
  const differences: string[] = [];
  let compared = 0;
  let first: { nodes: Map<string, string>; overview: string; by: string } | null = null;
  for (const server of servers) {
    const { accounts } = await trader.ask<{ accounts: { nodes: Node[] } }>(server.url, ACCOUNTS, {});
    const overview = JSON.stringify(await admin.ask(server.url, OVERVIEW, {}));
    const nodes = new Map(accounts.nodes.map((node) => [node.id, JSON.stringify(node)]));
    first ??= { nodes, overview, by: server.name };
    if (overview !== first.overview)
      differences.push(`${server.name} counts ${overview}, ${first.by} ${first.overview}`);
    for (const [id, text] of nodes) {
      const other = first.nodes.get(id) ?? 'nothing';
      if (text !== other) differences.push(`${server.name} answers ${text}, ${first.by} ${other}`);
    }
    compared += nodes.size;
    const subscriber = subscribers.find((each) => each.server === server);
    if (subscriber === undefined) continue;
    differences.push(...pushedOtherwise(subscriber, accounts.nodes));
    compared += nodes.size;
  }
  const statuses = await alertedStatuses(pool);
  for (const listener of listeners) {
    const { server, believed } = listener;
    for (const key of new Set([...statuses.keys(), ...believed.keys()])) {
      const [heard, stored] = [calm(believed.get(key)), calm(statuses.get(key))];
      if (heard === stored || (await listener.isExcused(key, stored, trader))) continue;
      differences.push(`${server.name} has alerted ${heard} of ${key}; ${stored} is true.`);
    }
    compared += first?.nodes.size ?? 0;
  }
  return { differences, compared };
}

function pushedOtherwise({ server, last }: Subscriber, nodes: readonly Node[]): string[] {
  return nodes.flatMap(({ id, margin }) => {
    const pushed = last.get(id);
    const isSame =
      pushed?.status === margin.status &&
      pushed.marginRatio === margin.marginRatio &&
      pushed.marginBalance === margin.marginBalance;
    const what = `${server.name} pushed ${JSON.stringify(pushed)} of ${id}, and answers ${JSON.stringify(margin)}`;
    return isSame ? [] : [what];
  });
}

/** What the machines have alerted last, by account and unit, as a listener names them. */
async function alertedStatuses(pool: pg.Pool): Promise<Map<string, string>> {
  const { rows } = await pool.query<{ account: string; unit: string; status: string }>(
    'SELECT account_id AS account, level AS unit, status::text AS status FROM alert_states',
  );
  return new Map(rows.map(({ account, unit, status }) => [`${globalId('Account', account)} ${unit}`, status]));
}

/** HEALTHY, NO_EXPOSURE and no alert at all are the same calm. */
function calm(status: string | undefined): string {
  return status === undefined || status === 'NO_EXPOSURE' ? 'HEALTHY' : status;
}
