// What keeps bytes: the current state, each snapshot, the history window, hand-ins, captures and feedback of an instance;
// of a space besides, what waits to be distributed, and the material of assignments. Where a tree is held, every page and
// blob below its root is.

import type { Assignment } from '../model/assignment.ts';
import type { Distribution } from '../model/distribution.ts';
import type { Feedback, HandIn, HandInSummary } from '../model/hand-in.ts';
import type { InstanceEntry } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Instance, Space } from '../model/space.ts';
import type { Digest, Ports } from '../ports.ts';
import { currentOf } from './journal.ts';
import { eachRecord } from './paging.ts';

export const holdKinds = [
  'current',
  'snapshot',
  'history',
  'hand-in',
  'capture',
  'feedback',
  'distribution',
  'assignment',
] as const;

export interface Hold {
  readonly kind: (typeof holdKinds)[number];
  /** The snapshot, hand-in, distribution or assignment; the instance for its current state and its history. */
  readonly id: string;
  readonly name?: string;
  readonly spaceId: string;
  readonly instanceId?: string;
  readonly roots: readonly Digest[];
}

/** Every hold of an instance: its current state first, then its snapshots, oldest first. */
export async function holdsOfInstance(ports: Ports, { id, spaceId, name }: Instance): Promise<Hold[]> {
  const place = { spaceId, instanceId: id };
  const { root } = await currentOf(ports, id);
  const holds: Hold[] = [{ ...place, kind: 'current', id, name, roots: [root] }];
  const query = (prefix: string) => ({ partition: partitions.instance(id), prefix });
  for await (const { value } of eachRecord<Snapshot>(ports.records, query(prefixes.snapshot)))
    if (!value.deletedAt)
      holds.push({ ...place, kind: 'snapshot', id: value.id, name: value.name, roots: [value.root] });
  holds.push({ ...place, kind: 'history', id, roots: await historyOf(ports, id) });
  for (const prefix of ['handin#', 'capture#'])
    for await (const { value } of eachRecord<HandInSummary>(ports.records, query(prefix)))
      holds.push(...(await handInHolds(ports, value.id)));
  return holds;
}

/** The states that can be read by time: those that were current at some moment of the history window. */
async function historyOf(ports: Ports, instance: string): Promise<Digest[]> {
  const since = ports.now() - ports.settings.historySeconds * 1_000;
  const newestFirst = { partition: partitions.instance(instance), prefix: prefixes.journal, reverse: true };
  const roots = new Set<Digest>();
  for await (const { value } of eachRecord<InstanceEntry>(ports.records, newestFirst)) {
    roots.add(value.root);
    if (Date.parse(value.at) < since) break;
  }
  return [...roots];
}

async function handInHolds(ports: Ports, id: string): Promise<Hold[]> {
  const [handIn, feedback] = await Promise.all([
    ports.records.get<HandIn>(keys.handIn(id)),
    ports.records.get<Feedback>(keys.feedback(id)),
  ]);
  if (!handIn) return [];
  const { kind, spaceId, instanceId, root } = handIn.value;
  const place = { id, spaceId, instanceId };
  const own: Hold = { ...place, kind, roots: [root] };
  return feedback ? [own, { ...place, kind: 'feedback', roots: [feedback.value.root] }] : [own];
}

/** The holds of a space that belong to no instance. */
export async function holdsOfSpace(ports: Ports, spaceId: string): Promise<Hold[]> {
  const holds: Hold[] = [];
  const query = { partition: partitions.space(spaceId), prefix: prefixes.assignment };
  for await (const { value: id } of eachRecord<string>(ports.records, query)) {
    const { title, payload } = (await ports.records.get<Assignment>(keys.assignment(id)))!.value;
    holds.push({ kind: 'assignment', id, name: title, spaceId, roots: [payload.root] });
  }
  const queue = await ports.records.get<{ waiting: readonly string[] }>(keys.queue(spaceId));
  for (const id of queue?.value.waiting ?? []) {
    const distribution = (await ports.records.get<Distribution>(keys.distribution(id)))!.value;
    if (distribution.kind === 'distribution')
      holds.push({ kind: 'distribution', id, spaceId, roots: [distribution.payload.root] });
  }
  return holds;
}

/** The instances of a space: master and Distributed first, then by id, which is the order in which bytes are charged. */
export async function instancesInOrder(ports: Ports, spaceId: string): Promise<Instance[]> {
  const found: Instance[] = [];
  const query = { partition: partitions.space(spaceId), prefix: prefixes.instance };
  for await (const { value } of eachRecord<Instance>(ports.records, query)) found.push(value);
  const rank = ({ kind }: Instance) => ['master', 'distributed'].indexOf(kind) >>> 0;
  return found.sort((a, b) => rank(a) - rank(b));
}

/** Every space there is. */
export async function* eachSpace(ports: Ports): AsyncGenerator<Space> {
  const query = { partition: partitions.spaces, prefix: prefixes.space };
  for await (const { value } of eachRecord<Space>(ports.records, query)) yield value;
}
