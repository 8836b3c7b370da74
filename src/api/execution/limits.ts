/**
 * Every bound on what one client may ask for or hold, in one place. HTTP, WebSocket and server-sent events take them
 * from here. Each can be set by a variable of the environment (`bodyBytes` by LIMIT_BODY_BYTES); docs/configuration.md is
 * made from this table.
 */

interface Bound {
  readonly fallback: number;
  /** The least and the greatest value of the variable. */
  readonly least: number;
  readonly most: number;
  /** The bounded quantity, and the consequence of more unless that is LIMIT_EXCEEDED. */
  readonly what: string;
}

const BOUNDS = {
  bodyBytes: {
    ...{ fallback: 102_400, least: 1_000, most: 100_000_000 },
    what: "Of a request's body (more: 413), and of a WebSocket message (more: it closes with 1009).",
  },
  // 1,000 fills have about 300 kB.
  serviceBodyBytes: {
    ...{ fallback: 1_048_576, least: 1_000, most: 100_000_000 },
    what: "Of a request's body with a token of SERVICE (more: 413).",
  },
  // The introspection of GraphiQL has about 350.
  tokens: {
    ...{ fallback: 1_000, least: 100, most: 100_000 },
    what: 'Lexical tokens of a document (more: GRAPHQL_PARSE_FAILED).',
  },
  // Introspection has 15.
  depth: { ...{ fallback: 16, least: 5, most: 100 }, what: 'Fields within each other.' },
  aliases: {
    ...{ fallback: 50, least: 1, most: 10_000 },
    what: 'Aliases, and repetitions of a field. Fragments count wherever they are spread.',
  },
  rootFields: { ...{ fallback: 20, least: 1, most: 1_000 }, what: 'Root fields of an operation.' },
  directives: { ...{ fallback: 50, least: 1, most: 1_000 }, what: 'Directives of a document.' },
  cost: {
    ...{ fallback: 100_000, least: 100, most: 100_000_000 },
    what: 'Cost of one operation. What looks at every account costs by their number.',
  },
  costPerMinute: {
    ...{ fallback: 500_000, least: 100, most: 1_000_000_000 },
    what:
      'Cost of one viewer in a minute, counted in Redis where there is one (more: RATE_LIMITED, 429 with `Retry-After`). ' +
      'SERVICE has no such bound. Callers without a token are counted by address. The work of a used idempotency key is free.',
  },
  writesPerViewer: {
    ...{ fallback: 8, least: 1, most: 10_000 },
    what:
      'Writes of one trader that run at this process, or wait behind others of their account. Ten times as many may wait ' +
      'behind these (more: RATE_LIMITED).',
  },
  alertsPerHour: {
    ...{ fallback: 200, least: 1, most: 1_000_000 },
    what:
      'Alerts of one account within an hour, whatever made them. Then changes by its owner that can make more are refused ' +
      '(RATE_LIMITED), but for added margin.',
  },
  operationSeconds: {
    ...{ fallback: 15, least: 0.1, most: 3_600 },
    what: 'For the answer to an operation (longer: SERVICE_UNAVAILABLE, 503). A mutation may take effect all the same.',
  },
  eventSeconds: {
    ...{ fallback: 30, least: 0.1, most: 3_600 },
    what: 'For which an event of a subscription is tried again while its fields fail (longer: the stream ends with the error).',
  },
  connections: {
    ...{ fallback: 20_000, least: 1, most: 1_000_000 },
    what: 'WebSockets and event streams of this process (more: 503).',
  },
  connectionsPerViewer: {
    ...{ fallback: 50, least: 1, most: 1_000_000 },
    what: 'WebSockets and event streams of one viewer at this process (more: a socket closes with 1008, a stream gets 429).',
  },
  operationsPerSocket: {
    ...{ fallback: 100, least: 1, most: 100_000 },
    what: 'Operations that run at the same time on one WebSocket.',
  },
  messagesPerSecond: {
    ...{ fallback: 50, least: 1, most: 1_000_000 },
    what: 'Frames of one WebSocket, pings too. It may save up four seconds of them (more: it closes with 1008).',
  },
  unreadSeconds: {
    ...{ fallback: 15, least: 0.1, most: 3_600 },
    what: 'For which a client may take in nothing of what waits for it (longer: the connection ends, a socket with 1013).',
  },
  unreadBytes: {
    ...{ fallback: 8_388_608, least: 10_000, most: 1_000_000_000 },
    what: 'That may wait for one client (more: the connection ends, a socket with 1013).',
  },
  // Proxies end a silent connection, often after a minute. But each heartbeat wakes the radio of a phone.
  heartbeatSeconds: {
    ...{ fallback: 25, least: 0.1, most: 3_600 },
    what: 'Between two pings of a WebSocket, or two comments of an event stream.',
  },
  headersSeconds: {
    ...{ fallback: 10, least: 0.1, most: 3_600 },
    what: 'For the head of a request to arrive (longer: 408).',
  },
  requestSeconds: {
    ...{ fallback: 30, least: 0.1, most: 3_600 },
    what: 'For a whole request to arrive (longer: 408).',
  },
  // More than the minute of most load balancers.
  idleSeconds: { ...{ fallback: 75, least: 0.1, most: 3_600 }, what: 'Between two requests of a connection.' },
  drainSeconds: { ...{ fallback: 10, least: 0.1, most: 3_600 }, what: 'For what runs to end after SIGTERM.' },
} as const satisfies Record<string, Bound>;

export type LimitName = keyof typeof BOUNDS;
export type Limits = Readonly<Record<LimitName, number>>;

const NAMES = Object.keys(BOUNDS) as LimitName[];

/** Such as LIMIT_BODY_BYTES of `bodyBytes`. */
function variableOf(name: LimitName): string {
  return `LIMIT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** The limits, read from the environment by the given reader of numbers. */
export function readLimits(
  read: (variable: string, fallback: number, least: number, most: number, whole: boolean) => number,
): Limits {
  const limits = NAMES.map((name) => {
    const { fallback, least, most } = BOUNDS[name];
    return [name, read(variableOf(name), fallback, least, most, !name.endsWith('Seconds'))];
  });
  return Object.freeze(Object.fromEntries(limits) as Record<LimitName, number>);
}

/** The defaults. */
export const LIMITS: Limits = readLimits((_variable, fallback) => fallback);

/** The bounds by the variable that sets them. The documents are made from this map. */
export const LIMIT_VARIABLES: ReadonlyMap<string, Bound> = new Map(
  NAMES.map((name) => [variableOf(name), BOUNDS[name]]),
);
