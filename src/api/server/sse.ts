/**
 * Subscriptions and queries as server-sent events, for networks that block WebSockets. The protocol is that of
 * graphql-sse in its mode of distinct connections, one operation a request.
 *
 * The library's own handler reads a stream as fast as it has events, and buffers all that the client has not taken. Its
 * other mode keeps reservations that no client claims. This one requests the next event when the last one has left.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ExecutionResult } from 'graphql';
import { OperationTypeNode, getOperationAST } from 'graphql';
import { print } from 'graphql-sse';

import { PullStream } from '../../platform/pull-stream.js';
import { createContext } from '../execution/context.js';
import { withoutHttp } from '../execution/errors.js';
import type { EventResult } from '../execution/event-answers.js';
import { ApiError } from '../types/api-error.js';
import type { Operation } from '../execution/operation.js';
import type { Pipeline } from '../execution/pipeline.js';
import { GRAPHQL_PATH, TOKEN_EXPIRED, atExpiry, type StreamParts } from './websocket.js';

export const STREAM_PATH = `${GRAPHQL_PATH}/stream`;

const EVENT_STREAM = 'text/event-stream';
/** A comment, which clients ignore. */
const HEARTBEAT = ':\n\n';
/** Headers that a page of another origin cannot send without a preflight. */
const PREFLIGHTED = ['authorization', 'apollo-require-preflight', 'x-apollo-operation-name'];

interface Params {
  readonly query: string;
  readonly operationName: string | null;
  readonly variables: Record<string, unknown> | null;
}

/** Call before the server listens. `close` ends the open streams. */
export function serveEventStreams(
  app: FastifyInstance,
  identify: (request: FastifyRequest) => Promise<void>,
  parts: StreamParts,
): { close(): void } {
  const open = new Set<(reason: ApiError) => void>();
  app.route({
    url: STREAM_PATH,
    method: ['GET', 'POST'],
    onRequest: identify,
    handler: async (request, reply) => {
      const params = paramsOf(request, parts.pipeline);
      const release = admit(request, parts);
      try {
        const result = await start(params, request, parts);
        // Thrown, so that it becomes an HTTP error: clients look for the time to retry in its headers.
        const [error] = 'errors' in result ? (result.errors ?? []) : [];
        if (error?.extensions['code'] === 'RATE_LIMITED') throw error;
        await stream(result, request, reply, parts, open);
      } finally {
        release();
      }
    },
  });
  return {
    close: () => {
      for (const end of open) end(new ApiError('SERVICE_UNAVAILABLE', 'The server stops; connect again.'));
    },
  };
}

/** Counts the stream. Throws if there are too many. */
function admit({ client }: FastifyRequest, { connections, limits }: StreamParts): () => void {
  if (connections.areFull) {
    const message = 'There are as many connections as there may be; try again shortly.';
    throw new ApiError('SERVICE_UNAVAILABLE', message, 503);
  }
  const ofClient = connections.openFor(client);
  if (ofClient === null) {
    throw new ApiError('LIMIT_EXCEEDED', `A viewer may have ${limits.connectionsPerViewer} connections.`, 429);
  }
  const ofProcess = connections.open();
  return () => {
    ofClient();
    ofProcess();
  };
}

function paramsOf(request: FastifyRequest, pipeline: Pipeline): Params {
  const { method, headers } = request;
  if (headers.accept?.includes(EVENT_STREAM) !== true) {
    throw new ApiError('BAD_USER_INPUT', `Expected the header "Accept: ${EVENT_STREAM}".`, 406);
  }
  if (method === 'GET' && !PREFLIGHTED.some((name) => headers[name] !== undefined)) {
    throw new ApiError('BAD_USER_INPUT', `Expected one of the headers ${PREFLIGHTED.join(', ')} with a GET.`, 400);
  }
  const given: unknown = method === 'GET' ? request.query : request.body;
  if (!isObject(given)) throw malformed('a JSON object');
  const { operationName = null } = given;
  const query = pipeline.textOf(given);
  if (query === null) throw malformed('`query`, a text, or `documentId`, the id of a trusted document');
  if (operationName !== null && typeof operationName !== 'string') throw malformed('`operationName`, a text');
  return { query, operationName, variables: variablesOf(given['variables']) };
}

function variablesOf(given: unknown): Record<string, unknown> | null {
  let variables: unknown = given ?? null;
  try {
    if (typeof variables === 'string') variables = JSON.parse(variables) as unknown;
  } catch {
    // No object, as the next line finds.
  }
  if (variables !== null && !isObject(variables)) throw malformed('`variables`, a JSON object');
  return variables;
}

function malformed(what: string): ApiError {
  return new ApiError('BAD_USER_INPUT', `Expected ${what}.`, 400);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function start(
  { query, operationName, variables }: Params,
  { client, headers }: FastifyRequest,
  { pipeline, services }: StreamParts,
): Promise<PullStream<EventResult> | ExecutionResult> {
  const { document, errors } = pipeline.read(query, operationName);
  if (errors !== null) return { errors };
  const given = headers['last-event-id'];
  const lastEventId = typeof given === 'string' && given !== '' ? given : null;
  const context: Operation['context'] = (patience) => createContext(services, client.viewer, patience, lastEventId);
  const operation: Operation = { document, operationName, variables, transport: 'sse', client, context };
  const kind = getOperationAST(document, operationName)?.operation;
  return kind === OperationTypeNode.SUBSCRIPTION ? pipeline.subscribe(operation) : pipeline.run(operation);
}

/** Sends events until the stream ends, the client goes, the token ends, or the server stops. */
async function stream(
  result: PullStream<EventResult> | ExecutionResult,
  { client: { viewer }, raw: { socket } }: FastifyRequest,
  reply: FastifyReply,
  { services, unread, limits }: StreamParts,
  open: Set<(reason: ApiError) => void>,
): Promise<void> {
  const events = result instanceof PullStream ? result : null;
  const response = reply.raw;
  reply.hijack();
  response.on('error', (error) => services.log.debug({ err: error }, 'An event stream failed.'));
  response.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': `${EVENT_STREAM}; charset=utf-8`,
    'cache-control': 'no-store',
    // Otherwise nginx would buffer events.
    'x-accel-buffering': 'no',
  });
  // Some browsers open the stream only at the first byte.
  response.write(HEARTBEAT);
  // No event, but clients take the id: one that is cut off before the first event loses nothing.
  const start = events?.places?.start;
  if (start !== undefined) response.write(`id: ${start}\n\n`);

  const last: ApiError[] = [];
  const end = (reason: ApiError): void => {
    last.push(reason);
    void events?.return();
  };
  open.add(end);
  response.once('close', () => void events?.return());
  if (response.destroyed) await events?.return();
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(HEARTBEAT);
  }, limits.heartbeatSeconds * 1_000).unref();
  const expired = (): void => end(new ApiError('UNAUTHENTICATED', TOKEN_EXPIRED));
  const forget = viewer === null ? null : atExpiry(viewer, services.clock(), expired);
  const unwatch = unread.add(
    socket,
    () => response.writableLength,
    () => socket.destroy(),
  );
  try {
    if (events === null) await send(response, result as ExecutionResult);
    else for await (const event of events) await send(response, event);
    for (const error of last) await send(response, { errors: [error] });
    response.end(print({ event: 'complete', data: null }));
  } catch (error) {
    services.log.error({ err: error }, 'An event stream failed.');
    response.destroy();
  } finally {
    clearInterval(heartbeat);
    forget?.();
    unwatch();
    open.delete(end);
  }
}

/** Resolves when there is room for the next event, or the client has gone. */
async function send(response: ServerResponse, { errors, eventId, ...result }: EventResult): Promise<void> {
  if (response.destroyed) return;
  const shown = errors === undefined ? result : { ...result, errors: errors.map(withoutHttp) };
  const id = eventId === undefined ? '' : `id: ${eventId}\n`;
  if (response.write(id + print({ event: 'next', data: shown }))) return;
  const gone = new AbortController();
  const left = (): void => gone.abort();
  response.once('close', left);
  await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
  response.off('close', left);
}
