// One push to a whole class, and `cp -r` of the same files beside it.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { distributeAll, mergesOf, openClass } from './class.ts';
import { writeFolder } from './content.ts';
import { callsTo, exact, type Line, measured, openBench, type Row, target, whole } from './harness.ts';

const copies = 50;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const files = 1_000;
  const students = scaled(10_000);
  const size = `${whole(files)} entries, ${whole(students)} students`;
  {
    await using bench = await openBench();
    const { space } = await openClass(bench, files, students);
    const { ms, cpuMs, calls, result } = await measured(bench, () => distributeAll(bench, space));
    const merges = mergesOf(calls);
    const perStudent = ((calls['write journal'] ?? 0) + (calls['write snapshot'] ?? 0)) / students;
    const all = (calls['records written'] ?? 0) / students;
    const blobs = callsTo(calls, 'blobs.');
    const reached =
      result.progress!.done === students + 1 && result.totals!.created === files * (students + 1);
    yield {
      what: 'distribute to a class that touched nothing',
      size,
      ms,
      cpuMs,
      calls,
      found: `${merges} merge, ${exact(perStudent)} writes a student (${exact(all)} with the batches' records), ${blobs} blobs touched`,
      targets: [
        target('all reached', reached),
        target('1 merge', merges === 1),
        target('≤ 2 writes a student', perStudent <= 2.01),
        target('no blob touched', blobs === 0),
        target('≤ 5 s', ms <= 5_000),
      ],
    };
  }
  const times = await copyTimes(files);
  const mean = times.reduce((sum, time) => sum + time, 0) / copies;
  yield {
    what: 'beside it: cp -r for each student',
    size,
    ms: mean * students,
    found: `${copies} copies took ${exact(mean * copies, 0)} ms; the rest extrapolated`,
  };
}

async function copyTimes(files: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'handout-bench-cp-'));
  try {
    await writeFolder(join(folder, 'course'), files);
    return Array.from({ length: copies }, (_, nth) => {
      const began = performance.now();
      execFileSync('cp', ['-r', join(folder, 'course'), join(folder, `student-${nth}`)]);
      return performance.now() - began;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const distribute: Row = { name: 'distribute', run };
