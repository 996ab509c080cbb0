// The chapter of the concepts "Why deleted data is not always reclaimed", sentence by sentence, each with the answer that
// it leaves open: what holds the bytes, and when they go.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isStoredIn, reclaim } from '../support/reclaim.ts';
import { openCourse, openWorld, type World } from '../support/world.ts';

const history = 1_000;
const grace = 5_000;

let world: World;
let clock = Date.now();
beforeAll(async () => {
  world = await openWorld({
    now: () => clock,
    settings: { historySeconds: history, graceSeconds: grace },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

let texts = 0;
const content = (size: number): string => `${texts++}: deleted data `.padEnd(size, 'z');
const rows = (): string =>
  `n,word\n${Array.from({ length: 50 }, (_, n) => `${n},word ${texts++}`).join('\n')}\n`;

async function project() {
  const { instructor, space } = await openCourse(world, 0);
  const { body } = await instructor.post(`/v1/spaces/${space}/instances`, { name: 'Project' });
  const at = `/v1/instances/${body.id}`;
  return {
    at,
    space,
    instructor,
    save: (path: string, text: string) => instructor.save(body.id, path, text),
    remove: (path: string) => instructor.delete(`${at}/files/${path}`),
    read: (path: string, state: string) => instructor.read(body.id, path, state),
    list: (state: string) => instructor.list(body.id, state),
    table: (text: string) =>
      instructor.send('PUT', `${at}/tables/scores`, { body: text, headers: { 'content-type': 'text/csv' } }),
    rows: async (state: string) =>
      (await instructor.get(`${at}/states/${state}/tables/scores/rows?limit=1000`)).body,
    take: async (name: string): Promise<string> => {
      clock += 1_000;
      return (await instructor.post(`${at}/snapshots`, { name })).body.id;
    },
    drop: (snapshot: string) => instructor.delete(`${at}/snapshots/${snapshot}`),
    storage: async () => (await instructor.get(`${at}/storage`)).body,
    whatIf: async (gone: object) =>
      (await instructor.post(`/v1/spaces/${space}/storage/what-if`, { delete: gone })).body,
    /** Lets the history window and every grace pass, with reclaims on the way. */
    reclaimAll: async () => {
      for (const seconds of [history + 1, 2 * grace]) {
        clock += seconds * 1_000;
        await reclaim(instructor);
      }
    },
  };
}

describe('Why deleted data is not always reclaimed', () => {
  it('Datasets and tables are stored persistently and tracked across all snapshots.', async () => {
    const { save, table, take, rows: rowsOf, read, remove, reclaimAll, storage } = await project();
    const [data, first] = [content(400), rows()];
    await save('data.csv', data);
    await table(first);
    const one = await take('one');
    const before = await rowsOf(one);
    await table(rows());
    const two = await take('two');
    await remove('data.csv');
    await reclaimAll();
    expect(await rowsOf(one)).toEqual(before);
    expect(await rowsOf(two)).not.toEqual(before);
    for (const state of [one, two]) expect(await read('data.csv', state)).toBe(data);
    const { retained } = await storage();
    const found = Object.fromEntries(
      retained.map(({ path, heldBy }: { path: string; heldBy: { id: string }[] }) => [
        path,
        heldBy.map(({ id }) => id),
      ]),
    );
    expect(found).toEqual({ 'data.csv': [one, two], scores: [one] });
  });

  it('This design ensures consistency and reproducibility, but it has a consequence that surprises some users: data is not automatically deleted from storage when removed only from the current state.', async () => {
    const { save, take, remove, reclaimAll, list, read } = await project();
    const text = content(3_000);
    await save('big.bin', text);
    const snapshot = await take('before');
    const before = await list(snapshot);
    await remove('big.bin');
    await reclaimAll();
    expect(await list('current')).toEqual({});
    expect(await list(snapshot)).toEqual(before);
    expect(await read('big.bin', snapshot)).toBe(text);
  });

  it('Snapshots are immutable: Once a snapshot is created, it preserves the state of the Instance at that point in time.', async () => {
    const { save, take, remove, table, list, rows: rowsOf, instructor, at, reclaimAll } = await project();
    await save('a.txt', content(10));
    await table(rows());
    const snapshot = await take('that time');
    const [before, data] = [await list(snapshot), await rowsOf(snapshot)];
    await save('a.txt', content(20));
    await save('b.txt', content(20));
    await table(rows());
    await instructor.delete(`${at}/tables/scores`);
    await remove('b.txt');
    await reclaimAll();
    expect(await list(snapshot)).toEqual(before);
    expect(await rowsOf(snapshot)).toEqual(data);
    await instructor.post(`${at}/restore`, { state: snapshot });
    expect(await list('current')).toEqual(before);
  });

  it('You cannot selectively modify or remove parts of a snapshot.', async () => {
    const { save, take, instructor, at, list } = await project();
    await save('a.txt', content(10));
    await save('b.txt', content(10));
    const snapshot = await take('whole');
    const before = await list(snapshot);
    for (const [method, path] of [
      ['PUT', `${at}/states/${snapshot}/files/a.txt`],
      ['DELETE', `${at}/states/${snapshot}/files/a.txt`],
      ['PATCH', `${at}/snapshots/${snapshot}`],
      ['PUT', `${at}/snapshots/${snapshot}`],
    ] as const)
      expect(
        (await instructor.send(method, path, { json: {} })).status,
        `${method} ${path}`,
      ).toBeGreaterThanOrEqual(404);
    const move = { op: 'move', kind: 'file', from: { state: snapshot, path: 'a.txt' }, to: 'c.txt' };
    expect((await instructor.post(`${at}/changes`, { ops: [move] })).status).toBe(400);
    expect(await list(snapshot)).toEqual(before);
  });

  it('Shared data references: Tables or files deleted in the current state may still be retained in older snapshots, which continue to reference the same underlying data.', async () => {
    const { save, remove, take, storage } = await project();
    await save('keep.md', content(100));
    await save('gone.bin', content(5_000));
    const [one, two] = [await take('holds it'), await take('holds it too')];
    await remove('gone.bin');
    const { retained, snapshots, total } = await storage();
    expect(retained).toMatchObject([{ kind: 'file', path: 'gone.bin', bytes: 5_000 }]);
    expect(retained[0].heldBy).toEqual([
      expect.objectContaining({ kind: 'snapshot', id: one, name: 'holds it' }),
      expect.objectContaining({ kind: 'snapshot', id: two, name: 'holds it too' }),
      expect.objectContaining({ kind: 'history' }),
    ]);
    expect(snapshots.map(({ referenced }: { referenced: number }) => referenced)).toEqual([5_100, 5_100]);
    expect(total, 'the same underlying data').toBe(5_100);
  });

  it('Deleting a table or file from the current state alone does not free up storage space.', async () => {
    const { save, remove, take, storage, instructor, reclaimAll } = await project();
    const text = content(1_000);
    await save('data.csv', text);
    await take('first');
    expect(await storage()).toMatchObject({ current: { referenced: 1_000, unique: 0 }, total: 1_000 });
    await remove('data.csv');
    await reclaimAll();
    expect(await storage()).toMatchObject({
      current: { referenced: 0, unique: 0 },
      total: 1_000,
      unique: 1_000,
    });
    expect((await reclaim(instructor)).bytes).toBe(0);
    expect(await isStoredIn(world, text)).toBe(true);
  });

  it('To fully reclaim storage, every snapshot that contains the data must also be deleted.', async () => {
    const { save, remove, take, drop, whatIf, reclaimAll, instructor } = await project();
    const text = content(2_000);
    await save('data.bin', text);
    const [one, two] = [await take('one'), await take('two')];
    await remove('data.bin');
    await reclaimAll();
    const alone = await whatIf({ snapshots: [one] });
    expect(alone).toMatchObject({
      freed: 0,
      stillHeld: [{ bytes: 2_000, by: [{ kind: 'snapshot', id: two }] }],
    });
    await drop(one);
    await reclaimAll();
    expect(await isStoredIn(world, text), 'the other has it').toBe(true);
    expect(await whatIf({ snapshots: [two] })).toEqual({ freed: 2_000, stillHeld: [] });
    await drop(two);
    await reclaimAll();
    expect(await isStoredIn(world, text)).toBe(false);
    const [last] = (await instructor.get('/v1/reclaims?limit=1')).body.items;
    expect(last.bytes).toBe(2_000);
  });

  it('This is intentional: historical states remain intact unless explicitly removed, which is what makes them trustworthy as references.', async () => {
    const { save, take, drop, list, read, reclaimAll, instructor, at } = await project();
    const states: Record<string, Record<string, string>> = {};
    for (let version = 1; version <= 6; version++) {
      await save('thesis.md', content(version * 100));
      await save(`note-${version}.md`, content(10));
      const id = await take(`Version ${version}`);
      states[id] = await list(id);
    }
    const [removed] = Object.keys(states).slice(2);
    await drop(removed!);
    delete states[removed!];
    await reclaimAll();
    await reclaimAll();
    for (const [id, entries] of Object.entries(states)) {
      expect(await list(id)).toEqual(entries);
      for (const name of Object.keys(entries))
        expect(await read(name.replace('file:', ''), id), name).toBeDefined();
    }
    expect((await instructor.get(`${at}/states/${removed}/entries`)).status).toBe(404);
    expect((await instructor.get(`${at}/journal/verify`)).body.ok).toBe(true);
  });
});
