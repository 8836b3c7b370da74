/** The origins whose pages may use the API. A browser sends the page's origin; other programs send none. */
import type { IncomingHttpHeaders } from 'node:http';

/** Whether a WebSocket may be opened. CORS protects requests, but not WebSockets. */
export function mayConnect({ origin, host }: IncomingHttpHeaders, origins: readonly string[]): boolean {
  if (origin === undefined) return true;
  if (origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Whether the request was addressed to this machine by a local name. A foreign page can let its own name resolve to
 * this machine (DNS rebinding), and could then read the answers.
 */
export function isForLoopback({ host }: IncomingHttpHeaders): boolean {
  return host !== undefined && URL.canParse(`http://${host}`) && LOOPBACK.has(new URL(`http://${host}`).hostname);
}
