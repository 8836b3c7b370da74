/**
 * Executes the events of subscriptions. Arguments only open a stream; each event is the value of the field. So events
 * are executed by a schema whose subscriptions take no arguments and return the event itself. With the original schema,
 * every event would read the same arguments and variables again. Resolver methods only declare type and arguments.
 */
import {
  GraphQLObjectType,
  GraphQLSchema,
  Kind,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type FieldNode,
  type GraphQLFieldConfigMap,
  type OperationDefinitionNode,
} from 'graphql';

export interface EventExecution {
  readonly schema: GraphQLSchema;
  /** The document to execute for every event. The given document of the subscription must be valid. */
  documentOf(document: DocumentNode): DocumentNode;
}

export function eventExecution(schema: GraphQLSchema): EventExecution {
  // Subscriptions with the same document share the one derived from it.
  const made = new WeakMap<DocumentNode, DocumentNode>();
  return {
    schema: withoutArguments(schema),
    documentOf: (document) => {
      let known = made.get(document);
      if (known === undefined) made.set(document, (known = withoutRootArguments(schema, document)));
      return known;
    },
  };
}

function withoutArguments(schema: GraphQLSchema): GraphQLSchema {
  const { subscription, types, ...rest } = schema.toConfig();
  if (subscription == null) throw new Error('Expected a schema with subscriptions.');
  const { fields, ...config } = subscription.toConfig();
  const answered: GraphQLFieldConfigMap<unknown, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    answered[name] = { ...field, args: {}, resolve: (event: unknown) => event };
  }
  return new GraphQLSchema({
    ...rest,
    types: types.filter((type) => type !== subscription),
    subscription: new GraphQLObjectType({ ...config, fields: answered }),
  });
}

/** Also removes variables that only those arguments used. One that any operation or fragment still names is kept. */
function withoutRootArguments(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const types = new TypeInfo(schema);
  const named = new Set<string>();
  const stripped = visit(
    document,
    visitWithTypeInfo(types, {
      VariableDefinition: () => false,
      Field: (node): FieldNode | undefined =>
        types.getParentType() === schema.getSubscriptionType() ? { ...node, arguments: [] } : undefined,
      Variable: ({ name }) => void named.add(name.value),
    }),
  );
  const definitions = stripped.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? withVariables(definition, named) : definition,
  );
  return { ...stripped, definitions };
}

function withVariables(operation: OperationDefinitionNode, named: ReadonlySet<string>): OperationDefinitionNode {
  const { variableDefinitions = [] } = operation;
  return {
    ...operation,
    variableDefinitions: variableDefinitions.filter(({ variable }) => named.has(variable.name.value)),
  };
}
