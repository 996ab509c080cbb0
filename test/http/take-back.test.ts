// Plan, undo, recall, order, retry, cancel and catching up: an instructor sees what a push will do before it does it, and
// everything can be taken back.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { keys } from '../../core/model/keys.ts';
import {
  type CourseWorld,
  distribute,
  openCourse,
  openWorld,
  untilOver,
  type World,
} from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const whole = (course: CourseWorld) => ({
  source: { instance: course.master, state: 'current' },
  targets: { all: true },
});

/** A course of which `files` were handed out. */
async function handedOut(students: number, files: Record<string, string>): Promise<CourseWorld> {
  const course = await openCourse(world, students);
  for (const [path, text] of Object.entries(files)) await course.instructor.save(course.master, path, text);
  await distribute(course.instructor, whole(course));
  return course;
}

const undo = async (course: CourseWorld, id: string) =>
  untilOver(course.instructor, (await course.instructor.post(`/v1/distributions/${id}/undo`)).body.id);

const recall = async (course: CourseWorld, body: object) =>
  untilOver(
    course.instructor,
    (await course.instructor.post(`/v1/spaces/${course.space}/recalls`, body)).body.id,
  );

const targetsOf = async (course: CourseWorld, id: string, query = '') =>
  (await course.instructor.get(`/v1/distributions/${id}/targets${query}`)).body.items;

describe('plan', () => {
  it('says per target, for the class and by path what would happen, and changes nothing', async () => {
    const course = await handedOut(4, { 'a.md': '1', 'b.md': '1' });
    const one = await course.student(1);
    await one.save(one.instance, 'a.md', 'mine');
    await course.instructor.save(course.master, 'a.md', '2');
    const before = await one.get(`/v1/instances/${one.instance}/journal`);
    const plan = await course.instructor.post('/v1/distributions/plan', whole(course));
    expect(plan.status).toBe(201);
    expect(plan.body.id).toMatch(/^pln_/);
    expect(plan.body.totals).toMatchObject({ updated: 4, renamed: 1, same: 5 });
    expect(plan.body.conflicts).toEqual([
      { kind: 'file', path: 'a.md', outcome: 'renamed', targets: 1, instanceIds: [one.instance] },
    ]);
    expect(plan.body.targets.items).toHaveLength(5);
    expect((await one.get(`/v1/instances/${one.instance}/journal`)).body).toEqual(before.body);
    expect(await one.read(one.instance, 'a.md')).toBe('mine');
    const again = await course.instructor.get(`/v1/plans/${plan.body.id}`);
    expect(again.body).toEqual(plan.body);
    expect((await one.get(`/v1/plans/${plan.body.id}`)).status).toBe(404);
  });

  it('is done exactly when it is followed', async () => {
    const course = await handedOut(3, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const plan = (await course.instructor.post('/v1/distributions/plan', whole(course))).body;
    await course.instructor.save(course.master, 'a.md', 'later than the plan');
    const done = await distribute(course.instructor, { plan: plan.id });
    expect(done).toMatchObject({ status: 'completed', totals: plan.totals });
    const one = await course.student(1);
    expect(await one.read(one.instance, 'a.md')).toBe('2');
  });

  it('is refused with 412 and the targets that moved since', async () => {
    const course = await handedOut(3, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const plan = (await course.instructor.post('/v1/distributions/plan', whole(course))).body;
    const two = await course.student(2);
    await two.save(two.instance, 'own.md', 'new');
    const refused = await course.instructor.post('/v1/distributions', { ...whole(course), plan: plan.id });
    expect(refused.status).toBe(412);
    expect(refused.body).toMatchObject({ code: 'moved', moved: [two.instance] });
  });

  it('of any strategy is followed by its id alone, and never touches who moved since, not even later', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const plan = (
      await course.instructor.post('/v1/distributions/plan', {
        ...whole(course),
        strategy: { files: 'overwrite' },
      })
    ).body;
    const accepted = await course.instructor.post('/v1/distributions', { plan: plan.id });
    expect(accepted.status).toBe(202);
    expect(await untilOver(course.instructor, accepted.body.id)).toMatchObject({ status: 'completed' });
  });

  it('is refused when the request asks for something else', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    const plan = (await course.instructor.post('/v1/distributions/plan', whole(course))).body;
    const other = { ...whole(course), targets: { instances: [course.instances.s1] }, plan: plan.id };
    expect((await course.instructor.post('/v1/distributions', other)).status).toBe(422);
    expect((await course.instructor.post('/v1/distributions', { plan: 'pln_unknown' })).status).toBe(404);
  });

  it('reaches a member who joined after it was made', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const plan = (await course.instructor.post('/v1/distributions/plan', whole(course))).body;
    const late = await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [{ user: 'late', role: 'student' }],
    });
    await distribute(course.instructor, { plan: plan.id });
    const client = await world.client('late');
    expect(await client.read(late.body.instances[0].instanceId, 'a.md')).toBe('2');
  });

  it('has the totals of the distribution that follows it, for random classes', async () => {
    const texts = fc.constantFrom('1', '2', '3');
    const edits = fc.dictionary(fc.constantFrom('a.md', 'b.md', 'dir/c.md', 'own.md'), texts, { maxKeys: 3 });
    const strategy = fc.constantFrom('merge', 'overwrite', 'keep', 'rename', 'mirror');
    await fc.assert(
      fc.asyncProperty(
        fc.array(edits, { minLength: 1, maxLength: 4 }),
        edits,
        strategy,
        async (students, change, files) => {
          const course = await handedOut(students.length, { 'a.md': '1', 'b.md': '1', 'dir/c.md': '1' });
          for (const [index, own] of students.entries()) {
            const student = await course.student(index + 1);
            for (const [path, text] of Object.entries(own)) await student.save(student.instance, path, text);
          }
          for (const [path, text] of Object.entries(change))
            await course.instructor.save(course.master, path, text);
          const wanted = { ...whole(course), strategy: { files } };
          const plan = (await course.instructor.post('/v1/distributions/plan', wanted)).body;
          const done = await distribute(course.instructor, { ...wanted, plan: plan.id });
          expect(done.totals).toEqual(plan.totals);
          const happened = await targetsOf(course, done.id);
          const planned = plan.targets.items;
          expect(happened.map((target: { counts: object }) => target.counts)).toEqual(
            planned.map((target: { counts: object }) => target.counts),
          );
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe('undo', () => {
  it('takes back exactly what still is what the distribution made it, and lists what stays', async () => {
    const course = await handedOut(3, { 'a.md': '1', 'b.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    await course.instructor.save(course.master, 'new.md', 'new');
    const second = await distribute(course.instructor, whole(course));
    const one = await course.student(1);
    const two = await course.student(2);
    await one.save(one.instance, 'a.md', 'mine since');
    const undone = await undo(course, second.id);
    expect(undone).toMatchObject({ kind: 'undo', status: 'completed', undoes: second.id });
    expect(await one.read(one.instance, 'a.md')).toBe('mine since');
    expect(await one.read(one.instance, 'new.md')).toBeUndefined();
    expect(await two.read(two.instance, 'a.md')).toBe('1');
    expect(await two.list(two.instance)).toEqual(await two.list(course.distributed));
    const kept = (await targetsOf(course, undone.id)).find(
      (target: { instanceId: string }) => target.instanceId === one.instance,
    );
    expect(kept.exceptions).toContainEqual({ kind: 'file', path: 'a.md', outcome: 'kept' });
  });

  it('reaches who joined since and got it from Distributed', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', 'wrong');
    const second = await distribute(course.instructor, whole(course));
    const late = await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [{ user: 'later', role: 'student' }],
    });
    const instance = late.body.instances[0].instanceId;
    const client = await world.client('later');
    expect(await client.read(instance, 'a.md')).toBe('wrong');
    await undo(course, second.id);
    expect(await client.read(instance, 'a.md')).toBe('1');
  });

  it('can itself be undone', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const second = await distribute(course.instructor, whole(course));
    const undone = await undo(course, second.id);
    await undo(course, undone.id);
    const one = await course.student(1);
    expect(await one.read(one.instance, 'a.md')).toBe('2');
  });

  it('a correction after an undo updates untouched copies in place', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', 'wrong');
    const second = await distribute(course.instructor, whole(course));
    await undo(course, second.id);
    await course.instructor.save(course.master, 'a.md', 'right');
    const third = await distribute(course.instructor, whole(course));
    expect(third.totals).toMatchObject({ updated: 3, renamed: 0 });
  });
});

describe('recall', () => {
  it('removes files and folders from students and Distributed, but not from the master or from snapshots', async () => {
    const course = await handedOut(2, {
      'task.md': 'do',
      'solutions/1.md': 'secret',
      'solutions/2.md': 'secret too',
    });
    const one = await course.student(1);
    const snapshot = (await one.post(`/v1/instances/${one.instance}/snapshots`, { name: 'mine' })).body.id;
    await one.save(one.instance, 'solutions/1.md', 'edited');
    const items = [{ kind: 'file', prefix: 'solutions/' }];
    const done = await recall(course, { items, from: 'students' });
    expect(done).toMatchObject({ kind: 'recall', status: 'completed', from: 'students' });
    expect(Object.keys(await one.list(one.instance))).toEqual(['file:task.md']);
    expect(Object.keys(await one.list(course.distributed))).toEqual(['file:task.md']);
    expect(await one.read(one.instance, 'solutions/1.md', snapshot)).toBe('secret');
    expect(Object.keys(await course.instructor.list(course.master))).toHaveLength(3);
    const late = await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [{ user: 'latest', role: 'student' }],
    });
    expect(Object.keys(await (await world.client('latest')).list(late.body.instances[0].instanceId))).toEqual(
      ['file:task.md'],
    );
  });

  it('from all takes the master along, and can be undone', async () => {
    const course = await handedOut(1, { 'a.md': '1', 'b.md': '2' });
    const done = await recall(course, { items: [{ kind: 'file', path: 'a.md' }], from: 'all' });
    expect(await course.instructor.read(course.master, 'a.md')).toBeUndefined();
    await undo(course, done.id);
    const one = await course.student(1);
    expect(await course.instructor.read(course.master, 'a.md')).toBe('1');
    expect(await one.read(one.instance, 'a.md')).toBe('1');
  });

  it('takes a copy that was put beside an edited file along', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    const one = await course.student(1);
    await one.save(one.instance, 'a.md', 'mine');
    await course.instructor.save(course.master, 'a.md', '2');
    await distribute(course.instructor, whole(course));
    expect(Object.keys(await one.list(one.instance))).toHaveLength(2);
    await recall(course, { items: [{ kind: 'file', path: 'a.md' }], from: 'students' });
    expect(await one.list(one.instance)).toEqual({});
  });

  it('is for staff only', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    const one = await course.student(1);
    const asked = await one.post(`/v1/spaces/${course.space}/recalls`, {
      items: [{ kind: 'file', path: 'a.md' }],
      from: 'all',
    });
    expect(asked.status).toBe(403);
  });
});

describe('order', () => {
  it('what was accepted later takes effect later on every target, whatever its kind', async () => {
    const course = await handedOut(20, { 'a.md': '0' });
    const accepted: string[] = [];
    for (const text of ['1', '2', '3']) {
      await course.instructor.save(course.master, 'a.md', text);
      accepted.push((await course.instructor.post('/v1/distributions', whole(course))).body.id);
    }
    const items = [{ kind: 'file', path: 'a.md' }];
    accepted.push(
      (await course.instructor.post(`/v1/spaces/${course.space}/recalls`, { items, from: 'students' })).body
        .id,
    );
    for (const id of accepted) await untilOver(course.instructor, id);
    for (const instance of Object.values(course.instances)) {
      const { body } = await course.instructor.get(`/v1/instances/${instance}/journal`);
      const causes = body.items
        .map((entry: { cause: string }) => entry.cause)
        .filter((cause: string) => accepted.includes(cause));
      expect(causes).toEqual(accepted);
    }
  });
});

/** Makes writes of the journal of one instance fail with an error until it is told otherwise. */
function breakInstance(instance: string) {
  const { records } = world.backend.ports;
  const write = records.write.bind(records);
  let broken = true;
  records.write = async (batch) => {
    const hit = batch.some(
      (one) =>
        'put' in one &&
        one.put.partition === keys.instance(instance).partition &&
        one.put.sort.startsWith('journal#'),
    );
    if (broken && hit) throw new AppError('too-large', 'The disk of this instance is full.');
    return write(batch);
  };
  return {
    mend: () => {
      broken = false;
      records.write = write;
    },
  };
}

describe('a target that fails', () => {
  it('fails alone, is listed with its reason, and is all that a retry tries', async () => {
    const course = await handedOut(3, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const fault = breakInstance(course.instances.s2!);
    const done = await distribute(course.instructor, whole(course));
    expect(done).toMatchObject({
      status: 'completed-with-errors',
      progress: { total: 4, done: 3, failed: 1 },
    });
    expect(await targetsOf(course, done.id, '?status=failed')).toMatchObject([
      { instanceId: course.instances.s2, error: 'The disk of this instance is full.' },
    ]);
    fault.mend();
    const [first, second] = await Promise.all([
      course.instructor.post(`/v1/distributions/${done.id}/retry`),
      course.instructor.post(`/v1/distributions/${done.id}/retry`),
    ]);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(await untilOver(course.instructor, done.id)).toMatchObject({
      status: 'completed',
      progress: { done: 4, failed: 0 },
    });
    for (const instance of Object.values(course.instances)) {
      const { body } = await course.instructor.get(`/v1/instances/${instance}/journal`);
      expect(body.items.filter((entry: { cause: string }) => entry.cause === done.id)).toHaveLength(1);
    }
  });

  it('holds nothing up when it is retried while something later waits', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const fault = breakInstance(course.instances.s1!);
    const first = await distribute(course.instructor, whole(course));
    fault.mend();
    await course.instructor.save(course.master, 'b.md', '3');
    const second = (await course.instructor.post('/v1/distributions', whole(course))).body.id;
    await course.instructor.post(`/v1/distributions/${first.id}/retry`);
    await untilOver(course.instructor, second);
    expect(await untilOver(course.instructor, first.id)).toMatchObject({
      status: 'completed',
      progress: { failed: 0 },
    });
    await course.instructor.save(course.master, 'c.md', '4');
    expect(await distribute(course.instructor, whole(course))).toMatchObject({ status: 'completed' });
  });

  it('gets what it missed before anything later', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const fault = breakInstance(course.instances.s1!);
    const second = await distribute(course.instructor, whole(course));
    await course.instructor.save(course.master, 'b.md', '3');
    const third = await distribute(course.instructor, whole(course));
    expect(third).toMatchObject({ status: 'completed-with-errors', progress: { failed: 1 } });
    fault.mend();
    await course.instructor.save(course.master, 'c.md', '4');
    const fourth = await distribute(course.instructor, whole(course));
    expect(fourth.status).toBe('completed');
    const { body } = await course.instructor.get(`/v1/instances/${course.instances.s1}/journal`);
    const causes = body.items.map((entry: { cause: string }) => entry.cause);
    expect(causes.slice(-3)).toEqual([second.id, third.id, fourth.id]);
    const settled = await course.instructor.get(`/v1/distributions/${second.id}`);
    expect(settled.body).toMatchObject({
      status: 'completed',
      progress: { total: 3, done: 3, failed: 0 },
      totals: { updated: 3 },
    });
  });
});

describe('cancel', () => {
  it('ends one that waits at once, says who has not got it, and a retry brings the rest', async () => {
    const course = await openCourse(world, 300);
    await course.instructor.save(course.master, 'a.md', '1');
    const { body: running } = await course.instructor.post('/v1/distributions', whole(course));
    const { body: waiting } = await course.instructor.post('/v1/distributions', whole(course));
    const cancelled = await course.instructor.post(`/v1/distributions/${waiting.id}/cancel`);
    expect(cancelled.status).toBe(202);
    await untilOver(course.instructor, running.id);
    const ended = await untilOver(course.instructor, waiting.id);
    expect(['cancelled', 'completed']).toContain(ended.status);
    expect((await course.instructor.post(`/v1/distributions/${waiting.id}/cancel`)).status).toBe(409);
    await course.instructor.post(`/v1/distributions/${waiting.id}/retry`);
    const again = await untilOver(course.instructor, waiting.id);
    expect(again).toMatchObject({ status: 'completed', progress: { total: 301, done: 301 } });
  });
});

describe('late and away', () => {
  it('an instance restored to before a distribution is reported as behind, and brought up to date in one call', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    const one = await course.student(1);
    const snapshot = (await one.post(`/v1/instances/${one.instance}/snapshots`, { name: 'early' })).body.id;
    await course.instructor.save(course.master, 'a.md', '2');
    await course.instructor.save(course.master, 'b.md', 'new');
    const second = await distribute(course.instructor, whole(course));
    const view = () => one.get(`/v1/instances/${one.instance}`);
    expect((await view()).body.behind).toEqual([]);
    await one.post(`/v1/instances/${one.instance}/restore`, { state: snapshot });
    expect((await view()).body.behind).toEqual([{ distributionId: second.id, order: second.order }]);
    await one.save(one.instance, 'own.md', 'mine');
    const caught = await one.post(`/v1/instances/${one.instance}/catch-up`);
    expect(caught.status).toBe(200);
    expect(caught.body.applied).toHaveLength(1);
    expect(await one.read(one.instance, 'a.md')).toBe('2');
    expect(await one.read(one.instance, 'b.md')).toBe('new');
    expect(await one.read(one.instance, 'own.md')).toBe('mine');
    expect((await view()).body.behind).toEqual([]);
    const two = await course.student(2);
    expect((await two.get(`/v1/instances/${two.instance}`)).body.behind).toEqual([]);
  });
});

it('catching up brings the newest of each file, never an older one over it', async () => {
  const course = await handedOut(1, { 'other.md': '0' });
  const one = await course.student(1);
  const early = (await one.post(`/v1/instances/${one.instance}/snapshots`, { name: 'early' })).body.id;
  for (const [path, text] of [
    ['f.md', '1'],
    ['g.md', '1'],
  ] as const) {
    await course.instructor.save(course.master, path, text);
    await distribute(course.instructor, whole(course));
  }
  await one.post(`/v1/instances/${one.instance}/restore`, { state: early });
  await course.instructor.save(course.master, 'f.md', '2');
  const items = [{ kind: 'file', path: 'f.md' }];
  await distribute(course.instructor, { source: { instance: course.master, items }, targets: { all: true } });
  expect(await one.read(one.instance, 'f.md')).toBe('2');
  expect((await one.post(`/v1/instances/${one.instance}/catch-up`)).status).toBe(200);
  expect(await one.read(one.instance, 'f.md')).toBe('2');
  expect(await one.read(one.instance, 'g.md')).toBe('1');
  expect((await one.get(`/v1/instances/${one.instance}`)).body.behind).toEqual([]);
});

it('tells the event bus that a distribution started, which target failed, and that it is over', async () => {
  const course = await handedOut(2, { 'a.md': '1' });
  await course.instructor.save(course.master, 'a.md', '2');
  const fault = breakInstance(course.instances.s2!);
  const done = await distribute(course.instructor, whole(course));
  fault.mend();
  const told = world.backend.events.all().filter((event) => event.data.distributionId === done.id);
  expect(told.map((event) => event.type)).toEqual([
    'distribution.started',
    'distribution.target-failed',
    'distribution.completed',
  ]);
  expect(told[1]!.data).toMatchObject({ instanceId: course.instances.s2 });
});
