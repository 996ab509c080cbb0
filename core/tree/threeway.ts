// Base, payload and target side by side: the paths within some ranges where the payload differs from the target or from
// the base. Where all three agree nothing is opened, so the cost follows the edits.

import type { Entry } from '../model/entry.ts';
import { compareKeys } from '../model/path.ts';
import type { Range } from '../model/scope.ts';
import type { ThreeWay } from '../model/strategy.ts';
import type { Digest } from '../ports.ts';
import { type Difference, diff } from './diff.ts';
import type { ReadPage } from './reader.ts';

export interface Roots {
  readonly base: Digest;
  readonly payload: Digest;
  readonly target: Digest;
}

export interface Disagreement extends ThreeWay {
  readonly key: string;
}

export async function* threeWay(
  read: ReadPage,
  { base, payload, target }: Roots,
  ranges: readonly Range[],
): AsyncGenerator<Disagreement> {
  for (const range of ranges) {
    const targets = diff(read, target, payload, range);
    const bases = diff(read, base, payload, range);
    let t = await take(targets);
    let b = await take(bases);
    while (t || b) {
      const order = !t ? 1 : !b ? -1 : compareKeys(t.key, b.key);
      const here: Difference = order <= 0 ? t! : b!;
      const agreed: Entry | undefined = here.to;
      yield {
        key: here.key,
        payload: agreed,
        target: order <= 0 ? t!.from : agreed,
        base: order >= 0 ? b!.from : agreed,
      };
      if (order <= 0) t = await take(targets);
      if (order >= 0) b = await take(bases);
    }
  }
}

async function take<T>(items: AsyncGenerator<T>): Promise<T | undefined> {
  const { value, done } = await items.next();
  return done ? undefined : value;
}
