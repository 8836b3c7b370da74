/** Subscriptions, and queries, over WebSocket (subprotocol graphql-transport-ws) on the path of HTTP. */
import type { Server } from 'node:http';

import type { ExecutionArgs } from 'graphql';
import { CloseCode } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

import { InvalidTokenError, type Authenticate, type Viewer } from '../platform/auth.js';
import { createContext, type Services } from './context.js';
import { ApiError } from './errors.js';
import type { Operation, Pipeline } from './pipeline.js';

export const GRAPHQL_PATH = '/graphql';

/** Of one frame. */
const MAX_PAYLOAD = 102_400;
/** Operations that run at the same time on one socket. */
const MAX_OPERATIONS = 100;
/** How long a socket has to answer that it is closing; one without coverage never does. */
const CLOSING_MS = 2_000;
/** The longest delay that a timer can have. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Parts {
  readonly services: Services;
  readonly authenticate: Authenticate;
}

interface Extra extends Record<PropertyKey, unknown> {
  viewer?: Viewer | null;
  /** Ids of the operations that run. */
  running?: Set<string>;
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
    // HTTP has let go of this connection: an error that nobody listens for would end the process.
    socket.on('error', () => socket.destroy());
    // Taken apart by hand, because what stands there may be no URL at all.
    if (request.url?.split('?', 1)[0] !== GRAPHQL_PATH) {
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
      onSubscribe: (connection, id, { query, operationName, variables }) => {
        const running = (connection.extra.running ??= new Set());
        if (running.size >= MAX_OPERATIONS) {
          return [new ApiError('LIMIT_EXCEEDED', `At most ${MAX_OPERATIONS} operations run at a time on one socket.`)];
        }
        const read = pipeline.read(query, operationName);
        if (read.errors !== null) return read.errors;
        const { document } = read;
        const context = () => createContext(services, connection.extra.viewer ?? null);
        const operation: Operation = { document, operationName, variables, transport: 'websocket', context };
        running.add(id);
        return {
          schema: pipeline.schema,
          document,
          operationName: operationName ?? null,
          operation,
        } satisfies Prepared;
      },
      onComplete: (connection, id) => void connection.extra.running?.delete(id),
      execute: (args) => pipeline.run((args as Prepared).operation),
      subscribe: (args) => pipeline.subscribe((args as Prepared).operation),
    },
    sockets,
  );
  // The library would print a stack for whatever a client sends wrong; the socket is closed all the same.
  sockets.on('connection', (opened) => {
    opened.removeAllListeners('error');
    opened.on('error', (error) => services.log.debug({ err: error }, 'A WebSocket failed.'));
  });
  return {
    close: async () => {
      const impatient = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, CLOSING_MS);
      await graphql.dispose();
      clearTimeout(impatient);
    },
  };
}

function closeAtExpiry(
  socket: { close(code: number, reason: string): void; once(event: 'close', listener: () => void): void },
  viewer: Viewer,
  now: number,
): void {
  const left = viewer.expiresAt - now;
  // A token that lives longer than a timer can wait outlives any socket that is worth its name.
  if (left > LONGEST_TIMER_MS) return;
  const timer = setTimeout(() => socket.close(CloseCode.Forbidden, 'The token has expired.'), Math.max(left, 0));
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
