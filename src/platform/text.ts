/** NUL, and halves of surrogate pairs. */
const UNSTORABLE = /[\0\p{Cs}]/u;

/** Whether PostgreSQL gives a text back as it was: NUL it refuses, and half of a pair becomes another character. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}
