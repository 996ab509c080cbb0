// What a distribution, recall or undo makes of one target's state. Targets in the same state share one merge: its pages
// and its report are stored once, by the first of them.

import type { Distribution } from '../model/distribution.ts';
import type { InstanceEntry, State } from '../model/journal.ts';
import { keys, partitions } from '../model/keys.ts';
import type { Space } from '../model/space.ts';
import type { Counts } from '../model/strategy.ts';
import type { Digest, Pages, Ports } from '../ports.ts';
import { deliver } from '../tree/deliver.ts';
import type { Delivery } from '../tree/delivery.ts';
import { readerOf } from '../tree/reader.ts';
import { remove } from '../tree/remove.ts';
import { type Pair, revert } from '../tree/revert.ts';
import { getDistribution } from './distribution-views.ts';
import { stateOf } from './journal.ts';
import { entryMadeBy } from './marks.ts';
import { storeReport } from './reports.ts';

export interface Merged {
  readonly state: State;
  readonly counts: Counts;
  readonly report: Digest;
}

/** A merge that was not made yet: its name is the same for targets that share it. */
interface Merge {
  readonly name: string;
  readonly make: () => Promise<Delivery>;
}

const memos = new WeakMap<Pages, Map<string, Promise<Merged>>>();
const memoSize = 2_000;

/**
 * The merge for a target at `head`, made and stored at most once for all targets alike. A plan does without its pages:
 * no one gets to have the state it looks at.
 */
export async function mergeFor(
  ports: Ports,
  distribution: Distribution,
  instance: string,
  head: InstanceEntry,
  pages: 'stored' | 'dropped' = 'stored',
): Promise<Merged> {
  const memo = memos.get(ports.pages) ?? new Map<string, Promise<Merged>>();
  memos.set(ports.pages, memo);
  const { name, make } = await mergeOf(ports, distribution, instance, head);
  const known = memo.get(name);
  if (known) return known;
  const made = make().then((delivery) => store(ports, distribution.id, delivery, pages));
  memo.set(name, made);
  made.catch(() => memo.delete(name));
  if (memo.size > memoSize) memo.delete(memo.keys().next().value!);
  return made;
}

async function store(
  ports: Ports,
  owner: string,
  delivery: Delivery,
  pages: 'stored' | 'dropped',
): Promise<Merged> {
  if (pages === 'stored' && delivery.pages.length > 0) await ports.pages.putMany(delivery.pages);
  const report = await storeReport(ports, owner, delivery);
  return { state: stateOf(delivery), counts: delivery.counts, report };
}

async function mergeOf(
  ports: Ports,
  distribution: Distribution,
  instance: string,
  head: InstanceEntry,
): Promise<Merge> {
  const read = readerOf(ports.pages);
  const { root: target, delivered: base } = head;
  const name = `${distribution.id} ${target} ${base}`;
  if (distribution.kind === 'recall')
    return { name, make: () => remove(read, target, base, distribution.scope) };
  if (distribution.kind === 'undo') {
    const { before, after } = await changeToUndo(ports, distribution, instance, head);
    const around = `${before.root} ${before.delivered} ${after.root} ${after.delivered}`;
    return { name: `${name} ${around}`, make: () => revert(read, before, after, head) };
  }
  const { payload, strategies, createdAt } = distribution;
  const roots = { base, payload: payload.root, target };
  const day = createdAt.slice(0, 10);
  return { name, make: () => deliver(read, { ...roots, scope: payload.scope, strategies, day }) };
}

/**
 * The states around what a distribution did to an instance: to itself, or to Distributed if the instance began with it
 * from there. An instance that was not touched has nothing to undo.
 */
async function changeToUndo(
  ports: Ports,
  { undoes }: Extract<Distribution, { kind: 'undo' }>,
  instance: string,
  head: InstanceEntry,
): Promise<{ before: Pair; after: Pair }> {
  const undone = await getDistribution(ports, undoes);
  const own = await changeOf(ports, undone, instance);
  if (own) return own;
  const first = (await ports.records.get<InstanceEntry>(keys.journal(partitions.instance(instance), 1)))
    ?.value;
  const origin = first?.details as { from?: { instance: string; version: number } } | undefined;
  const { distributedInstanceId } = (await ports.records.get<Space>(keys.space(undone.spaceId)))!.value;
  if (distributedInstanceId && origin?.from?.instance === distributedInstanceId) {
    const given = await changeOf(ports, undone, distributedInstanceId);
    if (given && given.after.sequence <= origin.from.version) return given;
  }
  return { before: head, after: head };
}

async function changeOf(
  ports: Ports,
  distribution: Distribution,
  instance: string,
): Promise<{ before: InstanceEntry; after: InstanceEntry } | undefined> {
  const after = await entryMadeBy(ports, distribution, instance);
  if (!after) return undefined;
  const key = keys.journal(partitions.instance(instance), after.sequence - 1);
  return { before: (await ports.records.get<InstanceEntry>(key))!.value, after };
}
