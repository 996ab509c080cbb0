// Trying again after losing a race, and keeping writers of one process from racing at all.

import { AppError, isCode } from '../errors.ts';

const maxAttempts = 40;
const longestPauseMs = 250;

const pause = (attempt: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(longestPauseMs, 4 * 2 ** attempt)));

/** Runs `attempt` until it does not end in `conflict`; about five seconds at the most, then `busy`. */
export async function untilSettled<T>(attempt: () => Promise<T>): Promise<T> {
  for (let nth = 0; nth < maxAttempts; nth++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isCode(error, 'conflict') || error.data.errors) throw error;
      await pause(nth);
    }
  }
  throw new AppError('busy', 'Many writers are changing this at once. Nothing was changed; try again.');
}

const queues = new WeakMap<object, Map<string, Promise<unknown>>>();

/** Runs the work on `name` of one owner one after the other. Within this process only: safety comes from conditions. */
export function inTurn<T>(owner: object, name: string, work: () => Promise<T>): Promise<T> {
  const lines = queues.get(owner) ?? new Map<string, Promise<unknown>>();
  queues.set(owner, lines);
  const before = lines.get(name);
  const mine = before ? before.then(work, work) : work();
  lines.set(name, mine);
  const leave = () => lines.get(name) === mine && lines.delete(name);
  mine.then(leave, leave);
  return mine;
}

/** Runs `work` over the items, at most `width` at a time; the first failure is thrown after those under way have ended. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!, index);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, lane));
  const failed = lanes.find((settled) => settled.status === 'rejected');
  if (failed) throw failed.reason;
  return results;
}
