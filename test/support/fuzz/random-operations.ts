/** Operations at random as a client could mean them: every root field, plausible arguments, selections of any shape. */
import {
  Kind,
  OperationTypeNode,
  TypeInfo,
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  parse,
  parseType,
  print,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type VariableDefinitionNode,
} from 'graphql';

import type { RootField } from './generated-operations.js';

/** What stands in the body of a request, right or wrong. */
export interface FuzzedRequest {
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: unknown;
}

/** Whole numbers from 0 to below a bound. */
export type Dice = (bound: number) => number;

/** The same for the same seed (mulberry32). */
export function diceOf(seed: number): Dice {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

export function pick<T>(dice: Dice, from: readonly T[]): T {
  return from[dice(from.length)] as T;
}

/** Global ids by their type, and cursors under "cursor". */
export type Known = ReadonlyMap<string, readonly string[]>;

/** An account that the caller may name, and codes that go with it. */
export interface Place {
  readonly accountId: string;
  readonly venue: string;
  readonly chain: string | null;
  readonly instrument: string;
  readonly assets: readonly string[];
}

export interface Caller {
  readonly places: readonly Place[];
  readonly known: Known;
  /** Now, in milliseconds, once for a run. */
  readonly now: number;
}

/** What ids are of, by the argument that takes them; of all others, anything that is known. */
const TYPE_OF_IDS: Readonly<Record<string, string>> = {
  positionId: 'Position',
  subject: 'CollateralRatio',
  after: 'cursor',
  before: 'cursor',
  through: 'cursor',
  'account.id': 'Account',
  'acknowledgeRiskAlert.id': 'RiskAlert',
  'removeAlertRule.id': 'AlertRule',
  'cancelCollateralRatio.id': 'CollateralRatio',
};
/** Ids that their sender makes; sometimes one comes again. */
const MADE_BY_THE_SENDER = ['idempotencyKey', 'fillId', 'transferId', 'entryId'];
const IDS_OF_A_RUN = 1_000_000;

const HOUR_MS = 3_600_000;
const RATIOS = ['0', '0.2', '0.5', '0.85', '0.9', '0.95', '1'];
const DECIMALS: Readonly<Record<string, readonly string[]>> = {
  ...{ price: ['60000', '59000.5', '3000', '61234.123456789'], size: ['0.001', '0.25', '1', '3.5'] },
  ...{ quantity: ['1', '-1', '0.5', '-20.25', '1000', '0.000000000000000001'], fee: ['0', '0.3', '-0.1'] },
  ...{ leverage: ['1', '5', '20', '50'], maxLeverage: ['10', '50'], maintenanceRate: ['0.005', '0.01'] },
  ...{ shocks: ['-0.5', '-0.1', '0', '0.25'], balance: ['-10000', '0'], userCap: ['100', '1000000'] },
  ...{ floor: ['0'], cap: ['1000', '100000'], hourlyRate: ['0', '0.00001'], minChange: ['0', '0.001', '0.1'] },
};

export class RandomOperations {
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly dice: Dice,
    private readonly caller: Caller,
  ) {}

  /** The root fields as operations of one document; of a mutation or a subscription just one. */
  of(root: RootField, others: readonly RootField[]): FuzzedRequest {
    const fields = [root, ...(root.operation === OperationTypeNode.QUERY ? others : [])].map(({ field }, index) => {
      const place = pick(this.dice, this.caller.places);
      const given = this.argumentsOf(field.args, field.name, place);
      const selection = this.selectionOf(getNamedType(field.type), this.dice(4), place);
      return `${index === 0 ? '' : `also${index}: `}${field.name}${given} ${selection}`;
    });
    const query = `${root.operation} { ${fields.join(' ')} }`;
    return this.dice(2) === 0 ? { query } : this.withVariables(query);
  }

  private argumentsOf(args: readonly GraphQLArgument[], root: string, place: Place): string {
    const given = args
      .filter((arg) => isRequiredArgument(arg) || this.mayBeGiven(arg.name))
      .map((arg) => `${arg.name}: ${this.literalOf(arg.type, arg.name, root, place)}`);
    return given.length === 0 ? '' : `(${given.join(', ')})`;
  }

  /** Most cursors are of another list. */
  private mayBeGiven(name: string): boolean {
    return this.dice(name === 'after' ? 20 : 3) === 0;
  }

  private literalOf(type: GraphQLInputType, name: string, root: string, place: Place): string {
    const nullable = getNullableType(type);
    if (isListType(nullable)) {
      const items = Array.from({ length: 1 + this.dice(3) }, () => this.literalOf(nullable.ofType, name, root, place));
      return `[${items.join(', ')}]`;
    }
    if (isEnumType(nullable)) return pick(this.dice, nullable.getValues()).name;
    if (isInputObjectType(nullable)) {
      const fields = Object.values(nullable.getFields())
        .filter((field) => isRequiredInputField(field) || field.name === 'chain' || this.mayBeGiven(field.name))
        .map((field) => `${field.name}: ${this.literalOf(field.type, field.name, root, place)}`);
      return `{${fields.join(', ')}}`;
    }
    const value = this.valueOf(nullable.name, name, root, place);
    return value === null || typeof value === 'number' ? String(value) : JSON.stringify(value);
  }

  private valueOf(type: string, name: string, root: string, place: Place): string | number | boolean | null {
    const { dice, caller } = this;
    // A version that does not come is waited for.
    if (name === 'atLeastVersion') return 1;
    if (type === 'Int') return 1 + dice(5);
    if (type === 'Boolean') return dice(2) === 0;
    if (type === 'Decimal') return pick(dice, DECIMALS[name] ?? RATIOS);
    if (type === 'DateTime') {
      // What takes effect does so in the days to come; all else has happened.
      const from = name === 'effectiveFrom' ? HOUR_MS : -HOUR_MS;
      return new Date(caller.now + from * dice(100)).toISOString();
    }
    if (MADE_BY_THE_SENDER.includes(name)) return `made-${dice(IDS_OF_A_RUN)}`;
    if (name === 'accountId' || name === 'accountIds' || `${root}.${name}` === 'account.id') return place.accountId;
    const ids = caller.known.get(TYPE_OF_IDS[`${root}.${name}`] ?? TYPE_OF_IDS[name] ?? '');
    if (ids !== undefined || type === 'ID') {
      return pick(dice, ids ?? [place.accountId, ...[...caller.known.values()].flat()]);
    }
    if (name === 'asset' || (name === 'symbols' && root === 'assets')) return pick(dice, place.assets);
    if (name === 'symbols' || name === 'symbol' || name === 'instruments') return place.instrument;
    if (name === 'venue' || name === 'chain' || name === 'instrument') return place[name];
    return `some ${name}`;
  }

  private selectionOf(type: GraphQLNamedType, depth: number, place: Place): string {
    if (isLeafType(type)) return '';
    if (isAbstractType(type)) {
      const kind = pick(this.dice, this.schema.getPossibleTypes(type));
      return `{ __typename ... on ${kind.name} ${this.selectionOf(kind, depth, place)} }`;
    }
    if (!isObjectType(type)) throw new Error(`Expected a type that can be selected, got ${type.name}.`);
    const fields = Object.values(type.getFields());
    const chosen = fields.filter(({ type: target }) =>
      isLeafType(getNamedType(target)) ? this.dice(2) === 0 : depth > 0 && this.dice(3) === 0,
    );
    // Ids and cursors are what the next operations are made of.
    const learnt = fields.filter(({ name }) => ['id', 'cursor'].includes(name));
    const selected = [...new Set([...learnt, ...chosen])].map(({ name, args, type: target }) => {
      return `${name}${this.argumentsOf(args, type.name, place)} ${this.selectionOf(getNamedType(target), depth - 1, place)}`;
    });
    return `{ __typename ${selected.join(' ')} }`;
  }

  /** The same with variables in the place of its literals. */
  private withVariables(query: string): FuzzedRequest {
    const variables: Record<string, unknown> = {};
    const definitions: VariableDefinitionNode[] = [];
    const types = new TypeInfo(this.schema);
    const document = visit(
      parse(query),
      visitWithTypeInfo(types, {
        Argument: (node) => {
          const type = types.getArgument()?.type;
          if (type === undefined) return undefined;
          const name = { kind: Kind.NAME, value: `v${definitions.length}` } as const;
          const variable = { kind: Kind.VARIABLE, name } as const;
          variables[name.value] = valueFromASTUntyped(node.value);
          definitions.push({ kind: Kind.VARIABLE_DEFINITION, variable, type: parseType(String(type)) });
          return { ...node, value: variable };
        },
        OperationDefinition: { leave: (node) => ({ ...node, variableDefinitions: definitions }) },
      }),
    );
    return { query: print(document), variables };
  }
}
