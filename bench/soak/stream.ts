/** A subscription that is opened again whatever happens to its server or to itself, as clients do. */
import { createClient, type Client } from 'graphql-ws';
import WebSocket from 'ws';

import type { SoakServer } from './servers.js';

const AGAIN_MS = 300;

export interface Subscription<T> {
  readonly query: string;
  /** Read anew for every connection. */
  readonly variables: () => Record<string, unknown>;
  readonly next: (data: T) => void;
}

export class Stream<T> {
  private client: Client | null = null;
  private isClosed = false;

  constructor(
    private readonly server: SoakServer,
    private readonly token: string,
    private readonly subscription: Subscription<T>,
  ) {
    this.open();
  }

  close(): void {
    this.isClosed = true;
    void this.client?.dispose();
  }

  private open(): void {
    if (this.isClosed) return;
    const { query, variables, next } = this.subscription;
    this.client = createClient({
      url: `${this.server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      // Whatever ends the connection ends the client: the next one takes other variables.
      retryAttempts: 0,
      // A server that is frozen answers no ping.
      keepAlive: 2_000,
      connectionParams: { authorization: `Bearer ${this.token}` },
    });
    const again = (): void => {
      void this.client?.dispose();
      if (!this.isClosed) setTimeout(() => this.open(), AGAIN_MS);
    };
    this.client.subscribe<T>(
      { query, variables: variables() },
      { next: ({ data }) => data != null && next(data), error: again, complete: again },
    );
  }
}
