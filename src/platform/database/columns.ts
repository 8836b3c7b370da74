/**
 * Rows as columns of SQL: an array a column, as one text each. A client of the database turns an array of values into
 * parameters element by element; a text goes as it is, and PostgreSQL reads it in half the time of the same rows as JSON.
 */

type Value = string | number | boolean | null;

/** An array as PostgreSQL writes it; cast it to its type in SQL. */
export function columnOf<Row>(rows: readonly Row[], valueOf: (row: Row) => Value): string {
  let text = '{';
  for (const [place, row] of rows.entries()) {
    const value = valueOf(row);
    if (place > 0) text += ',';
    text += typeof value === 'string' ? quoted(value) : value === null ? 'NULL' : `${value}`;
  }
  return `${text}}`;
}

/** Numbers, ids, instants and names of enums; not NULL, which would be one in an array. */
const PLAIN = /^(?!null$)[\w.:+-]+$/i;

function quoted(value: string): string {
  return PLAIN.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}
