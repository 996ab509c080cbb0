// Spaces: creating one with its master (and, in a course, Distributed), and seeing them.

import { isCode } from '../errors.ts';
import { chain, type SpaceEvent } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, InstanceKind, Member, Space, SpaceKind } from '../model/space.ts';
import type { RecordWrite } from '../ports.ts';
import { getSpace } from './access.ts';
import { type Call, nowText } from './call.ts';
import { newInstance, nowhere } from './instances.ts';
import { eachRecord } from './paging.ts';

export async function createSpace(call: Call, name: string, kind: SpaceKind): Promise<Space> {
  const { user } = call.actor;
  const at = { createdAt: nowText(call), createdBy: user };
  const id = call.newId('space');
  const builtIn = (instanceKind: InstanceKind, title: string): Instance => ({
    id: call.newId('instance'),
    spaceId: id,
    kind: instanceKind,
    name: title,
    ...at,
  });
  const master = builtIn('master', 'Master');
  const distributed = kind === 'course' ? builtIn('distributed', 'Distributed') : null;
  const space: Space = {
    id,
    name,
    kind,
    masterInstanceId: master.id,
    distributedInstanceId: distributed?.id ?? null,
    ...at,
  };
  const event = chain<SpaceEvent>(id, undefined, call.ports.now(), {
    action: 'create',
    cause: id,
    actor: user,
    details: { name, kind },
  });
  const member: Member = { user, role: 'admin', addedAt: at.createdAt };
  const batch: RecordWrite[] = [
    { put: keys.space(id), value: space, if: 'absent' },
    { put: keys.spaceIndex(id), value: { id } },
    { put: keys.journal(partitions.space(id), 1), value: event, if: 'absent' },
    ...memberWrites(id, member),
    ...newInstance(call, master, nowhere),
    ...(distributed ? newInstance(call, distributed, nowhere) : []),
  ];
  await createOnce(call, id, batch);
  return getSpace(call, id);
}

/** Writes the records of a new space; if the same call made it before, that is success. */
async function createOnce(call: Call, space: string, batch: readonly RecordWrite[]): Promise<void> {
  try {
    await call.ports.records.write(batch);
  } catch (error) {
    if (!isCode(error, 'conflict') || !(await call.ports.records.get(keys.space(space)))) throw error;
  }
}

/** The records of a membership: in the space, and in the list of the user's spaces. */
export const memberWrites = (space: string, member: Member): RecordWrite[] => [
  { put: keys.member(space, member.user), value: member },
  member.removedAt
    ? { delete: keys.userSpace(member.user, space) }
    : { put: keys.userSpace(member.user, space), value: { role: member.role } },
];

/** A page of the spaces that the actor may see, oldest first. */
export async function listSpaces(call: Call, after: string | undefined, limit: number): Promise<Space[]> {
  const { manager, user } = call.actor;
  const partition = manager ? partitions.spaces : partitions.user(user);
  const from = after === undefined ? {} : { after: prefixes.space + after };
  const found: Space[] = [];
  for await (const { sort } of eachRecord(call.ports.records, {
    partition,
    prefix: prefixes.space,
    ...from,
  })) {
    const key = keys.space(sort.slice(prefixes.space.length));
    const space = (await call.ports.records.get<Space>(key))!.value;
    if (!space.deletedAt) found.push(space);
    if (found.length === limit) break;
  }
  return found;
}
