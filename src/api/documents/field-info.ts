import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLResolveInfo,
  GraphQLSchema,
  OperationDefinitionNode,
} from 'graphql';

import type { Variables } from './field-arguments.js';
import type { FieldPlan, OperationPlan } from './plan.js';

/** The request that is executed. */
interface Running {
  readonly plan: OperationPlan;
  readonly root: unknown;
  readonly variables: Variables;
}

/** What few resolvers ask of their field, so it is looked up only when it is asked. */
export class FieldInfo implements GraphQLResolveInfo {
  constructor(
    private readonly run: Running,
    private readonly field: FieldPlan,
    readonly path: GraphQLResolveInfo['path'],
  ) {}

  get fieldName(): string {
    return this.field.field.name;
  }
  get fieldNodes(): readonly FieldNode[] {
    return this.field.nodes;
  }
  get returnType(): GraphQLOutputType {
    return this.field.field.type;
  }
  get parentType(): GraphQLObjectType {
    return this.field.parent;
  }
  get schema(): GraphQLSchema {
    return this.run.plan.schema;
  }
  get fragments(): Record<string, FragmentDefinitionNode> {
    return this.run.plan.fragments;
  }
  get rootValue(): unknown {
    return this.run.root;
  }
  get operation(): OperationDefinitionNode {
    return this.run.plan.operation;
  }
  get variableValues(): Record<string, unknown> {
    return this.run.variables;
  }
}
