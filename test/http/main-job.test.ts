// The main job, end to end: a course of 200 students is handed out, some of them work in it, a correction follows, and one
// of them goes back to what was before. Every student's state is looked at, after each step.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CourseWorld, distribute, openCourse, openWorld, sha256, type World } from '../support/world.ts';

const students = 200;
const everyone = Array.from({ length: students }, (_, i) => i + 1);
const worked = (nth: number): boolean => nth % 10 === 0;

let world: World;
let course: CourseWorld;
beforeAll(async () => {
  world = await openWorld();
  course = await openCourse(world, students);
});
afterAll(() => world[Symbol.asyncDispose]());

const toAll = () => ({ source: { instance: course.master, state: 'current' }, targets: { all: true } });

/** What student number `nth` has at the two paths: each content by its hash. */
async function sees(nth: number): Promise<Record<string, string>> {
  const student = await course.student(nth);
  return student.list(student.instance);
}

const files = (task: string, data: string) => ({
  'file:lab/task.md': sha256(task),
  'file:lab/data.csv': sha256(data),
});

async function expectAll(seen: (nth: number) => Record<string, string>): Promise<void> {
  for (const nth of everyone) expect(await sees(nth), `student ${nth}`).toMatchObject(seen(nth));
}

it('hands out, corrects without touching anyone’s work, and restores', async () => {
  const { instructor, master } = course;
  await instructor.save(master, 'lab/task.md', 'Count the fish.');
  await instructor.save(master, 'lab/data.csv', 'fish\n1\n');
  const first = await distribute(instructor, toAll());
  expect(first).toMatchObject({ status: 'completed', progress: { done: students + 1, failed: 0 } });
  await expectAll(() => files('Count the fish.', 'fish\n1\n'));

  for (const nth of everyone.filter(worked)) {
    const student = await course.student(nth);
    expect((await student.save(student.instance, 'lab/task.md', `${nth} fish`)).status).toBe(200);
  }

  await instructor.save(master, 'lab/task.md', 'Count the fish twice.');
  await instructor.save(master, 'lab/data.csv', 'fish\n2\n');
  const second = await distribute(instructor, toAll());
  expect(second).toMatchObject({ status: 'completed', progress: { done: students + 1, failed: 0 } });
  expect(second.totals).toMatchObject({ renamed: students / 10 });
  await expectAll((nth) => files(worked(nth) ? `${nth} fish` : 'Count the fish twice.', 'fish\n2\n'));

  const student = await course.student(1);
  const { instance } = student;
  const snapshots = (await student.get(`/v1/instances/${instance}/snapshots`)).body.items;
  const before = snapshots.findLast(({ kind }: { kind: string }) => kind === 'safety');
  const restored = await student.post(`/v1/instances/${instance}/restore`, { state: before.id });
  expect(restored.status, restored.text).toBe(200);
  expect(await sees(1)).toEqual(files('Count the fish.', 'fish\n1\n'));
  expect((await student.get(`/v1/instances/${instance}/journal/verify`)).body).toMatchObject({ ok: true });
});
