// Staging and distributing over HTTP: an instructor gives, a class receives, and nobody's work is lost.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, Tally } from '../../core/model/distribution.ts';
import { keys } from '../../core/model/keys.ts';
import { applyBatch, failBatch } from '../../core/ops/distribute.ts';
import { everyItem, expectFault, expectProblem, newProject, noise } from '../support/http.ts';
import {
  type Client,
  type CourseWorld,
  distribute,
  inUrl,
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

const nothing = { created: 0, updated: 0, same: 0, kept: 0, renamed: 0, replaced: 0, deleted: 0 };
const unknownInstance = `ins_${'0'.repeat(26)}`;
const unknownSnapshot = `snp_${'0'.repeat(26)}`;

const whole = (course: CourseWorld) => ({
  source: { instance: course.master, state: 'current' },
  targets: { all: true },
});

async function newCourse(students: number, files: Record<string, string> = {}): Promise<CourseWorld> {
  const course = await openCourse(world, students);
  for (const [path, text] of Object.entries(files)) await course.instructor.save(course.master, path, text);
  return course;
}

/** A course of which the files were handed out to all. */
async function handedOut(students: number, files: Record<string, string>): Promise<CourseWorld> {
  const course = await newCourse(students, files);
  await distribute(course.instructor, whole(course));
  return course;
}

const putTable = (client: Client, instance: string, name: string, csv: string) =>
  client.send('PUT', `/v1/instances/${instance}/tables/${name}`, {
    body: csv,
    headers: { 'content-type': 'text/csv' },
  });
const putApp = (client: Client, instance: string, name: string, image: string) =>
  client.put(`/v1/instances/${instance}/apps/${name}`, {
    image: `${image}@sha256:${'1'.repeat(64)}`,
    command: ['start'],
    config: { port: 1 },
  });
const imageOf = async (client: Client, instance: string, name: string): Promise<string> =>
  (await client.get(`/v1/instances/${instance}/states/current/apps/${name}`)).body.image.split('@')[0];
const rowsOf = async (client: Client, instance: string, name: string): Promise<string> =>
  (await client.get(`/v1/instances/${instance}/states/current/tables/${name}/rows`, { accept: 'text/csv' }))
    .text;
const viewOf = async (client: Client, instance: string) =>
  (await client.get(`/v1/instances/${instance}`)).body;
const targetsOf = async (client: Client, distribution: { id: string }) =>
  everyItem(client, `/v1/distributions/${distribution.id}/targets`, 1_000);
const journalOf = async (client: Client, instance: string) =>
  everyItem(client, `/v1/instances/${instance}/journal`, 1_000);
const dayOf = ({ createdAt }: { createdAt: string }): string => createdAt.slice(0, 10);

describe('the stage', () => {
  const items = [
    { state: 'current', kind: 'file', path: 'a.md' },
    { state: 'current', kind: 'file', prefix: 'lab/', as: 'week 1/' },
  ];

  it('is put, read and emptied, and belongs to one user alone', async () => {
    const course = await newCourse(0, { 'a.md': '1', 'lab/x.md': '1' });
    const path = `/v1/instances/${course.master}/stage`;
    const other = await world.client('other-instructor', true);
    expect((await course.instructor.get(path)).body).toEqual({ items: [] });
    expect(await course.instructor.put(path, { items })).toMatchObject({ status: 200, body: { items } });
    expect((await course.instructor.get(path)).body).toEqual({ items });
    expect((await other.get(path)).body).toEqual({ items: [] });
    await other.put(path, { items: [{ all: true, state: 'current' }] });
    expect((await course.instructor.get(path)).body).toEqual({ items });
    expect((await course.instructor.delete(path)).status).toBe(204);
    expect((await course.instructor.get(path)).body).toEqual({ items: [] });
    expect((await other.get(path)).body).toEqual({ items: [{ all: true, state: 'current' }] });
    expect((await course.instructor.delete(path)).status).toBe(204);
  });

  it('takes "current" when no state is named', async () => {
    const course = await newCourse(0, { 'a.md': '1' });
    const path = `/v1/instances/${course.master}/stage`;
    await course.instructor.put(path, { items: [{ kind: 'file', path: 'a.md' }, { all: true }] });
    expect((await course.instructor.get(path)).body.items).toEqual([
      { state: 'current', kind: 'file', path: 'a.md' },
      { state: 'current', all: true },
    ]);
  });

  it('refuses what does not exist, and leaves the stage as it was', async () => {
    const course = await newCourse(1, { 'a.md': '1' });
    const path = `/v1/instances/${course.master}/stage`;
    const stage = (...more: object[]) =>
      course.instructor.put(path, { items: [{ kind: 'file', path: 'a.md' }, ...more] });
    await stage();
    expectFault(await stage({ kind: 'file', path: 'b.md' }), 422, 'impossible', '/items/1');
    expectFault(await stage({ kind: 'file', prefix: 'lab/' }), 422, 'impossible', '/items/1');
    expectFault(await stage({ kind: 'table', path: 'a.md' }), 422, 'impossible', '/items/1');
    expectFault(await stage({ kind: 'file' }), 400, 'bad-input', '/items/1');
    expectFault(await stage({ kind: 'file', path: 'a.md', prefix: '' }), 400, 'bad-input', '/items/1');
    expectFault(await stage({ kind: 'file', path: '../a.md' }), 400, 'bad-path', '/items/1/path');
    expectFault(await stage({ kind: 'file', path: 'a.md', as: 'x//y' }), 400, 'bad-path', '/items/1/as');
    expectFault(
      await stage({ kind: 'file', path: 'a.md', state: 'yesterday' }),
      400,
      'bad-input',
      '/items/1/state',
    );
    expectProblem(await stage({ kind: 'file', path: 'a.md', state: unknownSnapshot }), 404, 'not-found');
    expectProblem(await stage({ kind: 'folder', path: 'a.md' }), 400, 'bad-input');
    expect((await course.instructor.get(path)).body.items).toEqual([
      { state: 'current', kind: 'file', path: 'a.md' },
    ]);
    const student = await course.student(1);
    expectProblem(await student.get(path), 404, 'not-found');
    expectProblem(await student.put(path, { items: [] }), 404, 'not-found');
  });
});

describe('what is given', () => {
  it('is what was staged at the moment of asking', async () => {
    const course = await newCourse(2, { 'a.md': '1', 'b.md': '1', 'lab/x.md': '1', 'lab/deep/y.md': '1' });
    await putTable(course.instructor, course.master, 'prices', 'x\n1\n');
    const stage = [
      { kind: 'file', path: 'a.md' },
      { kind: 'file', prefix: 'lab/' },
      { kind: 'table', prefix: '' },
    ];
    await course.instructor.put(`/v1/instances/${course.master}/stage`, { items: stage });
    const wanted = { source: { instance: course.master, stage: true }, targets: { all: true } };
    const reply = await course.instructor.post('/v1/distributions', wanted);
    expect(reply.status).toBe(202);
    expect(reply.body).toMatchObject({
      id: expect.stringMatching(/^dst_/),
      kind: 'distribution',
      spaceId: course.space,
      payload: { entries: 4 },
      createdBy: 'ines',
    });
    await course.instructor.save(course.master, 'a.md', 'too late');
    await course.instructor.delete(`/v1/instances/${course.master}/stage`);
    const done = await untilOver(course.instructor, reply.body.id);
    expect(done).toMatchObject({ status: 'completed', progress: { total: 3, done: 3, failed: 0 } });
    expect(done.totals).toEqual({ ...nothing, created: 12 });
    for (const instance of [course.distributed, ...Object.values(course.instances)]) {
      expect(Object.keys(await course.instructor.list(instance)).sort()).toEqual(
        ['file:a.md', 'file:lab/deep/y.md', 'file:lab/x.md', 'table:prices'].sort(),
      );
      expect(await course.instructor.read(instance, 'a.md')).toBe('1');
    }
  });

  it('may be named in the request, from several states at once', async () => {
    const course = await newCourse(1, { 'a.md': 'old', 'b.md': 'old' });
    const snapshot = (
      await course.instructor.post(`/v1/instances/${course.master}/snapshots`, { name: 'Week 1' })
    ).body;
    await course.instructor.save(course.master, 'a.md', 'new');
    await course.instructor.save(course.master, 'b.md', 'new');
    const items = [
      { state: snapshot.id, kind: 'file', path: 'a.md' },
      { kind: 'file', path: 'b.md' },
    ];
    await distribute(course.instructor, {
      source: { instance: course.master, items },
      targets: { all: true },
    });
    const one = await course.student(1);
    expect(await one.read(one.instance, 'a.md')).toBe('old');
    expect(await one.read(one.instance, 'b.md')).toBe('new');
  });

  it('may be a snapshot as a whole, whatever the current state is by then', async () => {
    const course = await newCourse(1, { 'a.md': 'old' });
    await putApp(course.instructor, course.master, 'lab', 'jupyter');
    const snapshot = (
      await course.instructor.post(`/v1/instances/${course.master}/snapshots`, { name: 'Week 1' })
    ).body;
    await course.instructor.save(course.master, 'a.md', 'new');
    await course.instructor.delete(`/v1/instances/${course.master}/files/a.md`);
    const done = await distribute(course.instructor, {
      source: { instance: course.master, state: snapshot.id },
      targets: { all: true },
    });
    expect(done.payload).toMatchObject({ entries: 2 });
    const one = await course.student(1);
    expect(await one.list(one.instance)).toEqual(await course.instructor.list(course.master, snapshot.id));
    expect(await imageOf(one, one.instance, 'lab')).toBe('jupyter');
  });

  it('may be a state of a time', async () => {
    const course = await newCourse(1, { 'a.md': 'old' });
    const at = (await journalOf(course.instructor, course.master)).at(-1).at;
    while (Date.now() <= Date.parse(at)) await new Promise((resolve) => setTimeout(resolve, 1));
    await course.instructor.save(course.master, 'a.md', 'new');
    await distribute(course.instructor, {
      source: { instance: course.master, state: `at:${at}` },
      targets: { all: true },
    });
    const one = await course.student(1);
    expect(await one.read(one.instance, 'a.md')).toBe('old');
  });

  it('lands where it is told to', async () => {
    const course = await newCourse(1, {
      'plan.md': '1',
      'lab/x.md': '2',
      'lab/deep/y.md': '3',
      'labels.md': '4',
    });
    await putTable(course.instructor, course.master, 'prices', 'x\n1\n');
    const items = [
      { kind: 'file', path: 'plan.md', as: 'week 1/read me.md' },
      { kind: 'file', prefix: 'lab/', as: 'week 1/lab/' },
      { kind: 'file', prefix: 'lab', as: 'tag' },
      { kind: 'table', path: 'prices', as: 'prices of 2026' },
    ];
    const done = await distribute(course.instructor, {
      source: { instance: course.master, items },
      targets: { all: true },
    });
    expect(done.totals.created).toBe(2 * 7);
    const one = await course.student(1);
    expect(Object.keys(await one.list(one.instance)).sort()).toEqual(
      [
        'file:tag/deep/y.md',
        'file:tag/x.md',
        'file:tagels.md',
        'file:week 1/lab/deep/y.md',
        'file:week 1/lab/x.md',
        'file:week 1/read me.md',
        'table:prices of 2026',
      ].sort(),
    );
    expect(await one.read(one.instance, 'week 1/lab/deep/y.md')).toBe('3');
    // What moves is what counts as delivered there: a correction finds it.
    await course.instructor.save(course.master, 'plan.md', 'corrected');
    await distribute(course.instructor, {
      source: { instance: course.master, items: items.slice(0, 1) },
      targets: { all: true },
    });
    expect(await one.read(one.instance, 'week 1/read me.md')).toBe('corrected');
  });

  it('is the same, byte for byte', async () => {
    const course = await newCourse(1);
    const files: Record<string, Uint8Array> = {
      'empty.txt': new Uint8Array(),
      'été/naïve 😀.bin': noise(100_000, 7),
      'lab/.hidden/run.sh': Buffer.from('#!/bin/sh\necho \0\n'),
      'data.tar.gz': noise(5, 9),
    };
    for (const [path, bytes] of Object.entries(files))
      await course.instructor.save(course.master, path, bytes);
    await putTable(course.instructor, course.master, 'prices', 'name,price\nå,1.5\n"b,c",-2\n');
    await putApp(course.instructor, course.master, 'lab', 'jupyter');
    await distribute(course.instructor, whole(course));
    const one = await course.student(1);
    const [mine, theirs] = await Promise.all([
      viewOf(one, one.instance),
      viewOf(course.instructor, course.master),
    ]);
    expect(mine).toMatchObject({ root: theirs.root, entries: theirs.entries, bytes: theirs.bytes });
    for (const [path, bytes] of Object.entries(files)) {
      const reply = await one.get(`/v1/instances/${one.instance}/states/current/files/${inUrl(path)}`);
      expect(Buffer.compare(reply.bytes, bytes)).toBe(0);
    }
    expect(await rowsOf(one, one.instance, 'prices')).toBe(
      await rowsOf(course.instructor, course.master, 'prices'),
    );
    const app = (client: Client, instance: string) =>
      client.get(`/v1/instances/${instance}/states/current/apps/lab`);
    expect((await app(one, one.instance)).body).toEqual((await app(course.instructor, course.master)).body);
  });
});

describe('who receives', () => {
  it('all: Distributed, students and groups, and projects, but not the master or the source', async () => {
    const course = await newCourse(1, { 'a.md': '1' });
    const grouped = ['g1', 'g2'].map((user) => ({ user, role: 'student', group: 'team' }));
    const group = (await course.instructor.post(`/v1/spaces/${course.space}/members`, { members: grouped }))
      .body.instances[0].instanceId;
    const project = await newProject(course.instructor, course.space);
    const source = await newProject(course.instructor, course.space);
    await course.instructor.save(source, 'b.md', '1');
    const done = await distribute(course.instructor, {
      source: { instance: source, state: 'current' },
      targets: { all: true },
    });
    const targets = await targetsOf(course.instructor, done);
    expect(targets[0].instanceId).toBe(course.distributed);
    expect(targets.map((target) => target.instanceId).sort()).toEqual(
      [course.distributed, course.instances.s1, group, project].sort(),
    );
    expect(await course.instructor.read(course.master, 'b.md')).toBeUndefined();
  });

  it('instances: those alone, each once however often it is named, and not Distributed', async () => {
    const course = await newCourse(3, { 'a.md': '1' });
    const { s1, s3 } = course.instances;
    const done = await distribute(course.instructor, {
      ...whole(course),
      targets: { instances: [s1, s3, s1] },
    });
    expect(done.progress).toEqual({ total: 2, done: 2, failed: 0 });
    expect((await targetsOf(course.instructor, done)).map((target) => target.instanceId)).toEqual([s1, s3]);
    for (const [user, instance] of Object.entries(course.instances))
      expect(await course.instructor.read(instance, 'a.md')).toBe(user === 's2' ? undefined : '1');
    expect(await course.instructor.list(course.distributed)).toEqual({});
  });

  it('a group: the instance that its members share', async () => {
    const course = await newCourse(1, { 'a.md': '1' });
    const members = ['g1', 'g2'].map((user) => ({ user, role: 'student', group: 'team 7' }));
    await course.instructor.post(`/v1/spaces/${course.space}/members`, { members });
    await distribute(course.instructor, { ...whole(course), targets: { group: 'team 7' } });
    const one = await world.client('g1');
    const instance = (await one.get('/v1/me')).body.instances.find(
      (mine: { spaceId: string }) => mine.spaceId === course.space,
    ).instanceId;
    expect(await one.read(instance, 'a.md')).toBe('1');
    expect(await (await world.client('g2')).read(instance, 'a.md')).toBe('1');
    expect(await course.instructor.list(course.instances.s1!)).toEqual({});
    const unknown = await course.instructor.post('/v1/distributions', {
      ...whole(course),
      targets: { group: 'none' },
    });
    expectFault(unknown, 422, 'impossible', '/targets/group');
  });

  it("the source itself: a partial restore from a snapshot of one's own", async () => {
    const course = await newCourse(1);
    const one = await course.student(1);
    await one.save(one.instance, 'a.md', 'before');
    await one.save(one.instance, 'b.md', 'before');
    const snapshot = (await one.post(`/v1/instances/${one.instance}/snapshots`, { name: 'Good' })).body;
    await one.save(one.instance, 'a.md', 'after');
    await one.save(one.instance, 'b.md', 'after');
    const done = await distribute(one, {
      source: { instance: one.instance, items: [{ state: snapshot.id, kind: 'file', path: 'a.md' }] },
      targets: { instances: [one.instance] },
      strategy: { files: 'overwrite' },
    });
    expect(done.totals).toEqual({ ...nothing, replaced: 1 });
    expect(await one.read(one.instance, 'a.md')).toBe('before');
    expect(await one.read(one.instance, 'b.md')).toBe('after');
  });

  it('who joins later starts from Distributed, and corrections find them as untouched', async () => {
    const course = await handedOut(1, { 'a.md': '1', 'b.md': '1' });
    const add = async (user: string, group?: string) =>
      (
        await course.instructor.post(`/v1/spaces/${course.space}/members`, {
          members: [{ user, role: 'student', group }],
        })
      ).body.instances[0].instanceId;
    const late = await add('late');
    const lateGroup = await add('late-too', 'late group');
    const given = await course.instructor.list(course.distributed);
    expect(Object.keys(given)).toHaveLength(2);
    for (const instance of [late, lateGroup]) expect(await course.instructor.list(instance)).toEqual(given);
    await course.instructor.save(course.master, 'a.md', '2');
    const done = await distribute(course.instructor, whole(course));
    expect(done.totals).toEqual({ ...nothing, updated: 4, same: 4 });
    expect(await course.instructor.read(late, 'a.md')).toBe('2');
    expect(await course.instructor.list(lateGroup)).toEqual(await course.instructor.list(course.master));
  });
});

describe('a correction', () => {
  it('reaches everyone in place, but goes beside what a student edited', async () => {
    const course = await handedOut(4, { 'lab/plan.md': '1', 'lab/data.csv': 'x' });
    const [one, two, three] = [await course.student(1), await course.student(2), await course.student(3)];
    await one.save(one.instance, 'lab/plan.md', 'my answer');
    await two.save(two.instance, 'lab/own.md', 'mine');
    await three.delete(`/v1/instances/${three.instance}/files/lab/plan.md`);
    await course.instructor.save(course.master, 'lab/plan.md', '2');
    const done = await distribute(course.instructor, whole(course));
    const beside = `lab/plan (handout ${dayOf(done)}).md`;
    expect(done).toMatchObject({
      status: 'completed',
      totals: { ...nothing, updated: 3, renamed: 1, created: 1, same: 5 },
    });
    expect(await one.read(one.instance, 'lab/plan.md')).toBe('my answer');
    expect(await one.read(one.instance, beside)).toBe('2');
    const inPlace = [course.distributed, two.instance, three.instance, course.instances.s4!];
    for (const instance of inPlace) expect(await course.instructor.read(instance, 'lab/plan.md')).toBe('2');
    expect(await two.read(two.instance, 'lab/own.md')).toBe('mine');
    for (const target of await targetsOf(course.instructor, done)) {
      const edited = target.instanceId === one.instance;
      expect(target.exceptions).toEqual(
        edited ? [{ kind: 'file', path: 'lab/plan.md', outcome: 'renamed', renamedTo: beside }] : [],
      );
    }
    // The same again makes no second copy, and touches nobody.
    const versions = async () =>
      Promise.all(inPlace.map(async (instance) => (await viewOf(course.instructor, instance)).version));
    const before = await versions();
    const again = await distribute(course.instructor, whole(course));
    expect(again.totals).toEqual({ ...nothing, same: 9, kept: 1 });
    expect(await versions()).toEqual(before);
    expect(Object.keys(await one.list(one.instance))).toHaveLength(3);
    // The next correction leaves the edited file alone once more, and the first copy as it is.
    await course.instructor.save(course.master, 'lab/plan.md', '3');
    await distribute(course.instructor, whole(course));
    expect(await one.read(one.instance, 'lab/plan.md')).toBe('my answer');
    const texts = await Promise.all(
      Object.keys(await one.list(one.instance))
        .filter((name) => name.includes('(handout'))
        .map((name) => one.read(one.instance, name.slice('file:'.length))),
    );
    expect(texts.sort()).toEqual(['2', '3']);
  });

  it('follows a strategy for each kind', async () => {
    const course = await newCourse(1, { 'a.md': '1' });
    await putTable(course.instructor, course.master, 'prices', 'x\n1\n');
    await putApp(course.instructor, course.master, 'lab', 'one');
    await distribute(course.instructor, whole(course));
    const one = await course.student(1);
    await one.save(one.instance, 'a.md', 'mine');
    await putTable(one, one.instance, 'prices', 'x\n77\n');
    await putApp(one, one.instance, 'lab', 'mine');
    await course.instructor.save(course.master, 'a.md', '2');
    await putTable(course.instructor, course.master, 'prices', 'x\n2\n');
    await putApp(course.instructor, course.master, 'lab', 'two');

    const skipped = await distribute(course.instructor, {
      ...whole(course),
      strategy: { files: 'none', tables: 'keep', apps: 'none' },
    });
    expect(skipped.totals).toEqual({ ...nothing, kept: 2 });
    const done = await distribute(course.instructor, {
      ...whole(course),
      strategy: { files: 'keep', tables: 'rename', apps: 'overwrite' },
    });
    expect(done.totals).toEqual({ ...nothing, kept: 2, renamed: 2, updated: 1, replaced: 1 });
    expect(await one.read(one.instance, 'a.md')).toBe('mine');
    expect(await rowsOf(one, one.instance, 'prices')).toContain('77');
    expect(await rowsOf(one, one.instance, inUrl(`prices (handout ${dayOf(done)})`))).toContain('2');
    expect(await imageOf(one, one.instance, 'lab')).toBe('two');
    expect(await course.instructor.read(course.distributed, 'a.md')).toBe('1');
  });

  it('may mirror: what is within what was staged, and is not staged, goes', async () => {
    const course = await handedOut(1, { 'lab/a.md': '1', 'lab/b.md': '1', 'c.md': '1' });
    const one = await course.student(1);
    await one.save(one.instance, 'lab/own.md', 'mine');
    await one.save(one.instance, 'own.md', 'mine');
    await course.instructor.delete(`/v1/instances/${course.master}/files/lab/b.md`);
    const source = { instance: course.master, items: [{ kind: 'file', prefix: 'lab/' }] };
    const done = await distribute(course.instructor, {
      source,
      targets: { all: true },
      strategy: { files: 'mirror' },
    });
    expect(done.totals).toEqual({ ...nothing, same: 2, deleted: 3 });
    expect(Object.keys(await one.list(one.instance)).sort()).toEqual([
      'file:c.md',
      'file:lab/a.md',
      'file:own.md',
    ]);
    const [, target] = await targetsOf(course.instructor, done);
    expect(target.exceptions.map((exception: { path: string }) => exception.path).sort()).toEqual([
      'lab/b.md',
      'lab/own.md',
    ]);
  });

  it('a student resets an own application and folder from Distributed', async () => {
    const course = await newCourse(2, { 'lab/a.md': '1', 'lab/b.md': '1', 'c.md': '1' });
    await putApp(course.instructor, course.master, 'lab', 'jupyter');
    await distribute(course.instructor, whole(course));
    const one = await course.student(1);
    for (const path of ['lab/a.md', 'c.md', 'lab/own.md']) await one.save(one.instance, path, 'mine');
    await one.delete(`/v1/instances/${one.instance}/files/lab/b.md`);
    await putApp(one, one.instance, 'lab', 'broken');
    const items = [
      { kind: 'app', path: 'lab' },
      { kind: 'file', prefix: 'lab/' },
    ];
    expect((await one.put(`/v1/instances/${course.distributed}/stage`, { items })).status).toBe(200);
    const done = await distribute(one, {
      source: { instance: course.distributed, stage: true },
      targets: { instances: [one.instance] },
      strategy: { files: 'overwrite', apps: 'overwrite' },
    });
    expect(done.totals).toEqual({ ...nothing, replaced: 2, created: 1 });
    expect(await imageOf(one, one.instance, 'lab')).toBe('jupyter');
    const texts = Object.fromEntries(
      await Promise.all(
        ['lab/a.md', 'lab/b.md', 'c.md', 'lab/own.md'].map(async (path) => [
          path,
          await one.read(one.instance, path),
        ]),
      ),
    );
    expect(texts).toEqual({ 'lab/a.md': '1', 'lab/b.md': '1', 'c.md': 'mine', 'lab/own.md': 'mine' });
    // It is seen by whoever asked for it, and by staff, but not by others.
    expect((await one.get(`/v1/distributions/${done.id}`)).status).toBe(200);
    expect((await course.instructor.get(`/v1/distributions/${done.id}`)).status).toBe(200);
    expectProblem(await (await course.student(2)).get(`/v1/distributions/${done.id}`), 404, 'not-found');
    expectProblem(
      await (await course.student(2)).get(`/v1/distributions/${done.id}/targets`),
      404,
      'not-found',
    );
  });
});

describe('who may', () => {
  it('give to all: staff; to instances: whoever may read the source and edit the targets', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    const [one, two] = [await course.student(1), await course.student(2)];
    const from = (instance: string) => ({ instance, state: 'current' });
    const give = (client: Client, source: string, targets: object) =>
      client.post('/v1/distributions', { source: from(source), targets });
    expectProblem(await give(one, course.distributed, { all: true }), 403, 'forbidden');
    expectProblem(await give(one, course.distributed, { instances: [two.instance] }), 404, 'not-found');
    expectProblem(
      await give(one, course.distributed, { instances: [one.instance, two.instance] }),
      404,
      'not-found',
    );
    expectProblem(await give(one, course.distributed, { instances: [course.distributed] }), 403, 'forbidden');
    expectProblem(await give(one, course.master, { instances: [one.instance] }), 404, 'not-found');
    expectProblem(await give(one, two.instance, { instances: [one.instance] }), 404, 'not-found');
    expectProblem(await world.anonymous('POST', '/v1/distributions', { json: {} }), 401, 'not-signed-in');
    // A viewer of the target sees it, but may not change it.
    await course.instructor.put(`/v1/instances/${two.instance}/roles/s1`, { role: 'viewer' });
    expectProblem(await give(one, course.distributed, { instances: [two.instance] }), 403, 'forbidden');
    // An observer of the source sees that it is there, but not what is in it.
    await course.instructor.put(`/v1/instances/${course.master}/roles/s1`, { role: 'observer' });
    expectProblem(await give(one, course.master, { instances: [one.instance] }), 403, 'forbidden');
    await course.instructor.put(`/v1/instances/${course.master}/roles/s1`, { role: 'viewer' });
    expect((await give(one, course.master, { instances: [one.instance] })).status).toBe(202);
  });

  it('learn whether there is a group: staff and its members', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    const members = [{ user: 'g1', role: 'student', group: 'team' }];
    await course.instructor.post(`/v1/spaces/${course.space}/members`, { members });
    const give = (client: Client, group: string) =>
      client.post('/v1/distributions', {
        source: { instance: course.distributed, state: 'current' },
        targets: { group },
      });
    const one = await course.student(1);
    const [there, missing] = [await give(one, 'team'), await give(one, 'no such team')];
    expectProblem(there, 404, 'not-found');
    expect(missing.body).toEqual({ ...there.body, requestId: missing.body.requestId });
    expect((await give(await world.client('g1'), 'team')).status).toBe(202);
    expectProblem(await give(course.instructor, 'no such team'), 422, 'impossible');
  });

  it("give into another space's instance, from one space at a time", async () => {
    const home = await newCourse(1, { 'a.md': '1' });
    const away = await newCourse(1);
    const outsider = await world.client('ola');
    const roles = (instance: string, role: string) =>
      home.instructor.put(`/v1/instances/${instance}/roles/ola`, { role });
    const project = await newProject(away.instructor, away.space);
    const give = (targets: object) =>
      outsider.post('/v1/distributions', { source: { instance: home.master, state: 'current' }, targets });

    expectProblem(await give({ instances: [project] }), 404, 'not-found');
    await roles(home.master, 'viewer');
    expectProblem(await give({ instances: [project] }), 404, 'not-found');
    await roles(project, 'viewer');
    expectProblem(await give({ instances: [project] }), 403, 'forbidden');
    await roles(project, 'editor');
    const reply = await give({ instances: [project] });
    expect(reply).toMatchObject({ status: 202, body: { spaceId: away.space } });
    await untilOver(outsider, reply.body.id);
    expect(await outsider.read(project, 'a.md')).toBe('1');
    expect((await away.instructor.get(`/v1/spaces/${away.space}/distributions`)).body.items).toHaveLength(1);
    expect((await home.instructor.get(`/v1/spaces/${home.space}/distributions`)).body.items).toHaveLength(0);

    const homeProject = await newProject(home.instructor, home.space);
    await roles(homeProject, 'editor');
    expectFault(await give({ instances: [project, homeProject] }), 422, 'impossible', '/targets/instances');
  });

  it('list the distributions of a space: staff', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    const one = await course.student(1);
    expectProblem(await one.get(`/v1/spaces/${course.space}/distributions`), 403, 'forbidden');
    const stranger = await world.client('stranger');
    expectProblem(await stranger.get(`/v1/spaces/${course.space}/distributions`), 404, 'not-found');
  });
});

describe('how it goes', () => {
  it('progress, totals, targets by status, page by page', async () => {
    const course = await handedOut(7, { 'a.md': '1', 'b.md': '1' });
    const one = await course.student(1);
    await one.save(one.instance, 'a.md', 'mine');
    await course.instructor.save(course.master, 'a.md', '2');
    const done = await distribute(course.instructor, { ...whole(course), message: 'Corrected' });
    expect(done).toMatchObject({
      status: 'completed',
      progress: { total: 8, done: 8, failed: 0 },
      totals: { ...nothing, updated: 7, same: 8, renamed: 1 },
      message: 'Corrected',
      payload: { entries: 2, bytes: 2 },
      targets: { all: true },
      strategies: { file: 'merge', table: 'merge', app: 'merge' },
    });
    expect(Date.parse(done.createdAt)).toBeLessThanOrEqual(Date.parse(done.startedAt));
    expect(Date.parse(done.startedAt)).toBeLessThanOrEqual(Date.parse(done.finishedAt));
    const path = `/v1/distributions/${done.id}/targets`;
    const all = await everyItem(course.instructor, path, 1_000);
    expect(all).toHaveLength(8);
    expect(await everyItem(course.instructor, path, 3)).toEqual(all);
    expect(await everyItem(course.instructor, `${path}?status=done`, 1)).toEqual(all);
    expect(await everyItem(course.instructor, `${path}?status=failed`, 5)).toEqual([]);
    expect(await everyItem(course.instructor, `${path}?status=pending`, 5)).toEqual([]);
    expectProblem(await course.instructor.get(`${path}?status=lost`), 400, 'bad-input');
    const sum = { ...nothing };
    for (const { counts } of all)
      for (const [outcome, count] of Object.entries(counts)) sum[outcome as 'same'] += count as number;
    expect(sum).toEqual(done.totals);
  });

  it('more exceptions than one record holds are listed all the same', async () => {
    const course = await newCourse(2);
    const fill = async (client: Client, instance: string, text: string) => {
      await client.save(instance, 'own', text);
      const copies = Array.from({ length: 230 }, (_, i) => ({
        op: 'copy',
        from: { path: 'own' },
        to: `f/${i}.md`,
      }));
      expect((await client.post(`/v1/instances/${instance}/changes`, { ops: copies })).status).toBe(200);
    };
    const source = { instance: course.master, items: [{ kind: 'file', prefix: 'f/' }] };
    await fill(course.instructor, course.master, 'old');
    await distribute(course.instructor, { source, targets: { all: true } });
    const one = await course.student(1);
    await fill(one, one.instance, 'mine');
    await fill(course.instructor, course.master, 'new');
    const done = await distribute(course.instructor, { source, targets: { all: true } });
    expect(done.totals).toEqual({ ...nothing, updated: 460, renamed: 230 });
    const target = (await targetsOf(course.instructor, done)).find(
      ({ instanceId }) => instanceId === one.instance,
    );
    expect(target.exceptions).toHaveLength(230);
    const paths = target.exceptions.map((exception: { path: string }) => exception.path);
    expect(new Set(paths).size).toBe(230);
  });

  it('fits an answer on Lambda, however much is listed', async () => {
    const course = await newCourse(3);
    const lambdaBytes = 6 * 1024 * 1024;
    const files = 1_100;
    const longPath = (nth: number) => `f/${`${'x'.repeat(240)}/`.repeat(3)}${'y'.repeat(200)}${nth}.md`;
    const fill = async (client: Client, instance: string, text: string) => {
      await client.save(instance, 'own', text);
      const ops = Array.from({ length: files }, (_, i) => ({
        op: 'copy',
        from: { path: 'own' },
        to: longPath(i),
      }));
      for (const half of [ops.slice(0, files / 2), ops.slice(files / 2)])
        expect((await client.post(`/v1/instances/${instance}/changes`, { ops: half })).status).toBe(200);
    };
    const source = { instance: course.master, items: [{ kind: 'file', prefix: 'f/' }] };
    await fill(course.instructor, course.master, 'old');
    await distribute(course.instructor, { source, targets: { all: true } });
    for (const nth of [1, 2, 3]) {
      const student = await course.student(nth);
      await fill(student, student.instance, `mine ${nth}`);
    }
    await fill(course.instructor, course.master, 'new');
    const plan = await course.instructor.post('/v1/distributions/plan', { source, targets: { all: true } });
    expect(plan.bytes.length).toBeLessThan(lambdaBytes);
    expect(plan.body.totals).toEqual({ ...nothing, updated: files, renamed: 3 * files });
    expect(plan.body.conflicts[0]).toMatchObject({ outcome: 'renamed', targets: 3 });
    expect(plan.body.targets.next).not.toBeNull();
    const done = await distribute(course.instructor, { plan: plan.body.id });
    const targets = [];
    for (let cursor = ''; ; ) {
      const path = `/v1/distributions/${done.id}/targets?limit=1000${cursor}`;
      const { body, bytes } = await course.instructor.get(path);
      expect(bytes.length).toBeLessThan(lambdaBytes);
      targets.push(...body.items);
      if (body.next === null) break;
      cursor = `&cursor=${body.next}`;
    }
    expect(targets.map(({ counts }) => counts.renamed)).toEqual([0, files, files, files]);
    for (const { exceptions, exceptionsOmitted } of targets.slice(1))
      expect([exceptions.length, exceptionsOmitted]).toEqual([1_000, 100]);
  });

  it('what a batch reached before it was given up is done', async () => {
    const course = await handedOut(3, { 'a.md': '1' });
    await course.instructor.save(course.master, 'a.md', '2');
    const done = await distribute(course.instructor, whole(course));
    const { records } = world.backend.ports;
    const before = (await records.get<Batch>(keys.batch(done.id, 1)))!.value;
    const targets = before.targets.map(({ instanceId }) => ({ instanceId, status: 'pending' as const }));
    const missed = { instanceId: course.master, status: 'pending' as const };
    const value: Batch = { targets: [...targets, missed] };
    await records.write([{ put: keys.batch(done.id, 1), value }]);
    await failBatch(world.backend.ports, done.id, 1, 'Lambda.Unknown');
    expect((await records.get<Batch>(keys.batch(done.id, 1)))!.value.targets).toEqual([
      ...before.targets,
      { ...missed, status: 'failed', error: 'Lambda.Unknown' },
    ]);
    const { value: tally } = (await records.get<Tally>(keys.tally(done.id, 1)))!;
    expect(tally).toMatchObject({ done: 3, failed: 1, totals: { ...nothing, updated: 3 } });
  });

  it('one journal entry on each target, with its cause and counts, and a safety snapshot before it', async () => {
    const course = await handedOut(2, { 'a.md': '1' });
    const one = await course.student(1);
    await one.save(one.instance, 'a.md', 'mine');
    await course.instructor.save(course.master, 'a.md', '2');
    const before = await viewOf(one, one.instance);
    const done = await distribute(course.instructor, { ...whole(course), message: 'Corrected' });
    for (const target of await targetsOf(course.instructor, done)) {
      const caused = (await journalOf(course.instructor, target.instanceId)).filter(
        ({ cause }) => cause === done.id,
      );
      expect(caused).toHaveLength(1);
      expect(caused[0]).toMatchObject({
        action: 'distribute',
        actor: 'ines',
        counts: target.counts,
        message: 'Corrected',
      });
      const verdict = await course.instructor.get(`/v1/instances/${target.instanceId}/journal/verify`);
      expect(verdict.body).toMatchObject({ ok: true });
    }
    const snapshots = (await one.get(`/v1/instances/${one.instance}/snapshots`)).body.items;
    expect(snapshots.map(({ kind }: { kind: string }) => kind)).toEqual(['safety', 'safety']);
    expect(snapshots[1]).toMatchObject({ root: before.root, version: before.version });
    const restored = await one.post(`/v1/instances/${one.instance}/restore`, { state: snapshots[1].id });
    expect(restored.body.root).toBe(before.root);
    const space = (await course.instructor.get(`/v1/spaces/${course.space}/distributions`)).body.items;
    expect(space.map(({ id }: { id: string }) => id)[0]).toBe(done.id);
  });

  it('no safety snapshots when the caller says so, and still once', async () => {
    const course = await newCourse(2, { 'a.md': '1' });
    const done = await distribute(course.instructor, { ...whole(course), safetySnapshots: false });
    expect(done.totals.created).toBe(3);
    for (const instance of [course.distributed, ...Object.values(course.instances)]) {
      expect((await course.instructor.get(`/v1/instances/${instance}/snapshots`)).body.items).toEqual([]);
      expect((await journalOf(course.instructor, instance)).map(({ action }) => action)).toEqual([
        'create',
        'distribute',
      ]);
    }
  });

  it('a target that has everything already gets no entry and no snapshot', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    const before = await journalOf(course.instructor, course.instances.s1!);
    const done = await distribute(course.instructor, whole(course));
    expect(done).toMatchObject({ status: 'completed', totals: { ...nothing, same: 2 } });
    expect(await journalOf(course.instructor, course.instances.s1!)).toEqual(before);
  });

  it.each([
    ['with safety snapshots', { safetySnapshots: true }],
    ['without', { safetySnapshots: false }],
    ['following a plan', { plan: true }],
  ])(
    'a step that runs again after a crash changes nothing, and tells what it did the first time: %s',
    async (_, how) => {
      const course = await handedOut(4, { 'a.md': '1', 'b.md': '1' });
      const [one, two] = [await course.student(1), await course.student(2)];
      await one.save(one.instance, 'a.md', 'mine');
      await course.instructor.save(course.master, 'a.md', '2');
      const planned =
        'plan' in how && (await course.instructor.post('/v1/distributions/plan', whole(course))).body;
      const done = await distribute(
        course.instructor,
        planned ? { plan: planned.id } : { ...whole(course), ...how },
      );
      const targets = await targetsOf(course.instructor, done);
      await two.delete(`/v1/instances/${two.instance}/files/a.md`);

      const { ports } = world.backend;
      const instances = targets.map(({ instanceId }) => instanceId);
      const journals = async () =>
        Promise.all(instances.map((instance) => journalOf(course.instructor, instance)));
      const before = await journals();
      for (const batch of [0, 1]) {
        const { value } = (await ports.records.get<Batch>(keys.batch(done.id, batch)))!;
        const pending = value.targets.map(({ report: _, ...target }) => ({
          ...target,
          status: 'pending' as const,
        }));
        await ports.records.write([
          { put: keys.batch(done.id, batch), value: { targets: pending } satisfies Batch },
        ]);
        await applyBatch(ports, done.id, batch);
      }
      expect(await journals()).toEqual(before);
      expect(await targetsOf(course.instructor, done)).toEqual(targets);
      expect(done.totals).toEqual({ ...nothing, updated: 4, same: 5, renamed: 1 });
    },
  );

  it('asking twice with the same Idempotency-Key distributes once', async () => {
    const course = await newCourse(3, { 'a.md': '1' });
    const ask = (body: object) =>
      course.instructor.post('/v1/distributions', body, { 'idempotency-key': 'week 1' });
    const replies = await Promise.all([ask(whole(course)), ask(whole(course)), ask(whole(course))]);
    expect(new Set(replies.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    await untilOver(course.instructor, replies[0]!.body.id);
    await course.instructor.save(course.master, 'a.md', '2');
    expect((await ask(whole(course))).body.id).toBe(replies[0]!.body.id);
    expect((await course.instructor.get(`/v1/spaces/${course.space}/distributions`)).body.items).toHaveLength(
      1,
    );
    for (const instance of Object.values(course.instances)) {
      expect(await course.instructor.read(instance, 'a.md')).toBe('1');
      expect(await journalOf(course.instructor, instance)).toHaveLength(2);
    }
    expectProblem(await ask({ ...whole(course), message: 'another' }), 422, 'key-reused');
  });

  it('an answer can be waited for', async () => {
    const course = await handedOut(1, { 'a.md': '1' });
    const { id } = (await course.instructor.post('/v1/distributions', whole(course))).body;
    let reply = await course.instructor.get(`/v1/distributions/${id}?wait=20`);
    expect(reply.status).toBe(200);
    while (reply.body.status !== 'completed') {
      const known = reply.headers.get('etag')!;
      reply = await course.instructor.get(`/v1/distributions/${id}?wait=20`, { 'if-none-match': known });
      expect(reply.status).toBe(200);
      expect(reply.headers.get('etag')).not.toBe(known);
    }
    const etag = reply.headers.get('etag')!;
    const started = performance.now();
    const still = await course.instructor.get(`/v1/distributions/${id}?wait=1`, { 'if-none-match': etag });
    expect(still.status).toBe(304);
    expect(still.text).toBe('');
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
    const asked = await course.instructor.get(`/v1/distributions/${id}`, { 'if-none-match': etag });
    expect(asked.status).toBe(304);
    expectProblem(await course.instructor.get(`/v1/distributions/${id}?wait=-1`), 400, 'bad-input');
  });

  it('the distributions of a space, newest first, page by page', async () => {
    const course = await newCourse(1, { 'a.md': '0' });
    const ids: string[] = [];
    for (let i = 1; i <= 5; i++) {
      await course.instructor.save(course.master, 'a.md', String(i));
      ids.unshift((await distribute(course.instructor, whole(course))).id);
    }
    const listed = await everyItem(course.instructor, `/v1/spaces/${course.space}/distributions`, 2);
    expect(listed.map(({ id }) => id)).toEqual(ids);
    const orders = listed.map(({ order }) => order);
    expect(orders).toEqual([...orders].sort((a, b) => b - a));
  });
});

describe('several at once', () => {
  it('take effect in the order in which they were accepted, on every target', async () => {
    const course = await newCourse(12, { 'a.md': '0' });
    const asked: Promise<{ body: { id: string; order: number } }>[] = [];
    for (let i = 1; i <= 8; i++) {
      await course.instructor.save(course.master, 'a.md', String(i));
      const targets = i % 3 === 0 ? { instances: Object.values(course.instances).slice(i) } : { all: true };
      asked.push(course.instructor.post('/v1/distributions', { ...whole(course), targets }));
    }
    const accepted = (await Promise.all(asked)).map(({ body }) => body).sort((a, b) => a.order - b.order);
    for (const { id } of accepted) expect((await untilOver(course.instructor, id)).status).toBe('completed');
    const order = accepted.map(({ id }) => id);
    for (const instance of [course.distributed, ...Object.values(course.instances)]) {
      const causes = (await journalOf(course.instructor, instance))
        .map(({ cause }) => cause)
        .filter((cause) => order.includes(cause));
      expect(causes).toEqual(order.filter((id) => causes.includes(id)));
      expect(causes.length).toBeGreaterThanOrEqual(4);
    }
  });

  it('students who work all the while lose nothing', async () => {
    const course = await handedOut(6, { 'a.md': '0', 'notes.md': '0' });
    const working = Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const student = await course.student(i + 1);
        for (let n = 1; n <= 12; n++) {
          const saved = await student.save(student.instance, n % 2 ? 'notes.md' : `own ${n}.md`, `mine ${n}`);
          expect([200, 201]).toContain(saved.status);
        }
      }),
    );
    for (let i = 1; i <= 4; i++) {
      await course.instructor.save(course.master, 'a.md', String(i));
      await course.instructor.save(course.master, 'notes.md', String(i));
      expect((await distribute(course.instructor, whole(course))).status).toBe('completed');
    }
    await working;
    for (const instance of Object.values(course.instances)) {
      expect(await course.instructor.read(instance, 'notes.md')).toBe('mine 11');
      expect(await course.instructor.read(instance, 'a.md')).toBe('4');
      for (const n of [2, 4, 6, 8, 10, 12])
        expect(await course.instructor.read(instance, `own ${n}.md`)).toBe(`mine ${n}`);
      expect((await course.instructor.get(`/v1/instances/${instance}/journal/verify`)).body.ok).toBe(true);
    }
  });
});

it('in a class of 300, with members joining while it runs, everyone ends with everything', async () => {
  const course = await newCourse(300, { 'a.md': '1', 'lab/b.md': '1', 'lab/c.md': '1' });
  const join = async (from: number) => {
    const members = Array.from({ length: 10 }, (_, i) => ({
      user: `j${from + i}`,
      role: 'student',
      ...(i === 0 && { group: `team ${from}` }),
    }));
    const reply = await course.instructor.post(`/v1/spaces/${course.space}/members`, { members });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.added).toBe(10);
    return reply.body.instances.map(({ instanceId }: { instanceId: string }) => instanceId) as string[];
  };
  const joined: string[] = [];
  for (let round = 0; round < 3; round++) {
    await course.instructor.save(course.master, 'a.md', `round ${round}`);
    await course.instructor.save(course.master, `round ${round}.md`, 'new');
    const { id } = (await course.instructor.post('/v1/distributions', whole(course))).body;
    let from = round * 100;
    const over = untilOver(course.instructor, id);
    let running = true;
    over.finally(() => {
      running = false;
    });
    do {
      joined.push(...(await join(from)));
      from += 10;
    } while (running && from < (round + 1) * 100);
    expect(await over).toMatchObject({ status: 'completed', progress: { failed: 0 } });
  }
  const { root } = await viewOf(course.instructor, course.master);
  const instances = await everyItem(course.instructor, `/v1/spaces/${course.space}/instances`, 1_000);
  const receivers = instances.filter(({ kind }) => kind !== 'master');
  expect(receivers).toHaveLength(1 + 300 + joined.length);
  for (const instance of receivers) expect(instance.root, `${instance.kind} ${instance.name}`).toBe(root);
  for (const instance of joined)
    expect((await course.instructor.get(`/v1/instances/${instance}/journal/verify`)).body.ok).toBe(true);
}, 180_000);

describe('bad input', () => {
  let course: CourseWorld;
  beforeAll(async () => {
    course = await newCourse(1, { 'a.md': '1', 'lab/a.md': '2', 'lab/b.md': '3' });
    await putTable(course.instructor, course.master, 'prices', 'x\n1\n');
  });
  const give = (source: object, more: object = {}) =>
    course.instructor.post('/v1/distributions', {
      source: { instance: course.master, ...source },
      targets: { all: true },
      ...more,
    });
  const items = (...list: object[]) => give({ items: list });

  it('an empty stage, or nothing in the source', async () => {
    expectFault(await give({ stage: true }), 422, 'impossible', '/source');
    expectFault(await items(), 422, 'impossible', '/source');
    expectFault(await items({ kind: 'app', prefix: '' }), 422, 'impossible', '/source');
    const empty = await newProject(course.instructor, course.space);
    expectFault(await give({ instance: empty, state: 'current' }), 422, 'impossible', '/source');
    expectFault(await give({ instance: empty, items: [{ all: true }] }), 422, 'impossible', '/source');
  });

  it('items that land on one path, or as a file and a folder', async () => {
    const a = { kind: 'file', path: 'a.md' };
    expectFault(
      await items(a, { kind: 'file', path: 'lab/b.md', as: 'a.md' }),
      422,
      'impossible',
      '/source/items/1',
    );
    expectFault(
      await items({ kind: 'file', prefix: 'lab/' }, { kind: 'file', prefix: 'lab/' }),
      422,
      'impossible',
      '/source/items/1',
    );
    expectFault(
      await items({ kind: 'file', prefix: 'lab/', as: '' }, a),
      422,
      'impossible',
      '/source/items/1',
    );
    expectFault(await items({ all: true }, { ...a, as: 'lab' }), 422, 'impossible', '/source');
    expectFault(
      await items({ ...a, as: 'lab/a.md/x' }, { kind: 'file', prefix: 'lab/' }),
      422,
      'impossible',
      '/source',
    );
  });

  it('what does not exist in that state', async () => {
    expectFault(await items({ kind: 'file', path: 'none.md' }), 422, 'impossible', '/source/items/0');
    expectFault(
      await items({ kind: 'file', path: 'a.md' }, { kind: 'file', prefix: 'none/' }),
      422,
      'impossible',
      '/source/items/1',
    );
    expectFault(await items({ kind: 'file', path: 'lab' }), 422, 'impossible', '/source/items/0');
    const snapshot = (
      await course.instructor.post(`/v1/instances/${course.master}/snapshots`, { name: 'Before' })
    ).body.id;
    await course.instructor.save(course.master, 'later.md', '1');
    expectFault(
      await items({ kind: 'file', path: 'later.md', state: snapshot }),
      422,
      'impossible',
      '/source/items/0',
    );
    expectProblem(await give({ state: unknownSnapshot }), 404, 'not-found');
    expectFault(await give({ state: 'tomorrow' }), 400, 'bad-input', '/source/state');
  });

  it('paths that cannot be', async () => {
    expectFault(
      await items({ kind: 'file', path: 'a.md', as: '/a.md' }),
      400,
      'bad-path',
      '/source/items/0/as',
    );
    expectFault(await items({ kind: 'file', path: 'a\u0000.md' }), 400, 'bad-path', '/source/items/0/path');
    expectFault(await items({ kind: 'file', prefix: '../' }), 400, 'bad-path', '/source/items/0/prefix');
    expectFault(
      await items({ kind: 'table', path: 'prices', as: 'a/b' }),
      400,
      'bad-path',
      '/source/items/0/as',
    );
    expectFault(
      await items({ kind: 'table', prefix: 'p', as: 'a/p' }),
      400,
      'bad-path',
      '/source/items/0/as',
    );
    expectFault(
      await items({ kind: 'file', prefix: 'lab/', as: `${'x'.repeat(1_020)}/` }),
      400,
      'bad-path',
      '/source/items/0/as',
    );
    expectFault(await items({ kind: 'file' }), 400, 'bad-input', '/source/items/0');
  });

  it('targets that are unknown, none, or not of the form', async () => {
    const to = (targets: object | undefined) => give({ state: 'current' }, { targets });
    expectProblem(await to({ instances: [unknownInstance] }), 404, 'not-found');
    expectProblem(await to({ instances: ['somebody'] }), 404, 'not-found');
    expectFault(await to({ instances: [] }), 400, 'bad-input', '/targets/instances');
    expectProblem(await to({ all: false }), 400, 'bad-input');
    expectProblem(await to({ all: true, group: 'a' }), 400, 'bad-input');
    expectProblem(await to(undefined), 400, 'bad-input');
    expectProblem(await give({ instance: unknownInstance, state: 'current' }), 404, 'not-found');
    expectProblem(await give({ stage: true, state: 'current' }), 400, 'bad-input');
    expectProblem(await give({ state: 'current' }, { strategy: { files: 'guess' } }), 400, 'bad-input');
    expectProblem(await give({ state: 'current' }, { strategy: { folders: 'merge' } }), 400, 'bad-input');
    expectProblem(await give({ state: 'current' }, { message: 'x'.repeat(1_001) }), 400, 'bad-input');
    expectProblem(await course.instructor.get(`/v1/distributions/dst_${'0'.repeat(26)}`), 404, 'not-found');
    expectProblem(await course.instructor.get('/v1/distributions/none'), 404, 'not-found');
  });

  it('changes nothing, and nothing was accepted', async () => {
    expect((await course.instructor.get(`/v1/spaces/${course.space}/distributions`)).body.items).toEqual([]);
    expect(await course.instructor.list(course.instances.s1!)).toEqual({});
  });
});
