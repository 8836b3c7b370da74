/** Closes what was opened, in the reverse order. */
export class Closers {
  private readonly list: (() => Promise<void> | void)[] = [];
  private closing: Promise<void> | undefined;

  add(...closers: readonly (() => Promise<void> | void)[]): void {
    this.list.push(...closers);
  }

  /** Calls `work` at an interval, in milliseconds. `work` catches its own failures. */
  every(ms: number, work: () => void): void {
    const timer = setInterval(work, ms);
    this.add(() => clearInterval(timer));
  }

  /** Closes each once, even if called again meanwhile. */
  close(): Promise<void> {
    return (this.closing ??= this.closeAll());
  }

  private async closeAll(): Promise<void> {
    for (const close of this.list.reverse()) await close();
  }
}
