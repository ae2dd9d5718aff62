import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Unhurried } from '../../src/ui/unhurried.ts';

describe('work that waits for the typing to rest', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is done once, for the last that was typed', () => {
    const done: number[] = [];
    const work = new Unhurried();
    for (let i = 0; i < 5; i++) {
      work.later(() => done.push(i));
      vi.advanceTimersByTime(50);
    }
    expect(done).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(done).toEqual([4]);
  });

  it('waits longer where it took long', () => {
    const work = new Unhurried();
    const slow = vi.fn<() => void>(() => void vi.advanceTimersByTime(400));
    work.later(slow);
    work.now();
    work.later(slow);
    vi.advanceTimersByTime(700);
    expect(slow).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(200);
    expect(slow).toHaveBeenCalledTimes(2);
  });

  it('is done at once when asked, and not at all once dropped', () => {
    const work = new Unhurried();
    const done = vi.fn<() => void>();
    work.later(done);
    work.now();
    work.now();
    expect(done).toHaveBeenCalledTimes(1);
    work.later(done);
    work.drop();
    vi.advanceTimersByTime(2000);
    expect(done).toHaveBeenCalledTimes(1);
  });
});
