// What an instructor sees of an assignment of a whole class: the counts, and the first page of what was handed in.

import type { Assignment } from '../core/model/assignment.ts';
import type { HandIn } from '../core/model/hand-in.ts';
import { newCall } from '../core/ops/call.ts';
import { putGrade } from '../core/ops/feedback.ts';
import { handIn } from '../core/ops/hand-in.ts';
import { inParallel } from '../core/ops/retry.ts';
import { openClass } from './class.ts';
import { openAssignment } from './hand-ins.ts';
import {
  type Bench,
  exact,
  type Line,
  measured,
  openBench,
  perRequest,
  type Row,
  target,
  whole,
} from './harness.ts';
import { openServer } from './server.ts';

const runs = 5;
const twoHoursMs = 7_200_000;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  let ahead = 0;
  await using bench = await openBench((ports) => ({ ...ports, now: () => Date.now() + ahead }));
  const students = scaled(10_000);
  const { space } = await openClass(bench, 100, students);
  const assignment = await openAssignment(bench, space.id, space.masterInstanceId);
  const share = (from: number, to: number) =>
    Array.from(
      { length: ((to - from) * students) / 100 },
      (_, nth) => `student-${(from * students) / 100 + nth + 1}`,
    );
  await allHandIn(bench, assignment, share(0, 85));
  await inParallel(await allHandIn(bench, assignment, share(0, 10)), 64, (again) => grade(bench, again));
  ahead = twoHoursMs;
  await allHandIn(bench, assignment, share(80, 90));
  using server = await openServer(bench);
  const token = await server.token('teacher');
  const pages = [
    ['the status page', `/v1/assignments/${assignment.id}`],
    ['the first page of what counts', `/v1/assignments/${assignment.id}/handins?which=counted`],
  ] as const;
  for (const [what, path] of pages) {
    const shots = Array.from({ length: runs }, () => ({ method: 'GET', path, token }));
    const { cpuMs, calls, result } = await measured(bench, () => server.fire(shots, 1));
    yield {
      what: `${what}: 85 % in time, 5 % of them late again, 5 % late, 10 % missing (calls for each)`,
      size: `${whole(students)} students`,
      ms: result.half,
      cpuMs: (cpuMs - result.cpuMs) / runs,
      calls: perRequest(calls, runs),
      found: `the slowest of ${runs} in ${exact(result.ninetyNine, 0)} ms`,
      targets: [target('all answered', result.statuses[200] === runs), target('≤ 1 s', result.half <= 1_000)],
    };
  }
}

const allHandIn = ({ ports }: Bench, assignment: Assignment, users: readonly string[]): Promise<HandIn[]> =>
  inParallel(users, 64, (user) => handIn(newCall(ports, { user, manager: false }), assignment, {}));

const grade = ({ call }: Bench, handIn: HandIn): Promise<unknown> =>
  putGrade(call, handIn, { score: 8, outOf: 10, comment: 'Well done.' });

export const classStatus: Row = { name: 'class-status', run };
