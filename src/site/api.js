/** The API as these pages use it: a token, requests over HTTP, subscriptions over WebSocket. */
const TOKEN = 'plimsoll-token';
/** An answer that takes longer counts as none. */
const PATIENCE_MS = 5_000;
const PING_EVERY_MS = 10_000;

let authorization = null;

/** There is no token, or none that the server accepts: somebody has to give one. */
export class NotSignedIn extends Error {}

/** The tokens that a demo fills in, by role; empty elsewhere. */
export const demoTokens = () => getJson('/page/tokens.json');

export async function getJson(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  return response.json();
}

/** What the demo fills in, or else what somebody typed in this tab. */
async function authorize() {
  if (authorization !== null) return authorization;
  const token = (await demoTokens()).admin ?? sessionStorage.getItem(TOKEN);
  if (token === null) throw new NotSignedIn();
  authorization = `Bearer ${token}`;
  return authorization;
}

export const hasTypedToken = () => sessionStorage.getItem(TOKEN) !== null;

export function setToken(token) {
  authorization = null;
  sessionStorage.setItem(TOKEN, token.replace(/^Bearer\s+/i, '').trim());
}

export function forgetToken() {
  authorization = null;
  sessionStorage.removeItem(TOKEN);
}

/** The data of one query over HTTP. */
export async function ask(query) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: await authorize() },
    body: JSON.stringify({ query }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const { data, errors } = await response.json();
  if (errors === undefined) return data;
  // Expired, or of a server that has another secret now: the next request looks for another one.
  if (errors.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')) forgetToken();
  throw new Error(errors.map(({ message }) => message).join(' '));
}

export const socketUrl = () => new URL('/graphql', location.href.replace(/^http/, 'ws')).href;

/** Calls `onData` with every event until the connection breaks or the server ends the stream; then it throws. */
export async function follow(query, variables, { onOpen, onData }) {
  const token = await authorize();
  let unanswered;
  const client = graphqlWs.createClient({
    url: socketUrl(),
    retryAttempts: 0,
    connectionParams: { authorization: token },
    keepAlive: PING_EVERY_MS,
    on: {
      connected: onOpen,
      // A connection that is lost without a word, as on a phone between two networks, answers no ping.
      ping: (received) => {
        if (!received) unanswered = setTimeout(() => client.terminate(), PATIENCE_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(unanswered);
      },
    },
  });
  try {
    for await (const { data } of client.iterate({ query, variables })) if (data) onData(data);
    throw new Error('The server ended the stream.');
  } finally {
    clearTimeout(unanswered);
    await client.dispose();
  }
}
