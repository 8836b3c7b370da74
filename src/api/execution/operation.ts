/** An operation that is to be executed, and who asks for it. */
import type { DocumentNode } from 'graphql';

import type { Viewer } from '../../platform/tokens.js';
import type { Context, Patience } from './context.js';

export type Transport = 'http' | 'websocket' | 'sse';

/** Who asks. */
export interface Client {
  readonly viewer: Viewer | null;
  /** Of the connection; it stands for whoever has no token. */
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
   * @param patience is over when nobody waits for the answer any more
   */
  readonly context: (patience: Patience) => Context;
}
