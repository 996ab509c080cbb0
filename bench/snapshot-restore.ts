// A snapshot is two small records and a restore two more, whether an instance holds a thousand files or a million.

import { restore, takeSnapshot } from '../core/ops/snapshots.ts';
import { emptyMaster, fill } from './content.ts';
import {
  type Bench,
  callsTo,
  type Line,
  type Measured,
  medianOf,
  openBench,
  type Row,
  target,
  whole,
} from './harness.ts';

const runs = 15;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const writes = new Map<string, number>();
  for (const files of [1_000, 100_000, 1_000_000].map(scaled)) {
    await using bench = await openBench();
    for await (const { what, ...took } of rounds(bench, files)) {
      const written = took.calls['records written'] ?? 0;
      const blobs = callsTo(took.calls, 'blobs.');
      const before = writes.get(what) ?? written;
      writes.set(what, written);
      yield {
        what,
        size: `${whole(files)} entries`,
        ms: took.ms,
        cpuMs: took.cpuMs,
        calls: took.calls,
        found: `${written} records and ${took.calls['pages written'] ?? 0} pages written, ${blobs} blobs touched`,
        targets: [
          target('≤ 2 writes, the same at each size', written <= 2 && written === before),
          target('no blob touched', blobs === 0),
        ],
      };
    }
  }
}

async function* rounds(bench: Bench, files: number): AsyncGenerator<Measured<unknown> & { what: string }> {
  const master = await emptyMaster(bench);
  const empty = await takeSnapshot(bench.call, master, { name: 'Empty' });
  await fill(bench, master, files);
  const full = await takeSnapshot(bench.call, master, { name: 'Full' });
  const name = (nth: number) => ({ name: `Snapshot ${nth}` });
  yield {
    what: 'snapshot',
    ...(await medianOf(bench, runs, (nth) => takeSnapshot(bench.call, master, name(nth)))),
  };
  const restored = await medianOf(bench, runs, (nth) =>
    restore(bench.call, master, { state: [empty, full][nth % 2]!.id, from: master, safetySnapshot: true }),
  );
  yield { what: 'restore', ...restored };
}

export const snapshotRestore: Row = { name: 'snapshot-restore', run };
