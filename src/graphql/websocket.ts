/** Subscriptions, and queries, over WebSocket (subprotocol graphql-transport-ws) on the path of HTTP. */
import type { Server } from 'node:http';

import type { ExecutionArgs } from 'graphql';
import { CloseCode } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

import { InvalidTokenError, type Authenticate, type Viewer } from '../platform/auth.js';
import { createContext, type Services } from './context.js';
import type { Operation, Pipeline } from './pipeline.js';

export const GRAPHQL_PATH = '/graphql';

/** Of one frame. */
const MAX_PAYLOAD = 102_400;
/** The longest delay that a timer can have. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Parts {
  readonly services: Services;
  readonly authenticate: Authenticate;
}

interface Extra extends Record<PropertyKey, unknown> {
  viewer?: Viewer | null;
}

/** An operation on its way from `onSubscribe` to `execute` or `subscribe`. */
type Prepared = ExecutionArgs & { readonly operation: Operation };

export function serveWebSocket(
  server: Server,
  pipeline: Pipeline,
  { services, authenticate }: Parts,
): { close(): Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_PAYLOAD });
  server.on('upgrade', (request, socket, head) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== GRAPHQL_PATH) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
  });

  const graphql = useServer<Record<string, unknown>, Extra>(
    {
      // The token comes in the first message: browsers cannot send headers with a WebSocket.
      onConnect: async (connection) => {
        const authorization = connection.connectionParams?.['authorization'];
        try {
          const viewer = await authenticate(typeof authorization === 'string' ? authorization : undefined);
          connection.extra.viewer = viewer;
          if (viewer !== null) closeAtExpiry(connection.extra.socket, viewer, services.clock());
          return true;
        } catch (error) {
          if (error instanceof InvalidTokenError) return false;
          services.log.error({ err: error }, 'A token could not be checked.');
          connection.extra.socket.close(CloseCode.InternalServerError, 'Tokens cannot be checked at the moment.');
          return false;
        }
      },
      // Errors are answered, never thrown: a syntax error must not close the socket with all that runs on it.
      onSubscribe: (connection, _id, { query, operationName, variables }) => {
        const read = pipeline.read(query);
        if (read.errors !== null) return read.errors;
        const { document } = read;
        const context = () => createContext(services, connection.extra.viewer ?? null);
        const operation: Operation = { document, operationName, variables, transport: 'websocket', context };
        return {
          schema: pipeline.schema,
          document,
          operationName: operationName ?? null,
          operation,
        } satisfies Prepared;
      },
      execute: (args) => pipeline.run((args as Prepared).operation),
      subscribe: (args) => pipeline.subscribe((args as Prepared).operation),
    },
    sockets,
  );
  return { close: async () => graphql.dispose() };
}

function closeAtExpiry(
  socket: { close(code: number, reason: string): void; once(event: 'close', listener: () => void): void },
  viewer: Viewer,
  now: number,
): void {
  const left = Math.min(viewer.expiresAt - now, LONGEST_TIMER_MS);
  const timer = setTimeout(() => socket.close(CloseCode.Forbidden, 'The token has expired.'), Math.max(left, 0));
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
