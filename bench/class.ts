// A class for the rows: a course with material in its master, students with instances, and one distribution after another.

import { type Distribution, isOver, type Plan } from '../core/model/distribution.ts';
import type { Space } from '../core/model/space.ts';
import { getDistribution } from '../core/ops/distribution-views.ts';
import { acceptDistribution, type DistributionWanted } from '../core/ops/distributions.ts';
import { addMembers, type MembersAdded } from '../core/ops/members.ts';
import { makePlan } from '../core/ops/plans.ts';
import { createSpace } from '../core/ops/spaces.ts';
import type { Ports } from '../core/ports.ts';
import { studentName } from '../functions/demo/names.ts';
import { fill } from './content.ts';
import type { Bench } from './harness.ts';

export interface Class {
  readonly space: Space;
  /** Instances by user. */
  readonly instances: MembersAdded['instances'];
}

export async function openCourse(bench: Bench, files: number): Promise<Space> {
  const space = await createSpace(bench.call, 'Bench', 'course');
  if (files > 0) await fill(bench, space.masterInstanceId, files);
  return space;
}

export const enrol = (bench: Bench, space: Space, students: number): Promise<MembersAdded> =>
  addMembers(
    bench.call,
    space,
    Array.from({ length: students }, (_, nth) => ({
      user: `student-${nth + 1}`,
      role: 'student' as const,
      name: studentName(nth),
    })),
  );

export async function openClass(bench: Bench, files: number, students: number): Promise<Class> {
  const space = await openCourse(bench, files);
  const { instances } = await enrol(bench, space, students);
  return { space, instances };
}

const allToAll = (space: Space): DistributionWanted => ({
  source: { instance: space.masterInstanceId, items: [{ all: true, state: 'current' }] },
  targets: { all: true },
  strategies: { file: 'merge', table: 'merge', app: 'merge' },
});

/** Gives all of the master to all, and waits for the end. */
export async function distributeAll({ call, ports }: Bench, space: Space): Promise<Distribution> {
  const { id } = await acceptDistribution(call, allToAll(space), { safetySnapshots: true });
  return untilOver(ports, id);
}

export async function untilOver(ports: Ports, id: string): Promise<Distribution> {
  for (;;) {
    const distribution = await getDistribution(ports, id);
    if (isOver(distribution.status)) return distribution;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const planAll = ({ call }: Bench, space: Space): Promise<Plan> => makePlan(call, allToAll(space));

/** Each merge stores its pages, if it makes any. */
export const mergesOf = (calls: Readonly<Record<string, number>>): number => calls['pages.putMany'] ?? 0;
