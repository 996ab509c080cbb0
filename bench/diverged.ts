// A class in which every student has gone their own way: each has edited a file of the course and added one. Nothing can be
// shared among targets, so this is the dearest distribution there is; its memory must not grow with the class.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { putFile } from '../core/ops/files.ts';
import { inParallel } from '../core/ops/retry.ts';
import { distributeAll, mergesOf, openClass, planAll } from './class.ts';
import { pathOf } from './content.ts';
import { exact, type Line, measured, openBench, type Row, target, whole } from './harness.ts';

const files = 1_000;
const mebibyte = 2 ** 20;
/** More than this a class of ten times the size may not take. */
const mostGrowth = 64;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const peaks: number[] = [];
  for (const students of [scaled(1_000), scaled(10_000)]) {
    await using bench = await openBench();
    const { call } = bench;
    const { space, instances } = await openClass(bench, files, students);
    await distributeAll(bench, space);
    await inParallel(instances, 64, async ({ user, instanceId }, nth) => {
      await putFile(call, instanceId, { path: pathOf(nth % files), bytes: bytesOf(`By ${user}`) });
      await putFile(call, instanceId, { path: `own/${user}.md`, bytes: bytesOf(`Of ${user}`) });
    });
    await putFile(call, space.masterInstanceId, { path: pathOf(500), bytes: bytesOf('# Corrected\n') });
    const size = `${whole(files)} entries, ${whole(students)} students`;
    const plan = await measured(bench, () => planAll(bench, space));
    yield {
      what: 'plan of a correction where every student diverged',
      size,
      ms: plan.ms,
      cpuMs: plan.cpuMs,
      calls: plan.calls,
      found: `${exact(plan.cpuMs / students)} ms of processor a student`,
    };
    using heap = watchHeap();
    const { ms, cpuMs, calls, result } = await measured(bench, () => distributeAll(bench, space));
    peaks.push(heap.peak() / mebibyte);
    const merges = mergesOf(calls);
    const { renamed, updated } = result.totals!;
    yield {
      what: 'the correction itself',
      size,
      ms,
      cpuMs,
      calls,
      found: `${whole(merges)} merges, ${exact(cpuMs / students)} ms of processor a student; ${whole(peaks.at(-1)!)} MiB of heap at most`,
      targets: [
        target('each edit kept, each other updated', renamed + updated === students + 1),
        target('a merge a student', merges === students + 1),
      ],
    };
  }
  const [small, large] = peaks as [number, number];
  yield {
    what: 'memory for ten times the class',
    size: `${whole(scaled(10_000))} students`,
    found: `${whole(large - small)} MiB more`,
    targets: [target(`≤ ${mostGrowth} MiB more`, large - small <= mostGrowth)],
  };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The most that is in use once a second, garbage aside. */
function watchHeap(): Disposable & { peak(): number } {
  let peak = 0;
  const look = () => {
    collect();
    peak = Math.max(peak, process.memoryUsage().heapUsed);
  };
  const timer = setInterval(look, 1_000);
  return {
    peak() {
      look();
      return peak;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

export const diverged: Row = { name: 'diverged', run };
