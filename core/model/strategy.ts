// What a distribution does at one path (DESIGN §6): base B is what was last delivered there, payload P what comes now,
// target T what the recipient has. A path that is there but was never delivered counts as edited.

import { type Entry, sameEntry } from './entry.ts';
import type { Kind } from './path.ts';

export const strategies = ['merge', 'overwrite', 'keep', 'rename', 'mirror', 'none'] as const;
export type Strategy = (typeof strategies)[number];

/** A strategy for each kind of content. `none` leaves the kind out. */
export type Strategies = Readonly<Record<Kind, Strategy>>;

export const outcomes = ['created', 'updated', 'same', 'kept', 'renamed', 'replaced', 'deleted'] as const;
export type Outcome = (typeof outcomes)[number];
export type Counts = Record<Outcome, number>;

export const noCounts = (): Counts => ({
  created: 0,
  updated: 0,
  same: 0,
  kept: 0,
  renamed: 0,
  replaced: 0,
  deleted: 0,
});

export function addCounts(sum: Counts, more: Counts): Counts {
  for (const outcome of outcomes) sum[outcome] += more[outcome];
  return sum;
}

/** The three entries at a path; undefined where there is none. */
export interface ThreeWay {
  readonly base: Entry | undefined;
  readonly payload: Entry | undefined;
  readonly target: Entry | undefined;
}

/** The target of a strategy is untouched, or edited by its owner, with an old or a new payload. */
type Situation = 'untouched' | 'edited, payload as before' | 'edited, payload new';

const decisions: Record<Exclude<Strategy, 'none'>, Record<Situation, Outcome>> = {
  merge: { untouched: 'updated', 'edited, payload as before': 'kept', 'edited, payload new': 'renamed' },
  overwrite: {
    untouched: 'updated',
    'edited, payload as before': 'replaced',
    'edited, payload new': 'replaced',
  },
  keep: { untouched: 'kept', 'edited, payload as before': 'kept', 'edited, payload new': 'kept' },
  rename: { untouched: 'renamed', 'edited, payload as before': 'renamed', 'edited, payload new': 'renamed' },
  mirror: {
    untouched: 'updated',
    'edited, payload as before': 'replaced',
    'edited, payload new': 'replaced',
  },
};

/**
 * The outcome at one path, or undefined where the strategy has nothing to say there: the kind is left out, or the path
 * is not in the payload and the strategy does not mirror.
 */
export function decide(strategy: Strategy, { base, payload, target }: ThreeWay): Outcome | undefined {
  if (strategy === 'none') return undefined;
  if (!payload) return strategy === 'mirror' && target ? 'deleted' : undefined;
  if (!target) return 'created';
  if (sameEntry(target, payload)) return 'same';
  if (sameEntry(target, base)) return decisions[strategy].untouched;
  return decisions[strategy][sameEntry(payload, base) ? 'edited, payload as before' : 'edited, payload new'];
}
