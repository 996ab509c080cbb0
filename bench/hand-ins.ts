// A whole class hands in at once over HTTP: none is lost, and each has its receipt.

import type { Assignment } from '../core/model/assignment.ts';
import { getHandIn } from '../core/ops/access.ts';
import { createAssignment } from '../core/ops/assignments.ts';
import { listDistributions } from '../core/ops/distribution-views.ts';
import { listHandIns } from '../core/ops/hand-in-views.ts';
import { openClass, untilOver } from './class.ts';
import { pathOf } from './content.ts';
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

const clients = 256;
const hourMs = 3_600_000;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  await using bench = await openBench();
  const students = scaled(10_000);
  const { space, instances } = await openClass(bench, 1_000, students);
  const assignment = await openAssignment(bench, space.id, space.masterInstanceId);
  using server = await openServer(bench);
  const tokens = await Promise.all(instances.map(({ user }) => server.token(user)));
  const shots = tokens.map((token) => ({
    method: 'POST',
    path: `/v1/assignments/${assignment.id}/handins`,
    token,
    body: '{}',
    mediaType: 'application/json',
  }));
  const { cpuMs, calls, result } = await measured(bench, () => server.fire(shots, clients));
  const receipts = await countReceipts(bench, assignment);
  const perSecond = (students * 1_000) / result.ms;
  const serverMs = cpuMs - result.cpuMs;
  yield {
    what: `the whole class hands in over HTTP, ${clients} clients (calls for each)`,
    size: `${whole(students)} students, ${whole(1_000)} entries each`,
    ms: result.ms,
    cpuMs: serverMs,
    calls: perRequest(calls, students),
    found: `${exact(perSecond, 0)} a second, ${exact(serverMs / students)} ms of the server's processor each and ${exact(result.cpuMs / students)} of the clients'; half within ${exact(result.half, 0)} ms, 99 % within ${exact(result.ninetyNine, 0)} ms`,
    targets: [
      target(
        'none lost, each with a sound receipt',
        result.statuses[201] === students && receipts === students,
      ),
      target('≥ 1,000 a second', perSecond >= 1_000),
    ],
  };
}

/** An assignment of the whole master, delivered to everyone, due in an hour. */
export async function openAssignment({ call }: Bench, space: string, master: string) {
  const assignment = await createAssignment(call, space, {
    title: 'Bench',
    source: { instance: master, items: [{ all: true, state: 'current' }] },
    strategies: { file: 'merge', table: 'merge', app: 'merge' },
    submission: { files: [pathOf(0), pathOf(1), pathOf(2)] },
    dueAt: new Date(Date.now() + hourMs).toISOString(),
    capture: false,
    latePolicy: { kind: 'none' },
    dueSoonSeconds: 0,
  });
  for (;;) {
    const [distribution] = (await listDistributions(call, space, undefined, 1)).items;
    if (distribution) {
      await untilOver(call.ports, distribution.id);
      return assignment;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function countReceipts({ call, ports }: Bench, assignment: Assignment): Promise<number> {
  let sound = 0;
  let from: string | undefined;
  do {
    const { items, next } = await listHandIns(call, assignment, 'all', from, 1_000);
    for (const { id } of items) {
      const { receipt } = await getHandIn(call, id ?? '');
      if (receipt && (await ports.receipts.verify(receipt))) sound++;
    }
    from = next ?? undefined;
  } while (from !== undefined);
  return sound;
}

export const handIns: Row = { name: 'hand-ins', run };
