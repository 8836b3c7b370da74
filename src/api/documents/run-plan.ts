/**
 * Executes the plan of an operation. Answers, errors and the order of fields are those of graphql-js, whose algorithm this
 * is: a test compares both.
 */
import {
  GraphQLError,
  OperationTypeNode,
  defaultTypeResolver,
  isObjectType,
  locatedError,
  responsePathAsArray,
  type ExecutionResult,
  type GraphQLResolveInfo,
} from 'graphql';

import type { Variables } from './field-arguments.js';
import { FieldInfo } from './field-info.js';
import type { AbstractShape, FieldPlan, LeafShape, OperationPlan, Shape } from './plan.js';

type Path = GraphQLResolveInfo['path'];
type Data = Record<string, unknown>;

/** An object of an answer. It inherits nothing, as its names are the client's: `__proto__` may be one of them. */
class Answer {
  [name: string]: unknown;
}
// Not Object.create(null): V8 makes a table of such an object, which takes twice as long to fill and to write as JSON.
Object.setPrototypeOf(Answer.prototype, null);

/** One request, or one event of a subscription. */
class Run {
  readonly errors: GraphQLError[] = [];
  private readonly failed = new Set<Path | undefined>();

  constructor(
    readonly plan: OperationPlan,
    readonly root: unknown,
    readonly context: unknown,
    readonly variables: Variables,
  ) {}

  /** Drops errors of values that an earlier error has nulled already. */
  add(error: GraphQLError, path: Path | undefined): void {
    for (let at = path; at !== undefined; at = at.prev) if (this.failed.has(at)) return;
    if (this.failed.has(undefined)) return;
    this.failed.add(path);
    this.errors.push(error);
  }

  answer(data: Data | null): ExecutionResult {
    return this.errors.length === 0 ? { data } : { errors: this.errors, data };
  }

  /** Nothing else than an error of a field that may not be null reaches the root. */
  fail(error: unknown): ExecutionResult {
    this.add(error as GraphQLError, undefined);
    return this.answer(null);
  }
}

/**
 * A result that is ready at once is returned without a promise.
 *
 * @param variables coerced
 */
export function runPlan(
  plan: OperationPlan,
  root: unknown,
  context: unknown,
  variables: Variables,
): Promise<ExecutionResult> | ExecutionResult {
  const run = new Run(plan, root, context, variables);
  try {
    const isMutation = plan.operation.operation === OperationTypeNode.MUTATION;
    const data = (isMutation ? executeSerially : executeFields)(run, plan.rootFields, root, undefined);
    if (!isPromise(data)) return run.answer(data);
    return data.then(
      (late) => run.answer(late),
      (error: unknown) => run.fail(error),
    );
  } catch (error) {
    return run.fail(error);
  }
}

async function executeSerially(run: Run, fields: readonly FieldPlan[], source: unknown): Promise<Data> {
  const results = new Answer();
  for (const field of fields) results[field.name] = await executeField(run, field, source, undefined);
  return results;
}

function executeFields(
  run: Run,
  fields: readonly FieldPlan[],
  source: unknown,
  path: Path | undefined,
): Promise<Data> | Data {
  const results = new Answer();
  let waiting: { name: string; promise: Promise<unknown> }[] | null = null;
  try {
    for (const field of fields) {
      const result = executeField(run, field, source, path);
      results[field.name] = result;
      if (isPromise(result)) (waiting ??= []).push({ name: field.name, promise: result });
    }
  } catch (error) {
    if (waiting === null) throw error;
    // The other fields may fail, too, and somebody has to hear it.
    return Promise.all(waiting.map(({ promise }) => promise)).finally(() => {
      throw error;
    }) as Promise<never>;
  }
  return waiting === null ? results : settled(results, waiting);
}

/** The same answer, once its values are there. The order of names is that of the document already. */
function settled(results: Data, waiting: readonly { name: string; promise: Promise<unknown> }[]): Promise<Data> {
  const [first, ...others] = waiting;
  if (first !== undefined && others.length === 0) {
    return first.promise.then((value) => {
      results[first.name] = value;
      return results;
    });
  }
  return Promise.all(waiting.map(({ promise }) => promise)).then((values) => {
    for (const [index, { name }] of waiting.entries()) results[name] = values[index];
    return results;
  });
}

/** The completed value, or null after an error; throws the error where the field may not be null. */
function executeField(run: Run, field: FieldPlan, source: unknown, above: Path | undefined): unknown {
  const { leaf } = field;
  if (leaf !== null && typeof source === 'object' && source !== null) {
    const value = (source as Data)[field.field.name];
    if (typeof value === 'string' && leaf.isText) return value;
    if (typeof value !== 'function' && !isPromise(value)) return propertyOf(run, field, leaf, value, above);
  }
  const path = pathOf(field, above);
  try {
    const result = resolve(run, field, source, path);
    if (!isPromise(result))
      return guarded(run, field, field.shape, path, complete(run, field, field.shape, path, result));
    return result.then(
      (late) => {
        try {
          return guarded(run, field, field.shape, path, complete(run, field, field.shape, path, late));
        } catch (error) {
          return failed(run, field, field.shape, path, error);
        }
      },
      (error: unknown) => failed(run, field, field.shape, path, error),
    );
  } catch (error) {
    return failed(run, field, field.shape, path, error);
  }
}

function pathOf(field: FieldPlan, above: Path | undefined): Path {
  return { prev: above, key: field.name, typename: field.parent.name };
}

/** A scalar that no resolver computes. Its path is made only for an error. */
function propertyOf(run: Run, field: FieldPlan, leaf: LeafShape, value: unknown, above: Path | undefined): unknown {
  try {
    return completeLeaf(field, leaf, value);
  } catch (error) {
    return failed(run, field, leaf, pathOf(field, above), error);
  }
}

function resolve(run: Run, field: FieldPlan, source: unknown, path: Path): unknown {
  if (field.resolve !== null) {
    return field.resolve(source, field.argumentsOf(run.variables), run.context, new FieldInfo(run, field, path));
  }
  if ((typeof source !== 'object' || source === null) && typeof source !== 'function') return undefined;
  const value = (source as Data)[field.field.name];
  if (typeof value !== 'function') return value;
  const args = field.argumentsOf(run.variables);
  return (source as Record<string, (...call: unknown[]) => unknown>)[field.field.name]?.(
    args,
    run.context,
    new FieldInfo(run, field, path),
  );
}

/** The value, whose error is the field's if it comes later. */
function guarded(run: Run, field: FieldPlan, shape: Shape, path: Path, value: unknown): unknown {
  return isPromise(value) ? value.then(undefined, (error: unknown) => failed(run, field, shape, path, error)) : value;
}

function failed(run: Run, { nodes }: FieldPlan, { isNonNull }: Shape, path: Path, raw: unknown): null {
  const error = locatedError(raw, nodes, responsePathAsArray(path));
  if (isNonNull) throw error;
  run.add(error, path);
  return null;
}

function complete(run: Run, field: FieldPlan, shape: Shape, path: Path, value: unknown): unknown {
  if (shape.kind === 'leaf') return completeLeaf(field, shape, value);
  if (value == null) return completeNull(field, shape);
  if (value instanceof Error) throw value;
  switch (shape.kind) {
    case 'list':
      return completeList(run, field, shape.item, path, value);
    case 'object':
      shape.fields ??= run.plan.fieldsBelow(shape.type, field);
      return executeFields(run, shape.fields, value, path);
    case 'abstract':
      return completeAbstract(run, field, shape, path, value);
  }
}

function completeNull({ parent, field }: FieldPlan, { isNonNull }: Shape): null {
  if (!isNonNull) return null;
  throw new Error(`Cannot return null for non-nullable field ${parent.name}.${field.name}.`);
}

function completeLeaf(field: FieldPlan, shape: LeafShape, value: unknown): unknown {
  if (value == null) return completeNull(field, shape);
  if (shape.isText && typeof value === 'string') return value;
  if (value instanceof Error) throw value;
  const text: unknown = shape.type.serialize(value);
  if (text != null) return text;
  throw new Error(`Expected \`${shape.type.name}.serialize\` to return a value, returned: ${String(text)}`);
}

function completeList(run: Run, field: FieldPlan, item: Shape, path: Path, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    const where = `${field.parent.name}.${field.field.name}`;
    throw new GraphQLError(`Expected Iterable, but did not find one for field "${where}".`);
  }
  const waiting: Promise<unknown>[] = [];
  const completeItem = (each: unknown, index: number): unknown => {
    const at: Path = { prev: path, key: index, typename: undefined };
    try {
      const completed = isPromise(each)
        ? each.then((late) => complete(run, field, item, at, late))
        : complete(run, field, item, at, each);
      if (!isPromise(completed)) return completed;
      const late = guarded(run, field, item, at, completed) as Promise<unknown>;
      waiting.push(late);
      return late;
    } catch (error) {
      return failed(run, field, item, at, error);
    }
  };
  try {
    const results = Array.from(value as Iterable<unknown>, completeItem);
    return waiting.length === 0 ? results : Promise.all(results);
  } catch (error) {
    // The list is null by this error already. Those of its other items are dropped, but somebody has to hear them.
    void Promise.allSettled(waiting);
    throw error;
  }
}

function completeAbstract(run: Run, field: FieldPlan, shape: AbstractShape, path: Path, value: unknown): unknown {
  const info = new FieldInfo(run, field, path);
  const name = (shape.type.resolveType ?? defaultTypeResolver)(value, run.context, info, shape.type);
  return isPromise(name)
    ? name.then((late) => completeAs(run, field, shape, path, value, late))
    : completeAs(run, field, shape, path, value, name);
}

function completeAs(
  run: Run,
  field: FieldPlan,
  shape: AbstractShape,
  path: Path,
  value: unknown,
  name: unknown,
): unknown {
  const { schema } = run.plan;
  if (name == null) {
    const where = `${field.parent.name}.${field.field.name}`;
    const message = `Abstract type "${shape.type.name}" must resolve to an Object type at runtime for field "${where}". Either the "${shape.type.name}" type should provide a "resolveType" function or each possible type should provide an "isTypeOf" function.`;
    throw new GraphQLError(message, { nodes: field.nodes });
  }
  const type = typeof name === 'string' ? schema.getType(name) : undefined;
  if (!isObjectType(type) || !schema.isSubType(shape.type, type)) {
    throw new Error(`Expected the name of a type of ${shape.type.name}, got another.`);
  }
  let fields = shape.fields.get(type);
  if (fields === undefined) shape.fields.set(type, (fields = run.plan.fieldsBelow(type, field)));
  return executeFields(run, fields, value, path);
}

function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
