type Column = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** Columns grow by an eighth: little stays empty, and each number is copied about eight times in all. */
const SHARE = 8;
const SMALLEST = 64;

/** The column with at least `needed` places; new places are 0. */
export function grown<T extends Column>(column: T, needed: number): T {
  const length = Math.max(needed, SMALLEST, column.length + Math.ceil(column.length / SHARE));
  const longer = new (column.constructor as new (length: number) => T)(length);
  longer.set(column);
  return longer;
}
