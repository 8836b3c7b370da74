/**
 * Subscriptions and queries over WebSocket (subprotocol graphql-transport-ws), on the same path as HTTP.
 *
 * A slow client delays only itself. `ws` calls back for an event once the kernel has taken it, and only then does
 * graphql-ws request the next one from the stream. Streams conflate or wait meanwhile.
 */
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { ExecutionArgs, GraphQLError } from 'graphql';
import { CloseCode, type ServerOptions, type SubscribePayload } from 'graphql-ws';
import { useServer, type Extra as SocketExtra } from 'graphql-ws/use/ws';
import { WebSocketServer, type WebSocket } from 'ws';

import { InvalidTokenError, type Authenticate, type Viewer } from '../../platform/tokens.js';
import type { Connections } from './sockets.js';
import { createContext, type Services } from '../execution/context.js';
import { withoutHttp } from '../execution/errors.js';
import { ApiError, type ErrorCode } from '../types/api-error.js';
import { frameRate } from './frame-rate.js';
import type { Limits } from '../execution/limits.js';
import { mayConnect } from './origins.js';
import type { Client, Operation } from '../execution/operation.js';
import type { Pipeline } from '../execution/pipeline.js';
import type { UnreadWatch } from './unread-watch.js';

export const GRAPHQL_PATH = '/graphql';

/** Parts of one message; each is a frame. */
const MAX_FRAGMENTS = 128;
/** How long a client has to confirm that the socket closes. A client without coverage never does. */
const CLOSING_MS = 2_000;
/** The longest delay that a timer can have. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Policy Violation: connecting again changes nothing. */
const TOO_MUCH = 1008;
/** Try Again Later. */
const NOT_READ = 1013;

export interface StreamParts {
  readonly services: Services;
  readonly pipeline: Pipeline;
  readonly authenticate: Authenticate;
  readonly limits: Limits;
  /** Origins of pages, other than this server's own, that may connect. */
  readonly origins: readonly string[];
  readonly connections: Connections;
  readonly unread: UnreadWatch;
}

interface Extra extends Record<PropertyKey, unknown> {
  client?: Client;
  /** Ids of the running operations. */
  running?: Set<string>;
}

/** An operation on its way from `onSubscribe` to `execute` or `subscribe`. */
type Prepared = ExecutionArgs & { readonly operation: Operation };

export function serveWebSocket(server: Server, parts: StreamParts): { close(): Promise<void> } {
  const { services, limits } = parts;
  const sockets = new WebSocketServer({
    ...{ noServer: true, maxPayload: limits.bodyBytes, maxFragments: MAX_FRAGMENTS },
    // Each message waits for its own pass of the event loop: hundreds in one packet would hold up all other clients.
    allowSynchronousEvents: false,
  });
  server.on('upgrade', (request, socket, head) => upgrade(sockets, parts, request, socket, head));
  // The library would answer with HTML.
  sockets.on('wsClientError', (error, socket) => refuse(socket, 400, 'BAD_USER_INPUT', error.message));
  // Added before the library's listener, so that a frame above the limit is refused first.
  sockets.on('connection', (opened: WebSocket, request: IncomingMessage) => guard(opened, request.socket, parts));
  const graphql = useServer(protocolOptions(parts), sockets, limits.heartbeatSeconds * 1_000);
  // Without a listener the library prints a stack for a client's mistake. The socket is closed either way.
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

/** Upgrades HTTP to a WebSocket, or refuses by an HTTP status. */
function upgrade(
  sockets: WebSocketServer,
  { origins, connections }: StreamParts,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  // HTTP has released this connection: an error without a listener would end the process.
  socket.on('error', () => socket.destroy());
  // Split by hand, because a client may send a path that is no URL.
  if (request.url?.split('?', 1)[0] !== GRAPHQL_PATH) {
    refuse(socket, 404, 'BAD_USER_INPUT', 'There is no WebSocket at this path.');
  } else if (!mayConnect(request.headers, origins)) {
    refuse(socket, 403, 'FORBIDDEN', 'Pages of this origin may not connect.');
  } else if (connections.areFull) {
    refuse(socket, 503, 'SERVICE_UNAVAILABLE', 'There are as many connections as there may be; try again shortly.');
  } else {
    const release = connections.open();
    socket.once('close', release);
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
  }
}

function protocolOptions(parts: StreamParts): ServerOptions<Record<string, unknown>, Extra & SocketExtra> {
  const { pipeline, unread } = parts;
  return {
    onConnect: ({ connectionParams, extra }) => connect(parts, connectionParams?.['authorization'], extra),
    // Errors are answered, never thrown: a syntax error must not close the socket with all that runs on it.
    onSubscribe: ({ extra }, id, payload) => prepare(parts, extra, id, payload),
    onNext: ({ extra }) => unread.check(extra.request.socket),
    onComplete: ({ extra }, id) => void extra.running?.delete(id),
    execute: (args) => pipeline.run((args as Prepared).operation),
    subscribe: (args) => pipeline.subscribe((args as Prepared).operation),
  };
}

/** The token comes in the first message: browsers cannot send headers with a WebSocket. False: the socket is closed. */
async function connect(
  { services, authenticate, limits, connections }: StreamParts,
  authorization: unknown,
  extra: Extra & SocketExtra,
): Promise<boolean> {
  const { socket, request } = extra;
  let viewer: Viewer | null;
  try {
    viewer = await authenticate(typeof authorization === 'string' ? authorization : undefined);
  } catch (error) {
    if (error instanceof InvalidTokenError) return false;
    services.log.error({ err: error }, 'A token could not be checked.');
    socket.close(CloseCode.InternalServerError, 'Tokens cannot be checked at the moment.');
    return false;
  }
  const client: Client = { viewer, address: request.socket.remoteAddress ?? '' };
  const release = connections.openFor(client);
  if (release === null) {
    socket.close(TOO_MUCH, `A viewer may have ${limits.connectionsPerViewer} connections.`);
    return false;
  }
  request.socket.once('close', release);
  if (request.socket.destroyed) release();
  extra.client = client;
  if (viewer !== null) {
    const stop = atExpiry(viewer, services.clock(), () => socket.close(CloseCode.Forbidden, TOKEN_EXPIRED));
    socket.once('close', stop);
  }
  return true;
}

/** The arguments to execute, or the errors to answer with. */
function prepare(
  { services, pipeline, limits: { operationsPerSocket } }: StreamParts,
  extra: Extra,
  id: string,
  payload: SubscribePayload,
): Prepared | readonly GraphQLError[] {
  const { operationName, variables } = payload;
  const { client = { viewer: null, address: '' } } = extra;
  const running = (extra.running ??= new Set());
  if (running.size >= operationsPerSocket) {
    return [new ApiError('LIMIT_EXCEEDED', `At most ${operationsPerSocket} operations run at a time on one socket.`)];
  }
  const read = readDocument(pipeline, payload);
  if (read.errors !== null) return read.errors;
  const { document } = read;
  const context: Operation['context'] = (patience) => createContext(services, client.viewer, patience);
  const operation: Operation = { document, operationName, variables, transport: 'websocket', client, context };
  running.add(id);
  return { schema: pipeline.schema, document, operationName: operationName ?? null, operation };
}

/** Reads the document of an operation. A refusal is an error of the operation, not of the socket. */
function readDocument(pipeline: Pipeline, payload: SubscribePayload): ReturnType<Pipeline['read']> {
  try {
    return pipeline.read(pipeline.textOf({ ...payload }) ?? '', payload.operationName);
  } catch (error) {
    if (error instanceof ApiError) return { document: null, errors: [withoutHttp(error)] };
    throw error;
  }
}

/** Closes a socket whose client sends too much, or reads too little. */
function guard(opened: WebSocket, socket: Socket, { limits, unread }: StreamParts): void {
  const { messagesPerSecond, unreadSeconds, unreadBytes } = limits;
  const mayCome = frameRate(messagesPerSecond);
  const take = (): void => {
    if (mayCome()) return;
    // Data that has arrived already is ignored.
    for (const event of ['message', 'ping', 'pong']) opened.removeAllListeners(event);
    closeFor(opened, TOO_MUCH, `A socket may send ${messagesPerSecond} messages a second.`);
  };
  for (const event of ['message', 'ping', 'pong']) opened.on(event, take);
  const reason = `Nothing was read for ${unreadSeconds} s, or ${unreadBytes} bytes were not.`;
  const unwatch = unread.add(
    socket,
    () => opened.bufferedAmount,
    () => closeFor(opened, NOT_READ, reason),
  );
  opened.once('close', unwatch);
}

/** Closes the socket with a reason, and ends it soon if the client does not confirm. */
function closeFor(opened: WebSocket, code: number, reason: string): void {
  opened.close(code, reason);
  setTimeout(() => opened.terminate(), CLOSING_MS).unref();
}

function refuse(socket: Duplex, status: number, code: ErrorCode, message: string): void {
  const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

export const TOKEN_EXPIRED = 'The token has expired.';

/** Calls `end` when the token expires. Returns a function that cancels the call. */
export function atExpiry(viewer: Viewer, now: number, end: () => void): () => void {
  const left = viewer.expiresAt - now;
  // A token that lives longer than the longest timer outlives any connection.
  if (left > MAX_TIMER_MS) return () => undefined;
  const timer = setTimeout(end, Math.max(left, 0)).unref();
  return () => clearTimeout(timer);
}
