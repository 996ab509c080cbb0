// The look at everything stored: what is sound is called sound, and whatever someone breaks in the store is found, with
// the states that it touches. It changes nothing.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../adapters/local/database.ts';
import { keys, partitions } from '../core/model/keys.ts';
import { checkEverything, everyBlob } from '../core/ops/fsck.ts';
import type { Ports } from '../core/ports.ts';
import { fsckSteps } from '../workflows/fsck.ts';
import { type CourseWorld, distribute, openCourse, openWorld, sha256, type World } from './support/world.ts';

const directories: string[] = [];
let directory: string;
let course: CourseWorld;
let snapshot: string;
const lesson = 'A lesson.'.padEnd(500, '.');

/** A course of two with a distribution, a snapshot, and work of a student. */
async function openStore(): Promise<World> {
  directory = mkdtempSync(join(tmpdir(), 'handout-fsck-'));
  directories.push(directory);
  const world = await openWorld({ directory });
  course = await openCourse(world, 2);
  const { instructor, master } = course;
  for (let i = 0; i < 60; i++) await instructor.save(master, `lessons/${i}.md`, `Lesson ${i}`.repeat(20));
  await instructor.save(master, 'lesson.md', lesson);
  await distribute(instructor, { source: { instance: master, state: 'current' }, targets: { all: true } });
  const ada = await course.student(1);
  await ada.save(ada.instance, 'mine.md', 'mine');
  const taken = await ada.post(`/v1/instances/${ada.instance}/snapshots`, { name: 'First' });
  snapshot = taken.body.id;
  return world;
}

let world: World;
let ports: Ports;
beforeEach(async () => {
  world = await openStore();
  ports = world.backend.ports;
  isOpen = true;
  return close;
});
afterAll(() => {
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

let isOpen = false;
async function close(): Promise<void> {
  if (isOpen) await world[Symbol.asyncDispose]();
  isOpen = false;
}

const check = () => checkEverything(ports, everyBlob);
/** Changes the store behind everyone's back. */
const behind = (sql: string, ...values: (string | Uint8Array)[]) => {
  const database = new Database(join(directory, 'handout.db'));
  database.handle.prepare(sql).run(...values);
  database.handle.close();
};

describe('What is stored', () => {
  it('is called sound when nobody broke it, and is left as it is', async () => {
    const report = await check();
    expect(report).toMatchObject({ spaces: 1, findings: [], touched: [] });
    expect(report.blobsRead).toBe(report.blobs);
    expect(report.pages).toBeGreaterThan(2);
    expect(report.journals).toBe(5);
  });

  it('is read in shares, that make up the whole', async () => {
    const reads = [];
    for (const from of [0, 0.25, 0.5, 0.75])
      reads.push((await checkEverything(ports, { from, share: 0.25 })).blobsRead);
    const { blobs } = await check();
    expect(reads.reduce((sum, read) => sum + read)).toBe(blobs);
    expect(Math.max(...reads)).toBeLessThan(blobs);
  });

  it('with a blob missing or altered is damaged, in every state that has it', async () => {
    const hash = sha256(lesson);
    const { version } = (await ports.records.get<{ version: string }>(keys.blob(hash)))!.value;
    behind('UPDATE contents SET bytes = ? WHERE version = ?', Buffer.alloc(500, 'x'), version);
    const { findings, touched } = await check();
    expect(findings).toEqual([{ what: 'blob', id: hash, problem: expect.stringContaining(hash) }]);
    const instances = [course.master, course.distributed, ...Object.values(course.instances)];
    expect([...new Set(touched.map((state) => state.instanceId))].filter(Boolean).sort()).toEqual(
      instances.sort(),
    );
    expect(touched).toContainEqual(
      expect.objectContaining({ kind: 'snapshot', id: snapshot, name: 'First', paths: ['lesson.md'] }),
    );
    await ports.records.write([{ delete: keys.blob(hash) }]);
    expect((await check()).findings).toEqual([{ what: 'blob', id: hash, problem: 'It has no record.' }]);
  });

  it('with a page missing or altered is damaged, in every state that has it', async () => {
    const ada = course.instances.s1!;
    const { root } = (await course.instructor.get(`/v1/instances/${ada}`)).body;
    behind('UPDATE pages SET bytes = ? WHERE hash = ?', Buffer.from('nonsense'), root);
    const altered = await check();
    expect(altered.findings).toEqual([{ what: 'page', id: root, problem: expect.stringContaining('match') }]);
    behind('DELETE FROM pages WHERE hash = ?', root);
    const { findings, touched } = await check();
    expect(findings).toEqual([{ what: 'page', id: root, problem: `Page ${root} is missing.` }]);
    expect(touched.map(({ kind }) => kind).sort()).toEqual(['current', 'history', 'snapshot']);
    expect(touched.every(({ instanceId }) => instanceId === ada)).toBe(true);
  });

  it('with an entry of a journal altered is damaged', async () => {
    const key = keys.journal(partitions.instance(course.master), 3);
    const { value } = (await ports.records.get<object>(key))!;
    await ports.records.write([{ put: key, value: { ...value, actor: 'mallory' } }]);
    const { findings } = await check();
    expect(findings).toEqual([
      { what: 'journal', id: course.master, problem: expect.stringContaining('Entry 3') },
    ]);
  });

  it('when damaged makes the weekly look fail, and the bus hears of it', async () => {
    const step = (name: string, input: object) => fsckSteps[name]!(ports, input);
    const { spaces } = (await step('fsckList', { week: 1 })) as { spaces: object[] };
    expect(spaces).toEqual([{ space: course.space, week: 1 }]);
    expect(await step('fsckCheck', spaces[0]!)).toEqual({ space: course.space, damaged: 0 });
    const key = keys.journal(partitions.space(course.space), 1);
    await ports.records.write([{ delete: key }]);
    const checked = await step('fsckCheck', spaces[0]!);
    expect(checked).toEqual({ space: course.space, damaged: 1 });
    await expect(step('fsckConclude', { checked: [checked] })).rejects.toMatchObject({ name: 'Damaged' });
    const told = world.backend.events.all().map(({ type }) => type);
    expect(told).toContain('storage.damaged');
  });
});

describe('npm run fsck', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '..', 'functions', 'fsck.ts'), ...args], {
      encoding: 'utf8',
    });

  it('says what is there, and that it is sound', async () => {
    await close();
    const before = execFileSync('sha256sum', [join(directory, 'handout.db')], { encoding: 'utf8' });
    const { stdout, status } = run('--data', directory);
    expect(stdout).toMatch(
      /^spc_\w+ Course: sound\n1 spaces, 5 journals, \d+ pages, \d+ blobs \(\d+ read in whole\): 0 damaged\n$/,
    );
    expect(status).toBe(0);
    expect(execFileSync('sha256sum', [join(directory, 'handout.db')], { encoding: 'utf8' })).toBe(before);
  });

  it('ends with 1 when something is damaged, naming the states', async () => {
    const hash = sha256(lesson);
    await ports.records.write([{ delete: keys.blob(hash) }]);
    await close();
    const { stdout, status } = run('--data', directory);
    expect(stdout).toContain(`blob ${hash}: It has no record.`);
    expect(stdout).toContain(`snapshot ${snapshot} "First" of ${course.instances.s1}: lesson.md`);
    expect(status).toBe(1);
    const json = run('--data', directory, '--json');
    expect(JSON.parse(json.stdout).findings).toHaveLength(1);
  });

  it('says how it is used, and makes nothing where there is nothing', () => {
    const wrong = run('--share', '2');
    expect(wrong.stderr).toContain('--share takes a number');
    expect(wrong.status).toBe(2);
    const nowhere = run('--data', join(directory, 'nowhere'));
    expect(nowhere.stderr).toContain('There is nothing at');
    expect(nowhere.status).toBe(2);
  });
});
