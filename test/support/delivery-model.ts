// Delivering a payload (DESIGN §6) as a plain model over maps: what `core/tree/deliver.ts` is measured against.

import { compareKeys, fromKey } from '../../core/model/path.ts';
import { inRanges, type Range } from '../../core/model/scope.ts';
import { noCounts, type Outcome, type Strategies, type Strategy } from '../../core/model/strategy.ts';

/** A state by key, each entry as something that tells it from others. */
export type Content = ReadonlyMap<string, string>;

export const isBelow = (key: string, folder: string): boolean => key.startsWith(`${folder}/`);
export const clash = (a: string, b: string): boolean => isBelow(a, b) || isBelow(b, a);

export interface Case {
  readonly base: Content;
  readonly payload: Content;
  readonly target: Content;
  readonly scope: readonly Range[];
  readonly strategies: Strategies;
  readonly day: string;
}

export interface Expected {
  readonly content: Map<string, string>;
  readonly delivered: Map<string, string>;
  readonly counts: Record<Outcome, number>;
  readonly exceptions: unknown[];
}

/** The table of DESIGN §6, told once more and as plainly as possible. */
function outcomeOf(
  strategy: Strategy,
  b: string | undefined,
  p: string | undefined,
  t: string | undefined,
): Outcome | undefined {
  if (p === undefined) return strategy === 'mirror' && t !== undefined ? 'deleted' : undefined;
  if (t === undefined) return 'created';
  if (t === p) return 'same';
  if (strategy === 'keep') return 'kept';
  if (strategy === 'rename') return 'renamed';
  if (t === b) return 'updated';
  if (strategy !== 'merge') return 'replaced';
  return p === b ? 'kept' : 'renamed';
}

/** What stands around the mark, for names that need no cutting. */
function frameOf(key: string, inTheWay = key): [before: string, after: string] {
  const slash = inTheWay.lastIndexOf('/');
  const dot = inTheWay.lastIndexOf('.');
  const end = dot > slash + 1 ? dot : inTheWay.length;
  return [inTheWay.slice(0, end), inTheWay.slice(end) + key.slice(inTheWay.length)];
}

/** What a delivery makes of a target. */
export function model({ base, payload, target, scope, strategies, day }: Case): Expected {
  const content = new Map(target);
  const delivered = new Map(base);
  const counts = noCounts();
  const exceptions: unknown[] = [];
  const note = (key: string, outcome: Outcome, renamedTo?: string) => {
    counts[outcome]++;
    if (outcome === 'created' || outcome === 'updated' || outcome === 'same') return;
    exceptions.push({ ...fromKey(key), outcome, ...(renamedTo && { renamedTo: fromKey(renamedTo).path }) });
  };
  const give = (key: string, text: string, outcome: Outcome) => {
    content.set(key, text);
    delivered.set(key, text);
    note(key, outcome);
  };
  const remove = (key: string) => {
    content.delete(key);
    delivered.delete(key);
    note(key, 'deleted');
  };
  const usedByPayload = (key: string) =>
    payload.has(key) || [...payload.keys()].some((other) => clash(key, other));
  const putBeside = (key: string, text: string, inTheWay?: string) => {
    const [before, after] = frameOf(key, inTheWay);
    const isCopy = (other: string) =>
      other.startsWith(`${before} (handout `) &&
      other.endsWith(`)${after}`) &&
      /^\d{4}-\d\d-\d\d( \d+)?$/.test(other.slice(before.length + 10, other.length - after.length - 1));
    const copies = [...target.keys()].filter(isCopy).sort(compareKeys);
    const there = copies.find(
      (copy) =>
        target.get(copy) === text &&
        content.get(copy) === text &&
        (payload.get(copy) === text || !usedByPayload(copy)),
    );
    if (there) return note(key, 'kept', there);
    for (let n = 1; ; n++) {
      const free = `${before} (handout ${day}${n > 1 ? ` ${n}` : ''})${after}`;
      if (content.has(free) || usedByPayload(free) || [...content.keys()].some((other) => clash(free, other)))
        continue;
      content.set(free, text);
      delivered.set(free, text);
      return note(key, 'renamed', free);
    }
  };
  const keys = new Set([...payload.keys(), ...target.keys()]);
  for (const key of [...keys].sort(compareKeys)) {
    const strategy = strategies[fromKey(key).kind];
    if (!inRanges(scope, key) || strategy === 'none') continue;
    const [b, p, t] = [base.get(key), payload.get(key), target.get(key)];
    const inTheWay =
      p === undefined || t !== undefined
        ? []
        : [...content.keys()].filter((other) => clash(key, other)).sort(compareKeys);
    if (p !== undefined && inTheWay.length > 0) {
      const untouched = inTheWay.every(
        (other) => inRanges(scope, other) && target.get(other) === base.get(other),
      );
      if (strategy === 'keep') note(key, 'kept');
      else if (strategy === 'overwrite' || strategy === 'mirror' || (strategy === 'merge' && untouched)) {
        for (const other of inTheWay) remove(other);
        give(key, p, strategy === 'merge' ? 'updated' : 'replaced');
      } else if (strategy === 'merge' && b === p) note(key, 'kept');
      else {
        delivered.set(key, p);
        putBeside(
          key,
          p,
          inTheWay.find((other) => isBelow(key, other)),
        );
      }
      continue;
    }
    const outcome = outcomeOf(strategy, b, p, t);
    if (outcome === 'deleted') {
      if (content.has(key)) remove(key);
    } else if (outcome === 'kept') note(key, outcome);
    else if (outcome === 'renamed') {
      if (t !== b) delivered.set(key, p!);
      putBeside(key, p!);
    } else if (outcome) give(key, p!, outcome);
  }
  return { content, delivered, counts, exceptions };
}
