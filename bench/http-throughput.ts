// What HTTP sustains on two cores, one of them the clients': small files read, and saved to many instances.

import { putFile } from '../core/ops/files.ts';
import { inParallel } from '../core/ops/retry.ts';
import { openClass } from './class.ts';
import {
  exact,
  type Line,
  type Measured,
  measured,
  openBench,
  perRequest,
  type Row,
  target,
  whole,
} from './harness.ts';
import type { LoadResult, Shot } from './load.ts';
import { openServer } from './server.ts';

const clients = 64;
const students = 256;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  await using bench = await openBench();
  const { instances } = await openClass(bench, 0, students);
  const bytes = new TextEncoder().encode('a small file\n'.repeat(64));
  await inParallel(instances, 32, ({ instanceId }) =>
    putFile(bench.call, instanceId, { path: 'notes.md', bytes }),
  );
  using server = await openServer(bench);
  const tokens = await Promise.all(instances.map(({ user }) => server.token(user)));
  const shotsOf = (count: number, shot: (nth: number, instance: string) => Omit<Shot, 'token'>): Shot[] =>
    Array.from({ length: count }, (_, nth) => {
      const student = nth % students;
      return { ...shot(nth, `/v1/instances/${instances[student]!.instanceId}`), token: tokens[student]! };
    });
  const gets = scaled(20_000);
  const reading = shotsOf(gets, (_, instance) => ({
    method: 'GET',
    path: `${instance}/states/current/files/notes.md`,
  }));
  yield line(`GET of a small file`, 200, gets, await measured(bench, () => server.fire(reading, clients)));
  const puts = scaled(10_000);
  const writing = shotsOf(puts, (nth, instance) => ({
    method: 'PUT',
    path: `${instance}/files/work-${nth}.txt`,
    body: `the work of ${nth}\n`,
  }));
  yield line(
    `PUT of a new small file`,
    201,
    puts,
    await measured(bench, () => server.fire(writing, clients)),
  );
}

function line(
  what: string,
  status: number,
  count: number,
  { cpuMs, calls, result }: Measured<LoadResult>,
): Line {
  return {
    what: `${what}, ${clients} clients, ${students} instances (calls for each)`,
    size: `${whole(count)} requests`,
    ms: result.ms,
    cpuMs: cpuMs - result.cpuMs,
    calls: perRequest(calls, count),
    found: `${exact((count * 1_000) / result.ms, 0)} a second; half within ${exact(result.half, 0)} ms, 99 % within ${exact(result.ninetyNine, 0)} ms`,
    targets: [target('all answered', result.statuses[status] === count)],
  };
}

export const httpThroughput: Row = { name: 'http-throughput', run };
