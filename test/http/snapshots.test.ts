// Snapshots over HTTP: taken, listed, viewed, restored, deleted; never changed.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { everyItem, expectFault, expectProblem, newProject, rootOf, tickingClock } from '../support/http.ts';
import {
  type Client,
  type CourseWorld,
  distribute,
  openCourse,
  openWorld,
  type Reply,
  type World,
} from '../support/world.ts';

let world: World;
let course: CourseWorld;
let client: Client;
let instance: string;

beforeAll(async () => {
  world = await openWorld({ now: tickingClock() });
  course = await openCourse(world, 0);
  client = course.instructor;
});
beforeEach(async () => {
  instance = await newProject(client, course.space);
});
afterAll(() => world[Symbol.asyncDispose]());

const take = (name = 'S', more = {}): Promise<Reply> =>
  client.post(`/v1/instances/${instance}/snapshots`, { name, ...more });
const restore = (body: unknown, by = client): Promise<Reply> =>
  by.post(`/v1/instances/${instance}/restore`, body);
const snapshots = (limit = 1_000) => everyItem(client, `/v1/instances/${instance}/snapshots`, limit);

describe('a snapshot', () => {
  it('is taken, viewed and listed', async () => {
    await client.save(instance, 'a.md', 'one');
    const reply = await take('Before the exam', { description: 'All of it' });
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({
      id: expect.stringMatching(/^snp_/),
      name: 'Before the exam',
      description: 'All of it',
      kind: 'manual',
      version: 3,
      root: await rootOf(client, instance),
      entries: 1,
      bytes: 3,
      createdAt: expect.stringMatching(/Z$/),
      createdBy: 'ines',
    });
    expect((await client.get(`/v1/instances/${instance}/snapshots/${reply.body.id}`)).body).toEqual(
      reply.body,
    );
    expect(await snapshots()).toEqual([reply.body]);
  });

  it('keeps every kind of content as it was, whatever happens later', async () => {
    await client.save(instance, 'a.md', 'one');
    await client.save(instance, 'b.md', 'stays');
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:1' });
    const csv = { headers: { 'content-type': 'text/csv' } };
    await client.send('PUT', `/v1/instances/${instance}/tables/t`, { body: 'a\n1\n', ...csv });
    const { id, root } = (await take()).body;
    const kept = await client.list(instance, id);
    await client.save(instance, 'a.md', 'two');
    await client.post(`/v1/instances/${instance}/changes`, {
      ops: [{ op: 'delete', kind: 'file', prefix: '' }],
    });
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:2' });
    await client.send('POST', `/v1/instances/${instance}/tables/t/rows`, { body: 'a\n2\n', ...csv });
    expect(await client.list(instance, id)).toEqual(kept);
    expect(await client.read(instance, 'a.md', id)).toBe('one');
    const file = await client.get(`/v1/instances/${instance}/states/${id}/files/a.md`, { range: 'bytes=1-' });
    expect([file.status, file.text]).toEqual([206, 'ne']);
    const app = await client.get(`/v1/instances/${instance}/states/${id}/apps/lab`);
    expect(app.body.image).toBe('img@sha256:1');
    expect((await client.get(`/v1/instances/${instance}/snapshots/${id}`)).body.root).toBe(root);
  });

  it('of an instance cannot be seen through another one', async () => {
    const { id } = (await take()).body;
    const other = await newProject(client, course.space);
    expectProblem(await client.get(`/v1/instances/${other}/snapshots/${id}`), 404, 'not-found');
    expectProblem(await client.delete(`/v1/instances/${other}/snapshots/${id}`), 404, 'not-found');
    expectProblem(await client.get(`/v1/instances/${other}/states/${id}/entries`), 404, 'not-found');
    expectProblem(await client.post(`/v1/instances/${other}/restore`, { state: id }), 404, 'not-found');
  });

  it('may have the name of another one, and any name a person would give', async () => {
    for (const name of ['Same', 'Same', 'Übung 1: "Pegel" / 日本 😀', 'x'.repeat(255)])
      expect((await take(name)).body.name).toBe(name);
    expect((await take('  spaces around  ')).body.name).toBe('spaces around');
    expectFault(await take(''), 400, 'bad-input', '/name');
    expectFault(await take('   '), 400, 'bad-input', '/name');
    expectFault(await take('x'.repeat(256)), 400, 'bad-input', '/name');
    expectFault(await take('a\u0000b'), 400, 'bad-input', '/name');
    expectFault(await take('S', { description: 'x'.repeat(4_097) }), 400, 'bad-input', '/description');
    expectFault(await take('S', { kind: 'safety' }), 400, 'bad-input', '/kind');
  });

  it('is deleted, and nothing of it can be reached any more', async () => {
    await client.save(instance, 'a.md', 'one');
    const { id } = (await take()).body;
    const reply = await client.delete(`/v1/instances/${instance}/snapshots/${id}`);
    expect([reply.status, reply.text]).toEqual([204, '']);
    expect(await snapshots()).toEqual([]);
    expectProblem(await client.get(`/v1/instances/${instance}/snapshots/${id}`), 404, 'not-found');
    expectProblem(await client.delete(`/v1/instances/${instance}/snapshots/${id}`), 404, 'not-found');
    expectProblem(await client.get(`/v1/instances/${instance}/states/${id}/files/a.md`), 404, 'not-found');
    expectProblem(await restore({ state: id }), 404, 'not-found');
    expect(await client.read(instance, 'a.md')).toBe('one');
  });

  it('that does not exist is not found, whatever its id looks like', async () => {
    for (const id of [
      'snp_00000000000000000000000000',
      'ins_00000000000000000000000000',
      'current',
      'x',
      '%00',
    ])
      expectProblem(await client.get(`/v1/instances/${instance}/snapshots/${id}`), 404, 'not-found');
  });

  it('is paged through, oldest first: each once', async () => {
    for (let i = 0; i < 7; i++) await take(`S${i}`);
    const [, , third] = await snapshots();
    await client.delete(`/v1/instances/${instance}/snapshots/${third.id}`);
    const whole = await snapshots();
    expect(whole.map(({ name }) => name)).toEqual(['S0', 'S1', 'S3', 'S4', 'S5', 'S6']);
    for (const limit of [1, 2, 4, 6, 7]) expect(await snapshots(limit)).toEqual(whole);
  });

  it('taken by twenty at once is twenty snapshots, each in the journal', async () => {
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => take(`S${i}`)));
    expect(new Set(replies.map(({ body }) => body.version)).size).toBe(20);
    expect(await snapshots(7)).toHaveLength(20);
    const verdict = await client.get(`/v1/instances/${instance}/journal/verify`);
    expect(verdict.body).toEqual({ ok: true, entries: 21 });
  });
});

describe('a restore', () => {
  it('makes an earlier state the current one, and keeps what was there', async () => {
    await client.save(instance, 'a.md', 'one');
    const { id, root } = (await take('First')).body;
    await client.save(instance, 'a.md', 'two');
    await client.save(instance, 'b.md', 'new');
    const before = await client.list(instance);
    const reply = await restore({ state: id });
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({ root, version: 6, safetySnapshotId: expect.stringMatching(/^snp_/) });
    expect(reply.headers.get('etag')).toBe(`"${root}"`);
    expect(await client.read(instance, 'a.md')).toBe('one');
    expect(await client.read(instance, 'b.md')).toBeUndefined();

    const safety = reply.body.safetySnapshotId;
    expect((await client.get(`/v1/instances/${instance}/snapshots/${safety}`)).body.kind).toBe('safety');
    expect(await client.list(instance, safety)).toEqual(before);
    await restore({ state: safety });
    expect(await client.list(instance)).toEqual(before);
  });

  it('without a safety snapshot takes none', async () => {
    await client.save(instance, 'a.md', 'one');
    const { id } = (await take()).body;
    await client.save(instance, 'a.md', 'two');
    const reply = await restore({ state: id, safetySnapshot: false });
    expect(reply.body.safetySnapshotId).toBeNull();
    expect(await snapshots()).toHaveLength(1);
    expect(await client.read(instance, 'a.md')).toBe('one');
  });

  it('of some paths leaves the others alone', async () => {
    for (const path of ['a.md', 'week/1.md', 'week/2.md', 'other/1.md'])
      await client.save(instance, path, 'old');
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:1' });
    const { id } = (await take()).body;
    await client.post(`/v1/instances/${instance}/changes`, {
      ops: [{ op: 'delete', kind: 'file', prefix: 'week/' }],
    });
    for (const path of ['a.md', 'week/2.md', 'week/3.md', 'other/1.md'])
      await client.save(instance, path, 'new');
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:2' });
    const reply = await restore({
      state: id,
      paths: [
        { kind: 'file', path: 'a.md' },
        { kind: 'file', prefix: 'week/' },
        { kind: 'app', path: 'lab' },
      ],
    });
    expect(reply.status, reply.text).toBe(200);
    expect(await client.read(instance, 'a.md')).toBe('old');
    expect(await client.read(instance, 'week/1.md')).toBe('old');
    expect(await client.read(instance, 'week/2.md')).toBe('old');
    expect(await client.read(instance, 'week/3.md')).toBe('new');
    expect(await client.read(instance, 'other/1.md')).toBe('new');
    expect((await client.get(`/v1/instances/${instance}/apps/lab`)).body.image).toBe('img@sha256:1');
    const { safetySnapshotId } = reply.body;
    expect(await client.read(instance, 'a.md', safetySnapshotId)).toBe('new');
    await restore({ state: safetySnapshotId });
    expect(await client.read(instance, 'a.md')).toBe('new');
    expect(await client.read(instance, 'week/1.md')).toBeUndefined();
  });

  it('of a file where there is a folder now puts the file back', async () => {
    await client.save(instance, 'a', 'file');
    const { id } = (await take()).body;
    await client.delete(`/v1/instances/${instance}/files/a`);
    await client.save(instance, 'a/b', 'below');
    await restore({ state: id, paths: [{ kind: 'file', path: 'a' }] });
    expect(await client.read(instance, 'a')).toBe('file');
    expect(await client.read(instance, 'a/b')).toBeUndefined();
  });

  it('of paths that are nowhere in that state is refused', async () => {
    await client.save(instance, 'a.md', 'one');
    const { id } = (await take()).body;
    const root = await rootOf(client, instance);
    const paths = (...list: unknown[]) => restore({ state: id, paths: list });
    expectFault(await paths({ kind: 'file', path: 'none.md' }), 422, 'impossible', '/paths/0');
    expectFault(await paths({ kind: 'file' }), 400, 'bad-input', '/paths/0');
    expectFault(await paths({ kind: 'file', path: 'a.md', prefix: 'a' }), 400, 'bad-input', '/paths/0');
    expectFault(await paths({ kind: 'file', path: '../a' }), 400, 'bad-path', '/paths/0/path');
    expectFault(await paths({ kind: 'dir', path: 'a' }), 400, 'bad-input', '/paths/0/kind');
    expectFault(await paths(), 400, 'bad-input', '/paths');
    expect(await rootOf(client, instance)).toBe(root);
    expect(await snapshots()).toHaveLength(1);
  });

  it('from another instance brings its state here', async () => {
    await client.save(course.master, 'lecture.md', 'text');
    await client.save(instance, 'mine.md', 'mine');
    const reply = await restore({
      state: 'current',
      from: course.master,
      paths: [{ kind: 'file', prefix: '' }],
    });
    expect(reply.status, reply.text).toBe(200);
    expect(await client.read(instance, 'lecture.md')).toBe('text');
    expect(await client.read(instance, 'mine.md')).toBe('mine');
    await restore({ state: 'current', from: course.master });
    expect(await client.read(instance, 'mine.md')).toBeUndefined();
    expect(await rootOf(client, instance)).toBe(await rootOf(client, course.master));
  });

  it('lets a student reset a broken file from Distributed', async () => {
    await client.save(course.master, 'task.md', 'the task');
    await distribute(client, {
      source: { instance: course.master, state: 'current' },
      targets: { all: true },
    });
    const members = [{ user: 'nina', role: 'student' }];
    const added = await client.post(`/v1/spaces/${course.space}/members`, { members });
    const own = added.body.instances[0].instanceId;
    const nina = await world.client('nina');
    await nina.save(own, 'task.md', 'broken');
    const body = { state: 'current', from: course.distributed, paths: [{ kind: 'file', path: 'task.md' }] };
    expect((await nina.post(`/v1/instances/${own}/restore`, body)).status).toBe(200);
    expect(await nina.read(own, 'task.md')).toBe('the task');
    const master = await nina.post(`/v1/instances/${own}/restore`, { state: 'current', from: course.master });
    expectProblem(master, 404, 'not-found');
  });

  it('to a time makes the state of then the current one', async () => {
    await client.save(instance, 'a.md', 'one');
    const { at } = (await everyItem(client, `/v1/instances/${instance}/journal`, 100)).at(-1);
    await client.save(instance, 'a.md', 'two');
    expect((await restore({ state: `at:${at}` })).status).toBe(200);
    expect(await client.read(instance, 'a.md')).toBe('one');
  });

  it('needs a state that there is', async () => {
    expectFault(await restore({}), 400, 'bad-input', '/state');
    expectFault(await restore({ state: 'yesterday' }), 400, 'bad-input', '/state');
    expectProblem(await restore({ state: 'snp_00000000000000000000000000' }), 404, 'not-found');
    expectProblem(
      await restore({ state: 'current', from: 'ins_00000000000000000000000000' }),
      404,
      'not-found',
    );
    expectFault(
      await restore({ state: 'current', safetySnapshot: 'no' }),
      400,
      'bad-input',
      '/safetySnapshot',
    );
    expectProblem(await restore({ state: 'at:1970-01-01T00:00:00Z' }), 404, 'not-found');
  });
});
