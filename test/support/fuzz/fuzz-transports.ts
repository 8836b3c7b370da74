/** Requests that may be wrong, over each of the transports; everything that comes back, as text. */
import { GraphQLError, Kind, OperationTypeNode, parse } from 'graphql';

import type { Api } from '../services/api.js';
import { pick, type Dice, type FuzzedRequest } from './random-operations.js';
import { connectSocket, post, postRaw } from '../services/raw.js';
import { openStream, type TransportName } from '../services/transports.js';

export interface Report {
  /** Of HTTP. */
  readonly status: number;
  /** Each of them a GraphQL answer. */
  readonly answers: readonly string[];
  /** Of a WebSocket that was closed for it. */
  readonly closed: number | null;
}

/** What the first operation of a text asks for; null where none can be read. */
function kindOf(query: string): OperationTypeNode | null {
  try {
    const [definition] = parse(query).definitions;
    return definition?.kind === Kind.OPERATION_DEFINITION ? definition.operation : null;
  } catch (error) {
    if (error instanceof GraphQLError) return null;
    throw error;
  }
}

/** Whether it may go on for ever, if the server takes it. */
function isSubscription(query: string): boolean {
  return kindOf(query) === OperationTypeNode.SUBSCRIPTION;
}

/** Of twenty operations, those that do not go over HTTP. */
const ELSEWHERE = { query: 5, mutation: 1, subscription: 19 };

export function transportFor(query: string, dice: Dice): TransportName {
  const isElsewhere = dice(20) < ELSEWHERE[kindOf(query) ?? OperationTypeNode.QUERY];
  return isElsewhere ? pick(dice, ['WebSocket', 'events']) : 'HTTP';
}

export function tell(transport: TransportName, api: Api, request: FuzzedRequest): Promise<Report> {
  if (transport === 'HTTP') return overHttp(api, request);
  return transport === 'WebSocket' ? overSocket(api, request) : overEvents(api, request);
}

async function overHttp(api: Api, request: FuzzedRequest): Promise<Report> {
  const { status, text } = await postRaw(api, JSON.stringify(request));
  return { status, answers: [text], closed: null };
}

/** What is asked beside a subscription: what that has to say at first should be there by then, and is not waited for. */
const MEANWHILE = '{ venues { instruments { markPrice { price } } } viewer { accounts { nodes { status } } } }';

async function overSocket(api: Api, request: FuzzedRequest): Promise<Report> {
  const socket = await connectSocket(api);
  const answers: string[] = [];
  socket.send({ id: 'fuzzed', type: 'subscribe', payload: request });
  if (isSubscription(request.query)) socket.send({ id: 'meanwhile', type: 'subscribe', payload: { query: MEANWHILE } });
  const heard = async (): Promise<null> => {
    for (;;) {
      const { id, type, payload } = await socket.next();
      if (id === 'fuzzed' && type !== 'complete')
        answers.push(JSON.stringify(type === 'error' ? { errors: payload } : payload));
      // Of a subscription, the first event is enough.
      if (type === 'complete' || type === 'error' || (id === 'fuzzed' && isSubscription(request.query))) return null;
    }
  };
  const closed = await heard().catch(async () => (await socket.closed).code);
  socket.close();
  return { status: 101, answers, closed };
}

async function overEvents(api: Api, { query, variables }: FuzzedRequest): Promise<Report> {
  const left = new AbortController();
  const response = await openStream(api, query, variables as object, { signal: left.signal });
  const { status } = response;
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
    return { status, answers: [await response.text()], closed: null };
  }
  let text = '';
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
  };
  const whole = read().catch(() => undefined);
  await (isSubscription(query) ? Promise.race([whole, post(api, MEANWHILE)]) : whole);
  left.abort();
  await whole;
  // An event that was cut short by leaving has no line to end it.
  return { status, answers: [...text.matchAll(/^data: (\{.*\})\n/gm)].map(([, data]) => data ?? ''), closed: null };
}
