/**
 * Strict reading of the files of reference data. The reader requests every value by its type; an error names the file
 * and the path. Decimals are strings, since JSON.parse rounds numbers.
 */
import { readFile } from 'node:fs/promises';

import { parseDecimal, type Decimal } from '../../margin/decimal.js';

export class ReferenceDataError extends Error {
  constructor(
    readonly file: string,
    readonly path: string,
    problem: string,
  ) {
    super(`Reference data: ${file}${path === '' ? '' : `, at ${path}`}: ${problem}`);
    this.name = 'ReferenceDataError';
  }
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_EXCERPT = 80;

/** A value of a JSON file, with the place where it stands. */
export class JsonValue {
  constructor(
    readonly file: string,
    readonly path: string,
    private readonly value: unknown,
  ) {}

  /** Reports a value of the right type that is wrong otherwise. */
  refuse(problem: string): ReferenceDataError {
    return new ReferenceDataError(this.file, this.path, problem);
  }

  /** An object with exactly these fields, of which the optional ones may be left out. */
  record(required: readonly string[], optional: readonly string[] = []): (name: string) => JsonValue {
    const fields = this.object();
    for (const name of Object.keys(fields)) {
      if (![...required, ...optional].includes(name)) {
        const known = [...required, ...optional].join(', ');
        throw this.at(name, fields[name]).refuse(`there is no such field; known are ${known}`);
      }
    }
    for (const name of required) if (!Object.hasOwn(fields, name)) throw this.refuse(`expected a field "${name}"`);
    return (name) => this.at(name, Object.hasOwn(fields, name) ? fields[name] : undefined);
  }

  /** An object whose field names are data. */
  entries(): [name: string, value: JsonValue][] {
    return Object.entries(this.object()).map(([name, value]) => [name, this.at(name, value)]);
  }

  list(): JsonValue[] {
    if (!Array.isArray(this.value)) throw this.unexpected('a list');
    return this.value.map((item: unknown, index) => new JsonValue(this.file, `${this.path}[${index}]`, item));
  }

  get isAbsent(): boolean {
    return this.value === undefined;
  }

  get isNull(): boolean {
    return this.value === null;
  }

  get isObject(): boolean {
    return typeof this.value === 'object' && this.value !== null && !Array.isArray(this.value);
  }

  get isText(): boolean {
    return typeof this.value === 'string';
  }

  text(): string {
    if (typeof this.value !== 'string' || this.value.trim() === '') throw this.unexpected('a text');
    return this.value;
  }

  oneOf<T extends string>(...values: readonly T[]): T {
    const found = values.find((value) => value === this.value);
    if (found === undefined) throw this.unexpected(`one of ${values.join(', ')}`);
    return found;
  }

  flag(): boolean {
    if (typeof this.value !== 'boolean') throw this.unexpected('true or false');
    return this.value;
  }

  wholeNumber(): number {
    if (!Number.isSafeInteger(this.value) || (this.value as number) < 0) throw this.unexpected('a whole number from 0');
    return this.value as number;
  }

  decimal(): Decimal {
    const parsed = typeof this.value === 'string' ? parseDecimal(this.value) : null;
    if (parsed === null) throw this.unexpected('a decimal in plain notation, as a string such as "0.95"');
    return parsed;
  }

  /** A decimal within bounds, both included; null: no bound on that side. */
  decimalWithin(lowest: number | null, highest: number | null): Decimal {
    const value = this.decimal();
    if ((lowest === null || value.gte(lowest)) && (highest === null || value.lte(highest))) return value;
    const bounds = [lowest === null ? '' : ` from ${lowest}`, highest === null ? '' : ` to ${highest}`].join('');
    throw this.unexpected(`a decimal${bounds}`);
  }

  instant(): Date {
    const at = new Date(typeof this.value === 'string' && INSTANT.test(this.value) ? this.value : NaN);
    // A date such as February 30th would roll over into the next month.
    const same = !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 19) === String(this.value).slice(0, 19);
    if (!same) throw this.unexpected('an instant in UTC such as "2025-01-01T00:00:00Z"');
    return at;
  }

  unexpected(expected: string): ReferenceDataError {
    const text = this.isAbsent ? 'nothing' : JSON.stringify(this.value);
    const came = text.length > MAX_EXCERPT ? `${text.slice(0, MAX_EXCERPT)}...` : text;
    return this.refuse(`expected ${expected}, found ${came}`);
  }

  private object(): Record<string, unknown> {
    if (!this.isObject) throw this.unexpected('an object');
    return this.value as Record<string, unknown>;
  }

  private at(name: string, value: unknown): JsonValue {
    const step = IDENTIFIER.test(name) ? `${this.path === '' ? '' : '.'}${name}` : `[${JSON.stringify(name)}]`;
    return new JsonValue(this.file, this.path + step, value);
  }
}

/** Null when there is no such file. */
export async function readJson(file: string): Promise<JsonValue | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ReferenceDataError(file, '', `cannot be read (${(error as Error).message})`);
  }
  try {
    return new JsonValue(file, '', JSON.parse(text));
  } catch (error) {
    throw new ReferenceDataError(file, '', `is not JSON (${(error as Error).message})`);
  }
}
