/** An operation that is to be executed, and who asks for it. */
import type { DocumentNode } from 'graphql';

import type { Viewer } from '../../platform/tokens.js';
import type { Context, Patience } from './context.js';

export type Transport = 'http' | 'websocket' | 'sse';

/** The client of an operation. */
export interface Client {
  readonly viewer: Viewer | null;
  /** Address of the connection. It identifies a client without a token. */
  readonly address: string;
}

export interface Operation {
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Record<string, unknown> | null | undefined;
  readonly transport: Transport;
  readonly client: Client;
  /**
   * Called once for a request, and once for every event of a subscription.
   *
   * @param patience is over when no client waits for the answer any more
   */
  readonly context: (patience: Patience) => Context;
}
