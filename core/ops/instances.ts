// Instances: how they begin, what is said of them, and who has a role in them.

import { AppError, notFound } from '../errors.ts';
import { can } from '../model/access.ts';
import { chain, type InstanceEntry, type State } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, InstanceRole } from '../model/space.ts';
import type { RecordWrite } from '../ports.ts';
import { emptyRoot } from '../tree/page.ts';
import {
  authorizeInstance,
  findInstance,
  getInstance,
  instanceRelation,
  type RoleRecord,
  spaceRelation,
} from './access.ts';
import { type Call, nowText } from './call.ts';
import { append, currentOf, spaceEvent, stateOf } from './journal.ts';
import { inParallel, inTurn, untilSettled } from './retry.ts';
import { resolveState } from './states.ts';

export const emptyState: State = { root: emptyRoot, delivered: emptyRoot, entries: 0, bytes: 0 };

/** What an instance starts from; `guards` make its creation fail if that has moved meanwhile. */
export interface Origin {
  readonly state: State;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly guards?: readonly RecordWrite[];
}

export const nowhere: Origin = { state: emptyState };

/** The current state of an instance, guarded: whoever appends there meanwhile makes the batch fail. */
export async function guardedOrigin(call: Call, instance: string): Promise<Origin> {
  const entry = await currentOf(call.ports, instance);
  const nextKey = keys.journal(partitions.instance(instance), entry.sequence + 1);
  return {
    state: stateOf(entry),
    details: { from: { instance, version: entry.sequence } },
    guards: [{ check: nextKey, if: 'absent' }],
  };
}

/** The records of a new instance: what it is, its place in the space, and the first entry of its journal. */
export function newInstance(call: Call, instance: Instance, origin: Origin): RecordWrite[] {
  const { state, details, guards = [] } = origin;
  const entry = chain<InstanceEntry>(instance.id, undefined, call.ports.now(), {
    ...stateOf(state),
    action: 'create',
    cause: instance.id,
    actor: call.actor.user,
    ...(details && { details }),
  });
  return [
    { put: keys.instance(instance.id), value: instance, if: 'absent' },
    { put: keys.spaceInstance(instance.spaceId, instance.id), value: instance },
    { put: keys.journal(partitions.instance(instance.id), 1), value: entry, if: 'absent' },
    ...guards,
  ];
}

/** The records that give a user a role in an instance. */
export function giveRole(instance: Instance, user: string, role: InstanceRole): RecordWrite[] {
  const value: RoleRecord = { spaceId: instance.spaceId, role };
  return [
    { put: keys.role(instance.id, user), value },
    { put: keys.userInstance(user, instance.id), value },
  ];
}

export const takeRole = (instance: string, user: string): RecordWrite[] => [
  { delete: keys.role(instance, user) },
  { delete: keys.userInstance(user, instance) },
];

export interface InstanceWanted {
  readonly name: string;
  readonly description?: string | undefined;
  readonly from?: { readonly instance: string; readonly state: string } | undefined;
  readonly editors: readonly string[];
  readonly viewers: readonly string[];
}

export async function createInstance(
  call: Call,
  spaceId: string,
  wanted: InstanceWanted,
): Promise<InstanceView> {
  const instance: Instance = {
    id: call.newId('instance'),
    spaceId,
    kind: 'project',
    name: wanted.name,
    ...(wanted.description !== undefined && { description: wanted.description }),
    createdAt: nowText(call),
    createdBy: call.actor.user,
  };
  const editors = new Set(wanted.editors);
  const viewers = new Set(wanted.viewers.filter((user) => !editors.has(user)));
  if (editors.size + viewers.size > 40)
    throw new AppError(
      'too-large',
      'Name at most 40 editors and viewers at creation; add the others as roles.',
    );
  const roles = [
    ...[...editors].flatMap((user) => giveRole(instance, user, 'editor')),
    ...[...viewers].flatMap((user) => giveRole(instance, user, 'viewer')),
  ];
  if (wanted.from) await authorizeInstance(call, 'instance.read', wanted.from.instance);
  const { from } = wanted;
  const source = from && (await resolveState(call, from.instance, from.state, '/from/state'));
  const origin: Origin = source
    ? { state: source, details: { from: { ...from, version: source.version } } }
    : nowhere;
  const { records } = call.ports;
  await inTurn(records, spaceId, () =>
    untilSettled(async () => {
      if (await records.get(keys.instance(instance.id))) return;
      const details = { name: wanted.name };
      const { write } = await spaceEvent(call, spaceId, 'instance-created', instance.id, details);
      await records.write([...newInstance(call, instance, origin), ...roles, write]);
    }),
  );
  return viewInstance(call, await getInstance(call, instance.id));
}

export interface InstanceView extends Instance {
  readonly root: string;
  readonly version: number;
  readonly entries: number;
  readonly bytes: number;
  readonly updatedAt: string;
}

export async function viewInstance(call: Call, instance: Instance): Promise<InstanceView> {
  const { root, sequence, entries, bytes, at } = await currentOf(call.ports, instance.id);
  return { ...instance, root, version: sequence, entries, bytes, updatedAt: at };
}

export async function listInstances(
  call: Call,
  space: string,
  after: string | undefined,
  limit: number,
): Promise<InstanceView[]> {
  const relation = await spaceRelation(call, space);
  const all = can('space.create-instance', relation) === 'allowed';
  const instances = all ? await instancesOf(call, space, after, limit) : await visibleInstances(call, space);
  const start = all || after === undefined ? instances : instances.filter((instance) => instance.id > after);
  return inParallel(start.slice(0, limit), 16, (instance) => viewInstance(call, instance));
}

/** A page of a space's instances in the order of their ids. */
export async function instancesOf(
  call: Call,
  space: string,
  after: string | undefined,
  limit: number,
): Promise<Instance[]> {
  const records = await call.ports.records.query<Instance>({
    partition: partitions.space(space),
    prefix: prefixes.instance,
    limit,
    ...(after !== undefined && { after: prefixes.instance + after }),
  });
  return records.map((record) => record.value);
}

/** The instances of a space that the actor has a role in, and Distributed where that may be seen. */
async function visibleInstances(call: Call, space: string): Promise<Instance[]> {
  const roles = await call.ports.records.query<RoleRecord>({
    partition: partitions.user(call.actor.user),
    prefix: prefixes.instance,
  });
  const own = roles.filter(({ value }) => value.spaceId === space);
  const ids = own.map(({ sort }) => sort.slice(prefixes.instance.length));
  const { distributedInstanceId } = (await call.ports.records.get<{ distributedInstanceId: string | null }>(
    keys.space(space),
  ))!.value;
  if (distributedInstanceId) ids.push(distributedInstanceId);
  const found = await inParallel([...new Set(ids)].sort(), 16, (id) => findInstance(call, id));
  const instances = found.flatMap((instance) => (instance && !instance.deletedAt ? [instance] : []));
  const relations = await inParallel(instances, 16, (instance) => instanceRelation(call, instance));
  return instances.filter((_, index) => can('instance.see', relations[index]!) === 'allowed');
}

export async function changeRole(
  call: Call,
  instance: Instance,
  user: string,
  role: InstanceRole | undefined,
): Promise<void> {
  await append(call, instance.id, { action: 'role', cause: call.newId('request') }, async (head) => {
    const before = await call.ports.records.get<RoleRecord>(keys.role(instance.id, user));
    if (!before && !role) throw notFound('role of that user');
    if (before?.value.role === role) return undefined;
    return {
      state: head,
      also: role ? giveRole(instance, user, role) : takeRole(instance.id, user),
      details: { user, role: role ?? null },
    };
  });
}
