/**
 * Calls the methods of resolvers directly. type-graphql sorts the parameters of a method anew at each call, and awaits
 * arguments that it does not validate. A list of positions would pay for that hundreds of times.
 */
import type { GraphQLFieldResolver, GraphQLObjectType, GraphQLSchema } from 'graphql';
import { getMetadataStorage } from 'type-graphql';

type Storage = ReturnType<typeof getMetadataStorage>;
type Metadata = Storage['queries'][number] | Storage['fieldResolvers'][number];
type Parameter = NonNullable<Metadata['params']>[number];

type Resolver = GraphQLFieldResolver<unknown, object>;
type Read = (...call: Parameters<Resolver>) => unknown;

/**
 * Replaces what type-graphql has built for fields and queries whose parameters are plain. Mutations stay as they are, and
 * so does whatever takes an input: type-graphql makes instances of its class.
 *
 * @param resolvers the classes that the schema was built of
 */
export function callDirectly(schema: GraphQLSchema, resolvers: readonly unknown[]): GraphQLSchema {
  const storage = getMetadataStorage();
  const instances = new Map<unknown, Record<string, unknown>>();
  const instanceOf = (target: Metadata['target']): Record<string, unknown> => {
    let known = instances.get(target);
    if (known === undefined) {
      known = Reflect.construct(target, []) as Record<string, unknown>;
      instances.set(target, known);
    }
    return known;
  };
  const replace = (type: GraphQLObjectType | null | undefined, metadata: Metadata): void => {
    const field = type?.getFields()[metadata.schemaName];
    const reads = readsOf(metadata, storage);
    if (field === undefined || reads === null) return;
    const instance = instanceOf(metadata.target);
    const method = instance[metadata.methodName];
    if (typeof method === 'function') field.resolve = calling(instance, method as Method, reads);
  };
  for (const query of storage.queries) if (resolvers.includes(query.target)) replace(schema.getQueryType(), query);
  const replaced = new Set<string>();
  for (const metadata of storage.fieldResolvers) {
    if (metadata.kind !== 'external' || !resolvers.includes(metadata.target)) continue;
    const target: unknown = metadata.getObjectType?.();
    const name = storage.objectTypes.find((type) => type.target === target)?.name;
    // Of two resolvers of one field, type-graphql takes the first.
    const place = `${name}.${metadata.schemaName}`;
    if (name === undefined || replaced.has(place)) continue;
    replaced.add(place);
    replace(schema.getType(name) as GraphQLObjectType | undefined, metadata);
  }
  return schema;
}

type Method = (...parameters: unknown[]) => unknown;

function calling(instance: object, method: Method, reads: readonly Read[]): Resolver {
  const [first, second, ...others] = reads;
  if (first === undefined) return () => method.call(instance);
  if (second === undefined) {
    return (source, args, context, info) => method.call(instance, first(source, args, context, info));
  }
  if (others.length === 0) {
    return (source, args, context, info) =>
      method.call(instance, first(source, args, context, info), second(source, args, context, info));
  }
  return (source, args, context, info) =>
    method.apply(
      instance,
      reads.map((read) => read(source, args, context, info)),
    );
}

/** How each parameter is read, in the order of the method; null: type-graphql does more than to read it. */
function readsOf({ params = [], middlewares = [], roles }: Metadata, storage: Storage): Read[] | null {
  if (middlewares.length > 0 || roles !== undefined) return null;
  const reads: Read[] = [];
  for (const parameter of params.toSorted((a, b) => a.index - b.index)) {
    const read = readOf(parameter, storage);
    // A parameter without a decorator would be undefined; there is none.
    if (read === null || parameter.index !== reads.length) return null;
    reads.push(read);
  }
  return reads;
}

function readOf(parameter: Parameter, { inputTypes }: Storage): Read | null {
  switch (parameter.kind) {
    case 'context':
      return parameter.propertyName === undefined ? (_source, _args, context) => context : null;
    case 'root':
      return parameter.propertyName === undefined && parameter.getType === undefined ? (source) => source : null;
    case 'info':
      return (_source, _args, _context, info) => info;
    case 'arg': {
      const { name, validateFn } = parameter;
      const type: unknown = parameter.getType();
      if (validateFn !== undefined || inputTypes.some(({ target }) => target === type)) return null;
      return (_source, args: Readonly<Record<string, unknown>>) => args[name];
    }
    // All arguments at once, in a class of fields alone.
    case 'args':
      return parameter.validateFn === undefined ? (_source, args: unknown) => args : null;
    default:
      return null;
  }
}
