/**
 * A stream that its reader pulls. Written out: an async generator would hold back `return` until the next item comes,
 * and a stream that is quiet would stay open for ever.
 */
export abstract class PulledStream<T> implements AsyncIterableIterator<T> {
  private readonly waiting: ((result: IteratorResult<T>) => void)[] = [];
  private hasEnded = false;

  protected get ended(): boolean {
    return this.hasEnded;
  }

  next(): Promise<IteratorResult<T>> {
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
      const value = this.take();
      if (value === undefined) return;
      this.waiting.shift()?.({ done: false, value });
    }
  }
}
