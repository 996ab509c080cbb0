// The stage: what someone collected from an instance for the next distribution; and turning such a selection into the
// payload that is frozen at the moment of asking.

import { AppError, badInput } from '../errors.ts';
import type { Payload } from '../model/distribution.ts';
import type { Entry } from '../model/entry.ts';
import { keys } from '../model/keys.ts';
import { ancestorsOf, fromKey, type Kind, parseKindPath, parsePrefix, toKey } from '../model/path.ts';
import { everything, joinRanges, type Range, rangeOf } from '../model/scope.ts';
import type { Digest } from '../ports.ts';
import { editTree } from '../tree/edit.ts';
import { emptyRoot, type Totals } from '../tree/page.ts';
import { scan, totals } from '../tree/walk.ts';
import { type Call, reader } from './call.ts';
import { type ResolvedState, resolveState } from './states.ts';

export type StageItem =
  | { readonly all: true; readonly state: string }
  | {
      readonly state: string;
      readonly kind: Kind;
      readonly path?: string | undefined;
      readonly prefix?: string | undefined;
      /** Where it lands: another path, or another beginning in place of the prefix. */
      readonly as?: string | undefined;
    };

export async function getStage(call: Call, instance: string): Promise<readonly StageItem[]> {
  const record = await call.ports.records.get<StageItem[]>(keys.stage(instance, call.actor.user));
  return record?.value ?? [];
}

/** Replaces the caller's stage; every item must exist in its state. */
export async function putStage(call: Call, instance: string, items: readonly StageItem[]): Promise<void> {
  for (const [index, item] of items.entries()) {
    const pointer = `/items/${index}`;
    const { root } = await resolveState(call, instance, item.state, `${pointer}/state`);
    for (const { range } of selectionsOf(item, pointer)) await requireSomething(call, root, range, pointer);
  }
  await call.ports.records.write([{ put: keys.stage(instance, call.actor.user), value: items }]);
}

export const clearStage = (call: Call, instance: string): Promise<void> =>
  call.ports.records.write([{ delete: keys.stage(instance, call.actor.user) }]);

/** What one staged item takes, and the part of the target that it speaks for. */
interface Selection {
  readonly range: Range;
  readonly lands: Range;
  readonly move: (key: string) => string;
}

function selectionsOf(item: StageItem, pointer: string): Selection[] {
  if ('all' in item) return everything.map((range) => ({ range, lands: range, move: (key) => key }));
  const range = rangeOf(item, pointer);
  if (item.as === undefined) return [{ range, lands: range, move: (key) => key }];
  const { kind, prefix } = item;
  const as = `${pointer}/as`;
  if (prefix === undefined) {
    const target = toKey(kind, parseKindPath(kind, item.as, as));
    return [{ range, lands: rangeOf({ kind, path: item.as }, as), move: () => target }];
  }
  const beginning = toKey(kind, parsePrefix(item.as, as));
  const skip = toKey(kind, prefix.normalize('NFC')).length;
  const move = (key: string) => {
    const moved = beginning + key.slice(skip);
    return toKey(kind, parseKindPath(kind, fromKey(moved).path, as));
  };
  return [{ range, lands: rangeOf({ kind, prefix: item.as }, as), move }];
}

async function requireSomething(call: Call, root: Digest, range: Range, pointer: string): Promise<Totals> {
  const found = await totals(reader(call), root, range);
  const whole = everything.some(({ from }) => from === range.from);
  if (found.entries === 0 && !whole)
    throw new AppError('impossible', 'Something staged does not exist in that state.', {
      errors: [{ pointer, detail: `There is nothing at ${fromKey(range.from.replace(/\0$/, '')).path}.` }],
    });
  return found;
}

export interface Frozen extends Payload {
  /** The journal sequence of the source whose state was taken last. */
  readonly version: number;
}

/** A selection is gathered in memory; the whole of a state is not. */
const mostStaged = 200_000;

/** Freezes a selection: a tree of its own, or, for the whole of one state, that state's tree as it is. */
export async function freeze(call: Call, instance: string, items: readonly StageItem[]): Promise<Frozen> {
  if (items.length === 0)
    throw badInput('/source', 'The stage is empty: stage something first.', 'impossible');
  const [first] = items;
  if (items.length === 1 && first && 'all' in first) {
    const { root, entries, bytes, version } = await resolveState(
      call,
      instance,
      first.state,
      '/source/state',
    );
    return withSomething({ root, entries, bytes, scope: everything, version });
  }
  const states = new Map<string, ResolvedState>();
  for (const [index, { state }] of items.entries())
    if (!states.has(state))
      states.set(state, await resolveState(call, instance, state, `/source/items/${index}/state`));
  const version = Math.max(...[...states.values()].map((state) => state.version));
  const taken = new Map<string, Entry>();
  const scope: Range[] = [];
  for (const [index, item] of items.entries()) {
    const pointer = `/source/items/${index}`;
    const { root } = states.get(item.state)!;
    for (const { range, lands, move } of selectionsOf(item, pointer)) {
      await requireSomething(call, root, range, pointer);
      scope.push(lands);
      for await (const { key, entry } of scan(reader(call), root, range)) {
        const target = move(key);
        if (taken.has(target))
          throw badInput(pointer, `Two staged items land on ${fromKey(target).path}.`, 'impossible');
        taken.set(target, entry);
        if (taken.size > mostStaged)
          throw badInput(
            pointer,
            `At most ${mostStaged} entries are staged one by one; stage all.`,
            'too-large',
          );
      }
    }
  }
  for (const key of taken.keys())
    for (const folder of ancestorsOf(key))
      if (taken.has(folder))
        throw badInput('/source', `${fromKey(folder).path} lands as a file and as a folder.`, 'impossible');
  const edits = [...taken].map(([key, entry]) => ({ key, entry }));
  const tree = await editTree(reader(call), emptyRoot, edits);
  await call.ports.pages.putMany(tree.pages);
  const { root, entries, bytes } = tree;
  return withSomething({ root, entries, bytes, scope: joinRanges(scope), version });
}

function withSomething(frozen: Frozen): Frozen {
  if (frozen.entries > 0) return frozen;
  throw badInput('/source', 'There is nothing in what was staged.', 'impossible');
}
