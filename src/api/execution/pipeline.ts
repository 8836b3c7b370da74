/**
 * The one way from a document to an answer. HTTP, WebSocket and server-sent events parse, validate, authorise, cost
 * and execute here, so that no transport bypasses a rule.
 */
import {
  OperationTypeNode,
  createSourceEventStream,
  execute,
  getOperationAST,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';

import type { Logger } from '../../platform/log.js';
import { PullStream } from '../../platform/pull-stream.js';
import { createAdmission, operationNotNamed, type AdmissionOptions } from './admission.js';
import { Patience, type Context } from './context.js';
import { createDocumentReader, type ReadDocument } from './document-reader.js';
import { masked, withoutHttp } from './errors.js';
import { ApiError } from '../types/api-error.js';
import type { Operation, Transport } from './operation.js';
import { eventExecution } from './subscription-events.js';
import type { Limits } from './limits.js';
import type { DocumentRequest, TrustedDocuments } from './trusted-documents.js';

export interface PipelineOptions extends AdmissionOptions {
  readonly documents: TrustedDocuments;
  readonly log: Logger;
}

export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** The document's text, sent as such or by the id of a trusted document. Throws where it may not be executed. */
  textOf(request: DocumentRequest): string | null;
  /** Why the text is refused before validation. Null also for a text that cannot be parsed. */
  problemOf(source: string): ApiError | null;
  /** The document; null, with errors, if it is not valid in the schema, or the operation is not determined. */
  read(source: string, operationName?: string | null): ReadDocument;
  run(operation: Operation): Promise<ExecutionResult>;
  /**
   * The events of a subscription, each executed with a context of its own, or the errors that refuse it. The data of an
   * event is released when the next event is requested.
   */
  subscribe(operation: Operation): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult>;
}

export function createPipeline(schema: GraphQLSchema, options: PipelineOptions): Pipeline {
  const { limits, log } = options;
  const admit = createAdmission(schema, options);
  const shown = (result: ExecutionResult, transport: Transport): ExecutionResult => {
    if (result.errors === undefined) return result;
    const errors = result.errors.map((error) => masked(error, log));
    return { ...result, errors: transport === 'websocket' ? errors.map(withoutHttp) : errors };
  };

  const documents = createDocumentReader(schema, limits);
  const events = eventExecution(schema);

  return {
    schema,
    textOf: (request) => options.documents.textOf(request),
    problemOf: (source) => documents.problemOf(source),
    read: (source, operationName) => {
      const read = documents.read(source);
      if (read.document === null || getOperationAST(read.document, operationName ?? undefined) != null) return read;
      return { document: null, errors: [operationNotNamed()] };
    },
    run: async (operation) => {
      const { transport } = operation;
      const patience = new Patience();
      let cost: number | null = null;
      const answer = async (): Promise<ExecutionResult> => {
        const admitted = await admit(operation, [OperationTypeNode.QUERY, OperationTypeNode.MUTATION]);
        if (typeof admitted !== 'number') return { errors: admitted };
        cost = admitted;
        patience.check();
        return execute(argsOf(schema, operation, operation.context(patience), undefined));
      };
      const result = await inTime(limits, patience, answer());
      return shown(cost === null ? result : { ...result, extensions: { ...result.extensions, cost } }, transport);
    },
    subscribe: async (operation) => {
      const { transport } = operation;
      const cost = await admit(operation, [OperationTypeNode.SUBSCRIPTION]);
      if (typeof cost !== 'number') return shown({ errors: cost }, transport);
      const perEvent: Operation = { ...operation, document: events.documentOf(operation.document) };
      const opening = new Patience();
      const open = async (): Promise<ExecutionResult | AsyncIterable<unknown>> => {
        const args = argsOf(schema, operation, operation.context(opening), undefined);
        const opened = await createSourceEventStream(args);
        // The client already has an error, so no client reads this stream.
        if (opening.isOver && Symbol.asyncIterator in opened) await opened[Symbol.asyncIterator]().return?.();
        return opened;
      };
      const source = await inTime(limits, opening, open());
      if (!(Symbol.asyncIterator in source)) return shown(source, transport);
      // A PullStream ends at once on `return`, also while it waits for an event.
      if (!(source instanceof PullStream)) throw new Error('Expected the stream of a subscription to be pulled.');
      return source.mapInPlace<ExecutionResult>({
        answer: (event) => {
          const patience = new Patience();
          const args = argsOf(events.schema, perEvent, operation.context(patience), event);
          const result = inTime(limits, patience, execute(args));
          return isPromise(result) ? result.then((late) => shown(late, transport)) : shown(result, transport);
        },
        release: (sent) => {
          sent.data = null;
        },
      });
    },
  };
}

/** Copies field by field: a spread is slow, and every event of a subscription has arguments. */
function argsOf(schema: GraphQLSchema, operation: Operation, context: Context, rootValue: unknown): ExecutionArgs {
  const { document, operationName, variables } = operation;
  return {
    schema,
    document,
    operationName: operationName ?? null,
    variableValues: variables ?? {},
    rootValue,
    contextValue: context,
  };
}

/**
 * Answers an operation that takes too long with an error; its work stops at its next yield. A result that is ready at
 * once, like most events of a subscription, is returned without a promise.
 */
function inTime<T extends object>(
  limits: Limits,
  patience: Patience,
  result: Promise<T> | T,
): Promise<T | ExecutionResult> | T | ExecutionResult {
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
