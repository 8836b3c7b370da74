/** The types that a parameter of a margin policy may have: how each is stated, stored and checked. */
import { ONE, ZERO, decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import { Fraction } from '../../margin/fraction.js';
import type { OpenOrderRules, TransferFloor } from '../../margin/model.js';

/** The decimals of a record, by name. */
export type Decimals = Readonly<Record<string, Decimal>>;

/** A value that is several decimals, or several choices. */
export interface RecordShape {
  /** Of its type in the schema. */
  readonly name: string;
  readonly description: string;
  /** What each decimal or choice means, by its name. */
  readonly fields: Readonly<Record<string, string>>;
  /** By name: the values of each choice, and the enum of the schema that has them. Left out: decimals. */
  readonly choices?: Readonly<Record<string, { readonly values: readonly string[]; readonly enum: string }>>;
}

/** The codec and the range of values of one type. */
export interface ParameterType<T> {
  readonly name: 'FLAG' | 'CHOICE' | 'PART' | 'RECORD' | 'CHOICES';
  /** The values of a choice. */
  readonly values: readonly string[];
  /** Of a record; null: a single value. */
  readonly record: RecordShape | null;
  /** The value that a draft or a file states: of a record its decimals or choices, else the value itself. */
  fromStated(stated: unknown): T;
  fromRow(stored: unknown): T;
  toRow(value: T): unknown;
  /** The expected range, in a sentence; null: the value is in range. */
  problem(value: T): string | null;
}

export const FLAG: ParameterType<boolean> = {
  name: 'FLAG',
  values: [],
  record: null,
  fromStated: (stated) => stated as boolean,
  fromRow: (stored) => stored === true,
  toRow: (value) => value,
  problem: () => null,
};

/** From 0 to 1. */
export const PART: ParameterType<Decimal> = {
  name: 'PART',
  values: [],
  record: null,
  fromStated: (stated) => stated as Decimal,
  fromRow: (stored) => decimal((stored as { toFixed(): string }).toFixed()),
  toRow: toPlain,
  problem: (value) => (value.gte(ZERO) && value.lte(ONE) ? null : 'Expected a part of 1, from 0 to 1.'),
};

export function choice<T extends string>(...values: readonly T[]): ParameterType<T> {
  return {
    name: 'CHOICE',
    values,
    record: null,
    fromStated: (stated) => stated as T,
    fromRow: (stored) => stored as T,
    toRow: (value) => value,
    problem: () => null,
  };
}

/** A value made of decimals, which are read from JSON in the database. */
function record<T>(
  shape: RecordShape,
  make: (decimals: Decimals) => T,
  decimalsOf: (value: T) => Decimals,
  problem: (value: T) => string | null,
): ParameterType<T> {
  const each = <A, B>(values: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> =>
    Object.fromEntries(Object.keys(shape.fields).map((name) => [name, map(values[name] as A)]));
  return {
    name: 'RECORD',
    values: [],
    record: shape,
    fromStated: (stated) => make(stated as Decimals),
    fromRow: (stored) => make(each(stored as Readonly<Record<string, string>>, decimal)),
    toRow: (value) => each(decimalsOf(value), toPlain),
    problem,
  };
}

/** A value made of choices, which are stored as JSON. */
function choices<T extends object>(shape: Required<RecordShape>): ParameterType<T> {
  const each = (values: unknown): unknown =>
    Object.fromEntries(Object.keys(shape.fields).map((name) => [name, (values as Record<string, string>)[name]]));
  return {
    name: 'CHOICES',
    values: [],
    record: shape,
    fromStated: (stated) => each(stated) as T,
    fromRow: (stored) => each(stored) as T,
    toRow: each,
    problem: () => null,
  };
}

export const FRACTION = record<Fraction>(
  {
    name: 'Fraction',
    description: 'A ratio that may have no decimal, such as 1/1.05. It is compared exactly.',
    fields: { numerator: 'Above 0.', denominator: 'Above 0.' },
  },
  ({ numerator = ZERO, denominator = ZERO }) => new Fraction(numerator, denominator),
  ({ numerator, denominator }) => ({ numerator, denominator }),
  ({ numerator, denominator }) =>
    numerator.gt(ZERO) && denominator.gt(ZERO) && numerator.lte(denominator)
      ? null
      : 'Expected a fraction above 0 and at most 1: a numerator above 0, and a denominator that is at least as large.',
);

export const TRANSFER_FLOOR = record<TransferFloor>(
  {
    name: 'TransferFloor',
    description: 'What a transfer out leaves at least, beside the initial margin: the larger of both.',
    fields: {
      notionalRate: 'Part of the notional of cross positions that stays; from 0 to 1.',
      maintenanceMultiple: 'Multiple of maintenance margin that stays; from 0 on.',
    },
  },
  ({ notionalRate = ZERO, maintenanceMultiple = ZERO }) => ({ notionalRate, maintenanceMultiple }),
  ({ notionalRate, maintenanceMultiple }) => ({ notionalRate, maintenanceMultiple }),
  ({ notionalRate, maintenanceMultiple }) =>
    PART.problem(notionalRate) === null && maintenanceMultiple.gte(ZERO)
      ? null
      : 'Expected a notional rate from 0 to 1, and a maintenance multiple of 0 or more.',
);

const ORDER_WEIGHT = { values: ['WORST_SIDE', 'NONE'], enum: 'OrderWeight' };

export const OPEN_ORDERS = choices<OpenOrderRules>({
  name: 'OpenOrderRules',
  description: 'What resting orders require beside the positions.',
  fields: {
    initial: 'Whether they count for initial margin.',
    maintenance: 'Whether they count for maintenance margin, and so for statuses and liquidation prices.',
    openLoss: 'Whether what they would lose at once, filled at their limits, adds to initial margin.',
  },
  choices: {
    initial: ORDER_WEIGHT,
    maintenance: ORDER_WEIGHT,
    openLoss: { values: ['INITIAL', 'NONE'], enum: 'OpenLoss' },
  },
});
