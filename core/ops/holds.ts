// What keeps bytes. Of an instance: its current state, its snapshots, the history window, hand-ins, captures, feedback,
// unfinished uploads, and what has still to reach it. Of a space besides: distributions that are not over or may be
// retried, plans, the material of assignments. Whatever ended after `asOf` counts, so that a mark that takes its time
// misses nothing that moves meanwhile.

import type { Assignment } from '../model/assignment.ts';
import { type Distribution, isOver, type Plan } from '../model/distribution.ts';
import type { Part } from '../model/entry.ts';
import type { Feedback, HandIn, HandInSummary } from '../model/hand-in.ts';
import type { InstanceEntry } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { historyFrom, isOverAt, planLifeMs } from '../model/retention.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Instance, Space } from '../model/space.ts';
import type { Digest, Ports } from '../ports.ts';
import { getDistribution } from './distribution-views.ts';
import { currentOf } from './journal.ts';
import { changeToUndo } from './merges.ts';
import { eachRecord } from './paging.ts';
import { openUploads } from './uploads.ts';

export const holdKinds = [
  'current',
  'snapshot',
  'history',
  'hand-in',
  'capture',
  'feedback',
  'upload',
  'distribution',
  'plan',
  'assignment',
] as const;

/** What an assignment has of an instance; it outlives the instance. */
export const isSubmission = ({ kind }: Pick<Hold, 'kind'>): boolean =>
  kind === 'hand-in' || kind === 'capture' || kind === 'feedback';

export interface Hold {
  readonly kind: (typeof holdKinds)[number];
  /** The snapshot, hand-in, upload, distribution, plan or assignment; the instance for its current state and its history. */
  readonly id: string;
  readonly name?: string;
  readonly spaceId: string;
  readonly instanceId?: string;
  /** Trees, with every page and blob below. */
  readonly roots: readonly Digest[];
  /** Trees that are only compared with: their pages, and no content. */
  readonly compared?: readonly Digest[];
  /** Blobs by themselves. */
  readonly parts?: readonly Part[];
}

/**
 * Every hold of an instance: its current state first, then its snapshots, oldest first. Six queries, and two reads for
 * each hand-in. Uploads come before the journal: one that is committed meanwhile is in either.
 */
export async function holdsOfInstance(
  ports: Ports,
  instance: Instance,
  space: Space,
  asOf: number,
): Promise<Hold[]> {
  const { id, name } = instance;
  const place = { spaceId: space.id, instanceId: id };
  const submissions = await holdsOfHandIns(ports, id);
  if (isOverAt(instance.deletedAt, asOf)) return submissions;
  const uploads: Hold[] = [];
  for (const upload of await openUploads(ports, id, asOf))
    uploads.push({ ...place, kind: 'upload', id: upload.id, roots: [], parts: upload.parts });
  const history = await historyOf(ports, instance, space, asOf);
  const current = { roots: history.roots.slice(0, 1), compared: history.compared.slice(0, 1) };
  const holds: Hold[] = [{ ...place, kind: 'current', id, name, ...current }];
  for await (const { value } of eachRecord<Snapshot>(ports.records, within(id, prefixes.snapshot))) {
    if (isOverAt(value.deletedAt, asOf)) continue;
    const trees = { roots: [value.root], compared: [value.delivered] };
    holds.push({ ...place, kind: 'snapshot', id: value.id, name: value.name, ...trees });
  }
  holds.push({ ...place, kind: 'history', id, ...history });
  return [...holds, ...uploads, ...submissions, ...(await holdsOfMissed(ports, instance))];
}

const within = (instance: string, prefix: string) => ({ partition: partitions.instance(instance), prefix });

/**
 * The states that can be read by time, newest first: those that were current at some moment of the history window, and so
 * the current one in any case. Of Distributed what was ever delivered is compared with, to tell who is behind.
 */
async function historyOf(
  ports: Ports,
  { id, kind }: Instance,
  space: Space,
  asOf: number,
): Promise<{ roots: Digest[]; compared: Digest[] }> {
  const from = historyFrom(space, ports.settings, asOf);
  const newestFirst = { ...within(id, prefixes.journal), reverse: true };
  const roots = new Set<Digest>();
  const compared = new Set<Digest>();
  let past = false;
  for await (const { value } of eachRecord<InstanceEntry>(ports.records, newestFirst)) {
    if (!past) roots.add(value.root);
    compared.add(value.delivered);
    past ||= Date.parse(value.at) < from;
    if (past && kind !== 'distributed') break;
  }
  return { roots: [...roots], compared: [...compared] };
}

async function holdsOfHandIns(ports: Ports, instance: string): Promise<Hold[]> {
  const holds: Hold[] = [];
  for (const prefix of [prefixes.handIn, prefixes.capture])
    for await (const { value } of eachRecord<HandInSummary>(ports.records, within(instance, prefix)))
      holds.push(...(await handInHolds(ports, value.id)));
  return holds;
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

/** What failed to reach an instance has to come before anything later does, and so is kept until then. */
async function holdsOfMissed(ports: Ports, { id: instanceId, spaceId }: Instance): Promise<Hold[]> {
  const holds: Hold[] = [];
  for await (const { value: id } of eachRecord<string>(ports.records, within(instanceId, prefixes.missed))) {
    const missed = await getDistribution(ports, id);
    const place = { kind: 'distribution', id, spaceId, instanceId } as const;
    if (missed.kind === 'distribution') holds.push({ ...place, roots: [missed.payload.root] });
    if (missed.kind !== 'undo') continue;
    const head = await currentOf(ports, instanceId);
    const { before, after } = await changeToUndo(ports, missed, instanceId, head);
    holds.push({
      ...place,
      roots: [before.root, after.root],
      compared: [before.delivered, after.delivered],
    });
  }
  return holds;
}

/** The holds of a space that belong to no instance. One read for each distribution that it ever had. */
export async function holdsOfSpace(ports: Ports, space: Space, asOf: number): Promise<Hold[]> {
  const spaceId = space.id;
  const holds: Hold[] = [];
  const inSpace = (prefix: string) => ({ partition: partitions.space(spaceId), prefix });
  for await (const { value: id } of eachRecord<string>(ports.records, inSpace(prefixes.assignment))) {
    const { title, payload } = (await ports.records.get<Assignment>(keys.assignment(id)))!.value;
    holds.push({ kind: 'assignment', id, name: title, spaceId, roots: [payload.root] });
  }
  for await (const { value: id } of eachRecord<string>(ports.records, inSpace(prefixes.distribution))) {
    const distribution = await getDistribution(ports, id);
    if (distribution.kind === 'distribution' && isNeeded(ports, distribution, space, asOf))
      holds.push({ kind: 'distribution', id, spaceId, roots: [distribution.payload.root] });
  }
  for await (const { value: id } of eachRecord<string>(ports.records, inSpace(prefixes.plan))) {
    const plan = (await ports.records.get<Plan>(keys.plan(id)))?.value;
    if (plan && Date.parse(plan.createdAt) + planLifeMs > asOf)
      holds.push({ kind: 'plan', id, spaceId, roots: [plan.task.payload.root] });
  }
  return holds;
}

/** Whether what a distribution brings may still be asked for: until it is over, and by a retry within the history window. */
function isNeeded(
  { settings }: Ports,
  { status, finishedAt }: Distribution,
  space: Space,
  asOf: number,
): boolean {
  if (!isOver(status) || !isOverAt(finishedAt, asOf)) return true;
  return status !== 'completed' && Date.parse(finishedAt!) >= historyFrom(space, settings, asOf);
}

/** The instances of a space: master and Distributed first, then by id, which is the order in which bytes are charged. */
export async function instancesInOrder(ports: Ports, spaceId: string): Promise<Instance[]> {
  const found: Instance[] = [];
  for (const prefix of [prefixes.instance, prefixes.deletedInstance])
    for await (const { value } of eachRecord<Instance>(ports.records, {
      partition: partitions.space(spaceId),
      prefix,
    }))
      found.push(value);
  const rank = ({ kind }: Instance) => ['master', 'distributed'].indexOf(kind) >>> 0;
  return found.sort((a, b) => rank(a) - rank(b));
}

/** Every space that was there after `asOf`. */
export async function* eachSpace(ports: Ports, asOf: number): AsyncGenerator<Space> {
  for (const prefix of [prefixes.space, prefixes.deletedSpace])
    for await (const { value } of eachRecord<Pick<Space, 'id'>>(ports.records, {
      partition: partitions.spaces,
      prefix,
    })) {
      const space = (await ports.records.get<Space>(keys.space(value.id)))!.value;
      if (!isOverAt(space.deletedAt, asOf)) yield space;
    }
}
