// Giving back what nothing holds, over HTTP: what goes, what stays, when, and what a manager is told.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeId } from '../../core/model/ids.ts';
import { keys } from '../../core/model/keys.ts';
import { nothingReclaimed, type Reclaim } from '../../core/model/reclaim.ts';
import { markForReclaim } from '../../core/ops/mark.ts';
import { listDeletions } from '../../core/ops/reclaim.ts';
import { sweepChunk } from '../../core/ops/sweep.ts';
import { Reachable } from '../../core/tree/reachable.ts';
import { announcement } from '../support/http.ts';
import { isStoredIn, reclaim } from '../support/reclaim.ts';
import { distribute, openCourse, openWorld, sha256, type World } from '../support/world.ts';

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

/** Long enough for the window to pass, or for a grace. */
const pass = (seconds: number) => {
  clock += seconds * 1_000;
};

let texts = 0;
/** Content of so many bytes that is nowhere else. */
const content = (size: number): string => `${Date.now()} ${texts++}:`.padEnd(size, 'x');

async function project(at: World = world) {
  const { instructor, space } = await openCourse(at, 0);
  const created = await instructor.post(`/v1/spaces/${space}/instances`, { name: 'Project' });
  const instance: string = created.body.id;
  return {
    space,
    instance,
    instructor,
    save: (path: string, text: string) => instructor.save(instance, path, text),
    remove: (path: string) => instructor.delete(`/v1/instances/${instance}/files/${path}`),
    take: async (name: string): Promise<string> =>
      (await instructor.post(`/v1/instances/${instance}/snapshots`, { name })).body.id,
    dropSnapshot: (id: string) => instructor.delete(`/v1/instances/${instance}/snapshots/${id}`),
    whatIf: async (gone: object) =>
      (await instructor.post(`/v1/spaces/${space}/storage/what-if`, { delete: gone })).body,
  };
}

const isStored = (text: string, at: World = world): Promise<boolean> => isStoredIn(at, text);

describe('Storage is given back', () => {
  it('once every snapshot that contains the data is deleted, the history window and a grace have passed', async () => {
    const { save, remove, take, dropSnapshot, whatIf, instructor } = await project();
    const [gone, kept] = [content(50_000), content(300)];
    await save('gone.bin', gone);
    await save('kept.txt', kept);
    const snapshot = await take('has it');
    await remove('gone.bin');
    pass(history + 1);
    expect(await reclaim(instructor)).toMatchObject({ status: 'completed', deleted: 0 });
    const { freed } = await whatIf({ snapshots: [snapshot] });
    expect(freed).toBe(50_000);
    await dropSnapshot(snapshot);
    pass(1);
    const first = await reclaim(instructor);
    expect(first).toMatchObject({ status: 'completed', condemnedBytes: freed, deleted: 0, bytes: 0 });
    expect(await isStored(gone), 'condemned, not deleted').toBe(true);
    pass(grace / 2);
    expect(await reclaim(instructor)).toMatchObject({ condemned: 0, deleted: 0 });
    pass(grace);
    const second = await reclaim(instructor);
    expect(second).toMatchObject({ status: 'completed', bytes: freed });
    expect(second.deleted).toBeGreaterThanOrEqual(first.condemned);
    expect(await isStored(gone)).toBe(false);
    expect(await isStored(kept)).toBe(true);
    const { items } = (await instructor.get(`/v1/reclaims/${second.id}/deletions?limit=1000`)).body;
    expect(items).toHaveLength(second.deleted);
    expect(items).toContainEqual(
      expect.objectContaining({ kind: 'blob', sha256: sha256(gone), bytes: 50_000, outcome: 'deleted' }),
    );
  });

  it('by a dry run only on paper', async () => {
    const { save, remove, instructor } = await project();
    const gone = content(2_000);
    await save('gone.bin', gone);
    await remove('gone.bin');
    pass(history + 1);
    await save('other.txt', content(10));
    pass(1);
    const first = await reclaim(instructor, { dryRun: true });
    expect(first).toMatchObject({ dryRun: true, deleted: 0 });
    expect(first.condemnedBytes).toBeGreaterThanOrEqual(2_000);
    const again = await reclaim(instructor, { dryRun: true });
    expect(again).toMatchObject({ condemned: first.condemned, condemnedBytes: first.condemnedBytes });
    await reclaim(instructor);
    pass(2 * grace);
    const plan = await reclaim(instructor, { dryRun: true });
    expect(plan.bytes).toBeGreaterThanOrEqual(2_000);
    const listed = (await instructor.get(`/v1/reclaims/${plan.id}/deletions?limit=1000`)).body.items;
    expect(listed).toContainEqual(expect.objectContaining({ sha256: sha256(gone), outcome: 'planned' }));
    expect(await isStored(gone)).toBe(true);
    expect(await reclaim(instructor)).toMatchObject({ deleted: plan.deleted, bytes: plan.bytes });
    expect(await isStored(gone)).toBe(false);
  });

  it('but not what was stored again meanwhile, whichever of the two comes first', async () => {
    const { save, remove, instructor } = await project();
    const [between, after] = [content(1_000), content(1_000)];
    for (const [path, text] of Object.entries({ between, after })) {
      await save(path, text);
      await remove(path);
    }
    pass(history + 1);
    await save('other.txt', content(10));
    pass(1);
    await reclaim(instructor);
    await save('between-again', between);
    pass(2 * grace);
    await reclaim(instructor);
    expect(await isStored(between)).toBe(true);
    expect(await isStored(after)).toBe(false);
    await save('after-again', after);
    pass(2 * grace);
    await reclaim(instructor);
    expect(await isStored(after)).toBe(true);
  });

  it('never from under someone who stores the same bytes at the same time', async () => {
    const { save, remove, instructor, instance } = await project();
    for (let round = 0; round < 8; round++) {
      const texts = Array.from({ length: 20 }, () => content(200));
      for (const [i, text] of texts.entries()) await save(`f${i}`, text);
      for (const i of texts.keys()) await remove(`f${i}`);
      pass(history + 1);
      await save('tick', content(5));
      pass(1);
      await reclaim(instructor);
      pass(2 * grace);
      await Promise.all([reclaim(instructor), ...texts.map((text, i) => save(`again${round}-${i}`, text))]);
      for (const [i, text] of texts.entries())
        expect(await instructor.read(instance, `again${round}-${i}`)).toBe(text);
    }
  });
});

it('A state that is made again between the mark and the sweep stays, page by page and blob by blob', async () => {
  const { save, remove, instructor, instance, take } = await project();
  const { ports } = world.backend;
  const texts = Array.from({ length: 12 }, () => content(200));
  const again = async () => {
    for (const [i, text] of texts.entries()) await save(`f${i}`, text);
  };
  await again();
  for (const i of texts.keys()) await remove(`f${i}`);
  pass(history + 1);
  // Nothing changes in the state: from here on the others are past.
  await take('Empty');
  pass(1);
  await reclaim(instructor);
  pass(2 * grace);
  const id = makeId('reclaim', clock, ports.random());
  const createdAt = new Date(clock).toISOString();
  const asked: Reclaim = {
    ...nothingReclaimed,
    id,
    status: 'queued',
    dryRun: false,
    createdAt,
    createdBy: 'x',
  };
  await ports.records.write([{ put: keys.reclaim(id), value: asked }]);
  const { chunks } = await markForReclaim(ports, id);
  expect(chunks.length).toBeGreaterThan(0);
  await again();
  for (const { chunk } of chunks) await sweepChunk(ports, id, chunk);
  for (const [i, text] of texts.entries()) expect(await instructor.read(instance, `f${i}`)).toBe(text);
  const { root } = (await instructor.get(`/v1/instances/${instance}`)).body;
  // A page that is gone may still be in the cache of readers.
  await new Reachable(ports.pages).addTrees([root]);
  const { items } = await listDeletions(ports, id, 0, 1_000);
  const rescued = items.filter(({ outcome }) => outcome === 'rescued').map(({ sha256: hash }) => hash);
  expect(rescued).toContain(root);
  expect(rescued).toEqual(expect.arrayContaining(texts.map((text) => sha256(text))));
});

describe('A reclaim', () => {
  it('that cannot read a page deletes nothing and says so', async () => {
    await using other = await openWorld({
      now: () => clock,
      settings: { historySeconds: 0, graceSeconds: 0 },
    });
    const { save, remove, instructor, instance } = await project(other);
    const gone = content(500);
    await save('gone', gone);
    await remove('gone');
    await save('here', content(5));
    pass(1);
    await reclaim(instructor);
    pass(1);
    const { root } = (await instructor.get(`/v1/instances/${instance}`)).body;
    const { pages } = other.backend.ports;
    const bytes = await pages.get(root);
    await pages.condemn([root], 1);
    await pages.deleteCondemned([root], 1);
    const failed = await reclaim(instructor);
    expect(failed).toMatchObject({ status: 'failed', deleted: 0, error: `Page ${root} is missing.` });
    expect(await isStored(gone, other)).toBe(true);
    await pages.putMany([{ hash: root, bytes }]);
    expect(await reclaim(instructor)).toMatchObject({ status: 'completed' });
    expect(await isStored(gone, other)).toBe(false);
  }, 60_000);

  it('finds content that a cut-off request stored and nothing ever referred to', async () => {
    const { instructor } = await project();
    const [recorded, unrecorded] = [content(400), content(400)];
    const { blobs, records } = world.backend.ports;
    for (const text of [recorded, unrecorded]) {
      const { version } = await blobs.put(sha256(text), Buffer.from(text));
      if (text === recorded)
        await records.write([{ put: keys.blob(sha256(text)), value: { version, size: 400 } }]);
    }
    await reclaim(instructor);
    pass(2 * grace);
    await reclaim(instructor);
    expect(await isStored(recorded)).toBe(false);
    expect(await isStored(unrecorded)).toBe(false);
  });

  it('may be asked for without a body', async () => {
    const { instructor } = await project();
    const asked = await instructor.send('POST', '/v1/reclaims');
    expect(asked).toMatchObject({ status: 202, body: { dryRun: false } });
    while ((await instructor.get(`/v1/reclaims/${asked.body.id}`)).body.status !== 'completed')
      await new Promise((resolve) => setTimeout(resolve, 10));
  });

  it('runs alone, and belongs to managers', async () => {
    const { instructor } = await project();
    pass(1);
    const [one, two] = await Promise.all([
      instructor.post('/v1/reclaims', {}),
      instructor.post('/v1/reclaims', {}),
    ]);
    expect([one.status, two.status].sort()).toEqual([202, 409]);
    const started = one.status === 202 ? one : two;
    expect((one.status === 409 ? one : two).body).toMatchObject({ reclaim: started.body.id });
    const student = await world.client('nobody-in-particular');
    for (const reply of [
      await student.post('/v1/reclaims', {}),
      await student.get('/v1/reclaims'),
      await student.get(`/v1/reclaims/${started.body.id}`),
    ])
      expect(reply.status).toBe(403);
    expect((await instructor.get('/v1/reclaims/rcl_nonsense')).status).toBe(404);
    expect((await instructor.get('/v1/reclaims')).body.items[0].id).toBe(started.body.id);
    while ((await instructor.get(`/v1/reclaims/${started.body.id}`)).body.status !== 'completed')
      await new Promise((resolve) => setTimeout(resolve, 10));
  });
});

describe('What needs a state that is no longer kept', () => {
  it('is refused as gone: undoing and retrying after the history window, following a plan after a week', async () => {
    const { instructor, master } = await openCourse(world, 2);
    await instructor.save(master, 'a.txt', content(20));
    const source = { instance: master, state: 'current' };
    const plan = await instructor.post('/v1/distributions/plan', { source, targets: { all: true } });
    const { id } = await distribute(instructor, { source, targets: { all: true } });
    pass(history + 1);
    const undo = await instructor.post(`/v1/distributions/${id}/undo`);
    expect(undo).toMatchObject({ status: 410, body: { code: 'gone' } });
    await instructor.save(master, 'b.txt', content(20));
    pass(7 * 86_400);
    const followed = await instructor.post('/v1/distributions', { plan: plan.body.id });
    expect(followed).toMatchObject({ status: 410, body: { code: 'gone' } });
    await reclaim(instructor);
    expect((await instructor.get(`/v1/plans/${plan.body.id}`)).status, 'and forgotten').toBe(404);
  });

  it('is never what a plan, a stage or an open upload refers to', async () => {
    const { instructor, master } = await openCourse(world, 2);
    const [planned, uploaded] = [content(300), content(300)];
    await instructor.save(master, 'a.txt', planned);
    await instructor.save(master, 'u.txt', uploaded);
    const source = { instance: master, state: 'current' };
    const plan = await instructor.post('/v1/distributions/plan', { source, targets: { all: true } });
    const file = announcement([{ path: 'u.txt', parts: [Buffer.from(uploaded)] }]);
    const upload = await instructor.post(`/v1/instances/${master}/uploads`, file);
    expect(upload.body.files[0].parts, 'the bytes are there already').toEqual([null]);
    for (const path of ['a.txt', 'u.txt']) await instructor.delete(`/v1/instances/${master}/files/${path}`);
    for (let round = 0; round < 3; round++) {
      pass(history + 1 + 2 * grace);
      await reclaim(instructor);
    }
    const followed = await distribute(instructor, { plan: plan.body.id });
    expect(followed.status).toBe('completed');
    const [anyone] = (await instructor.get(`/v1/distributions/${followed.id}/targets`)).body.items;
    expect(await instructor.read(anyone.instanceId, 'a.txt')).toBe(planned);
    const commit = { upload: upload.body.upload, ops: [{ op: 'put', path: 'u.txt' }] };
    expect((await instructor.post(`/v1/instances/${master}/changes`, commit)).status).toBe(200);
    expect(await instructor.read(master, 'u.txt')).toBe(uploaded);
  });
});
