// Saying what holds the bytes: of a whole class, of one student, and what deleting a hundred snapshots would free.

import { getInstance } from '../core/ops/access.ts';
import { putFile } from '../core/ops/files.ts';
import { inParallel } from '../core/ops/retry.ts';
import { changeSpace } from '../core/ops/settings.ts';
import { takeSnapshot } from '../core/ops/snapshots.ts';
import { instanceStorage, spaceStorage, whatIf } from '../core/ops/storage.ts';
import { distributeAll, openClass } from './class.ts';
import { pathOf, textOf } from './content.ts';
import { exact, type Line, measured, openBench, type Row, target, whole } from './harness.ts';

const files = 1_000;
const snapshots = 100;
const mostMs = 10_000;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const students = scaled(10_000);
  await using bench = await openBench();
  const { call } = bench;
  const { space, instances } = await openClass(bench, files, students);
  await distributeAll(bench, space);
  await inParallel(
    instances.filter((_, nth) => nth % 10 === 0),
    64,
    ({ user, instanceId }) => putFile(call, instanceId, { path: pathOf(7), bytes: bytesOf(`By ${user}`) }),
  );
  const { instanceId } = instances[0]!;
  const taken: string[] = [];
  for (let nth = 0; nth < snapshots; nth++) {
    await putFile(call, instanceId, { path: pathOf(0), bytes: bytesOf(textOf(0, nth + 2)) });
    taken.push((await takeSnapshot(call, instanceId, { name: `Number ${nth}` })).id);
  }
  await changeSpace(call, space, { historySeconds: 0 });
  const size = `${whole(files)} entries, ${whole(students)} students`;
  const seconds = (
    what: string,
    { ms, cpuMs, calls }: Omit<Awaited<ReturnType<typeof measured>>, 'result'>,
    found: string,
  ): Line => ({
    what,
    size,
    ms,
    cpuMs,
    calls,
    found,
    targets: [target('≤ 10 s', ms <= mostMs)],
  });
  const cold = bench.cold();
  const all = await measured(bench, () => spaceStorage(cold.ports, space));
  const { ratio } = all.result;
  yield seconds(
    'what the class stores, each page read once',
    all,
    `logical bytes are ${exact(ratio, 0)} times the stored`,
  );
  const instance = await getInstance(call, instanceId);
  const one = await measured(bench, () => instanceStorage(bench.cold().ports, instance));
  yield seconds(
    'what one student stores, with 100 snapshots',
    one,
    `${whole(one.result.retained.length)} paths retained`,
  );
  const gone = { snapshots: taken, instances: [] };
  const what = await measured(bench, () => whatIf(bench.cold().ports, space.id, gone));
  yield seconds(
    'what deleting those 100 snapshots would free',
    what,
    `${whole(what.result.freed)} bytes freed`,
  );
}

export const storage: Row = { name: 'storage', run };
