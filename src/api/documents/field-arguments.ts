/** Reads the arguments of a field. Those that take no variable are the same in every request, and are read once. */
import { Kind, getArgumentValues, type FieldNode, type GraphQLField, type ValueNode } from 'graphql';

/** The coerced variables of a request. */
export type Variables = Readonly<Record<string, unknown>>;

export type Arguments = Readonly<Record<string, unknown>>;

const NONE: Arguments = Object.freeze({});

/** Throws at each call where the arguments cannot be read. */
export function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): (variables: Variables) => Arguments {
  if (field.args.length === 0) return () => NONE;
  const given = node.arguments ?? [];
  if (!given.every(({ value }) => isPlain(value))) return (variables) => getArgumentValues(field, node, variables);
  let known: Arguments | null = null;
  return () => (known ??= Object.freeze(getArgumentValues(field, node)));
}

/** A list or an object of a request may be changed by the resolver that gets it, so it is made anew. */
function isPlain({ kind }: ValueNode): boolean {
  return kind !== Kind.VARIABLE && kind !== Kind.LIST && kind !== Kind.OBJECT;
}
