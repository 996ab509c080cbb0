// The dates of an assignment that hold for an instance. An override belongs to whom it was granted: it holds where the
// student works now, so that it goes along into a group and back.

import { type Assignment, type Dates, effectiveDates, type Override } from '../model/assignment.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import { eachRecord } from './paging.ts';

export async function overridesOf(ports: Ports, assignment: string): Promise<Override[]> {
  const query = { partition: partitions.assignment(assignment), prefix: prefixes.override };
  const found: Override[] = [];
  for await (const { value } of eachRecord<Override>(ports.records, query)) found.push(value);
  return found;
}

/** Overrides by the instance for which they hold now. */
export type Overrides = ReadonlyMap<string, readonly Override[]>;

export async function overridesByInstance(ports: Ports, { id, spaceId }: Assignment): Promise<Overrides> {
  return byInstance(ports, spaceId, await overridesOf(ports, id));
}

async function byInstance(ports: Ports, space: string, overrides: readonly Override[]): Promise<Overrides> {
  const placeOf = ({ of, subject }: Override) =>
    of === 'group' ? keys.group(space, subject) : keys.member(space, subject);
  const records = await ports.records.getMany<{ id?: string; instanceId?: string }>(overrides.map(placeOf));
  const places = new Map(records.map(({ sort, value }) => [sort, value.instanceId ?? value.id]));
  const found = new Map<string, Override[]>();
  for (const override of overrides) {
    const instance = places.get(placeOf(override).sort);
    if (instance !== undefined) found.set(instance, [...(found.get(instance) ?? []), override]);
  }
  return found;
}

/** The dates that hold for an instance, of a class whose overrides were read. */
export const datesFor = (assignment: Assignment, overrides: Overrides, instance: string): Dates =>
  effectiveDates(assignment, overrides.get(instance) ?? []);

/** The dates that hold for one instance: reads the overrides of those who work there, however many others have. */
export async function datesOf(ports: Ports, assignment: Assignment, instance: Instance): Promise<Dates> {
  const subjects = [instance.owner!, ...(instance.kind === 'group' ? await usersOf(ports, instance.id) : [])];
  const found = await ports.records.getMany<Override>(
    [...new Set(subjects)].map((subject) => keys.override(assignment.id, subject)),
  );
  if (found.length === 0) return effectiveDates(assignment, []);
  const overrides = found.map(({ value }) => value);
  return datesFor(assignment, await byInstance(ports, assignment.spaceId, overrides), instance.id);
}

/** Everyone with a role in an instance: the members of a group, and whom staff let in besides. */
async function usersOf(ports: Ports, instance: string): Promise<string[]> {
  const query = { partition: partitions.instance(instance), prefix: prefixes.role };
  const users: string[] = [];
  for await (const { sort } of eachRecord(ports.records, query)) users.push(sort.slice(prefixes.role.length));
  return users;
}
