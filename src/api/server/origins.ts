/** Pages of which origins may use the API. A browser names the page's origin; other programs name none. */
import type { IncomingHttpHeaders } from 'node:http';

/** Whether a WebSocket may be opened: CORS, which does it for requests, does not reach those. */
export function mayConnect({ origin, host }: IncomingHttpHeaders, origins: readonly string[]): boolean {
  if (origin === undefined) return true;
  if (origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Whether the request was addressed to this machine by a name of its own. A page elsewhere can give its own name the
 * address of this machine, and reads then what it asks for.
 */
export function isForLoopback({ host }: IncomingHttpHeaders): boolean {
  return host !== undefined && URL.canParse(`http://${host}`) && LOOPBACK.has(new URL(`http://${host}`).hostname);
}
