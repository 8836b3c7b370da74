/**
 * The one way from a document to an answer. HTTP, WebSocket and server-sent events parse, validate, authorise, cost
 * and execute here, so that no transport bypasses a rule.
 */
import { OperationTypeNode, createSourceEventStream, type ExecutionResult, type GraphQLSchema } from 'graphql';

import type { Logger } from '../../platform/log.js';
import { PullStream } from '../../platform/pull-stream.js';
import { createAdmission, operationNotNamed, type AdmissionOptions } from './admission.js';
import { Patience, type Context } from './context.js';
import { createDocumentReader, type DocumentStore, type ReadDocument } from './document-reader.js';
import { masked, withoutHttp } from './errors.js';
import { EventAnswers, type EventResult } from './event-answers.js';
import { ApiError } from '../types/api-error.js';
import type { Operation, Transport } from './operation.js';
import { documentPreparer, type PreparedOperation } from '../documents/prepared-document.js';
import { runPlan } from '../documents/run-plan.js';
import type { Variables } from '../documents/field-arguments.js';
import { eventExecution } from './subscription-events.js';
import type { Limits } from './limits.js';
import type { DocumentRequest, TrustedDocuments } from './trusted-documents.js';

export interface PipelineOptions extends AdmissionOptions {
  readonly documents: TrustedDocuments;
  readonly log: Logger;
  /** Hears how each operation ended: OK, or the code of its first error. Of a subscription, how it was opened. */
  readonly onOperation: (transport: Transport, outcome: string) => void;
}

export interface Pipeline {
  readonly schema: GraphQLSchema;
  /** The document's text, sent as such or by the id of a trusted document. Throws where it may not be executed. */
  textOf(request: DocumentRequest): string | null;
  /** Why the text is refused before validation. Null also for a text that cannot be parsed. */
  problemOf(source: string): ApiError | null;
  /** The valid documents of all transports. */
  readonly documents: DocumentStore;
  /** The document; null, with errors, if it is not valid in the schema, or the operation is not determined. */
  read(source: string, operationName?: string | null): ReadDocument;
  run(operation: Operation): Promise<ExecutionResult>;
  /**
   * The events of a subscription, each executed with a context of its own, or the errors that refuse it. An event whose
   * fields fail for too long is the last one, and has errors alone. The data of an event is released when the next event
   * is requested.
   */
  subscribe(operation: Operation): Promise<PullStream<EventResult> | ExecutionResult>;
}

export function createPipeline(schema: GraphQLSchema, options: PipelineOptions): Pipeline {
  const { limits, log } = options;
  const prepare = documentPreparer(schema);
  const admit = createAdmission(prepare, options);
  const shown = (result: ExecutionResult, transport: Transport): ExecutionResult => {
    if (result.errors === undefined) return result;
    const errors = result.errors.map((error) => masked(error, log));
    return { ...result, errors: transport === 'websocket' ? errors.map(withoutHttp) : errors };
  };

  const counted = (result: ExecutionResult, transport: Transport): ExecutionResult => {
    const code: unknown = result.errors?.[0]?.extensions['code'];
    options.onOperation(transport, typeof code === 'string' ? code : 'OK');
    return result;
  };

  const documents = createDocumentReader(schema, limits);
  const events = eventExecution(schema);
  const prepareEvent = documentPreparer(events.schema);

  /** What is executed on every event of a subscription. Its variables are those of the operation that are left. */
  const eventsOf = (operation: Operation): Executed => {
    const perEvent = prepareEvent(events.documentOf(operation.document)).operationOf(operation.operationName);
    const variables = perEvent?.coerce(operation.variables).coerced;
    if (perEvent === null || variables === undefined) throw new Error('Expected an operation that was admitted.');
    return { operation: perEvent, variables };
  };

  return {
    schema,
    textOf: (request) => options.documents.textOf(request),
    problemOf: (source) => documents.problemOf(source),
    documents: documents.store,
    read: (source, operationName) => {
      const read = documents.read(source);
      if (read.document === null || prepare(read.document).operationOf(operationName) !== null) return read;
      return { document: null, errors: [operationNotNamed()] };
    },
    run: async (operation) => {
      const { transport } = operation;
      const patience = new Patience();
      let cost: number | null = null;
      const answer = async (): Promise<ExecutionResult> => {
        const admitted = await admit(operation, [OperationTypeNode.QUERY, OperationTypeNode.MUTATION]);
        if (!('cost' in admitted)) return { errors: admitted };
        cost = admitted.cost;
        patience.check();
        return execute(admitted, undefined, operation.context(patience));
      };
      const result = await inTime(limits, patience, answer());
      const whole = cost === null ? result : { ...result, extensions: { ...result.extensions, cost } };
      return counted(shown(whole, transport), transport);
    },
    subscribe: async (operation) => {
      const { transport } = operation;
      const admitted = await admit(operation, [OperationTypeNode.SUBSCRIPTION]);
      if (!('cost' in admitted)) return counted(shown({ errors: admitted }, transport), transport);
      const perEvent = eventsOf(operation);
      const opening = new Patience();
      const open = async (): Promise<ExecutionResult | AsyncIterable<unknown>> => {
        const { document, operationName = null, variables } = operation;
        const context = operation.context(opening);
        const args = { schema, document, operationName, variableValues: variables ?? {}, contextValue: context };
        const opened = await createSourceEventStream(args);
        // The client already has an error, so no client reads this stream.
        if (opening.isOver && Symbol.asyncIterator in opened) await opened[Symbol.asyncIterator]().return?.();
        return opened;
      };
      const source = await inTime(limits, opening, open());
      if (!(Symbol.asyncIterator in source)) return counted(shown(source, transport), transport);
      // A PullStream ends at once on `return`, also while it waits for an event.
      if (!(source instanceof PullStream)) throw new Error('Expected the stream of a subscription to be pulled.');
      options.onOperation(transport, 'OK');
      const { places } = source;
      return source.mapInPlace<EventResult>(
        new EventAnswers({
          execute: (event) => {
            const patience = new Patience();
            return inTime(limits, patience, execute(perEvent, event, operation.context(patience)));
          },
          shown: (result) => shown(result, transport),
          placeOf: places === null ? null : (event) => places.of(event),
          withIds: transport === 'sse',
          end: () => void source.return(),
          seconds: limits.eventSeconds,
        }),
      );
    },
  };
}

/** An operation with its coerced variables. */
interface Executed {
  readonly operation: PreparedOperation;
  readonly variables: Variables;
}

/** A result that is ready at once, like that of most events, is returned without a promise. */
function execute(
  { operation, variables }: Executed,
  root: unknown,
  context: Context,
): Promise<ExecutionResult> | ExecutionResult {
  const plan = operation.planFor(variables);
  const result = runPlan(plan, root, context, variables);
  if (!isPromise(result)) operation.release(plan);
  else return result.finally(() => operation.release(plan));
  return result;
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
