// What holds the bytes, and what deleting something would give back: exact, from the trees as they are now.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { distribute, openCourse, openWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

let texts = 0;
/** Content of so many bytes that is nowhere else. */
const bytes = (size: number): string => `${texts++}:`.padEnd(size, 'x');

it('what a set of snapshots frees is what nothing outside it has', async () => {
  const old = await openWorld({ settings: { historySeconds: 0 } });
  try {
    const course = await openCourse(old, 0);
    const { instructor, space, master } = course;
    await instructor.save(master, 'a.bin', bytes(100));
    await instructor.save(master, 'b.bin', bytes(10));
    const take = async (name: string) =>
      (await instructor.post(`/v1/instances/${master}/snapshots`, { name })).body.id;
    const one = await take('one');
    const two = await take('two');
    await instructor.delete(`/v1/instances/${master}/files/a.bin`);
    await instructor.save(master, 'c.bin', bytes(1));
    await instructor.save(master, 'd.bin', bytes(1));
    const whatIf = async (snapshots: string[]) =>
      (await instructor.post(`/v1/spaces/${space}/storage/what-if`, { delete: { snapshots } })).body;
    const alone = await whatIf([one]);
    expect(alone.freed).toBe(0);
    expect(alone.stillHeld.map((held: { bytes: number }) => held.bytes).sort()).toEqual([10, 100].sort());
    const both = await whatIf([one, two]);
    expect(both.freed).toBe(100);
    expect(both.stillHeld).toMatchObject([{ bytes: 10, by: [{ kind: 'current' }, { kind: 'history' }] }]);
    const storage = (await instructor.get(`/v1/instances/${master}/storage`)).body;
    expect(storage.snapshots).toMatchObject([
      { id: one, referenced: 110, unique: 0 },
      { id: two, referenced: 110, unique: 0 },
    ]);
  } finally {
    await old[Symbol.asyncDispose]();
  }
});

it('a class stores the course once, charged to the master, and each edit to its student', async () => {
  const course = await openCourse(world, 20);
  await course.instructor.save(course.master, 'book.md', bytes(10_000));
  await distribute(course.instructor, {
    source: { instance: course.master, state: 'current' },
    targets: { all: true },
  });
  const one = await course.student(1);
  await one.save(one.instance, 'notes.md', bytes(50));
  const { body } = await course.instructor.get(`/v1/spaces/${course.space}/storage`);
  expect(body).toMatchObject({ logical: 22 * 10_000 + 50, stored: 10_050 });
  expect(body.ratio).toBeCloseTo(220_050 / 10_050);
  const charged = Object.fromEntries(
    body.instances.map((row: { instanceId: string; stored: number }) => [row.instanceId, row.stored]),
  );
  expect(charged[course.master]).toBe(10_000);
  expect(charged[one.instance]).toBe(50);
  expect(charged[course.distributed]).toBe(0);
  const own = (await one.get(`/v1/instances/${one.instance}/storage`)).body;
  expect(own).toMatchObject({ current: { referenced: 10_050, unique: 0 }, total: 10_050, unique: 50 });
  expect((await one.get(`/v1/spaces/${course.space}/storage`)).status).toBe(403);
  const gone = { delete: { instances: [one.instance] } };
  const what = await course.instructor.post(`/v1/spaces/${course.space}/storage/what-if`, gone);
  expect(what.body.freed).toBe(50);
  expect(what.body.stillHeld[0].bytes).toBe(10_000);
});

it('names what it does not know', async () => {
  const { space, instructor } = await openCourse(world, 0);
  const asked = (gone: object) => instructor.post(`/v1/spaces/${space}/storage/what-if`, { delete: gone });
  expect((await asked({ snapshots: ['snp_unknown'] })).status).toBe(404);
  expect((await asked({ instances: ['ins_unknown'] })).status).toBe(404);
  expect((await asked({ instances: [(await openCourse(world, 0)).master] })).status).toBe(404);
});
