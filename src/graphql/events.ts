/**
 * How the events of subscriptions are executed. Arguments only open a stream, and its events are what the field answers:
 * so they are executed by a schema whose subscriptions take no arguments and answer an event as it comes. Else every
 * event would read the same arguments and variables again.
 */
import {
  GraphQLObjectType,
  GraphQLSchema,
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
  /** What is executed for every event of a subscription whose document, which is valid, this is. */
  documentOf(document: DocumentNode): DocumentNode;
}

export function eventExecution(schema: GraphQLSchema): EventExecution {
  // Whoever sends the same document shares what is made of it, too.
  const made = new WeakMap<DocumentNode, DocumentNode>();
  return {
    schema: withoutArguments(schema),
    documentOf: (document) => {
      const known = made.get(document) ?? withoutRootArguments(schema, document);
      made.set(document, known);
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

/** Variables that only those arguments took are gone, too. */
function withoutRootArguments(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const types = new TypeInfo(schema);
  const stripped = visit(
    document,
    visitWithTypeInfo(types, {
      Field: (node): FieldNode | undefined =>
        types.getParentType() === schema.getSubscriptionType() ? { ...node, arguments: [] } : undefined,
    }),
  );
  return visit(stripped, { OperationDefinition: (node) => withoutUnusedVariables(node, stripped) });
}

/** A variable that any operation or fragment still names is kept: it does no harm. */
function withoutUnusedVariables(operation: OperationDefinitionNode, document: DocumentNode): OperationDefinitionNode {
  const used = new Set<string>();
  visit(document, {
    VariableDefinition: () => false,
    Variable: ({ name }) => void used.add(name.value),
  });
  return {
    ...operation,
    variableDefinitions: operation.variableDefinitions?.filter(({ variable }) => used.has(variable.name.value)) ?? [],
  };
}
