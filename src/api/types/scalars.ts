import { GraphQLError, GraphQLScalarType, valueFromASTUntyped } from 'graphql';

import { parseDecimal, roundDown, toPlain, type Decimal } from '../../margin/decimal.js';

/** Shortens an input value for a message: it may have 90,000 digits. */
function badInput(expected: string, value: unknown): GraphQLError {
  const shown = typeof value === 'string' && value.length <= 60 ? JSON.stringify(value) : kindOf(value);
  return new GraphQLError(`Expected ${expected}; got ${shown}.`, { extensions: { code: 'BAD_USER_INPUT' } });
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const A_DECIMAL =
  'a decimal as a string in plain notation, such as "-12.5", with at most 30 integer and 18 fraction digits';

function readDecimal(value: unknown): Decimal {
  const read = typeof value === 'string' ? parseDecimal(value) : null;
  if (read === null) throw badInput(A_DECIMAL, value);
  return read;
}

export const DecimalScalar = new GraphQLScalarType<Decimal, string>({
  name: 'Decimal',
  description:
    'Exact decimal, always a string in plain notation such as "-12.5". It matches ' +
    '-?(0|[1-9][0-9]{0,29})([.][0-9]{1,18})?; JSON numbers are refused. Answers carry no trailing zeros and no -0, and ' +
    'are rounded once, to 18 fraction digits: requirements and margin ratios up, liquidation prices towards the present ' +
    'price, everything else towards minus infinity. So parts may differ from their total in the last digits.',
  // Resolvers round the fields that are rounded up, so those stay the same here.
  serialize: (value) => toPlain(roundDown(value as Decimal)),
  parseValue: readDecimal,
  parseLiteral: (node) => readDecimal(valueFromASTUntyped(node)),
});

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z$/;
const AN_INSTANT = 'an instant in UTC, such as "2023-03-11T08:06:00Z" or "2023-03-11T08:06:00.250Z"';

function readInstant(value: unknown): Date {
  const isPlain = typeof value === 'string' && value.length <= 24 && INSTANT.test(value);
  const read = new Date(isPlain ? value : Number.NaN);
  // 30 February would roll over into March.
  const rolledOver = isPlain && !Number.isNaN(read.getTime()) && !read.toISOString().startsWith(value.slice(0, 19));
  if (Number.isNaN(read.getTime()) || rolledOver) throw badInput(AN_INSTANT, value);
  return read;
}

export const DateTimeScalar = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description: 'ISO-8601 instant in UTC (Z), such as "2023-03-11T08:06:00.250Z"; milliseconds are optional as input.',
  serialize: (value) => (value as Date).toISOString(),
  parseValue: readInstant,
  parseLiteral: (node) => readInstant(valueFromASTUntyped(node)),
});
