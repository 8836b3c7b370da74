/**
 * Every bound on what one client may ask for or hold, in one place. HTTP, WebSocket and server-sent events take them
 * from here; each can be set by a variable of the environment (`bodyBytes` by LIMIT_BODY_BYTES), and the README's
 * table names them all.
 */

/** By name: the default, the least and the most that it can be set to. */
const BOUNDS = {
  /** Of a request's body, and of a WebSocket message. */
  bodyBytes: [102_400, 1_000, 100_000_000],
  /** The same for SERVICE; 1,000 fills have about 300 kB. */
  serviceBodyBytes: [1_048_576, 1_000, 100_000_000],
  /** Of one document; the introspection of GraphiQL has about 350. */
  tokens: [1_000, 100, 100_000],
  /** Fields within fields; introspection has 15. */
  depth: [16, 5, 100],
  /** Aliases and repetitions of a field, fragments counted wherever they are spread. */
  aliases: [50, 1, 10_000],
  rootFields: [20, 1, 1_000],
  directives: [50, 1, 1_000],
  /** Of one operation, as `cost.ts` counts it. */
  cost: [100_000, 100, 100_000_000],
  /** Of all operations of one viewer. */
  costPerMinute: [500_000, 100, 1_000_000_000],
  /** For the answer to one operation. */
  operationSeconds: [15, 0.1, 3_600],
  /** WebSockets and event streams of this process. */
  connections: [20_000, 1, 1_000_000],
  /** WebSockets and event streams of one viewer at this process. */
  connectionsPerViewer: [50, 1, 1_000_000],
  /** Operations that run at the same time on one WebSocket. */
  operationsPerSocket: [100, 1, 100_000],
  /** Frames of one WebSocket, control frames too; it may save up four seconds of them. */
  messagesPerSecond: [50, 1, 1_000_000],
  /** How long a connection may take in nothing of what waits for it. */
  unreadSeconds: [15, 0.1, 3_600],
  /** What may wait for one connection. */
  unreadBytes: [8_388_608, 10_000, 1_000_000_000],
  /**
   * Between two signs of life on a connection that is quiet. Proxies end one that is silent, often after a minute; each
   * wakes the radio of a phone, and is a write and a read of this process for every one of its connections.
   */
  heartbeatSeconds: [25, 0.1, 3_600],
  /** For the head of a request to arrive. */
  headersSeconds: [10, 0.1, 3_600],
  /** For the whole of a request to arrive. */
  requestSeconds: [30, 0.1, 3_600],
  /** Between two requests of a connection; more than the minute of most load balancers. */
  idleSeconds: [75, 0.1, 3_600],
  /** For what runs to end when the server is stopped. */
  drainSeconds: [10, 0.1, 3_600],
} as const satisfies Record<string, readonly [number, number, number]>;

export type LimitName = keyof typeof BOUNDS;
export type Limits = Readonly<Record<LimitName, number>>;

const NAMES = Object.keys(BOUNDS) as LimitName[];

/** Such as LIMIT_BODY_BYTES of `bodyBytes`. */
function variableOf(name: LimitName): string {
  return `LIMIT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** The limits as a reader of numbers finds them in the environment. */
export function readLimits(
  read: (variable: string, fallback: number, least: number, most: number, whole: boolean) => number,
): Limits {
  const limits = NAMES.map((name) => {
    const [fallback, least, most] = BOUNDS[name];
    return [name, read(variableOf(name), fallback, least, most, !name.endsWith('Seconds'))];
  });
  return Object.freeze(Object.fromEntries(limits) as Record<LimitName, number>);
}

/** What holds where nothing is configured. */
export const LIMITS: Limits = readLimits((_variable, fallback) => fallback);

/** By the variable that sets it, the default: what the README's table has to say. */
export const LIMIT_DEFAULTS: ReadonlyMap<string, number> = new Map(
  NAMES.map((name) => [variableOf(name), BOUNDS[name][0]]),
);

/** What stands in the schema. */
export function limitsInWords(limits: Limits): string {
  const { bodyBytes, serviceBodyBytes, tokens, depth, aliases, rootFields, directives, cost } = limits;
  const { costPerMinute, operationSeconds, connectionsPerViewer, operationsPerSocket, messagesPerSecond } = limits;
  return `The margin state of trading portfolios.

Limits, as they are by default, the same over HTTP, WebSocket and server-sent events; more is LIMIT_EXCEEDED where nothing
else is said:
- a body of ${bodyBytes} bytes, of SERVICE ${serviceBodyBytes};
- a document of ${tokens} tokens (GRAPHQL_PARSE_FAILED), ${depth} fields in depth, ${aliases} aliases and repeated fields, ${rootFields} root
  fields and ${directives} directives;
- a cost of ${cost} for one operation, told in \`extensions.cost\` of its answer: 1 for every scalar; 20 for a margin state,
  a liquidation price, or what can be taken out; 50 for a simulation, times its changes, and for a past state; 20 for
  every shock of a stress test; all of it times the sizes of the lists that it is in: the number of ids or items asked
  for, or \`first\`, or 10;
- a cost of ${costPerMinute} for one viewer in a minute, but for SERVICE (RATE_LIMITED, with the seconds to wait in
  \`extensions.retryAfter\`; over HTTP status 429 with Retry-After); a subscription is paid for once, when it is opened;
- ${operationSeconds} seconds for an operation (SERVICE_UNAVAILABLE; a mutation may take effect all the same);
- ${connectionsPerViewer} WebSockets and event streams of one viewer, ${operationsPerSocket} operations at a time and ${messagesPerSecond} messages a second
  on a WebSocket.`;
}
