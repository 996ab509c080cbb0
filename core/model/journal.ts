// Journals: append-only, each entry chained to the one before by its hash, so that altering or removing one is seen.
// An instance's journal carries its states; a space's journal carries its events. The current state of an instance is
// the root of its last entry; there is no other head.

import type { Digest } from '../ports.ts';
import { digestOf } from '../tree/digest.ts';
import type { Counts } from './strategy.ts';

export const instanceActions = [
  'create',
  'save',
  'restore',
  'snapshot',
  'snapshot-deleted',
  'snapshot-undeleted',
  'distribute',
  'recall',
  'undo',
  'catch-up',
  'hand-in',
  'capture',
  'feedback',
  'grade',
  'role',
] as const;
export type InstanceAction = (typeof instanceActions)[number];

export const spaceActions = [
  'create',
  'members',
  'member-removed',
  'instance-created',
  'instance-deleted',
  'instance-undeleted',
  'settings',
  'quota',
  'space-deleted',
  'space-undeleted',
  'distribute',
  'recall',
  'undo',
  'assignment',
  'assignment-changed',
  'assignment-deleted',
  'override',
  'override-removed',
  'opened',
  'released',
] as const;
export type SpaceAction = (typeof spaceActions)[number];

/** What every journal entry has. `at` is RFC 3339, never earlier than that of the entry before. */
export interface Chained {
  readonly sequence: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  /** The id of what brought it about: a distribution, a snapshot, an upload, a request. */
  readonly cause: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Hash of the entry before; of the journal's name for the first. */
  readonly previous: Digest;
  readonly hash: Digest;
}

/** A state: its tree, the tree of what was last delivered at each path, and how much it holds. */
export interface State {
  readonly root: Digest;
  readonly delivered: Digest;
  readonly entries: number;
  readonly bytes: number;
}

export interface InstanceEntry extends Chained, State {
  readonly action: InstanceAction;
  readonly counts?: Counts;
  readonly message?: string | undefined;
}

export interface SpaceEvent extends Chained {
  readonly action: SpaceAction;
}

/** What the caller of an append says; the chain adds the rest. */
export type Unchained<E extends Chained> = Omit<E, 'sequence' | 'at' | 'previous' | 'hash'>;

/** The time of an entry made now after `head`: journals never go back in time, whatever the clock does. */
export const timeAfter = (head: Pick<Chained, 'at'> | undefined, nowMs: number): number =>
  head ? Math.max(nowMs, Date.parse(head.at)) : nowMs;

/** The entry after `head` in the journal called `name`. */
export function chain<E extends Chained>(
  name: string,
  head: E | undefined,
  atMs: number,
  entry: Unchained<E>,
): E {
  const at = new Date(timeAfter(head, atMs)).toISOString();
  const linked = {
    ...entry,
    sequence: (head?.sequence ?? 0) + 1,
    at,
    previous: head?.hash ?? digestOf(name),
  };
  // What is hashed is what a store gives back: plain JSON, without undefined members.
  const plain = JSON.parse(JSON.stringify(linked)) as object;
  return { ...plain, hash: digestOf(plain) } as unknown as E;
}

export interface Verdict {
  readonly ok: boolean;
  readonly entries: number;
  /** The first sequence that is missing, altered or out of place. */
  readonly brokenAt?: number;
}

/** Checks a whole journal, from its first entry on. */
export async function verifyChain(name: string, journal: AsyncIterable<Chained>): Promise<Verdict> {
  let entries = 0;
  let previous = digestOf(name);
  let at = '';
  for await (const { hash, ...linked } of journal) {
    const sound =
      linked.sequence === entries + 1 &&
      linked.previous === previous &&
      linked.at >= at &&
      digestOf(linked) === hash;
    if (!sound) return { ok: false, entries, brokenAt: entries + 1 };
    entries++;
    previous = hash;
    at = linked.at;
  }
  return { ok: true, entries };
}
