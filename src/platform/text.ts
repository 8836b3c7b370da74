/** NUL, and halves of surrogate pairs. */
const UNSTORABLE = /[\0\p{Cs}]/u;

/** Whether PostgreSQL stores a text unchanged. It refuses NUL, and turns half of a pair into another character. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}
