/** The pace of a stream: what passes when, and what is left of it at the end. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { Pace } from '../../../src/risk/streams/pace.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

describe('a pace', () => {
  it('lets through at once, and then once a period', () => {
    const pace = new Pace(1_000);
    expect([pace.opens(), pace.opens()]).toEqual([true, false]);
    jest.advanceTimersByTime(999);
    expect(pace.opens()).toBe(false);
    jest.advanceTimersByTime(1);
    expect([pace.opens(), pace.opens()]).toEqual([true, false]);
  });

  it('calls back once when the period is over, however often it is asked to', () => {
    const pace = new Pace(1_000);
    const callback = jest.fn();
    pace.opens();
    pace.whenOver(callback);
    pace.whenOver(callback);
    jest.advanceTimersByTime(1_000);
    expect(callback).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
    expect(pace.opens()).toBe(true);
  });

  it('leaves no timer when it is closed', () => {
    const pace = new Pace(1_000);
    pace.opens();
    pace.whenOver(() => undefined);
    pace.close();
    expect(jest.getTimerCount()).toBe(0);
  });
});
