/**
 * The one way from a document to an answer. HTTP and WebSocket parse, validate, authorise and execute by what stands
 * here, so that no transport passes by a rule.
 */
import {
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  createSourceEventStream,
  execute,
  getOperationAST,
  getVariableValues,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  type ValidationRule,
} from 'graphql';

import type { Logger } from '../platform/log.js';
import type { Context } from './context.js';
import { problemOfCost } from './cost.js';
import { ApiError, badUserInput, masked, shortened } from './errors.js';

/** Tokens of one document; the introspection of GraphiQL has about 350. */
export const MAX_TOKENS = 1_000;
const MAX_ERRORS = 20;

export type Transport = 'http' | 'websocket';

export interface Operation {
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Record<string, unknown> | null | undefined;
  readonly transport: Transport;
  /** Called once for a request, and once for every event of a subscription. */
  readonly context: () => Context;
}

export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** Beyond those of the language. */
  readonly rules: readonly ValidationRule[];
  /** Null and errors, where the text is no document of this schema, or does not say which operation is meant. */
  read(
    source: string,
    operationName?: string | null,
  ): { document: DocumentNode; errors: null } | { document: null; errors: readonly GraphQLError[] };
  run(operation: Operation): Promise<ExecutionResult>;
  /** The events of a subscription, each executed with a context of its own; or why there are none. */
  subscribe(operation: Operation): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult>;
}

export function createPipeline(schema: GraphQLSchema, options: { introspection: boolean; log: Logger }): Pipeline {
  const rules = options.introspection ? [] : [NoSchemaIntrospectionCustomRule];
  const mask = (result: ExecutionResult): ExecutionResult =>
    result.errors === undefined ? result : { ...result, errors: result.errors.map((e) => masked(e, options.log)) };

  return {
    schema,
    rules,
    read: (source, operationName) => {
      let document: DocumentNode;
      try {
        document = parse(source, { maxTokens: MAX_TOKENS });
      } catch (error) {
        return { document: null, errors: [coded(error as GraphQLError, 'GRAPHQL_PARSE_FAILED')] };
      }
      const errors = validate(schema, document, [...specifiedRules, ...rules], { maxErrors: MAX_ERRORS });
      if (errors.length > 0) {
        return { document: null, errors: errors.map((error) => coded(error, 'GRAPHQL_VALIDATION_FAILED')) };
      }
      const isNamed = getOperationAST(document, operationName ?? undefined) != null;
      return isNamed ? { document, errors: null } : { document: null, errors: [operationNotNamed()] };
    },
    run: async (operation) => {
      const problems = check(schema, operation, [OperationTypeNode.QUERY, OperationTypeNode.MUTATION]);
      if (problems.length > 0) return mask({ errors: problems });
      return mask(await execute({ ...argsOf(schema, operation), contextValue: operation.context() }));
    },
    subscribe: async (operation) => {
      const problems = check(schema, operation, [OperationTypeNode.SUBSCRIPTION]);
      if (problems.length > 0) return mask({ errors: problems });
      const args = argsOf(schema, operation);
      const source = await createSourceEventStream({ ...args, contextValue: operation.context() });
      if (!(Symbol.asyncIterator in source)) return mask(source);
      return mapped(source, async (event) =>
        mask(await execute({ ...args, rootValue: event, contextValue: operation.context() })),
      );
    },
  };
}

function argsOf(schema: GraphQLSchema, { document, operationName, variables }: Operation) {
  return { schema, document, operationName: operationName ?? null, variableValues: variables ?? {} };
}

/** What must hold before anything is executed. */
function check(schema: GraphQLSchema, operation: Operation, allowed: OperationTypeNode[]): readonly GraphQLError[] {
  const node = getOperationAST(operation.document, operation.operationName ?? undefined);
  if (node == null) return [operationNotNamed()];
  if (!allowed.includes(node.operation)) return [notSupported(node.operation)];
  if (node.operation === OperationTypeNode.MUTATION && operation.transport === 'websocket') {
    return [notSupported(node.operation)];
  }
  const variables = getVariableValues(schema, node.variableDefinitions ?? [], operation.variables ?? {}, {
    maxErrors: MAX_ERRORS,
  });
  if (variables.errors !== undefined) return variables.errors.map((error) => coded(error, 'BAD_USER_INPUT'));
  const tooDear = problemOfCost(schema, operation.document, operation.operationName, operation.variables ?? {});
  return tooDear === null ? [] : [tooDear];
}

function operationNotNamed(): ApiError {
  return badUserInput('Expected one operation in the document, or `operationName` to say which one of them.');
}

function notSupported(operation: OperationTypeNode): ApiError {
  const message =
    operation === OperationTypeNode.SUBSCRIPTION
      ? 'Subscriptions are served over WebSocket, with the subprotocol graphql-transport-ws, on this path.'
      : 'Mutations are served over HTTP POST, on this path.';
  return new ApiError('OPERATION_NOT_SUPPORTED', message, 400);
}

/** An error of the language with the code of the contract; the error that a scalar threw goes no further. */
function coded(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(shortened(error.message), {
    ...(error.nodes === undefined ? {} : { nodes: error.nodes }),
    ...(error.source === undefined ? {} : { source: error.source }),
    ...(error.positions === undefined ? {} : { positions: error.positions }),
    extensions: { code, http: { status: 400 } },
  });
}

/**
 * Maps the events of a stream. Written out, since an async generator would pass `return` on only after the next event,
 * and a stream that is quiet would be held open for ever.
 */
function mapped<T, U>(source: AsyncIterable<T>, map: (event: T) => Promise<U>): AsyncIterableIterator<U> {
  const inner = source[Symbol.asyncIterator]();
  return {
    next: async () => {
      const result = await inner.next();
      return result.done === true ? { done: true, value: undefined } : { done: false, value: await map(result.value) };
    },
    return: async () => {
      await inner.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
