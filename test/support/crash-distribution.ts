// A process that gives a course to its class until it is killed, while a student here and there deletes what arrived:
// `node crash-distribution.ts DIRECTORY SPACE ROUND LIFE`. What a round asks for it asks for as a client that repeats a
// request does, so each process goes on where the one before was killed. Its standard output says what it is at.

import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openLocal } from '../../adapters/local/open.ts';
import { AppError } from '../../core/errors.ts';
import { isOver } from '../../core/model/distribution.ts';
import { keys, partitions, prefixes } from '../../core/model/keys.ts';
import type { Instance, Space } from '../../core/model/space.ts';
import { newCall, seededCall } from '../../core/ops/call.ts';
import { acceptDistribution } from '../../core/ops/distributions.ts';
import { deleteEntry, putFile } from '../../core/ops/files.ts';
import { relaunch } from '../../core/ops/launch.ts';
import type { Ports } from '../../core/ports.ts';
import { workflows } from '../../workflows/definitions.ts';

export const settings = { historySeconds: 86_400, graceSeconds: 86_400 };
export const teacher = { user: 'ines', manager: true };
/** Whose work is in the way of what is given. */
export const isEditor = (user: string): boolean => user.endsWith('7');
export const hasSafetySnapshots = (round: number): boolean => round % 3 !== 0;

/** Never later, as a buffered line would be: what is said has happened. */
const say = (what: string): void => void writeSync(1, `${what}\n`);

type Steps = (typeof workflows)[keyof typeof workflows]['steps'];

/** The same steps; each says what it begins with which distribution, and the last one that it has ended. */
const telling = (steps: Steps): Steps =>
  Object.fromEntries(
    Object.entries(steps).map(([name, step]) => [
      name,
      async (ports: Ports, input: unknown) => {
        const { distribution } = input as { distribution: string };
        say(`${name} ${distribution}`);
        const answer = await step(ports, input);
        if (name === 'distributeFinish') say(`over ${distribution}`);
        return answer;
      },
    ]),
  );

async function deleteHereAndThere(ports: Ports, space: string, from: number): Promise<void> {
  const query = { partition: partitions.space(space), prefix: prefixes.instance };
  const students = (await ports.records.query<Instance>(query))
    .map(({ value }) => value)
    .filter(({ kind, name }) => kind === 'student' && !isEditor(name));
  for (let nth = from * 101; ; nth += 37) {
    const { id, name } = students[nth % students.length]!;
    await deleteEntry(newCall(ports, { user: name, manager: false }), id, 'file', 'plan.md', undefined).catch(
      (error: unknown) => {
        if (!(error instanceof AppError)) throw error; // it is not there
      },
    );
    await pause(5);
  }
}

if (import.meta.main) {
  const [directory = '', spaceId = '', round = '', life = ''] = process.argv.slice(2);
  say('start');
  const { asl, steps } = workflows.distribute;
  const { ports, workflows: runner } = await openLocal({
    directory,
    settings,
    workflows: { ...workflows, distribute: { asl, steps: telling(steps) } },
  });
  const space = (await ports.records.get<Space>(keys.space(spaceId)))!.value;
  const again = (what: string) =>
    seededCall(ports, teacher, `${what} of round ${round}`, Date.parse(space.createdAt));
  const bytes = new TextEncoder().encode(`round ${round}`);
  await putFile(again('edition'), space.masterInstanceId, { path: 'plan.md', bytes });
  const { status, id } = await acceptDistribution(
    again('distribution'),
    {
      source: { instance: space.masterInstanceId, items: [{ all: true, state: 'current' }] },
      targets: { all: true },
      strategies: { file: 'merge', table: 'merge', app: 'merge' },
    },
    { safetySnapshots: hasSafetySnapshots(Number(round)) },
  );
  say(`${status} ${id}`);
  if (isOver(status)) process.exit(0);
  await runner.resume();
  await relaunch(ports);
  await deleteHereAndThere(ports, spaceId, Number(life));
}
