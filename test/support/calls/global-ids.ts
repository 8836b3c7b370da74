/** Ids of what is found by a UUID or a code. Those of numbers are sealed (see sealed.ts). */

export function globalIdOf(type: string, ...parts: readonly string[]): string {
  return Buffer.from([type, ...parts].join(':')).toString('base64url');
}

/** The id in the database of what has this global id. */
export function uuidOf(globalId: string): string {
  return Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? '';
}
