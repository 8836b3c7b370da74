/** What was opened, to be closed in the reverse order. */
export class Closers {
  private readonly list: (() => Promise<void> | void)[] = [];
  private closing: Promise<void> | undefined;

  add(...closers: readonly (() => Promise<void> | void)[]): void {
    this.list.push(...closers);
  }

  /** Calls `work` every so many milliseconds; its failures are the caller's to catch. */
  every(ms: number, work: () => void): void {
    const timer = setInterval(work, ms);
    this.add(() => clearInterval(timer));
  }

  /** Closes each once, also when it is called again while it closes. */
  close(): Promise<void> {
    return (this.closing ??= this.closeAll());
  }

  private async closeAll(): Promise<void> {
    for (const close of this.list.reverse()) await close();
  }
}
