// Deleting what people work in: instances and whole spaces. What is deleted is gone at once for everyone, holds nothing any
// more, and can be brought back until its grace is over; no byte of it goes before that. Journals and hand-ins stay.

import { AppError, notFound } from '../errors.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, Member, Space } from '../model/space.ts';
import type { RecordWrite } from '../ports.ts';
import { findInstance } from './access.ts';
import { type Call, nowText } from './call.ts';
import { requireIdle } from './distribution-queue.ts';
import { holdsOfInstance, instancesInOrder } from './holds.ts';
import { appendToSpace } from './journal.ts';
import { type Deleted, deletedView, isInGrace, requireInGrace, requireKept } from './kept.ts';
import { eachRecord, firstValues } from './paging.ts';
import { inParallel } from './retry.ts';

/** So that nothing with a name is deleted by a slip. */
function requireTyped(confirm: string | undefined, name: string): void {
  if (confirm === name) return;
  const detail = `Confirm with its name: ?confirm=${encodeURIComponent(name)}`;
  throw new AppError('impossible', detail, { errors: [{ pointer: 'confirm', detail }] });
}

/** Deletes a project, or what a former student or group has left. */
export async function deleteInstance(
  call: Call,
  instance: Instance,
  confirm: string | undefined,
): Promise<Deleted> {
  const { id, spaceId, kind, name } = instance;
  if (kind === 'master' || kind === 'distributed')
    throw new AppError('not-now', 'It belongs to its space, and goes with it.');
  const worker = await memberAt(call, instance);
  if (worker) throw new AppError('not-now', `${worker.user} works in it; end the membership first.`);
  requireTyped(confirm, name);
  const deleted: Instance = { ...instance, deletedAt: nowText(call) };
  await appendToSpace(call, spaceId, 'instance-deleted', call.newId('request'), { instance: id, name }, [
    { put: keys.instance(id), value: deleted, if: 'present' },
    { put: keys.deletedInstance(spaceId, id), value: deleted },
    { delete: keys.spaceInstance(spaceId, id) },
    ...(kind === 'group' ? [{ delete: keys.group(spaceId, instance.owner!) }] : []),
  ]);
  return deletedView(call.ports, deleted);
}

/** A member of the space who works in an instance, if there is one. */
async function memberAt({ ports }: Call, { id, spaceId }: Instance): Promise<Member | undefined> {
  const query = { partition: partitions.space(spaceId), prefix: prefixes.member };
  for await (const { value } of eachRecord<Member>(ports.records, query))
    if (!value.removedAt && value.instanceId === id) return value;
  return undefined;
}

/** A page of the deleted instances of a space that can still be brought back. */
export async function listDeletedInstances(
  call: Call,
  { id }: Space,
  after: string | undefined,
  limit: number,
): Promise<Deleted[]> {
  const query = { partition: partitions.space(id), prefix: prefixes.deletedInstance };
  const inGrace = ({ deletedAt }: Instance) => isInGrace(call.ports, deletedAt!);
  const found = await firstValues<Instance>(call.ports.records, query, after, limit, inGrace);
  return found.map((instance) => deletedView(call.ports, instance));
}

export async function undeleteInstance(call: Call, space: Space, id: string): Promise<Instance> {
  const { ports } = call;
  const deleted = await findInstance(call, id);
  if (deleted?.spaceId !== space.id || !deleted.deletedAt) throw notFound('deleted instance with that id');
  requireInGrace(ports, deleted.deletedAt);
  const { deletedAt: _, ...instance } = deleted;
  await requireKept(ports, await holdsOfInstance(ports, instance, space, ports.now()));
  const { kind, owner, name } = instance;
  const group: RecordWrite[] =
    kind === 'group' ? [{ put: keys.group(space.id, owner!), value: { id }, if: 'absent' }] : [];
  if (kind === 'group' && (await ports.records.get(keys.group(space.id, owner!))))
    throw new AppError('not-now', `The space has another group "${owner}" by now.`);
  await appendToSpace(call, space.id, 'instance-undeleted', call.newId('request'), { instance: id, name }, [
    { put: keys.instance(id), value: instance, if: 'present' },
    { put: keys.spaceInstance(space.id, id), value: instance },
    { delete: keys.deletedInstance(space.id, id) },
    ...group,
  ]);
  return instance;
}

/** Deletes a space with all its instances. */
export async function deleteSpace(call: Call, space: Space, confirm: string | undefined): Promise<Deleted> {
  const { id, name } = space;
  await requireIdle(call.ports, id);
  requireTyped(confirm, name);
  const deleted: Space = { ...space, deletedAt: nowText(call) };
  await appendToSpace(call, id, 'space-deleted', call.newId('request'), { name }, [
    { put: keys.space(id), value: deleted, if: 'present' },
    { put: keys.deletedSpace(id), value: { id } },
    { delete: keys.spaceIndex(id) },
  ]);
  return deletedView(call.ports, deleted);
}

/** A page of the deleted spaces that can still be brought back. */
export async function listDeletedSpaces(
  call: Call,
  after: string | undefined,
  limit: number,
): Promise<Deleted[]> {
  const { records } = call.ports;
  const from = after === undefined ? {} : { after: prefixes.deletedSpace + after };
  const query = { partition: partitions.spaces, prefix: prefixes.deletedSpace, ...from };
  const found: Deleted[] = [];
  for await (const { value } of eachRecord<{ id: string }>(records, query)) {
    const space = (await records.get<Space>(keys.space(value.id)))!.value;
    if (isInGrace(call.ports, space.deletedAt!)) found.push(deletedView(call.ports, space));
    if (found.length === limit) break;
  }
  return found;
}

export async function undeleteSpace(call: Call, id: string): Promise<Space> {
  const { ports } = call;
  const deleted = (await ports.records.get<Space>(keys.space(id)))?.value;
  if (!deleted?.deletedAt) throw notFound('deleted space with that id');
  requireInGrace(ports, deleted.deletedAt);
  const { deletedAt: _, ...space } = deleted;
  const instances = (await instancesInOrder(ports, id)).filter(({ deletedAt }) => !deletedAt);
  const holds = await inParallel(instances, 16, (instance) =>
    holdsOfInstance(ports, instance, space, ports.now()),
  );
  await requireKept(ports, holds.flat());
  await appendToSpace(call, id, 'space-undeleted', call.newId('request'), { name: space.name }, [
    { put: keys.space(id), value: space, if: 'present' },
    { put: keys.spaceIndex(id), value: { id } },
    { delete: keys.deletedSpace(id) },
  ]);
  return space;
}
