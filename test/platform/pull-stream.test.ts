import { expect, it } from '@jest/globals';

import { PullStream } from '../../src/platform/pull-stream.js';

class Numbers extends PullStream<number> {
  hasReturned = false;
  private readonly items: number[] = [];

  offer(item: number): void {
    this.items.push(item);
    this.handOver();
  }

  protected take(): number | undefined {
    return this.items.shift();
  }

  protected onReturn(): void {
    this.hasReturned = true;
  }
}

interface Answer {
  data: number | null;
}

it('answers each item when it is taken, and empties an answer when the next one is asked for', async () => {
  const numbers = new Numbers();
  const asked: number[] = [];
  let left = 0;
  const answers = numbers.mapInPlace<Answer>({
    answer: (item) => {
      asked.push(item);
      const answer = { data: item * 10 };
      return item % 2 === 0 ? Promise.resolve(answer) : answer;
    },
    release: (used) => void (used.data = null),
    leave: () => void (left += 1),
  });
  numbers.offer(1);
  numbers.offer(2);
  expect(asked).toEqual([]);
  const seen: Answer[] = [];
  for (const [index, data] of [10, 20].entries()) {
    const { value } = (await answers.next()) as { value: Answer };
    expect(value).toEqual({ data });
    seen.push(value);
    expect(asked).toEqual([1, 2].slice(0, index + 1));
  }
  const waiting = answers.next();
  expect(seen).toEqual([{ data: null }, { data: null }]);
  numbers.offer(3);
  expect(await waiting).toEqual({ done: false, value: { data: 30 } });
  expect(left).toBe(0);
  await answers.return?.();
  await answers.return?.();
  expect(left).toBe(1);
  expect(await answers.next()).toEqual({ done: true, value: undefined });
});

it.each([
  [
    'at once',
    (): Answer => {
      throw new Error('No answer.');
    },
  ],
  ['late', (): Promise<Answer> => Promise.reject(new Error('No answer.'))],
])('fails for the reader alone what cannot be answered, %s, and ends', async (_when, answer) => {
  const numbers = new Numbers();
  const answers = numbers.mapInPlace<Answer>({ answer, release: () => undefined, leave: () => undefined });
  const waiting = answers.next();
  expect(() => numbers.offer(1)).not.toThrow();
  await expect(waiting).rejects.toThrow('No answer.');
  expect(numbers.hasReturned).toBe(true);
  expect(await answers.next()).toEqual({ done: true, value: undefined });
});
