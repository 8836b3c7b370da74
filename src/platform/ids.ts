export { v7 as uuidv7 } from 'uuid';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text may be compared with a column of uuids; anything else would be an error of the database. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
