// The class of an assignment: everyone once, by the instance they work in now, with the dates that hold there and the
// hand-in that counts. A student who moved into a group counts with the group; who was removed does not count. A class is
// read by keys, many at a time: on AWS a query for each of ten thousand students would take a minute.

import {
  type Assignment,
  type CountedReason,
  countedAttempt,
  type Dates,
  lateness,
} from '../model/assignment.ts';
import type { HandInSummary } from '../model/hand-in.ts';
import { capturesOf, handInsOf, keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, Member } from '../model/space.ts';
import type { Ports, RecordKey } from '../ports.ts';
import { datesFor, overridesByInstance } from './dates.ts';
import { eachRecord } from './paging.ts';
import { inParallel } from './retry.ts';

/** Where someone works: a student alone, or the members of a group together. */
export interface Workplace {
  /** The instance. */
  readonly id: string;
  /** The student, or the name of the group. */
  readonly owner: string;
  readonly name: string;
  readonly users: readonly string[];
}

/** The class in the order of its instances' ids. */
export async function classOf(ports: Ports, space: string): Promise<Workplace[]> {
  const found = new Map<string, Workplace>();
  const query = { partition: partitions.space(space), prefix: prefixes.member };
  for await (const { value } of eachRecord<Member>(ports.records, query)) {
    const { user, role, instanceId: id, group, name, removedAt } = value;
    if (role !== 'student' || id === undefined || removedAt) continue;
    const users = [...(found.get(id)?.users ?? []), user];
    found.set(id, { id, owner: group ?? user, name: group ?? name ?? user, users });
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Every instance that a student or a group of the space ever worked in, in the order of ids. */
export async function everyWorkplace(ports: Ports, space: string): Promise<string[]> {
  const found: string[] = [];
  const query = { partition: partitions.space(space), prefix: prefixes.instance };
  for await (const { value } of eachRecord<Instance>(ports.records, query))
    if (value.kind === 'student' || value.kind === 'group') found.push(value.id);
  return found;
}

export interface Row {
  readonly place: Workplace;
  readonly dates: Dates;
  readonly latest: HandInSummary | undefined;
  readonly counted: HandInSummary | undefined;
  readonly reason: CountedReason;
}

/** The rows of some of the class. A late hand-in after earlier ones costs a query; all others are read by keys. */
export async function rowsOf(
  ports: Ports,
  assignment: Assignment,
  places: readonly Workplace[],
): Promise<Row[]> {
  const overrides = await overridesByInstance(ports, assignment);
  const latestOf = await byPartition(
    ports,
    places.map(({ id }) => keys.latestHandIn(id, assignment.id)),
  );
  const rows = await inParallel(places, 64, async (place): Promise<Row> => {
    const dates = datesFor(assignment, overrides, place.id);
    const latest = latestOf.get(partitions.instance(place.id));
    const settled = latest && (latest.attempt === 1 || lateness(latest.at, dates) === 0);
    const handIns = !latest ? [] : settled ? [latest] : await handInsFrom(ports, assignment, place.id);
    const { attempt: counted, reason } = countedAttempt(handIns, [], dates);
    return { place, dates, latest, counted, reason };
  });
  const now = ports.now();
  const missing = rows.filter(({ reason, dates }) => reason === 'missing' && Date.parse(dates.dueAt) < now);
  const captureOf = await byPartition(
    ports,
    missing.map(({ place, dates }) => keys.instanceCapture(place.id, assignment.id, dates.dueAt)),
  );
  return rows.map((row) => {
    const capture = row.counted ? undefined : captureOf.get(partitions.instance(row.place.id));
    if (!capture) return row;
    const { attempt: counted, reason } = countedAttempt([], [capture], row.dates);
    return { ...row, counted, reason };
  });
}

/** The values at keys of which each partition has one. */
async function byPartition(ports: Ports, wanted: readonly RecordKey[]): Promise<Map<string, HandInSummary>> {
  const records = await ports.records.getMany<HandInSummary>(wanted);
  return new Map(records.map(({ partition, value }) => [partition, value]));
}

/** All hand-ins of an instance, in the order of attempts. */
export const handInsFrom = (ports: Ports, { id }: Assignment, instance: string): Promise<HandInSummary[]> =>
  summaries(ports, instance, handInsOf(id));

/** All captures of an instance, in the order of the due dates they were made for. */
export const capturesFrom = (ports: Ports, { id }: Assignment, instance: string): Promise<HandInSummary[]> =>
  summaries(ports, instance, capturesOf(id));

async function summaries(ports: Ports, instance: string, prefix: string): Promise<HandInSummary[]> {
  const found: HandInSummary[] = [];
  const query = { partition: partitions.instance(instance), prefix };
  for await (const { value } of eachRecord<HandInSummary>(ports.records, query)) found.push(value);
  return found;
}

export interface ClassCounts {
  readonly handedIn: number;
  readonly late: number;
  /** Nothing in, and the due date has passed. */
  readonly missing: number;
  readonly captured: number;
  readonly graded: number;
}

export async function countClass(ports: Ports, assignment: Assignment): Promise<ClassCounts> {
  const rows = await rowsOf(ports, assignment, await classOf(ports, assignment.spaceId));
  const counted = rows.flatMap((row) => (row.counted ? [row.counted.id] : []));
  const graded = await ports.records.getMany(counted.map((id) => keys.grade(id)));
  const now = ports.now();
  const of = (reason: CountedReason) => rows.filter((row) => row.reason === reason);
  return {
    handedIn: rows.filter((row) => row.latest).length,
    late: of('late').length,
    missing: of('missing').filter((row) => Date.parse(row.dates.dueAt) < now).length,
    captured: of('captured').length,
    graded: graded.length,
  };
}

/** Whether there is a hand-in or a capture anywhere, by whomever; what is graded is one of these. */
export async function anythingTakenIn(ports: Ports, { id, spaceId }: Assignment): Promise<boolean> {
  const instances = await everyWorkplace(ports, spaceId);
  const handIns = await ports.records.getMany(instances.map((instance) => keys.latestHandIn(instance, id)));
  if (handIns.length > 0) return true;
  const captures = await inParallel(instances, 64, (instance) =>
    ports.records.query({ partition: partitions.instance(instance), prefix: capturesOf(id), limit: 1 }),
  );
  return captures.some((found) => found.length > 0);
}
