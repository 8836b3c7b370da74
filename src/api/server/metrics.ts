/**
 * Metrics in the format of Prometheus, on a port of their own. Parts tell their numbers when they are asked; only cycles
 * and operations are counted as they happen. docs/operations.md explains each metric.
 */
import { createServer } from 'node:http';

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import type { Leadership } from '../../cluster/leadership.js';
import { stalePrices, type StalePrice } from '../../market/stale-prices.js';
import { STALE_REASONS } from '../../market/staleness.js';
import type { Closers } from '../../platform/closers.js';
import type { Problems } from '../../platform/problems.js';
import type { AlertBacklog } from '../../risk/alerts/alert-backlog.js';
import type { Services } from '../execution/context.js';
import type { Transport } from '../execution/operation.js';
import type { Connections } from './sockets.js';

/** The parts that are asked. */
export interface MetricSources extends Pick<Services, 'loop' | 'board' | 'rulebook' | 'clock'> {
  readonly problems: Problems;
  readonly leadership: Leadership;
  readonly backlog: AlertBacklog;
  readonly connections: Connections;
}

/** Stale prices that are named one by one; all are counted. */
const MAX_SYMBOLS = 200;
const CYCLE_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

export class Metrics {
  private readonly registry = new Registry();
  private readonly cycles: Histogram;
  private readonly operations: Counter<'transport' | 'outcome'>;

  constructor() {
    const registers = [this.registry];
    this.cycles = new Histogram({
      ...{ name: 'plimsoll_cycle_seconds', registers, buckets: CYCLE_SECONDS },
      help: 'Cycles of the margin loop, by how long they took.',
    });
    this.operations = new Counter({
      ...{ name: 'plimsoll_operations_total', registers, labelNames: ['transport', 'outcome'] },
      help: 'Operations that were valid, by transport and by OK or the code of the first error.',
    });
  }

  readonly onCycle = (milliseconds: number): void => this.cycles.observe(milliseconds / 1_000);

  readonly onOperation = (transport: Transport, outcome: string): void => this.operations.inc({ transport, outcome });

  /** Call once, if metrics are served. */
  read(sources: MetricSources): void {
    collectDefaultMetrics({ register: this.registry });
    const { problems, loop, leadership, backlog, connections, board, rulebook, clock } = sources;
    const stale = (): StalePrice[] => stalePrices(board, rulebook, clock());
    this.number('plimsoll_accounts', 'Accounts that this server holds.', () => loop.accounts.size);
    this.number('plimsoll_accounts_set_aside', 'Accounts that this server cannot read.', () => loop.setAside.size);
    this.number('plimsoll_leader', '1 while this server leads.', () => (leadership.term === null ? 0 : 1));
    this.number('plimsoll_term', 'Term of this server; 0 while it does not lead.', () => leadership.term?.number ?? 0);
    this.number('plimsoll_connections', 'WebSockets and event streams that are open.', () => connections.count);
    this.number('plimsoll_last_alert', 'Number of the last alert that is stored.', () => backlog.last?.lastAlert);
    this.number('plimsoll_outbox_rows', 'Rows of the outbox, counted up to 10,000.', () => backlog.last?.outbox.rows);
    this.number('plimsoll_outbox_age_seconds', 'Age of the oldest row of the outbox.', () =>
      inSeconds(backlog.last?.outbox.oldestMs),
    );
    this.number('plimsoll_price_batch_age_seconds', 'Age of the oldest price batch that waits for alerts.', () =>
      inSeconds(backlog.last?.oldestBatchMs),
    );
    this.labelled('plimsoll_problem', '1 while the problem stands.', ['name'], () => {
      const standing = new Set(problems.list().map(({ name }) => name));
      return problems.names().map((name) => [{ name }, standing.has(name) ? 1 : 0]);
    });
    this.labelled('plimsoll_stale_prices', 'Stale prices, by reason.', ['reason'], () => {
      const counts = new Map<string, number>(STALE_REASONS.map((reason) => [reason, 0]));
      for (const { reason } of stale()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      return [...counts].map(([reason, count]) => [{ reason }, count]);
    });
    this.labelled('plimsoll_price_stale', `1 for each stale price, ${MAX_SYMBOLS} at most.`, ['symbol', 'reason'], () =>
      stale()
        .slice(0, MAX_SYMBOLS)
        .map(({ symbol, reason }) => [{ symbol, reason }, 1]),
    );
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** `read` answers null or undefined where the number is not known: there is no sample then. */
  private number(name: string, help: string, read: () => number | bigint | null | undefined): void {
    this.labelled(name, help, [], () => {
      const value = read();
      return value == null ? [] : [[{}, Number(value)]];
    });
  }

  private labelled<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: () => readonly (readonly [labels: Partial<Record<L, string>>, value: number])[],
  ): void {
    const collect = function (this: Gauge<L>): void {
      this.reset();
      for (const [labels, value] of read()) this.set(labels, value);
    };
    new Gauge<L>({ name, help, labelNames: [...labelNames], collect, registers: [this.registry] });
  }
}

function inSeconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1_000;
}

export interface MetricsFrame {
  readonly config: { readonly host: string; readonly metricsPort: number };
  readonly closers: Closers;
  readonly metrics: Metrics;
}

/** Serves `GET /metrics` and nothing else, if a port is configured. Rejects where that is taken. */
export async function serveMetrics(
  { config: { host, metricsPort: port }, closers, metrics }: MetricsFrame,
  sources: MetricSources,
): Promise<void> {
  if (port === 0) return;
  metrics.read(sources);
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  closers.add(() => {
    server.close();
    server.closeAllConnections();
  });
}
