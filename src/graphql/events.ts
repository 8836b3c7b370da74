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
  type OperationDefinitionNode,
} from 'graphql';

/** The schema by which events are executed. */
export function eventSchema(schema: GraphQLSchema): GraphQLSchema {
  const { subscription, types, ...rest } = schema.toConfig();
  if (subscription == null) throw new Error('Expected a schema with subscriptions.');
  const { fields, ...config } = subscription.toConfig();
  return new GraphQLSchema({
    ...rest,
    types: types.filter((type) => type !== subscription),
    subscription: new GraphQLObjectType({
      ...config,
      fields: Object.fromEntries(
        Object.entries(fields).map(([name, field]) => [
          name,
          { ...field, args: {}, resolve: (event: unknown) => event },
        ]),
      ),
    }),
  });
}

/** A valid document as the schema of events takes it; variables that only the arguments took are gone, too. */
export function eventDocument(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const types = new TypeInfo(schema);
  const withoutArguments = visit(
    document,
    visitWithTypeInfo(types, {
      Field: (node): FieldNode | undefined =>
        types.getParentType() === schema.getSubscriptionType() ? { ...node, arguments: [] } : undefined,
    }),
  );
  return visit(withoutArguments, { OperationDefinition: (node) => withoutUnusedVariables(node, withoutArguments) });
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
