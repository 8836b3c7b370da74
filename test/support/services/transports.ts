/** One operation over each of the transports, for what has to be the same on all of them. */
import type { Api } from './api.js';
import { connectSocket, operate, post } from './raw.js';

export const TRANSPORTS = ['HTTP', 'WebSocket', 'events'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

export interface FirstAnswer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[];
  readonly extensions?: Record<string, unknown>;
}

/** The first answer, or first event, to an operation. */
export async function answerOver(
  transport: TransportName,
  api: Api,
  query: string,
  variables: object = {},
): Promise<FirstAnswer> {
  if (transport === 'HTTP') return JSON.parse((await post(api, query, variables)).text) as FirstAnswer;
  if (transport === 'events') return eventOf(await openStream(api, query, variables));
  const socket = await connectSocket(api);
  const [answer] = await operate(socket, query, variables);
  socket.close();
  return answer?.type === 'error'
    ? { errors: answer.payload as NonNullable<FirstAnswer['errors']> }
    : (answer?.payload as FirstAnswer);
}

/** A request for server-sent events, as it is answered. */
export function openStream(
  { url, authorization }: Api,
  query: string,
  variables: object = {},
  init: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(`${url}/graphql/stream`, {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      ...(authorization === undefined ? {} : { authorization }),
      ...init.headers,
    },
    body: JSON.stringify({ query, variables }),
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  });
}

/** The first event of a stream that ends by itself; or the answer that is there instead of one. */
async function eventOf(response: Response): Promise<FirstAnswer> {
  const text = await response.text();
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true)
    return JSON.parse(text) as FirstAnswer;
  return JSON.parse(/^event: next\ndata: (.*)$/m.exec(text)?.[1] ?? '{}') as FirstAnswer;
}
