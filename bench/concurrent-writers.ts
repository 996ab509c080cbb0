// Many clients save to one instance at once: each save is based on the one before, and none is lost.

import { listEntries } from '../core/ops/entries.ts';
import { currentOf, verifyJournal } from '../core/ops/journal.ts';
import { openClass } from './class.ts';
import { exact, type Line, measured, openBench, type Row, target, whole } from './harness.ts';
import { openServer } from './server.ts';

const clients = 64;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const saves = scaled(4_000);
  await using bench = await openBench();
  const { instances } = await openClass(bench, 0, 1);
  const { user, instanceId } = instances[0]!;
  using server = await openServer(bench);
  const token = await server.token(user);
  const shots = Array.from({ length: saves }, (_, nth) => ({
    method: 'PUT',
    path: `/v1/instances/${instanceId}/files/save-${nth}.txt`,
    token,
    body: `save ${nth}`,
  }));
  const { cpuMs, calls, result } = await measured(bench, () => server.fire(shots, clients));
  const head = await currentOf(bench.ports, instanceId);
  const { items } = await listEntries(bench.cold(), head.root, { prefix: '', limit: saves + 1 });
  const verdict = await verifyJournal(bench.ports, instanceId);
  const none = result.statuses[201] === saves && items.length === saves && head.sequence === saves + 1;
  yield {
    what: `${clients} clients save to one instance over HTTP`,
    size: `${whole(saves)} saves`,
    ms: result.ms,
    cpuMs: cpuMs - result.cpuMs,
    calls,
    found: `${exact((saves * 1_000) / result.ms, 0)} saves a second; half within ${exact(result.half, 0)} ms, 99 % within ${exact(result.ninetyNine, 0)} ms; ${exact((calls['write journal'] ?? 0) / saves)} appends a save`,
    targets: [target('none lost', none), target('chain sound', verdict.ok)],
  };
}

export const concurrentWriters: Row = { name: 'concurrent-writers', run };
