/** What is computed of a document once, for all requests of it: the costs and plans of its operations. */
import {
  Kind,
  NoSchemaIntrospectionCustomRule,
  getVariableValues,
  validate,
  visit,
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';

import { CONDITIONS } from './conditions.js';
import { compileCost, type CostOf } from './cost.js';
import type { Variables } from './field-arguments.js';
import { OperationPlan } from './plan.js';

export const MAX_ERRORS = 20;

type Coerced = ReturnType<typeof getVariableValues>;

const NO_VARIABLES: Coerced = Object.freeze({ coerced: Object.freeze({}) });

/** Plans of one operation that are kept: one for each choice of its conditions. */
const MAX_PLANS = 8;

/** Characters of the document for each field of a plan that is kept. Fragments may unfold to many more fields. */
const CHARACTERS_A_FIELD = 4;

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

export class PreparedOperation {
  private cost: CostOf | null = null;
  private conditions: readonly string[] | null = null;
  private readonly plans = new Map<string, OperationPlan>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly document: DocumentNode,
    readonly node: OperationDefinitionNode,
    private readonly fragments: Fragments,
  ) {}

  get costOf(): CostOf {
    return (this.cost ??= compileCost(this.schema, this.node, this.fragments));
  }

  /** The variables as the operation declares them, or what is wrong with them. */
  coerce(variables: Variables | null | undefined): Coerced {
    const { variableDefinitions = [] } = this.node;
    if (variableDefinitions.length === 0) return NO_VARIABLES;
    return getVariableValues(this.schema, variableDefinitions, variables ?? {}, { maxErrors: MAX_ERRORS });
  }

  /** The plan for these variables, of which only those matter that @skip and @include name. */
  planFor(variables: Variables): OperationPlan {
    this.conditions ??= conditionsOf(this.document);
    const choice = this.conditions.map((name) => String(variables[name])).join();
    let plan = this.plans.get(choice);
    if (plan === undefined) {
      const conditions = Object.fromEntries(this.conditions.map((name) => [name, variables[name]]));
      plan = new OperationPlan(this.schema, this.node, Object.fromEntries(this.fragments), conditions);
      if (this.plans.size >= MAX_PLANS) this.plans.clear();
      this.plans.set(choice, plan);
    }
    return plan;
  }

  /** Call after each execution of a plan: one that has grown too large is not kept. */
  release(plan: OperationPlan): void {
    const characters = this.document.loc?.source.body.length ?? 0;
    if (plan.size * CHARACTERS_A_FIELD <= characters) return;
    for (const [choice, kept] of this.plans) if (kept === plan) this.plans.delete(choice);
  }
}

/** The variables that decide whether a selection is left out. */
function conditionsOf(document: DocumentNode): string[] {
  const names = new Set<string>();
  visit(document, {
    Directive: ({ name, arguments: args = [] }: DirectiveNode) => {
      if (!CONDITIONS.includes(name.value)) return;
      for (const { value } of args) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  return [...names];
}

export class PreparedDocument {
  private readonly operations: readonly PreparedOperation[];
  private introspection: GraphQLError | null | undefined;

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly document: DocumentNode,
  ) {
    const fragments = new Map<string, FragmentDefinitionNode>();
    const operations: OperationDefinitionNode[] = [];
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
      if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
    }
    this.operations = operations.map((node) => new PreparedOperation(schema, document, node, fragments));
  }

  /** Null: the operation is not determined. */
  operationOf(name: string | null | undefined): PreparedOperation | null {
    const { operations } = this;
    if (name == null) return operations.length === 1 ? (operations[0] ?? null) : null;
    return operations.find(({ node }) => node.name?.value === name) ?? null;
  }

  /** The first introspection in any operation. */
  get introspectionProblem(): GraphQLError | null {
    // One error is enough: they all say the same.
    if (this.introspection === undefined) {
      this.introspection = validate(this.schema, this.document, [NoSchemaIntrospectionCustomRule])[0] ?? null;
    }
    return this.introspection;
  }
}

/** Prepares each document at its first request. What is prepared lives as long as the document does. */
export function documentPreparer(schema: GraphQLSchema): (document: DocumentNode) => PreparedDocument {
  const prepared = new WeakMap<DocumentNode, PreparedDocument>();
  return (document) => {
    let known = prepared.get(document);
    if (known === undefined) prepared.set(document, (known = new PreparedDocument(schema, document)));
    return known;
  };
}
