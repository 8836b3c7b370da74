/**
 * The parameters of a venue's margin policy: one table, from which rows, reference files, checks, guard rails, audit and
 * API follow. A new one is a field of `Policy` (margin/model.ts), a column, and a line here.
 */
import { ONE, ZERO, decimal, quotientUp, toPlain, type Decimal } from '../../margin/decimal.js';
import { Fraction, WHOLE } from '../../margin/fraction.js';
import type { MaintenanceMethod, OpenOrderRules, PnlCounts, Policy, TransferFloor } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import { problemOfLiabilities } from './liabilities.js';
import type { PolicyCode, Refusal } from './refusal.js';

/** The parameters of a policy that are one value each. */
export type PolicyParameters = Omit<
  Policy,
  | 'version'
  | 'unit'
  | 'singleAsset'
  | 'assets'
  | 'collateralRatios'
  | 'instruments'
  | 'liabilities'
  | 'interest'
  | 'autoExchange'
>;
export type ParameterName = keyof PolicyParameters;

/** The parameters as the database stores them; a record as JSON. */
export type ParameterRow = {
  readonly [K in ParameterName]: PolicyParameters[K] extends boolean | string
    ? PolicyParameters[K]
    : PolicyParameters[K] extends Decimal
      ? string
      : Readonly<Record<string, string>>;
};

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

export interface Parameter<T> {
  readonly type: ParameterType<T>;
  /** Why a value out of range is refused. */
  readonly code: PolicyCode;
  /** Of the value in force, and of the one that a draft asks for. */
  readonly description: string;
  readonly draft: string;
  /** How far a change moves, if that takes `force` beyond the policy's step; null: any change is no step. */
  readonly stepOf: ((before: T, after: T) => Decimal) | null;
  /** Whether the change requires more of an account, or allows it less, and so needs notice. */
  isStricter(before: T, after: T): boolean;
  /** The value if a reference file does not name the parameter; undefined: every file must name it. */
  readonly absent?: T;
}

const FLAG: ParameterType<boolean> = {
  name: 'FLAG',
  values: [],
  record: null,
  fromStated: (stated) => stated as boolean,
  fromRow: (stored) => stored === true,
  toRow: (value) => value,
  problem: () => null,
};

/** From 0 to 1. */
const PART: ParameterType<Decimal> = {
  name: 'PART',
  values: [],
  record: null,
  fromStated: (stated) => stated as Decimal,
  fromRow: (stored) => decimal((stored as { toFixed(): string }).toFixed()),
  toRow: toPlain,
  problem: (value) => (value.gte(ZERO) && value.lte(ONE) ? null : 'Expected a part of 1, from 0 to 1.'),
};

function choice<T extends string>(...values: readonly T[]): ParameterType<T> {
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

const FRACTION = record<Fraction>(
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

const TRANSFER_FLOOR = record<TransferFloor>(
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

const OPEN_ORDERS = choices<OpenOrderRules>({
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

const distance = (before: Decimal, after: Decimal): Decimal => after.minus(before).abs();
/** Rounded up at 18 digits, as the step that it may be has no more. */
const distanceOfFractions = (before: Fraction, after: Fraction): Decimal =>
  quotientUp(
    after.numerator.times(before.denominator).minus(before.numerator.times(after.denominator)).abs(),
    after.denominator.times(before.denominator),
  );

const isHigher = (before: Decimal, after: Decimal): boolean => after.gt(before);
/** A warning threshold requires nothing of an account, so a change needs no notice. */
const never = (): boolean => false;

const TABLE: { readonly [K in ParameterName]: Parameter<PolicyParameters[K]> } = {
  liquidationRatio: {
    type: FRACTION,
    code: 'RATIO_OUT_OF_RANGE',
    description: 'The margin ratio at which liquidation begins; above 0, at most 1.',
    draft: 'The margin ratio at which liquidation begins; above 0, at most 1, and above that of MARGIN_CALL.',
    stepOf: distanceOfFractions,
    isStricter: (before, after) => after.cmp(before) < 0,
    absent: WHOLE,
  },
  liquidatesAtEquality: {
    type: FLAG,
    code: 'INVALID_INPUT',
    description: 'True: liquidated when the margin ratio is at or above `liquidationRatio`; false: only when above.',
    draft: 'True: liquidated when the margin ratio is at or above `liquidationRatio`; false: only when above.',
    stepOf: null,
    isStricter: (before, after) => after && !before,
  },
  maintenanceMethod: {
    type: choice<MaintenanceMethod>('PROGRESSIVE', 'FLAT'),
    code: 'INVALID_INPUT',
    description: 'How maintenance margin follows from the tiers.',
    draft: 'How maintenance margin follows from the tiers.',
    stepOf: null,
    // Where rates fall from tier to tier, PROGRESSIVE requires more.
    isStricter: (before, after) => after !== before,
  },
  pnlCounts: {
    type: choice<PnlCounts>('IN_FULL', 'AS_EQUITY'),
    code: 'INVALID_INPUT',
    description: 'How unrealised PnL of cross positions counts in multi-asset mode.',
    draft: 'How unrealised PnL of cross positions counts in multi-asset mode.',
    stepOf: null,
    // A profit counts less as equity, and a loss less too.
    isStricter: (before, after) => after !== before,
    absent: 'IN_FULL',
  },
  liquidationFeeRate: {
    type: PART,
    code: 'INVALID_INPUT',
    description: 'Added to the maintenance rate of every position, as a part of 1.',
    draft: 'Added to the maintenance rate of every position; from 0 to 1.',
    stepOf: distance,
    isStricter: isHigher,
  },
  warningRatio: {
    type: PART,
    code: 'RATIO_OUT_OF_RANGE',
    description: 'The margin ratio from which on the status is WARNING.',
    draft: 'The margin ratio from which on the status is WARNING; from 0 to that of MARGIN_CALL.',
    stepOf: distance,
    isStricter: never,
  },
  marginCallRatio: {
    type: PART,
    code: 'RATIO_OUT_OF_RANGE',
    description: 'The margin ratio from which on the status is MARGIN_CALL.',
    draft: 'The margin ratio from which on the status is MARGIN_CALL; from 0 to below `liquidationRatio`.',
    stepOf: distance,
    isStricter: never,
  },
  isolatedInMultiAsset: {
    type: FLAG,
    code: 'INVALID_INPUT',
    description: 'Whether isolated positions are allowed in multi-asset mode.',
    draft: 'Whether isolated positions are allowed in multi-asset mode; those that are open stay.',
    stepOf: null,
    isStricter: (before, after) => before && !after,
  },
  debtMarginRate: {
    type: PART,
    code: 'INVALID_INPUT',
    description: 'Value of debts x this rate is required as initial and maintenance margin.',
    draft: 'Value of debts x this rate is required as margin; from 0 to 1. Only where `liquidationRatio` is 1.',
    stepOf: null,
    isStricter: isHigher,
  },
  transferFloor: {
    type: TRANSFER_FLOOR,
    code: 'INVALID_INPUT',
    description: 'What a transfer out leaves at least, beside the initial margin.',
    draft: 'What a transfer out leaves at least, beside the initial margin; 0 and 0: nothing more.',
    stepOf: null,
    isStricter: (before, after) =>
      isHigher(before.notionalRate, after.notionalRate) ||
      isHigher(before.maintenanceMultiple, after.maintenanceMultiple),
    absent: { notionalRate: ZERO, maintenanceMultiple: ZERO },
  },
  openOrders: {
    type: OPEN_ORDERS,
    code: 'INVALID_INPUT',
    description: 'What resting orders require beside the positions.',
    draft:
      'What resting orders require beside the positions; NONE each: nothing. Not for maintenance margin where the method ' +
      'is FLAT and the rates of an instrument fall from tier to tier.',
    stepOf: null,
    isStricter: (before, after) =>
      (['initial', 'maintenance', 'openLoss'] as const).some(
        (name) => before[name] === 'NONE' && after[name] !== 'NONE',
      ),
    absent: { initial: 'NONE', maintenance: 'NONE', openLoss: 'NONE' },
  },
};

/** A parameter of any type, with its name. */
export interface NamedParameter extends Parameter<unknown> {
  readonly name: ParameterName;
}

export const POLICY_PARAMETERS: readonly NamedParameter[] = Object.entries(TABLE).map(([name, parameter]) => ({
  ...(parameter as Parameter<unknown>),
  name: name as ParameterName,
}));

/** One value for each parameter. */
export function parametersBy(value: (parameter: NamedParameter) => unknown): PolicyParameters {
  return Object.fromEntries(
    POLICY_PARAMETERS.map((parameter) => [parameter.name, value(parameter)]),
  ) as unknown as PolicyParameters;
}

export function parameterRow(parameters: PolicyParameters): ParameterRow {
  return parametersBy(({ name, type }) => type.toRow(parameters[name])) as unknown as ParameterRow;
}

/** Why parameters that are in range do not go together (rules: 5); null: they do. */
export function contradictionIn(
  parameters: PolicyParameters & Pick<Policy, 'liabilities'> & { readonly autoExchange: readonly unknown[] },
): Refusal | null {
  const { warningRatio, marginCallRatio, liquidationRatio, debtMarginRate, liabilities, pnlCounts } = parameters;
  if (warningRatio.gt(marginCallRatio)) {
    const message = 'Expected a warning ratio of at most the margin call ratio: a warning comes first.';
    return refuse('RATIO_OUT_OF_RANGE', message, ['warningRatio']);
  }
  if (liquidationRatio.sideOf(marginCallRatio, ONE) >= 0) {
    const message = 'Expected a margin call ratio below the liquidation ratio: a margin call comes first.';
    return refuse('POLICY_INVALID', message, ['marginCallRatio']);
  }
  if (liabilities.length > 0 && !debtMarginRate.isZero()) {
    const message = 'Expected a debt margin rate of 0 where the policy has liabilities: these say what debts require.';
    return refuse('POLICY_INVALID', message, ['debtMarginRate']);
  }
  if (pnlCounts === 'AS_EQUITY' && parameters.autoExchange.length > 0) {
    // A debt that a profit covers would be bought with assets that count more than the profit then does.
    const message =
      'Expected no thresholds of auto-exchange where PnL counts as equity: it would lower margin balances.';
    return refuse('POLICY_INVALID', message, ['pnlCounts']);
  }
  const problem = problemOfLiabilities(liabilities, liquidationRatio);
  if (problem !== null) return refuse('POLICY_INVALID', problem, ['liquidationRatio']);
  if (liquidationRatio.isOne || debtMarginRate.isZero()) return null;
  // It is required as initial and as maintenance margin alike, so that a debt could be accepted and liquidated at once.
  const message = 'Expected a debt margin rate of 0 where the liquidation ratio is below 1.';
  return refuse('POLICY_INVALID', message, ['debtMarginRate']);
}
