/** What becomes of the items of a stream. */
export interface Answering<T, U> {
  answer(item: T): Promise<U> | U;
  /**
   * Empties an answer when the reader, who has used it up, asks for the next one. What waits for the next event is old
   * (the promise of the last one, the loop that reads with its variable), and what the old refers to outlives the young
   * generation's collections.
   */
  release(answer: U): void;
}

/**
 * A stream that its reader pulls. Written out: an async generator would hold back `return` until the next item comes,
 * and a stream that is quiet would stay open for ever.
 */
export abstract class PullStream<T> implements AsyncIterableIterator<T> {
  private readonly waiting: ((result: IteratorResult<T> | Promise<IteratorResult<T>>) => void)[] = [];
  private hasEnded = false;
  private answering: Answering<T, T> | null = null;
  /** The answer that was handed over last. */
  private last: { done: false; value: T | undefined } | null = null;

  protected get ended(): boolean {
    return this.hasEnded;
  }

  /**
   * From now on the reader gets what `answer` makes of each item, when it is taken. It is this stream and none in front
   * of it: of all that waits for every subscriber, a second promise would be a good part.
   */
  mapInPlace<U>(answering: Answering<T, U>): AsyncIterableIterator<U> {
    const answered = this as unknown as AsyncIterableIterator<U> & { answering: Answering<T, U> };
    answered.answering = answering;
    return answered;
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
      this.handOver();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next item, for a reader that waits; undefined: there is none yet, and `handOver` will be called. */
  protected abstract take(): T | undefined;

  /** Once: lets go of what is held. */
  protected abstract onReturn(): void;

  /** To be called when there may be something to take. */
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
      // It is the reader's, and not of whoever had something for it.
      return this.failed(error);
    }
  }

  /** A loop that reads does not end what has failed. */
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

/** Nothing to see: it ends at once. */
export class EmptyStream<T> extends PullStream<T> {
  constructor() {
    super();
    void this.return();
  }

  protected take(): undefined {
    return undefined;
  }

  protected onReturn(): void {
    // It holds nothing.
  }
}
