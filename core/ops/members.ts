// The people of a space. A student gets an instance that starts from Distributed, members of a group share one; adding
// someone who is there already changes only what differs, so the same list may be sent again.

import { badInput, notFound } from '../errors.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, Member, Space, SpaceRole } from '../model/space.ts';
import type { RecordWrite } from '../ports.ts';
import { findInstance, type RoleRecord } from './access.ts';
import { lookAgain } from './assignments.ts';
import { type Call, nowText } from './call.ts';
import { groupInstance } from './distribution-targets.ts';
import { giveRole, guardedOrigin, newInstance, takeRole } from './instances.ts';
import { appendToSpace, spaceEvent } from './journal.ts';
import { eachRecord, firstValues } from './paging.ts';
import { inParallel, inTurn, untilSettled } from './retry.ts';
import { memberWrites } from './spaces.ts';

export interface MemberWanted {
  readonly user: string;
  readonly role: SpaceRole;
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  /** Null takes a student out of the group; left out, it stays as it is. */
  readonly group?: string | null | undefined;
}

export interface MembersAdded {
  readonly added: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly instances: readonly { readonly user: string; readonly instanceId: string }[];
}

/** An event of the space's journal names at most this many users. */
const usersPerEvent = 500;

export async function addMembers(
  call: Call,
  space: Space,
  wanted: readonly MemberWanted[],
): Promise<MembersAdded> {
  checkMembers(space, wanted);
  const results = await inParallel(wanted, 64, (member, index) =>
    putMember(call, space, member, async () => {
      if (await hasOtherAdmin(call, space.id, member.user, wanted)) return;
      throw badInput(`/members/${index}/role`, lastAdmin, 'conflict');
    }),
  );
  const changed = results.filter((result) => result.change !== 'unchanged');
  for (let i = 0; i < changed.length; i += usersPerEvent) {
    const users = changed.slice(i, i + usersPerEvent).map(({ member, change }) => ({
      user: member.user,
      role: member.role,
      change,
    }));
    await appendToSpace(call, space.id, 'members', call.newId('request'), { users });
  }
  // Where someone works since a due date has passed, nothing is captured yet.
  if (results.some(({ moved }) => moved)) await lookAgain(call, space.id);
  const count = (change: string) => results.filter((result) => result.change === change).length;
  return {
    added: count('added'),
    updated: count('updated'),
    unchanged: count('unchanged'),
    instances: results.flatMap(({ member }) =>
      member.instanceId ? [{ user: member.user, instanceId: member.instanceId }] : [],
    ),
  };
}

function checkMembers(space: Space, wanted: readonly MemberWanted[]): void {
  const seen = new Set<string>();
  for (const [index, { user, role, group }] of wanted.entries()) {
    if (seen.has(user)) throw badInput(`/members/${index}/user`, `"${user}" is listed twice.`);
    seen.add(user);
    if (role === 'student' && space.kind !== 'course')
      throw badInput(`/members/${index}/role`, 'A research space has members, not students.', 'impossible');
    if (typeof group === 'string' && role !== 'student')
      throw badInput(`/members/${index}/group`, 'Only students are put in groups.', 'impossible');
  }
}

type MemberChange = 'added' | 'updated' | 'unchanged';

/** What this call has made of a member, if it is repeated after it was cut off. */
function changeBy(call: Call, { cause, addedAt }: Member): MemberChange {
  if (call.firstAt === undefined || cause !== call.id) return 'unchanged';
  return Date.parse(addedAt) >= call.firstAt ? 'added' : 'updated';
}

/** `demoting` throws when an admin may not become something else. */
const putMember = (
  call: Call,
  space: Space,
  wanted: MemberWanted,
  demoting: () => Promise<void>,
): Promise<{ member: Member; change: MemberChange; moved: boolean }> =>
  inTurn(call.ports.records, `${space.id}/${wanted.group ?? wanted.user}`, () =>
    untilSettled(async () => {
      const record = await call.ports.records.get<Member>(keys.member(space.id, wanted.user));
      const before = record?.value;
      const active = before && !before.removedAt ? before : undefined;
      const group = wanted.group === undefined ? before?.group : (wanted.group ?? undefined);
      const details = {
        name: wanted.name ?? before?.name,
        email: wanted.email ?? before?.email,
        group: wanted.role === 'student' ? group : undefined,
      };
      const same =
        active?.role === wanted.role &&
        active.name === details.name &&
        active.email === details.email &&
        active.group === details.group;
      if (active && same) {
        const change = changeBy(call, active);
        return { member: active, change, moved: change !== 'unchanged' };
      }
      if (active?.role === 'admin' && wanted.role !== 'admin') await demoting();
      const place = await placeOf(call, space, wanted, details.group, before);
      const member: Member = {
        user: wanted.user,
        role: wanted.role,
        ...details,
        ...(place.instance && { instanceId: place.instance.id }),
        ownInstanceId: place.instance?.kind === 'student' ? place.instance.id : before?.ownInstanceId,
        addedAt: active?.addedAt ?? nowText(call),
        cause: call.id,
      };
      const [put, index] = memberWrites(space.id, member);
      const guarded = { ...put!, if: record ? { revision: record.revision } : 'absent' } as RecordWrite;
      await call.ports.records.write([guarded, index!, ...place.writes]);
      const moved = before !== undefined && (!active || before.instanceId !== member.instanceId);
      return { member, change: active ? ('updated' as const) : ('added' as const), moved };
    }),
  );

/** The instance a member works in, and the records that make it so. */
async function placeOf(
  call: Call,
  space: Space,
  wanted: MemberWanted,
  group: string | undefined,
  before: Member | undefined,
): Promise<{ instance?: Instance; writes: RecordWrite[] }> {
  const leave = (instance: string | undefined) => (instance ? takeRole(instance, wanted.user) : []);
  if (wanted.role !== 'student') return { writes: leave(before?.instanceId) };
  const there =
    group === undefined ? before?.ownInstanceId : await groupInstance(call.ports, space.id, group);
  const left = before?.instanceId === there ? [] : leave(before?.instanceId);
  const instance = there === undefined ? undefined : await findInstance(call, there);
  if (instance && !instance.deletedAt)
    return { instance, writes: [...left, ...giveRole(instance, wanted.user, 'editor')] };
  const fresh: Instance = {
    id: call.newId('instance', group ?? wanted.user),
    spaceId: space.id,
    kind: group === undefined ? 'student' : 'group',
    name: group ?? wanted.name ?? wanted.user,
    owner: group ?? wanted.user,
    createdAt: nowText(call),
    createdBy: call.actor.user,
  };
  const origin = await guardedOrigin(call, space.distributedInstanceId!);
  const index: RecordWrite[] =
    group === undefined ? [] : [{ put: keys.group(space.id, group), value: { id: fresh.id }, if: 'absent' }];
  const writes = [
    ...left,
    ...newInstance(call, fresh, origin),
    ...index,
    ...giveRole(fresh, wanted.user, 'editor'),
  ];
  return { instance: fresh, writes };
}

/** A page of the members in the order of their user ids. */
export const listMembers = (
  call: Call,
  space: string,
  after: string | undefined,
  limit: number,
): Promise<Member[]> =>
  firstValues<Member>(call.ports.records, membersOf(space), after, limit, (member) => !member.removedAt);

const membersOf = (space: string) => ({ partition: partitions.space(space), prefix: prefixes.member });

/** Ends a membership and every role in the space. The instance stays, and is the member's again on return. */
export const removeMember = (call: Call, space: Space, user: string): Promise<void> =>
  inTurn(call.ports.records, space.id, () =>
    untilSettled(async () => {
      const { records } = call.ports;
      const record = await records.get<Member>(keys.member(space.id, user));
      if (!record || record.value.removedAt) throw notFound('member of that name');
      if (record.value.role === 'admin' && !(await hasOtherAdmin(call, space.id, user)))
        throw badInput('user', lastAdmin, 'conflict');
      const member: Member = { ...record.value, removedAt: nowText(call) };
      const [put, index] = memberWrites(space.id, member);
      const guarded = { ...put!, if: { revision: record.revision } } as RecordWrite;
      const roles = await rolesIn(call, space.id, user);
      const cause = call.newId('request');
      const { write } = await spaceEvent(call, space.id, 'member-removed', cause, { user });
      await records.write([guarded, index!, ...roles.flatMap((id) => takeRole(id, user)), write]);
    }),
  );

/** The instances of the space in which someone has a role, as many as fit the batch that ends a membership. */
async function rolesIn(call: Call, space: string, user: string): Promise<string[]> {
  const query = { partition: partitions.user(user), prefix: prefixes.instance };
  const found: string[] = [];
  for await (const { sort, value } of eachRecord<RoleRecord>(call.ports.records, query))
    if (value.spaceId === space) found.push(sort.slice(prefixes.instance.length));
  return found.slice(0, mostRoles);
}

const mostRoles = 45;
const lastAdmin = 'This is the last admin of the space; name another first.';

/** Whether the space has an admin besides `user`, once those in `wanted` are what they are wanted to be. */
async function hasOtherAdmin(
  call: Call,
  space: string,
  user: string,
  wanted: readonly MemberWanted[] = [],
): Promise<boolean> {
  const others = wanted.filter((member) => member.user !== user);
  if (others.some(({ role }) => role === 'admin')) return true;
  const changing = new Set(others.map((member) => member.user));
  for await (const { value } of eachRecord<Member>(call.ports.records, membersOf(space)))
    if (value.role === 'admin' && !value.removedAt && value.user !== user && !changing.has(value.user))
      return true;
  return false;
}
