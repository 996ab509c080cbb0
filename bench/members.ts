// Enrolling a class: each student gets an instance that starts from Distributed.

import { enrol, openCourse } from './class.ts';
import { exact, type Line, measured, openBench, type Row, whole } from './harness.ts';

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  await using bench = await openBench();
  const students = scaled(10_000);
  const size = `${whole(students)} students`;
  const space = await openCourse(bench, 1_000);
  const { ms, cpuMs, calls } = await measured(bench, () => enrol(bench, space, students));
  const perStudent = exact((calls['records written'] ?? 0) / students, 1);
  yield { what: 'add members', size, ms, cpuMs, calls, found: `${perStudent} records a student` };
  const again = await measured(bench, () => enrol(bench, space, students));
  yield { what: 'the same list again', size, ms: again.ms, cpuMs: again.cpuMs, calls: again.calls };
}

export const members: Row = { name: 'members', run };
