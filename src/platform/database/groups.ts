/**
 * Group commit: writes that wait for no one in their lanes, and share no account, are committed by one transaction. A
 * write to which nothing is under way begins at once. What comes meanwhile is the next group, which begins when the one
 * before has ended, or when its first write has waited long enough.
 */
export interface GroupBounds {
  /** Items of a group; a single write may have more. */
  readonly items: number;
  /** How long its first write waits for the groups that are under way. */
  readonly waitMs: number;
  /** Groups that are under way at once. More of them wait, however long. */
  readonly groups: number;
}

/** Items of a write that shares its group with no other. */
export const WHOLE_GROUP = 1_000;

const BOUNDS: GroupBounds = { items: WHOLE_GROUP, waitMs: 20, groups: 3 };

/**
 * Commits all, and answers each in its place: with a promise, where a write goes on alone when the group has ended. What
 * it throws, all are answered.
 */
export type Commit<W, R> = (writes: readonly W[]) => Promise<readonly (R | Promise<R>)[]>;

interface Waiting<W, R> {
  readonly write: W;
  readonly items: number;
  readonly since: number;
  readonly resolve: (result: R | Promise<R>) => void;
  readonly reject: (error: unknown) => void;
}

export class Group<W, R> {
  private waiting: Waiting<W, R>[] = [];
  private underWay = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly commit: Commit<W, R>,
    private readonly bounds: GroupBounds = BOUNDS,
  ) {}

  /** @param items how many the write has */
  add(write: W, items: number): Promise<R> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ write, items, since: performance.now(), resolve, reject });
      this.look();
    });
  }

  private look(): void {
    clearTimeout(this.timer);
    const [first] = this.waiting;
    if (first === undefined || this.underWay >= this.bounds.groups) return;
    const leftMs = first.since + this.bounds.waitMs - performance.now();
    if (this.underWay === 0 || leftMs <= 0) void this.begin();
    else this.timer = setTimeout(() => this.look(), leftMs);
  }

  private async begin(): Promise<void> {
    const group = this.take();
    this.underWay += 1;
    this.look();
    try {
      const results = await this.commit(group.map(({ write }) => write));
      for (const [place, { resolve }] of group.entries()) resolve(results[place] as R | Promise<R>);
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      this.underWay -= 1;
      this.look();
    }
  }

  private take(): Waiting<W, R>[] {
    let items = 0;
    const end = this.waiting.findIndex((each, place) => (items += each.items) > this.bounds.items && place > 0);
    return this.waiting.splice(0, end === -1 ? this.waiting.length : end);
  }
}
