// Looks up what an actor is towards a thing and asks the table in `model/access.ts`. Costs at most three reads.

import { AppError, notFound } from '../errors.ts';
import { type Action, can, type Decision, type Relation } from '../model/access.ts';
import type { Assignment } from '../model/assignment.ts';
import type { Distribution } from '../model/distribution.ts';
import type { HandIn } from '../model/hand-in.ts';
import { isId } from '../model/ids.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, InstanceRole, Member, Space } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import type { Call } from './call.ts';
import { getDistribution } from './distribution-views.ts';

export interface RoleRecord {
  readonly spaceId: string;
  readonly role: InstanceRole;
}

export async function getSpace({ ports }: Call, space: string): Promise<Space> {
  const found = await findSpace(ports, space);
  if (!found || found.deletedAt) throw notFound('space with that id');
  return found;
}

/** The space, deleted or not. */
export async function findSpace({ records }: Ports, space: string): Promise<Space | undefined> {
  return isId('space', space) ? (await records.get<Space>(keys.space(space)))?.value : undefined;
}

export async function getInstance(call: Call, instance: string): Promise<Instance> {
  const found = await findInstance(call, instance);
  if (!found || found.deletedAt) throw notFound('instance with that id');
  return found;
}

/** The instance, deleted or not. */
export async function findInstance(call: Call, instance: string): Promise<Instance | undefined> {
  if (!isId('instance', instance)) return undefined;
  return (await call.ports.records.get<Instance>(keys.instance(instance)))?.value;
}

const read = new WeakMap<Call, Map<string, Promise<unknown>>>();

/** What several checks of one call want to know is read once. */
function onceACall<T>(call: Call, what: string, get: () => Promise<T>): Promise<T> {
  const known = read.get(call) ?? new Map<string, Promise<unknown>>();
  read.set(call, known);
  const value = known.get(what) ?? get();
  known.set(what, value);
  return value as Promise<T>;
}

/** The actor's membership of a space; one that has ended included. */
export const membership = (call: Call, space: string): Promise<Member | undefined> =>
  onceACall(call, `member ${space}`, async () => {
    const record = await call.ports.records.get<Member>(keys.member(space, call.actor.user));
    return record?.value;
  });

export async function spaceRelation(call: Call, space: string): Promise<Relation> {
  const { manager } = call.actor;
  const [member] = await Promise.all([
    membership(call, space),
    onceACall(call, `space ${space}`, () => getSpace(call, space)),
  ]);
  return { manager, spaceRole: member && !member.removedAt ? member.role : undefined };
}

export async function instanceRelation(call: Call, instance: Instance): Promise<Relation> {
  const { records } = call.ports;
  const { user } = call.actor;
  const [relation, role] = await Promise.all([
    spaceRelation(call, instance.spaceId),
    records.get<RoleRecord>(keys.role(instance.id, user)),
  ]);
  const editsInSpace = instance.kind === 'distributed' && (await editsSomewhere(call, instance.spaceId));
  return { ...relation, instanceRole: role?.value.role, instanceKind: instance.kind, editsInSpace };
}

async function editsSomewhere(call: Call, space: string): Promise<boolean> {
  const roles = await call.ports.records.query<RoleRecord>({
    partition: partitions.user(call.actor.user),
    prefix: prefixes.instance,
  });
  return roles.some(({ value }) => value.spaceId === space && value.role === 'editor');
}

/** The space, if the actor may do this to it. */
export async function authorizeSpace(call: Call, action: Action, id: string): Promise<Space> {
  const space = await getSpace(call, id);
  settle(can(action, await spaceRelation(call, id)), action, 'space');
  return space;
}

/** The instance, if the actor may do this to it. */
export async function authorizeInstance(call: Call, action: Action, id: string): Promise<Instance> {
  const instance = await getInstance(call, id);
  settle(can(action, await instanceRelation(call, instance)), action, 'instance');
  return instance;
}

/** The distribution, if the actor may do this to it. */
export async function authorizeDistribution(call: Call, action: Action, id: string): Promise<Distribution> {
  const distribution = await getDistribution(call.ports, id);
  const relation = await spaceRelation(call, distribution.spaceId);
  const made = distribution.createdBy === call.actor.user;
  settle(can(action, { ...relation, made }), action, 'distribution');
  return distribution;
}

export async function getAssignment(call: Call, id: string): Promise<Assignment> {
  const record = isId('assignment', id)
    ? await call.ports.records.get<Assignment>(keys.assignment(id))
    : undefined;
  if (!record || record.value.deletedAt) throw notFound('assignment with that id');
  return record.value;
}

/** The assignment, if the actor may do this to it. */
export async function authorizeAssignment(call: Call, action: Action, id: string): Promise<Assignment> {
  const assignment = await getAssignment(call, id);
  settle(can(action, await spaceRelation(call, assignment.spaceId)), action, 'assignment');
  return assignment;
}

export async function getHandIn(call: Call, id: string): Promise<HandIn> {
  const record = isId('handIn', id) ? await call.ports.records.get<HandIn>(keys.handIn(id)) : undefined;
  if (!record) throw notFound('hand-in with that id');
  return record.value;
}

/** The hand-in, if the actor may do this to it: its student by the role in the instance, staff and graders by theirs. */
export async function authorizeHandIn(call: Call, action: Action, id: string): Promise<HandIn> {
  const handIn = await getHandIn(call, id);
  const relation = await instanceRelation(call, (await findInstance(call, handIn.instanceId))!);
  settle(can(action, relation), action, 'hand-in');
  return handIn;
}

export function authorizeManager(call: Call, action: Action): void {
  settle(can(action, { manager: call.actor.manager }), action, 'service');
}

function settle(decision: Decision, action: Action, thing: string): void {
  if (decision === 'hidden') throw notFound(`${thing} with that id`);
  if (decision === 'forbidden') throw new AppError('forbidden', `Your roles do not include ${action} here.`);
}
