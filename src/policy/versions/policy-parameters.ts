/**
 * The parameters of a venue's margin policy: one table, from which rows, reference files, checks, guard rails, audit and
 * API follow. A new one is a field of `Policy` (margin/model.ts), a column, and a line here.
 */
import { ONE, ZERO, quotientUp, type Decimal } from '../../margin/decimal.js';
import { type Fraction, WHOLE } from '../../margin/fraction.js';
import type { ExchangeOrder, MaintenanceMethod, PnlCounts, Policy } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import { problemOfLiabilities } from './policy-tables.js';
import { FLAG, FRACTION, OPEN_ORDERS, PART, TRANSFER_FLOOR, choice, type ParameterType } from './parameter-values.js';
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
  | 'exchangeRates'
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

const distance = (before: Decimal, after: Decimal): Decimal => after.minus(before).abs();
/** Rounded up at 18 digits, as the step that it may be has no more. */
const distanceOfFractions = (before: Fraction, after: Fraction): Decimal =>
  quotientUp(
    after.numerator.times(before.denominator).minus(before.numerator.times(after.denominator)).abs(),
    after.denominator.times(before.denominator),
  );

const isHigher = (before: Decimal, after: Decimal): boolean => after.gt(before);
/** A warning threshold, or the order of an exchange, requires nothing of an account, so a change needs no notice. */
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
  exchangeOrder: {
    type: choice<ExchangeOrder>('PRO_RATA', 'HIGHEST_RATIO_FIRST'),
    code: 'INVALID_INPUT',
    description: 'Which assets an automatic exchange sells.',
    draft: 'Which assets an automatic exchange sells.',
    stepOf: null,
    isStricter: never,
    absent: 'PRO_RATA',
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
