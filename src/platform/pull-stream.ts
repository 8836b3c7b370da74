/** Makes results of the items of a stream. */
export interface Answering<T, U> {
  answer(item: T): Promise<U> | U;
  /**
   * Empties a result when the reader asks for the next one. A reader that waits for long (the promise, the loop with
   * its variable) is in the old generation. Anything that it refers to would outlive collections of the young one.
   */
  release(answer: U): void;
  /** The stream has ended, perhaps while an answer is being made that its reader no longer waits for. */
  leave(): void;
}

/** Where a reader goes on that was cut off. */
interface Places<T> {
  /** Before the first item. */
  readonly start: string;
  /** After an item. */
  of(item: T): string;
}

/**
 * A stream that its reader pulls. It is no async generator: a generator holds back `return` until the next item comes,
 * and a quiet stream would never end.
 */
export abstract class PullStream<T> implements AsyncIterableIterator<T> {
  /** Null: a reader that was cut off begins anew. */
  places: Places<T> | null = null;
  private readonly waiting: ((result: IteratorResult<T> | Promise<IteratorResult<T>>) => void)[] = [];
  private hasEnded = false;
  private answering: Answering<T, T> | null = null;
  /** The result that was handed over last. */
  private last: { done: false; value: T | undefined } | null = null;

  protected get ended(): boolean {
    return this.hasEnded;
  }

  /**
   * From now on the reader gets what `answer` makes of each item. This stream itself is returned, and no stream in
   * front of it: a second promise for every subscriber would cost much memory.
   */
  mapInPlace<U>(answering: Answering<T, U>): PullStream<U> {
    this.answering = answering as unknown as Answering<T, T>;
    return this as unknown as PullStream<U>;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.last?.value !== undefined) {
      this.answering?.release(this.last.value);
      this.last.value = undefined;
    }
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.handOver();
    });
  }

  return(): Promise<IteratorResult<T>> {
    if (!this.hasEnded) {
      this.hasEnded = true;
      this.onReturn();
      this.answering?.leave();
      this.handOver();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next item for a reader that waits. Undefined: there is none yet, and `handOver` will be called. */
  protected abstract take(): T | undefined;

  /** Called once, at the end: releases what the stream holds. */
  protected abstract onReturn(): void;

  /** Call it when `take` may have an item. */
  protected handOver(): void {
    while (this.waiting.length > 0) {
      if (this.hasEnded) {
        this.waiting.shift()?.({ done: true, value: undefined });
        continue;
      }
      const item = this.take();
      if (item === undefined) return;
      this.waiting.shift()?.(this.resultOf(item));
    }
  }

  private resultOf(item: T): IteratorResult<T> | Promise<IteratorResult<T>> {
    if (this.answering === null) return { done: false, value: item };
    try {
      const answer = this.answering.answer(item);
      if (!(answer instanceof Promise)) return this.resultWith(answer);
      return answer.then(
        (late) => this.resultWith(late),
        (error: unknown) => this.failed(error),
      );
    } catch (error) {
      // The error belongs to the reader, and not to the caller of `handOver`.
      return this.failed(error);
    }
  }

  /** A reading loop does not end a stream that has failed: the stream ends itself. */
  private async failed(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }

  private resultWith(value: T): IteratorResult<T> {
    const result = { done: false as const, value };
    this.last = result;
    return result;
  }
}
