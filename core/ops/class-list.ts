// The class of an assignment: every student and group instance of the space with its dates, its hand-ins, and which of
// them counts. Two queries an instance.

import {
  type Assignment,
  type CountedReason,
  countedAttempt,
  type Dates,
  type Override,
} from '../model/assignment.ts';
import type { HandInSummary } from '../model/hand-in.ts';
import { capturesOf, handInsOf, keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import { datesFor, overridesOf } from './assignments.ts';
import { eachRecord } from './paging.ts';
import { inParallel } from './retry.ts';

export interface Row {
  readonly instance: Instance;
  readonly dates: Dates;
  /** In the order of attempts. */
  readonly handIns: readonly HandInSummary[];
  readonly captures: readonly HandInSummary[];
  readonly counted: HandInSummary | undefined;
  readonly reason: CountedReason;
}

export async function rowOf(
  ports: Ports,
  assignment: Assignment,
  overrides: readonly Override[],
  instance: Instance,
): Promise<Row> {
  const dates = datesFor(assignment, overrides, instance.id);
  const list = async (prefix: string) => {
    const found = await ports.records.query<HandInSummary>({
      partition: partitions.instance(instance.id),
      prefix,
    });
    return found.map(({ value }) => value);
  };
  const [handIns, captures] = await Promise.all([
    list(handInsOf(assignment.id)),
    list(capturesOf(assignment.id)),
  ]);
  const { attempt: counted, reason } = countedAttempt(handIns, captures, dates);
  return { instance, dates, handIns, captures, counted, reason };
}

/** The instances of the class in the order of their ids, from after one of them. */
export async function classOf(
  ports: Ports,
  space: string,
  after?: string,
  limit = Infinity,
): Promise<Instance[]> {
  const found: Instance[] = [];
  const query = { partition: partitions.space(space), prefix: prefixes.instance };
  const from = after === undefined ? {} : { after: prefixes.instance + after };
  for await (const { value } of eachRecord<Instance>(ports.records, { ...query, ...from })) {
    if (value.kind === 'student' || value.kind === 'group') found.push(value);
    if (found.length >= limit) break;
  }
  return found;
}

export async function rowsOf(
  ports: Ports,
  assignment: Assignment,
  instances: readonly Instance[],
): Promise<Row[]> {
  const overrides = await overridesOf(ports, assignment.id);
  return inParallel(instances, 64, (instance) => rowOf(ports, assignment, overrides, instance));
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
  const graded = await gradedOf(ports, counted);
  const now = ports.now();
  const of = (reason: CountedReason) => rows.filter((row) => row.reason === reason);
  return {
    handedIn: rows.filter((row) => row.handIns.length > 0).length,
    late: of('late').length,
    missing: of('missing').filter((row) => Date.parse(row.dates.dueAt) < now).length,
    captured: of('captured').length,
    graded: graded.size,
  };
}

/** Which of these hand-ins have a grade. */
async function gradedOf(ports: Ports, handIns: readonly string[]): Promise<Set<string>> {
  const records = await ports.records.getMany(handIns.map((id) => keys.grade(id)));
  return new Set(records.map(({ partition }) => partition));
}
