// Giving back what nothing holds: a mark over a class that is there, and the sweep of one that is not any more.

import type { Reclaim } from '../core/model/reclaim.ts';
import { deleteSpace } from '../core/ops/deletion.ts';
import { putFile } from '../core/ops/files.ts';
import { acceptReclaim, viewReclaim } from '../core/ops/reclaim.ts';
import { inParallel } from '../core/ops/retry.ts';
import { distributeAll, openClass } from './class.ts';
import { pathOf } from './content.ts';
import { type Bench, type Line, measured, openBench, type Row, settings, target, whole } from './harness.ts';

const files = 1_000;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  let ahead = 0;
  await using bench = await openBench((ports) => ({ ...ports, now: () => Date.now() + ahead }));
  const students = scaled(10_000);
  const { space, instances } = await openClass(bench, files, students);
  await distributeAll(bench, space);
  await inParallel(instances, 64, ({ user, instanceId }) =>
    putFile(bench.call, instanceId, { path: pathOf(7), bytes: new TextEncoder().encode(`By ${user}`) }),
  );
  const size = `${whole(students)} students, each with an edit`;
  const line = (
    what: string,
    { ms, cpuMs, calls, result }: Awaited<ReturnType<typeof reclaimed>>,
    objects: number,
  ): Line => ({
    what,
    size,
    ms,
    cpuMs,
    calls,
    found: `${whole((objects / ms) * 1_000)} pages and blobs a second`,
    targets: [target('completed', result.status === 'completed')],
  });
  const live = await reclaimed(bench);
  yield line('mark: everything is held', live, live.result.marked);
  await deleteSpace(bench.call, space, space.name);
  ahead += 1_000;
  const condemned = await reclaimed(bench);
  yield line('condemn: the space is deleted', condemned, condemned.result.condemned);
  ahead += 2 * settings.graceSeconds * 1_000;
  const swept = await reclaimed(bench);
  yield {
    ...line('sweep: its grace is over', swept, swept.result.deleted),
    targets: [target('all of it is gone', swept.result.deleted === condemned.result.condemned)],
  };
}

const reclaimed = (bench: Bench) =>
  measured(bench, async (): Promise<Omit<Reclaim, 'chunks'>> => {
    const { id } = await acceptReclaim(bench.call, false);
    for (;;) {
      const reclaim = await viewReclaim(bench.ports, id);
      if (reclaim.status === 'completed' || reclaim.status === 'failed') return reclaim;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

export const reclaim: Row = { name: 'reclaim', run };
