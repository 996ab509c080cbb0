// Several operations as one change: put, delete, copy, move; all of them or none.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectFault, expectProblem, newProject, rootOf, upload } from '../support/http.ts';
import { type Client, openCourse, openWorld, type Reply, type World } from '../support/world.ts';

let world: World;
let space: string;
let client: Client;
let instance: string;

beforeAll(async () => {
  world = await openWorld();
  ({ space, instructor: client } = await openCourse(world, 0));
});
afterAll(() => world[Symbol.asyncDispose]());

/** Files in which each holds its own first path. */
const files = ['a.md', 'week/1.md', 'week/2.md', 'week/data/3.csv', 'weekend.md'];
beforeEach(async () => {
  instance = await newProject(client, space);
  const parts = files.map((path) => ({ path, parts: [Buffer.from(path)] }));
  await change({ upload: await upload(client, instance, parts) });
});

const change = (body: unknown): Promise<Reply> => client.post(`/v1/instances/${instance}/changes`, body);
const ops = (...list: unknown[]) => change({ ops: list });
const del = (path: string) => ({ op: 'delete', kind: 'file', path });
const copy = (path: string, to: string, state?: string) => ({
  op: 'copy',
  kind: 'file',
  from: { path, state },
  to,
});
const move = (path: string, to: string) => ({ op: 'move', kind: 'file', from: { path }, to });
const contents = async (): Promise<Record<string, string | undefined>> => {
  const paths = Object.keys(await client.list(instance)).map((key) => key.slice('file:'.length));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await client.read(instance, path)] as const)),
  );
};
const original = () => Object.fromEntries(files.map((path) => [path, path]));

describe('a change', () => {
  it('does several things as one version, with a message', async () => {
    const id = await upload(client, instance, [{ path: 'new.md', parts: [Buffer.from('new')] }]);
    const reply = await change({
      upload: id,
      message: 'Tidy up',
      ops: [
        { op: 'put', path: 'new.md' },
        del('a.md'),
        copy('week/1.md', 'copy.md'),
        move('weekend.md', 'week/end.md'),
      ],
    });
    expect(reply.status).toBe(200);
    expect(reply.body.version).toBe(3);
    const { 'a.md': _, 'weekend.md': __, ...rest } = original();
    expect(await contents()).toEqual({
      ...rest,
      'new.md': 'new',
      'copy.md': 'week/1.md',
      'week/end.md': 'weekend.md',
    });
    const { body } = await client.get(`/v1/instances/${instance}/journal?after=2`);
    expect(body.items).toMatchObject([{ version: 3, action: 'save', message: 'Tidy up', actor: 'ines' }]);
  });

  it('is done in the order of its operations', async () => {
    const reply = await ops(
      move('a.md', 'b.md'),
      move('week/1.md', 'a.md'),
      copy('b.md', 'c.md'),
      del('b.md'),
    );
    expect(reply.status).toBe(200);
    expect(await contents()).toMatchObject({ 'a.md': 'week/1.md', 'c.md': 'a.md' });
    expect(await client.read(instance, 'b.md')).toBeUndefined();
    expect(await client.read(instance, 'week/1.md')).toBeUndefined();
  });

  it('swaps two files', async () => {
    await ops(move('a.md', 'tmp'), move('weekend.md', 'a.md'), move('tmp', 'weekend.md'));
    expect(await contents()).toEqual({ ...original(), 'a.md': 'weekend.md', 'weekend.md': 'a.md' });
  });

  it('that ends where it began makes no new version', async () => {
    const root = await rootOf(client, instance);
    const reply = await ops(move('a.md', 'b.md'), move('b.md', 'a.md'));
    expect(reply.body).toEqual({ root, version: 2 });
    expect((await ops(move('a.md', 'a.md'))).body).toEqual({ root, version: 2 });
    expect((await ops(copy('a.md', 'a.md'))).body).toEqual({ root, version: 2 });
  });

  it('copies and moves folders by their prefix', async () => {
    await ops({ op: 'copy', kind: 'file', from: { prefix: 'week/' }, to: 'archive/week-1/' });
    expect(await contents()).toEqual({
      ...original(),
      'archive/week-1/1.md': 'week/1.md',
      'archive/week-1/2.md': 'week/2.md',
      'archive/week-1/data/3.csv': 'week/data/3.csv',
    });
    await ops({ op: 'move', kind: 'file', from: { prefix: 'archive/' }, to: 'attic/' });
    const paths = Object.keys(await contents());
    expect(paths.filter((path) => path.startsWith('a'))).toEqual([
      'a.md',
      'attic/week-1/1.md',
      'attic/week-1/2.md',
      'attic/week-1/data/3.csv',
    ]);
  });

  it('moves a folder into itself, and everything into a folder', async () => {
    await ops({ op: 'move', kind: 'file', from: { prefix: 'week/' }, to: 'week/old/' });
    expect(await client.read(instance, 'week/old/data/3.csv')).toBe('week/data/3.csv');
    expect(await client.read(instance, 'week/1.md')).toBeUndefined();
    await ops({ op: 'move', kind: 'file', from: { prefix: '' }, to: 'all/' });
    expect(Object.values(await contents()).sort()).toEqual([...files].sort());
    expect(Object.keys(await contents()).every((path) => path.startsWith('all/'))).toBe(true);
    await ops({ op: 'move', kind: 'file', from: { prefix: 'all/' }, to: '' });
    expect(await client.read(instance, 'a.md')).toBe('a.md');
  });

  it('takes a prefix as the beginning of a path, wherever that ends', async () => {
    await ops({ op: 'move', kind: 'file', from: { prefix: 'week' }, to: 'month' });
    expect(Object.keys(await contents())).toEqual([
      'a.md',
      'month/1.md',
      'month/2.md',
      'month/data/3.csv',
      'monthend.md',
    ]);
    await ops({ op: 'delete', kind: 'file', prefix: 'month/' });
    expect(Object.keys(await contents())).toEqual(['a.md', 'monthend.md']);
    await ops({ op: 'delete', kind: 'file', prefix: '' });
    expect(await contents()).toEqual({});
  });

  it('finds names whether they are in NFC or NFD', async () => {
    await client.save(instance, 'Übung/1.md', 'x');
    await ops({
      op: 'move',
      kind: 'file',
      from: { prefix: 'Übung/'.normalize('NFD') },
      to: 'Lösung/'.normalize('NFD'),
    });
    expect(await client.read(instance, 'Lösung/1.md')).toBe('x');
    await ops(copy('Lösung/1.md'.normalize('NFD'), 'a'), del('Lösung/1.md'.normalize('NFD')));
    expect(await client.read(instance, 'a')).toBe('x');
    expect(await client.read(instance, 'Lösung/1.md')).toBeUndefined();
  });

  it('sees what its earlier operations did', async () => {
    const reply = await ops(
      { op: 'copy', kind: 'file', from: { prefix: 'week/' }, to: 'x/' },
      { op: 'delete', kind: 'file', prefix: 'x/data/' },
      { op: 'move', kind: 'file', from: { prefix: 'x/' }, to: 'y/' },
    );
    expect(reply.status).toBe(200);
    expect(Object.keys(await contents()).filter((path) => /^[xy]/.test(path))).toEqual(['y/1.md', 'y/2.md']);
  });

  it('copies from a snapshot and from a time, where nothing can be moved', async () => {
    const { id, createdAt } = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'S' })).body;
    await ops({ op: 'delete', kind: 'file', prefix: 'week' });
    await ops(copy('weekend.md', 'back.md', id), {
      op: 'copy',
      kind: 'file',
      from: { prefix: 'week/', state: id },
      to: 'again/',
    });
    expect(await contents()).toMatchObject({
      'back.md': 'weekend.md',
      'again/data/3.csv': 'week/data/3.csv',
    });
    await ops(copy('week/1.md', 'then.md', `at:${createdAt}`));
    expect(await client.read(instance, 'then.md')).toBe('week/1.md');
    const from = { path: 'week/1.md', state: id };
    expectFault(
      await ops({ op: 'move', kind: 'file', from, to: 'x' }),
      400,
      'bad-input',
      '/ops/0/from/state',
    );
  });

  it('copies, moves and deletes tables and applications too', async () => {
    const csv = { body: 'a\n1\n', headers: { 'content-type': 'text/csv' } };
    await client.send('PUT', `/v1/instances/${instance}/tables/t`, csv);
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:1' });
    const reply = await ops(
      { op: 'copy', kind: 'table', from: { path: 't' }, to: 'u' },
      { op: 'move', kind: 'app', from: { path: 'lab' }, to: 'lab2' },
      { op: 'delete', kind: 'file', prefix: '' },
    );
    expect(reply.status).toBe(200);
    expect(Object.keys(await client.list(instance))).toEqual(['app:lab2', 'table:t', 'table:u']);
    const rows = await client.get(`/v1/instances/${instance}/states/current/tables/u/rows`);
    expect(rows.body.items).toEqual([{ a: 1 }]);
    expectProblem(await ops({ op: 'copy', kind: 'table', from: { path: 't' }, to: 'a/b' }), 400, 'bad-path');
  });

  it('of ten thousand operations is one version', async () => {
    const many = Array.from({ length: 5_000 }, (_, i) => copy('a.md', `many/${i}`));
    const gone = Array.from({ length: 5_000 }, (_, i) => del(`many/${i}`));
    const reply = await ops(...many, ...gone.slice(0, 4_999));
    expect(reply.status).toBe(200);
    expect(reply.body.version).toBe(3);
    expect(await contents()).toEqual({ ...original(), 'many/4999': 'a.md' });
  });
});

describe('all or nothing', () => {
  const refusals: [what: string, op: unknown, status: number, code: string, pointer: string][] = [
    ['a file that is not there', del('nothing.md'), 404, 'not-found', '/ops/1'],
    ['a prefix of nothing', { op: 'delete', kind: 'file', prefix: 'nothing/' }, 404, 'not-found', '/ops/1'],
    ['a copy of nothing', copy('nothing.md', 'x'), 404, 'not-found', '/ops/1/from'],
    ['a bad target', copy('weekend.md', '../x'), 400, 'bad-path', '/ops/1/to'],
    ['a bad source', copy('../x', 'x'), 400, 'bad-path', '/ops/1/from/path'],
    ['a file below a file', copy('weekend.md', 'weekend.md/x'), 409, 'conflict', '/ops/1/to'],
    ['a file where a folder is', copy('weekend.md', 'week'), 409, 'conflict', '/ops/1/to'],
    [
      'a folder where a file is',
      { op: 'copy', kind: 'file', from: { prefix: 'week/' }, to: 'weekend.md/' },
      409,
      'conflict',
      '/ops/1/to',
    ],
    ['a put without an upload', { op: 'put', path: 'x' }, 400, 'bad-input', '/ops/1/upload'],
    ['neither path nor prefix', { op: 'delete', kind: 'file' }, 400, 'bad-input', '/ops/1'],
    [
      'both path and prefix',
      { op: 'delete', kind: 'file', path: 'week/1.md', prefix: 'week/' },
      400,
      'bad-input',
      '/ops/1',
    ],
    ['a state that is none', copy('weekend.md', 'x', 'yesterday'), 400, 'bad-input', '/ops/1/from/state'],
    ['another operation', { op: 'link', path: 'x' }, 400, 'bad-input', '/ops/1/op'],
    ['another kind', { op: 'delete', kind: 'folder', path: 'week' }, 400, 'bad-input', '/ops/1/kind'],
    ['no target', { op: 'copy', kind: 'file', from: { path: 'weekend.md' } }, 400, 'bad-input', '/ops/1/to'],
  ];

  it.each(refusals)('%s undoes what came before', async (_, op, status, code, pointer) => {
    const root = await rootOf(client, instance);
    expectFault(await ops(del('a.md'), op), status, code, pointer);
    expect(await rootOf(client, instance)).toBe(root);
    expect(await client.read(instance, 'a.md')).toBe('a.md');
  });

  it('a change without anything to do is refused', async () => {
    expectFault(await change({ ops: [] }), 400, 'bad-input', '/ops');
    expectFault(await change({}), 400, 'bad-input', '/ops');
    const tooMany = Array.from({ length: 10_001 }, () => del('a.md'));
    expectFault(await change({ ops: tooMany }), 400, 'bad-input', '/ops');
    expectFault(
      await change({ ops: [del('a.md')], message: 'x'.repeat(1_001) }),
      400,
      'bad-input',
      '/message',
    );
  });

  it('a file may take the place of a folder that goes with the same change', async () => {
    const reply = await ops(
      { op: 'move', kind: 'file', from: { prefix: 'week/' }, to: 'old/' },
      move('weekend.md', 'week'),
    );
    expect(reply.status).toBe(200);
    expect(await client.read(instance, 'week')).toBe('weekend.md');
  });
});
