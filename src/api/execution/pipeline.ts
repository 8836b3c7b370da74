/**
 * The one way from a document to an answer. HTTP, WebSocket and server-sent events parse, validate, authorise, count
 * and execute by what stands here, so that no transport passes by a rule.
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
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import { LRUCache } from 'lru-cache';

import { PullStream } from '../../platform/pull-stream.js';
import type { Viewer } from '../../platform/tokens.js';
import type { CostBudget } from './cost-budget.js';
import type { Logger } from '../../platform/log.js';
import { Patience, type Context } from './context.js';
import { costOf } from './cost.js';
import { problemOfShape } from './document-shape.js';
import { masked, presentable, withoutHttp } from './errors.js';
import { ApiError, badUserInput } from '../types/api-error.js';
import { eventExecution } from './subscription-events.js';
import type { Limits } from './limits.js';
import type { DocumentRequest, TrustedDocuments } from './trusted-documents.js';

const MAX_ERRORS = 20;

/** Characters of all valid documents that are remembered; parsed, each takes some 50 bytes for one. */
const REMEMBERED = 500_000;

export type Transport = 'http' | 'websocket' | 'sse';

/** Who asks. */
export interface Client {
  readonly viewer: Viewer | null;
  /** Of the connection; it stands for whoever has no token. */
  readonly address: string;
}

export interface Operation {
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Record<string, unknown> | null | undefined;
  readonly transport: Transport;
  readonly client: Client;
  /**
   * Called once for a request, and once for every event of a subscription.
   *
   * @param patience is over when nobody waits for the answer any more
   */
  readonly context: (patience: Patience) => Context;
}

export interface PipelineOptions {
  /** Who may ask for the schema: everybody, whoever has a token, nobody. */
  readonly introspection: 'all' | 'tokens' | 'none';
  readonly documents: TrustedDocuments;
  readonly limits: Limits;
  readonly budget: CostBudget;
  readonly log: Logger;
}

type Read = { document: DocumentNode; errors: null } | { document: null; errors: readonly GraphQLError[] };

export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** The text that a request names, by itself or by the id of a trusted document; throws where it may not be executed. */
  textOf(request: DocumentRequest): string | null;
  /** Why a text is not even to be validated; null also for one that cannot be parsed. */
  problemOf(source: string): ApiError | null;
  /** Null and errors, where the text is no document of this schema, or does not say which operation is meant. */
  read(source: string, operationName?: string | null): Read;
  run(operation: Operation): Promise<ExecutionResult>;
  /**
   * The events of a subscription, each executed with a context of its own; or why there are none. An event has lost its
   * data once the next one is asked for.
   */
  subscribe(operation: Operation): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult>;
}

export function createPipeline(schema: GraphQLSchema, options: PipelineOptions): Pipeline {
  const { documents, limits, budget, log } = options;
  const shown = (result: ExecutionResult, transport: Transport): ExecutionResult => {
    if (result.errors === undefined) return result;
    const errors = result.errors.map((error) => masked(error, log));
    return { ...result, errors: transport === 'websocket' ? errors.map(withoutHttp) : errors };
  };

  /** What must hold before anything is executed; answers the cost, which is spent by then. */
  const admit = async (
    operation: Operation,
    allowed: OperationTypeNode[],
  ): Promise<number | readonly GraphQLError[]> => {
    const problems = check(schema, operation, allowed);
    if (problems.length > 0) return problems;
    const hidden = introspectionProblems(schema, operation, options.introspection);
    if (hidden.length > 0) return hidden;
    const cost = costOf(schema, operation.document, operation.operationName, operation.variables ?? {});
    if (cost === null || cost > limits.cost) return [tooDear(cost, limits)];
    const { viewer, address } = operation.client;
    // The venue's own systems write as fast as their market moves.
    if (viewer?.roles.includes('SERVICE') === true) return cost;
    const wait = await budget.spend(viewer === null ? `address ${address}` : `viewer ${viewer.subject}`, cost);
    return wait === null ? cost : [spent(cost, wait, limits)];
  };

  /** The document, if it may be validated. */
  const parsed = (source: string): DocumentNode | GraphQLError => {
    try {
      const document = parse(source, { maxTokens: limits.tokens });
      return problemOfShape(document, limits) ?? document;
    } catch (error) {
      return coded(error as GraphQLError, 'GRAPHQL_PARSE_FAILED');
    }
  };

  /**
   * By their text, so that apps that are alike share one: 10,000 documents of 10,000 phones would be 100 MB, of which
   * every event takes another part through the processor's caches.
   */
  const valid = new LRUCache<string, DocumentNode>({
    maxSize: REMEMBERED,
    // What is short takes its place, too.
    sizeCalculation: (_document, source) => source.length + 100,
  });
  const validated = (source: string): Read => {
    const known = valid.get(source);
    if (known !== undefined) return { document: known, errors: null };
    const document = parsed(source);
    if (document instanceof GraphQLError) return { document: null, errors: [withoutHttp(document)] };
    const errors = validate(schema, document, specifiedRules, { maxErrors: MAX_ERRORS });
    if (errors.length > 0) {
      const refused = errors.map((error) => withoutHttp(coded(error, 'GRAPHQL_VALIDATION_FAILED')));
      return { document: null, errors: refused };
    }
    valid.set(source, document);
    return { document, errors: null };
  };

  const events = eventExecution(schema);

  return {
    schema,
    textOf: (request) => documents.textOf(request),
    problemOf: (source) => {
      const document = parsed(source);
      return document instanceof ApiError ? document : null;
    },
    read: (source, operationName) => {
      const read = validated(source);
      if (read.document === null || getOperationAST(read.document, operationName ?? undefined) != null) return read;
      return { document: null, errors: [operationNotNamed()] };
    },
    run: async (operation) => {
      const { transport } = operation;
      const cost = await admit(operation, [OperationTypeNode.QUERY, OperationTypeNode.MUTATION]);
      if (typeof cost !== 'number') return shown({ errors: cost }, transport);
      const result = await inTime(limits, (patience) => execute(argsOf(schema, operation, patience, undefined)));
      return shown({ ...result, extensions: { ...result.extensions, cost } }, transport);
    },
    subscribe: async (operation) => {
      const { transport } = operation;
      const cost = await admit(operation, [OperationTypeNode.SUBSCRIPTION]);
      if (typeof cost !== 'number') return shown({ errors: cost }, transport);
      const perEvent: Operation = { ...operation, document: events.documentOf(operation.document) };
      const source = await inTime(limits, async (patience) => {
        const opened = await createSourceEventStream(argsOf(schema, operation, patience, undefined));
        // Nobody will read it: it came too late.
        if (patience.isOver && Symbol.asyncIterator in opened) await opened[Symbol.asyncIterator]().return?.();
        return opened;
      });
      if (!(Symbol.asyncIterator in source)) return shown(source, transport);
      // Whose `return` is heard at once, also while it is quiet.
      if (!(source instanceof PullStream)) throw new Error('Expected the stream of a subscription to be pulled.');
      return source.mapInPlace<ExecutionResult>({
        answer: (event) => {
          const result = inTime(limits, (patience) => execute(argsOf(events.schema, perEvent, patience, event)));
          return isPromise(result) ? result.then((late) => shown(late, transport)) : shown(result, transport);
        },
        release: (sent) => {
          sent.data = null;
        },
      });
    },
  };
}

/** Field by field: every event of a subscription has them, and a spread is dear. */
function argsOf(schema: GraphQLSchema, operation: Operation, patience: Patience, rootValue: unknown): ExecutionArgs {
  const { document, operationName, variables } = operation;
  return {
    schema,
    document,
    operationName: operationName ?? null,
    variableValues: variables ?? {},
    rootValue,
    contextValue: operation.context(patience),
  };
}

function check(schema: GraphQLSchema, operation: Operation, allowed: OperationTypeNode[]): readonly GraphQLError[] {
  const node = getOperationAST(operation.document, operation.operationName ?? undefined);
  if (node == null) return [operationNotNamed()];
  if (!allowed.includes(node.operation)) return [notSupported(node.operation)];
  // A transport on which an operation can be lost without a word is none for what changes something.
  if (node.operation === OperationTypeNode.MUTATION && operation.transport !== 'http') {
    return [notSupported(node.operation)];
  }
  const variables = getVariableValues(schema, node.variableDefinitions ?? [], operation.variables ?? {}, {
    maxErrors: MAX_ERRORS,
  });
  return variables.errors?.map((error) => coded(error, 'BAD_USER_INPUT')) ?? [];
}

/** Apart from validation, which is remembered by document for whoever sends it. */
function introspectionProblems(
  schema: GraphQLSchema,
  { document, client }: Operation,
  allowed: PipelineOptions['introspection'],
): readonly GraphQLError[] {
  if (allowed === 'all' || (allowed === 'tokens' && client.viewer !== null)) return [];
  // The first says it all.
  const [problem] = validate(schema, document, [NoSchemaIntrospectionCustomRule]);
  return problem === undefined ? [] : [coded(problem, 'GRAPHQL_VALIDATION_FAILED')];
}

function operationNotNamed(): ApiError {
  return badUserInput('Expected one operation in the document, or `operationName` to say which one of them.');
}

function notSupported(operation: OperationTypeNode): ApiError {
  const message =
    operation === OperationTypeNode.SUBSCRIPTION
      ? 'Subscriptions are served over WebSocket, with the subprotocol graphql-transport-ws, on the path /graphql, and ' +
        'as server-sent events on /graphql/stream.'
      : 'Mutations are served over HTTP POST, on the path /graphql.';
  return new ApiError('OPERATION_NOT_SUPPORTED', message, 400);
}

function tooDear(cost: number | null, { cost: most }: Limits): ApiError {
  const message = `The operation would cost ${cost ?? 'more than can be counted'}, and may cost ${most}: ask for fewer at a time, or for less of each.`;
  return new ApiError('LIMIT_EXCEEDED', message, 400, { extensions: cost === null ? {} : { cost } });
}

function spent(cost: number, seconds: number, { costPerMinute }: Limits): ApiError {
  const message = `One viewer may spend ${costPerMinute} in a minute, and too little of it is left for the ${cost} that this costs: try again in ${seconds} s.`;
  return new ApiError('RATE_LIMITED', message, 429, {
    extensions: { cost, retryAfter: seconds },
    headers: { 'retry-after': String(seconds) },
  });
}

/**
 * What takes too long is answered, and told to stop at the next point where it gives way. What is done at once, as most
 * events of a subscription are, is no promise.
 */
function inTime<T extends object>(
  limits: Limits,
  work: (patience: Patience) => Promise<T> | T,
): Promise<T | ExecutionResult> | T | ExecutionResult {
  const patience = new Patience();
  const result = work(patience);
  return isPromise(result) ? untilTooLate(limits, patience, result) : result;
}

async function untilTooLate<T>(
  { operationSeconds }: Limits,
  patience: Patience,
  result: Promise<T>,
): Promise<T | ExecutionResult> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<ExecutionResult>((resolve) => {
    timer = setTimeout(() => {
      patience.isOver = true;
      const message = `There was no answer within ${operationSeconds} s. A mutation may take effect all the same: send it again with the same key or ids.`;
      resolve({ errors: [new ApiError('SERVICE_UNAVAILABLE', message, 503)] });
    }, operationSeconds * 1_000);
  });
  try {
    return await Promise.race([result, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

function isPromise<T extends object>(value: Promise<T> | T): value is Promise<T> {
  return 'then' in value;
}

/** An error of the language with the code of the contract; the error that a scalar threw goes no further. */
function coded(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(presentable(error.message), {
    ...(error.nodes === undefined ? {} : { nodes: error.nodes }),
    ...(error.source === undefined ? {} : { source: error.source }),
    ...(error.positions === undefined ? {} : { positions: error.positions }),
    extensions: { code, http: { status: 400 } },
  });
}
