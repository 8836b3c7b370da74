/**
 * Answers the events of one subscription. No event is passed over: if its fields fail, the event is executed again, and
 * if that goes on for too long, the stream ends with the error. A client then subscribes again from its last cursor.
 */
import type { ExecutionResult } from 'graphql';

import type { Answering } from '../../platform/pull-stream.js';
import { growingPause, retry } from '../../platform/retry.js';
import { areOfSetAside, mayPass } from './errors.js';

/** Milliseconds before an event is executed again. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** The result of one event. */
export interface EventResult extends ExecutionResult {
  /** Where a reader goes on that was cut off after the event; of server-sent events. */
  eventId?: string;
}

interface EventAnswersOptions {
  /** Executes the document on an event, each time with a context of its own. */
  readonly execute: (event: unknown) => Promise<ExecutionResult> | ExecutionResult;
  /** What the client may see of a result. Called once for each event. */
  readonly shown: (result: ExecutionResult) => ExecutionResult;
  /** Where a reader goes on that was cut off after the event. Null: events have no place. */
  readonly placeOf: ((event: unknown) => string) | null;
  /** Whether the place is sent as the event's id. */
  readonly withIds: boolean;
  /** Ends the stream after the event that is being answered. */
  readonly end: () => void;
  /** For how long an event is executed again. */
  readonly seconds: number;
}

class FailedEvent extends Error {
  constructor(readonly result: ExecutionResult) {
    super('The fields of an event failed.');
  }
}

export class EventAnswers implements Answering<unknown, EventResult> {
  /** While an event is executed again; aborted when the reader has left. */
  private retrying: AbortController | null = null;

  constructor(private readonly options: EventAnswersOptions) {}

  /** Without a promise where the fields of the event need none, like most. */
  answer(event: unknown): Promise<EventResult> | EventResult {
    const result = this.options.execute(event);
    return 'then' in result ? result.then((late) => this.settle(event, late)) : this.settle(event, result);
  }

  release(sent: { data?: unknown }): void {
    sent.data = null;
  }

  leave(): void {
    this.retrying?.abort();
  }

  private settle(event: unknown, result: ExecutionResult): Promise<EventResult> | EventResult {
    const { errors } = result;
    const mayChange = errors !== undefined && mayPass(errors) && !areOfSetAside(errors);
    return mayChange ? this.executeAgain(event, result) : this.finish(event, result);
  }

  private async executeAgain(event: unknown, failed: ExecutionResult): Promise<EventResult> {
    const { execute, seconds } = this.options;
    const deadline = performance.now() + seconds * 1_000;
    let known: ExecutionResult | null = failed;
    const work = async (): Promise<ExecutionResult> => {
      const result = known ?? (await execute(event));
      known = null;
      if (result.errors !== undefined && mayPass(result.errors)) throw new FailedEvent(result);
      return result;
    };
    const { signal } = (this.retrying = new AbortController());
    const onError = (error: unknown): void => {
      if (performance.now() > deadline) throw error;
    };
    try {
      const pause = growingPause(FIRST_PAUSE, LONGEST_PAUSE);
      return this.finish(event, await retry(work, { pause, signal, onError }));
    } catch (error) {
      // A reader that has left gets no answer, and the log no line.
      if (signal.aborted) return { data: null };
      if (error instanceof FailedEvent) return this.finish(event, error.result);
      throw error;
    } finally {
      this.retrying = null;
    }
  }

  /**
   * An event with data is sent, with errors of nullable fields that the client itself has caused. So is one of an account
   * that is set aside: its error says so, and names its place, and the events of all others follow. Any other is the last.
   */
  private finish(event: unknown, result: ExecutionResult): EventResult {
    const { placeOf, withIds, shown, end } = this.options;
    const { errors } = result;
    if (errors !== undefined && areOfSetAside(errors)) {
      const place = placeOf === null ? {} : { extensions: { cursor: placeOf(event) } };
      // A list has states of other accounts, too: none is lost if the client subscribes again, which begins with them.
      if (Array.isArray(event)) end();
      return shown({ errors, ...place });
    }
    if (errors !== undefined && (result.data == null || mayPass(errors))) {
      end();
      return shown({ errors });
    }
    const sent: EventResult = shown(result);
    if (withIds && placeOf !== null) sent.eventId = placeOf(event);
    return sent;
  }
}
