// A mistake in one file, corrected for a class in which some have edited that very file: they keep their work and get
// the correction beside it, everyone else just gets it. The work follows the edits, not the class or the course.

import { putFile } from '../core/ops/files.ts';
import { inParallel } from '../core/ops/retry.ts';
import { distributeAll, mergesOf, openClass, planAll } from './class.ts';
import { pathOf } from './content.ts';
import { callsTo, exact, type Line, measured, openBench, type Row, target, whole } from './harness.ts';

const fileNth = 500;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const files = 1_000;
  const students = scaled(10_000);
  const edited = scaled(1_000);
  const path = pathOf(fileNth);
  await using bench = await openBench();
  const { call } = bench;
  const { space, instances } = await openClass(bench, files, students);
  await distributeAll(bench, space);
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  const editors = instances.filter((_, nth) => nth % 10 === 0);
  await inParallel(editors, 64, ({ user, instanceId }) =>
    putFile(call, instanceId, { path, bytes: bytesOf(`# The work of ${user}\n`) }),
  );
  await putFile(call, space.masterInstanceId, { path, bytes: bytesOf('# Corrected\n') });
  const size = `${whole(files)} entries, ${whole(students)} students`;
  const plan = await measured(bench, () => planAll(bench, space));
  const touched = callsTo(plan.calls, 'write journal') + callsTo(plan.calls, 'write snapshot');
  yield {
    what: `plan the correction of one file; ${whole(edited)} have edited it`,
    size,
    ms: plan.ms,
    cpuMs: plan.cpuMs,
    calls: plan.calls,
    found: `${whole(plan.calls['records written'] ?? 0)} records of its own and ${whole(plan.calls['pages written'] ?? 0)} pages written`,
    targets: [
      target('nothing written but the plan itself', touched + (plan.calls['pages written'] ?? 0) === 0),
      target('≤ 3 s', plan.ms <= 3_000),
    ],
  };
  const { ms, cpuMs, calls, result } = await measured(bench, () => distributeAll(bench, space));
  const merges = mergesOf(calls);
  const per = (what: string) => (calls[what] ?? 0) / merges;
  const { renamed, updated } = result.totals!;
  yield {
    what: 'the correction itself',
    size,
    ms,
    cpuMs,
    calls,
    found: `${whole(merges)} merges; for each of them ${exact(per('pages.get'))} pages read and ${exact(per('pages written'))} written`,
    targets: [
      target('each edit kept, each other updated', renamed === edited && updated === students + 1 - edited),
      target('a merge an edit and one for the rest', merges === edited + 1),
      target('≤ 4 pages read and written a merge', per('pages.get') <= 4 && per('pages written') <= 4),
    ],
  };
}

export const correction: Row = { name: 'correction', run };
