/**
 * A client's alerts by the recipe of docs/clients.md: a `liveCursor` to begin with, then the cursor of the last alert
 * that was handled, through every kill, cut and failover.
 */
import type { Caller } from './api.js';
import type { SoakServer } from './servers.js';
import { Stream } from './stream.js';

const DOCUMENT = `subscription ($after: String) { riskAlerts(after: $after) {
  id cursor kind status account { id } instrument { symbol } side } }`;

interface Alert {
  readonly id: string;
  readonly cursor: string;
  readonly kind: string;
  readonly status: string;
  readonly account: { readonly id: string };
  /** With `side`: of the isolated position; null: the cross account. */
  readonly instrument: { readonly symbol: string } | null;
  readonly side: string | null;
}

export class Listener {
  /** Ids of alerts, in the order in which they came. */
  readonly handled: string[] = [];
  /** The status that was heard last, by account (its global id) and unit: what the client believes. */
  readonly believed = new Map<string, string>();
  /** Units whose last alert is lost, and whose server was killed before it could know of the new history. */
  excused = 0;
  /** The alert from which it has each belief, and when that came. */
  private readonly sources = new Map<string, { readonly id: string; readonly at: number }>();
  private readonly stream: Stream<{ readonly riskAlerts: Alert }>;

  private constructor(
    readonly server: SoakServer,
    token: string,
    private cursor: string,
  ) {
    this.stream = new Stream(server, token, {
      query: DOCUMENT,
      variables: () => ({ after: this.cursor }),
      next: ({ riskAlerts }) => this.handle(riskAlerts),
    });
  }

  static async open(server: SoakServer, caller: Caller): Promise<Listener> {
    const query = '{ riskAlerts(first: 1) { liveCursor } }';
    const { riskAlerts } = await caller.ask<{ riskAlerts: { liveCursor: string } }>(server.url, query, {});
    return new Listener(server, caller.token, riskAlerts.liveCursor);
  }

  close(): void {
    this.stream.close();
  }

  private handle({ id, cursor, kind, status, account, instrument, side }: Alert): void {
    this.handled.push(id);
    this.cursor = cursor;
    const unit = instrument === null ? '' : `${instrument.symbol}/${side}`;
    if (kind !== 'STATUS_CHANGED') return;
    this.believed.set(`${account.id} ${unit}`, status);
    this.sources.set(`${account.id} ${unit}`, { id, at: performance.now() });
  }

  /**
   * Whether nobody can know what it believes of a unit: a lost alert, from a server that was killed since. Clients
   * ask for the status then (docs/clients.md), and so it takes the true one.
   */
  async isExcused(unit: string, status: string, caller: Caller): Promise<boolean> {
    const source = this.sources.get(unit);
    if (source === undefined || this.server.killedAt < source.at) return false;
    const query = 'query ($id: ID!) { node(id: $id) { id } }';
    const { node } = await caller.ask<{ node: object | null }>(this.server.url, query, { id: source.id });
    if (node !== null) return false;
    this.excused += 1;
    this.believed.set(unit, status);
    this.sources.delete(unit);
    return true;
  }
}
