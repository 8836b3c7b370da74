/**
 * The parameters of a venue's margin policy: one table, from which rows, reference files, checks, guard rails, audit and
 * API follow. A new one is a field of `Policy` (margin/model.ts), a column, and a line here.
 */
import { ONE, ZERO, decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import type { MaintenanceMethod, Policy } from '../../margin/model.js';
import type { PolicyCode } from './refusal.js';

/** The parameters of a policy that are one value each. */
export type PolicyParameters = Omit<
  Policy,
  'version' | 'assets' | 'collateralRatios' | 'instruments' | 'interest' | 'autoExchange'
>;
export type ParameterName = keyof PolicyParameters;

/** The parameters as the database stores them. */
export type ParameterRow = {
  readonly [K in ParameterName]: PolicyParameters[K] extends Decimal ? string : PolicyParameters[K];
};

/** The codec and the range of values of one type. */
export interface ParameterType<T> {
  readonly name: 'FLAG' | 'CHOICE' | 'PART';
  /** The values of a choice. */
  readonly values: readonly string[];
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
  /** Whether a change moves by at most the policy's step without `force`. */
  readonly inSteps: boolean;
  /** Whether the change requires more of an account, or allows it less, and so needs notice. */
  isStricter(before: T, after: T): boolean;
  /** The value if a reference file does not name the parameter; undefined: every file must name it. */
  readonly absent?: T;
}

const FLAG: ParameterType<boolean> = {
  name: 'FLAG',
  values: [],
  fromRow: (stored) => stored === true,
  toRow: (value) => value,
  problem: () => null,
};

/** From 0 to 1. */
const PART: ParameterType<Decimal> = {
  name: 'PART',
  values: [],
  fromRow: (stored) => decimal((stored as { toFixed(): string }).toFixed()),
  toRow: toPlain,
  problem: (value) => (value.gte(ZERO) && value.lte(ONE) ? null : 'Expected a part of 1, from 0 to 1.'),
};

function choice<T extends string>(...values: readonly T[]): ParameterType<T> {
  return {
    name: 'CHOICE',
    values,
    fromRow: (stored) => stored as T,
    toRow: (value) => value,
    problem: () => null,
  };
}

const isHigher = (before: Decimal, after: Decimal): boolean => after.gt(before);
/** A warning threshold requires nothing of an account, so a change needs no notice. */
const never = (): boolean => false;

const TABLE: { readonly [K in ParameterName]: Parameter<PolicyParameters[K]> } = {
  liquidatesAtEquality: {
    type: FLAG,
    code: 'INVALID_INPUT',
    description: 'True: liquidated when the margin balance is at or below maintenance margin; false: only when below.',
    draft: 'True: liquidated when the margin balance is at or below maintenance margin; false: only when below.',
    inSteps: false,
    isStricter: (before, after) => after && !before,
  },
  maintenanceMethod: {
    type: choice<MaintenanceMethod>('PROGRESSIVE', 'FLAT'),
    code: 'INVALID_INPUT',
    description: 'How maintenance margin follows from the tiers.',
    draft: 'How maintenance margin follows from the tiers.',
    inSteps: false,
    // Where rates fall from tier to tier, PROGRESSIVE requires more.
    isStricter: (before, after) => after !== before,
  },
  liquidationFeeRate: {
    type: PART,
    code: 'INVALID_INPUT',
    description: 'Added to the maintenance rate of every position, as a part of 1.',
    draft: 'Added to the maintenance rate of every position; from 0 to 1.',
    inSteps: true,
    isStricter: isHigher,
  },
  warningRatio: {
    type: PART,
    code: 'RATIO_OUT_OF_RANGE',
    description: 'The margin ratio from which on the status is WARNING.',
    draft: 'The margin ratio from which on the status is WARNING; from 0 to that of MARGIN_CALL.',
    inSteps: true,
    isStricter: never,
  },
  marginCallRatio: {
    type: PART,
    code: 'RATIO_OUT_OF_RANGE',
    description: 'The margin ratio from which on the status is MARGIN_CALL.',
    draft: 'The margin ratio from which on the status is MARGIN_CALL; from 0 to 1.',
    inSteps: true,
    isStricter: never,
  },
  isolatedInMultiAsset: {
    type: FLAG,
    code: 'INVALID_INPUT',
    description: 'Whether isolated positions are allowed in multi-asset mode.',
    draft: 'Whether isolated positions are allowed in multi-asset mode; those that are open stay.',
    inSteps: false,
    isStricter: (before, after) => before && !after,
  },
  debtMarginRate: {
    type: PART,
    code: 'INVALID_INPUT',
    description: 'Value of debts x this rate is required as initial and maintenance margin.',
    draft: 'Value of debts x this rate is required as margin; from 0 to 1.',
    inSteps: false,
    isStricter: isHigher,
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
