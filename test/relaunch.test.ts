// What was accepted gets done even when something was away for longer than a workflow retries: another execution takes
// the place of the one that failed. Here a workflow does not retry at all, so that one failure is enough.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalBackend, openLocal } from '../adapters/local/open.ts';
import { MemoryRecords } from '../adapters/memory/records.ts';
import type { Distribution } from '../core/model/distribution.ts';
import { keys, partitions, prefixes } from '../core/model/keys.ts';
import type { Space } from '../core/model/space.ts';
import { createAssignment } from '../core/ops/assignments.ts';
import { type Call, newCall } from '../core/ops/call.ts';
import { getDistribution, listDistributions } from '../core/ops/distribution-views.ts';
import { acceptDistribution } from '../core/ops/distributions.ts';
import { putFile } from '../core/ops/files.ts';
import { launch, recordLaunch, relaunch } from '../core/ops/launch.ts';
import { addMembers } from '../core/ops/members.ts';
import { createSpace } from '../core/ops/spaces.ts';
import type { ExecutionStatus, Ports } from '../core/ports.ts';
import { workflows } from '../workflows/definitions.ts';

const settings = { historySeconds: 86_400, graceSeconds: 86_400 };
const strategies = { file: 'merge', table: 'merge', app: 'merge' } as const;

describe('a launch', () => {
  let statuses: Map<string, ExecutionStatus>;
  let ports: Ports;
  const work = { workflow: 'distribute', id: 'dst-1', input: { distribution: 'dst' } };

  beforeEach(() => {
    statuses = new Map();
    const status = async (_: string, id: string) => statuses.get(id);
    const start = async (_: string, id: string) => void (statuses.has(id) || statuses.set(id, 'running'));
    ports = {
      records: new MemoryRecords(),
      workflows: { start, status },
      now: () => 0,
    } as unknown as Ports;
  });

  it('that was recorded and never started is started; one that runs is left alone', async () => {
    await ports.records.write([recordLaunch(work)]);
    expect(await relaunch(ports)).toBe(1);
    expect(await relaunch(ports)).toBe(0);
    expect(Object.fromEntries(statuses)).toEqual({ 'dst-1': 'running' });
  });

  it('is started under another id each time its execution failed, and forgotten when one succeeded', async () => {
    await ports.records.write([recordLaunch(work)]);
    await launch(ports, work);
    for (const id of ['dst-1', 'dst-1.1', 'dst-1.2']) {
      expect(statuses.get(id)).toBe('running');
      statuses.set(id, 'failed');
      expect(await relaunch(ports)).toBe(1);
    }
    statuses.set('dst-1.3', 'succeeded');
    expect(await relaunch(ports)).toBe(0);
    expect(await ports.records.get(keys.launch('distribute', 'dst-1'))).toBeUndefined();
    expect(statuses.size).toBe(4);
  });

  it('is started under the same id when its execution is not known, and not at all when someone stopped it', async () => {
    await ports.records.write([recordLaunch(work)]);
    await launch(ports, work);
    statuses.clear();
    await relaunch(ports);
    expect([...statuses.keys()]).toEqual(['dst-1']);
    statuses.set('dst-1', 'stopped');
    expect(await relaunch(ports)).toBe(0);
    expect(statuses.size).toBe(1);
  });

  it('is looked after by two at once, and started once more', async () => {
    await ports.records.write([recordLaunch(work)]);
    await launch(ports, work);
    statuses.set('dst-1', 'failed');
    await Promise.all([relaunch(ports), relaunch(ports)]);
    expect([...statuses.keys()]).toEqual(['dst-1', 'dst-1.1']);
  });

  it('comes to its turn among many', async () => {
    const many = Array.from({ length: 1_200 }, (_, nth) => ({ ...work, id: `dst${nth}-1` }));
    for (const one of many) {
      await ports.records.write([recordLaunch(one)]);
      await launch(ports, one);
      statuses.set(one.id, 'failed');
    }
    for (let minutes = 0; minutes < 15; minutes += 5)
      expect(await relaunch({ ...ports, now: () => minutes * 60_000 })).toBe(400);
    expect(statuses.size).toBe(2_400);
  });
});

describe('when something was away', () => {
  let directory: string;
  let backend: LocalBackend;
  let call: Call;
  let space: Space;
  let students: string[];
  /** Steps that fail, for now. */
  const broken = new Set<string>();

  const failing = ([name, { asl, steps }]: [string, (typeof workflows)[keyof typeof workflows]]) => {
    const text = JSON.parse(JSON.stringify(asl), (key, value) => (key === 'Retry' ? undefined : value));
    const wrapped = Object.entries(steps).map(([step, run]) => [
      step,
      async (ports: Ports, input: unknown) => {
        if (broken.has(step)) throw new Error('The table is away.');
        return run(ports, input);
      },
    ]);
    return [name, { asl: text, steps: Object.fromEntries(wrapped) }];
  };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'handout-'));
    backend = await openLocal({
      directory,
      settings,
      workflows: Object.fromEntries(Object.entries(workflows).map(failing)),
    });
    call = newCall(backend.ports, { user: 'ines', manager: true });
    space = await createSpace(call, 'Course', 'course');
    const members = ['s1', 's2', 's3'].map((user) => ({ user, role: 'student' as const }));
    students = (await addMembers(call, space, members)).instances.map(({ instanceId }) => instanceId);
    await save('1');
  });
  afterEach(async () => {
    broken.clear();
    await backend[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  const save = (text: string) =>
    putFile(call, space.masterInstanceId, { path: 'a.md', bytes: new TextEncoder().encode(text) });
  const items = [{ all: true, state: 'current' }] as const;
  const give = async (): Promise<string> => {
    const wanted = {
      source: { instance: space.masterInstanceId, items },
      targets: { all: true },
      strategies,
    } as const;
    return (await acceptDistribution(call, wanted, { safetySnapshots: true })).id;
  };
  const settled = async (id: string): Promise<Distribution> => {
    await backend.workflows.idle();
    return getDistribution(backend.ports, id);
  };
  const timesIn = async (instance: string, cause: string): Promise<number> => {
    const query = { partition: partitions.instance(instance), prefix: prefixes.journal };
    const journal = await backend.ports.records.query<{ cause: string }>(query);
    return journal.filter(({ value }) => value.cause === cause).length;
  };

  it.each([
    ['begin', ['distributePrepare', 'distributeGiveUp']],
    ['apply', ['distributeBatch', 'distributeFailBatch']],
    ['end', ['distributeFinish']],
  ])('a distribution that could not %s does, and what waits behind it too', async (_, steps) => {
    for (const step of steps) broken.add(step);
    const first = await give();
    await save('2');
    const second = await give();
    expect(['queued', 'running']).toContain((await settled(first)).status);
    expect(await backend.workflows.status('distribute', `${first}-1`)).toBe('failed');
    expect((await getDistribution(backend.ports, second)).status).toBe('queued');
    await relaunch(backend.ports); // still away
    await settled(first);
    broken.clear();
    expect(await relaunch(backend.ports)).toBe(1);
    for (const id of [first, second]) {
      const progress = { total: 4, done: 4, failed: 0 };
      expect(await settled(id)).toMatchObject({ status: 'completed', runs: 1, progress });
      for (const student of students) expect(await timesIn(student, id)).toBe(1);
    }
    expect(await relaunch(backend.ports)).toBe(0);
    const left = { partition: partitions.launches, prefix: prefixes.launch };
    expect(await backend.ports.records.query(left)).toEqual([]);
  });

  it('the timer of an assignment goes on', async () => {
    broken.add('assignmentLook');
    await createAssignment(call, space.id, {
      title: 'Homework',
      source: { instance: space.masterInstanceId, items },
      strategies,
      submission: { files: ['a.md'] },
      dueAt: new Date(Date.now() + 86_400_000).toISOString(),
      capture: true,
      latePolicy: { kind: 'none' },
      dueSoonSeconds: 3_600,
    });
    await backend.workflows.idle();
    const opened = async () => (await listDistributions(call, space.id, undefined, 10)).items;
    expect(await opened()).toEqual([]);
    broken.clear();
    expect(await relaunch(backend.ports)).toBe(1);
    await backend.workflows.idle();
    expect(await opened()).toMatchObject([{ status: 'completed', message: 'Assignment: Homework' }]);
    expect(await relaunch(backend.ports)).toBe(0);
  });
});
