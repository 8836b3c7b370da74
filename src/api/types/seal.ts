/**
 * Seals the text of an id or a cursor, so that clients learn nothing from it and cannot make one. The numbers in it count
 * what happens at all of a venue's accounts.
 *
 * The same text always gives the same seal, at every server and after every restart, because clients compare ids as text.
 * That is encryption with a synthetic initialisation vector, as in RFC 5297: a keyed hash of the text both starts the
 * cipher and proves that the text was sealed here.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** The first byte of what is sealed. No text of an id begins with it. */
const FORMAT = 1;
const TAG = 12;
/** All texts up to this length look alike, so that none tells how many digits its number has. */
const BLOCK = 32;
/** No id and no cursor of this server is longer; an account's name is its longest part. */
const MAX = 2_000;

export class Seal {
  private readonly hashKey: Buffer;
  private readonly cipherKey: Buffer;

  constructor(secret: Uint8Array) {
    const keys = Buffer.from(hkdfSync('sha256', secret, new Uint8Array(), 'plimsoll ids and cursors', 64));
    this.hashKey = keys.subarray(0, 32);
    this.cipherKey = keys.subarray(32);
  }

  /**
   * @param purpose what the text is for; it opens for nothing else
   * @param text without a space at its end
   */
  seal(purpose: string, text: string): string {
    const length = Buffer.byteLength(text);
    const plain = Buffer.alloc(Math.ceil(length / BLOCK) * BLOCK, ' ');
    plain.write(text);
    const tag = this.tagOf(purpose, plain);
    const cipher = createCipheriv('aes-256-ctr', this.cipherKey, startOf(tag));
    return Buffer.concat([Buffer.of(FORMAT), tag, cipher.update(plain)]).toString('base64url');
  }

  /** Null: the text was not sealed for this purpose by this installation. */
  open(purpose: string, sealed: string): string | null {
    if (sealed.length > MAX) return null;
    const bytes = Buffer.from(sealed, 'base64url');
    // Only the spelling that `seal` gives is accepted, because clients compare ids as text.
    if (!isSealed(bytes) || bytes.toString('base64url') !== sealed) return null;
    const tag = bytes.subarray(1, 1 + TAG);
    const plain = createDecipheriv('aes-256-ctr', this.cipherKey, startOf(tag)).update(bytes.subarray(1 + TAG));
    return timingSafeEqual(tag, this.tagOf(purpose, plain)) ? plain.toString('utf8').trimEnd() : null;
  }

  private tagOf(purpose: string, plain: Buffer): Buffer {
    return createHmac('sha256', this.hashKey).update(`${purpose}\0`).update(plain).digest().subarray(0, TAG);
  }
}

/** Whether it may have been sealed: an id whose parts are no secret is not. */
export function isSealed(bytes: Buffer): boolean {
  return bytes[0] === FORMAT && bytes.length > 1 + TAG;
}

/** The rest of the cipher's first block counts blocks. */
function startOf(tag: Buffer): Buffer {
  return Buffer.concat([tag, Buffer.alloc(16 - TAG)]);
}
