/** Who asks: the subject of a token signed with AUTH_SECRET. A token is verified once and remembered. */
import { createHmac, timingSafeEqual } from 'node:crypto';

const remembered = new Map();

/** Throws where the token is missing, forged, or past. */
export function viewerOf(authorization = '') {
  const known = remembered.get(authorization);
  if (known !== undefined && known.exp * 1_000 > Date.now()) return known.sub;
  const [header, payload, signature] = authorization.replace(/^Bearer /, '').split('.');
  const own = createHmac('sha256', process.env.AUTH_SECRET).update(`${header}.${payload}`).digest();
  if (!timingSafeEqual(own, Buffer.from(signature, 'base64url'))) throw new Error('The token is not valid.');
  const read = JSON.parse(Buffer.from(payload, 'base64url').toString());
  if (read.exp * 1_000 <= Date.now()) throw new Error('The token has expired.');
  remembered.set(authorization, read);
  return read.sub;
}
