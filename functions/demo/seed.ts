// Sets a course up: a space, its material in the master, a class, and the first distribution to all. Cut off at any
// point, the next start goes on: every id follows from the name of the seed.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Counts, countedPorts } from '../../adapters/counted.ts';
import { isOver } from '../../core/model/distribution.ts';
import type { AppEntry } from '../../core/model/entry.ts';
import { storeBlob } from '../../core/ops/blobs.ts';
import { seededCall } from '../../core/ops/call.ts';
import {
  type DistributionView,
  getDistribution,
  viewDistribution,
} from '../../core/ops/distribution-views.ts';
import { acceptDistribution } from '../../core/ops/distributions.ts';
import { addMembers } from '../../core/ops/members.ts';
import { takeSnapshot } from '../../core/ops/snapshots.ts';
import { createSpace } from '../../core/ops/spaces.ts';
import type { Ports, RecordKey } from '../../core/ports.ts';
import { type Imported, importFolder } from './import-folder.ts';
import { studentName } from './names.ts';

export const instructor = 'instructor';
export const firstStudent = 'student-1';

export interface Course {
  readonly title: string;
  readonly folder: string;
  readonly students: number;
  readonly tables: boolean;
  /** Applications are described in `apps.json` beside the folder. */
  readonly apps?: string;
}

export interface Seeded {
  readonly space: string;
  readonly imported: Imported;
  readonly distribution: DistributionView;
  readonly blobBytesCopied: number;
  readonly milliseconds: number;
}

interface SeedRecord {
  readonly at: number;
  readonly done: boolean;
}

const seedKey = (name: string): RecordKey => ({ partition: 'seeds', sort: `seed#${name}` });

/** Whether anything was ever seeded here, or was declined. */
export async function isFirstStart(ports: Ports): Promise<boolean> {
  return (await ports.records.query({ partition: 'seeds', prefix: 'seed#', limit: 1 })).length === 0;
}

export const declineSeed = (ports: Ports): Promise<void> =>
  ports.records.write([
    { put: seedKey('none'), value: { at: ports.now(), done: true } satisfies SeedRecord },
  ]);

/** Seeds a course unless that was done before. */
export async function seedCourse(plain: Ports, course: Course): Promise<Seeded | undefined> {
  const key = seedKey(course.folder);
  const before = (await plain.records.get<SeedRecord>(key))?.value;
  if (before?.done) return undefined;
  const at = before?.at ?? plain.now();
  await plain.records.write([{ put: key, value: { at, done: false } satisfies SeedRecord }]);
  const counts = new Counts();
  const ports = countedPorts(plain, counts);
  const actor = { user: instructor, manager: true };
  const call = seededCall(ports, actor, `seed ${course.folder}`, at);
  const space = await createSpace(call, course.title, 'course');
  const apps = course.apps === undefined ? {} : await readApps(ports, course.apps);
  const imported = await importFolder(call, space.masterInstanceId, course.folder, {
    tables: course.tables,
    apps,
  });
  const snapshot = await takeSnapshot(call, space.masterInstanceId, { name: 'Course as imported' });
  const students = Array.from({ length: course.students }, (_, i) => ({
    user: `student-${i + 1}`,
    role: 'student' as const,
    name: studentName(i),
  }));
  if (students.length > 0) await addMembers(call, space, students);
  counts.reset();
  const began = performance.now();
  const options = { safetySnapshots: true, message: 'Welcome to the course' };
  const { id } = await acceptDistribution(
    call,
    {
      source: { instance: space.masterInstanceId, items: [{ all: true, state: snapshot.id }] },
      targets: { all: true },
      strategies: { file: 'merge', table: 'merge', app: 'merge' },
    },
    options,
  );
  const distribution = await untilOver(ports, id, (current) => viewDistribution(call, current));
  const milliseconds = Math.round(performance.now() - began);
  await plain.records.write([{ put: key, value: { at, done: true } satisfies SeedRecord }]);
  return {
    space: space.id,
    imported,
    distribution,
    milliseconds,
    blobBytesCopied: counts.get('blob bytes written'),
  };
}

async function untilOver<T>(
  ports: Ports,
  id: string,
  view: (now: Awaited<ReturnType<typeof getDistribution>>) => Promise<T>,
): Promise<T> {
  for (;;) {
    const distribution = await getDistribution(ports, id);
    if (isOver(distribution.status)) return view(distribution);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Applications as JSON: like `AppEntry`, with the text of the lock file in place of its blob. */
async function readApps(ports: Ports, file: string): Promise<Record<string, AppEntry>> {
  type Described = Omit<AppEntry, 'kind' | 'packages'> & { packages: string };
  const described = JSON.parse(await readFile(file, 'utf8')) as Record<string, Described>;
  const entries = Object.entries(described).map(async ([name, { packages, ...app }]) => {
    const lock = await storeBlob(ports, new TextEncoder().encode(packages));
    return [name, { ...app, kind: 'app', packages: lock }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

export const demoCourse = (folder: string): Course => ({
  title: 'Reading the River: first steps with data',
  folder: join(folder, 'course'),
  apps: join(folder, 'apps.json'),
  students: 30,
  tables: true,
});
