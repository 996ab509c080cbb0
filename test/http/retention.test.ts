// How long things are kept, and how much: history windows, safety snapshots, deleting and bringing back, quotas.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isStoredIn, reclaim } from '../support/reclaim.ts';
import { distribute, openCourse, openWorld, type World } from '../support/world.ts';

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

const pass = (seconds: number) => {
  clock += seconds * 1_000;
};
const timeOf = (ms: number) => new Date(ms).toISOString();

let texts = 0;
const content = (size: number): string => `${texts++}: retention `.padEnd(size, 'y');

async function project() {
  const course = await openCourse(world, 1);
  const { instructor, space } = course;
  const { body } = await instructor.post(`/v1/spaces/${space}/instances`, { name: 'Project' });
  return { ...course, project: body.id as string, at: `/v1/instances/${body.id}` };
}

/** Until everything that nothing holds is gone. */
async function reclaimAll(manager: Parameters<typeof reclaim>[0]): Promise<void> {
  pass(1);
  await reclaim(manager);
  pass(2 * grace);
  await reclaim(manager);
}

describe('The history window', () => {
  it('of a space decides how long past states can be read by time', async () => {
    const { instructor, space, master } = await project();
    await instructor.save(master, 'a.txt', 'first');
    const then = timeOf(clock);
    pass(10);
    await instructor.save(master, 'a.txt', 'second');
    pass(20);
    expect(await instructor.read(master, 'a.txt', `at:${then}`)).toBe('first');
    const changed = await instructor.send('PATCH', `/v1/spaces/${space}`, { json: { historySeconds: 15 } });
    expect(changed).toMatchObject({ status: 200, body: { historySeconds: 15 } });
    const gone = await instructor.get(`/v1/instances/${master}/states/at:${then}/entries`);
    expect(gone).toMatchObject({ status: 410, body: { code: 'gone' } });
  });

  it('made longer does not promise what the shorter one gave up', async () => {
    const { instructor, space, master } = await project();
    const text = content(500);
    await instructor.save(master, 'a.txt', text);
    const then = timeOf(clock);
    pass(10);
    await instructor.delete(`/v1/instances/${master}/files/a.txt`);
    pass(100);
    const change = (json: object) => instructor.send('PATCH', `/v1/spaces/${space}`, { json });
    await change({ historySeconds: 5 });
    await reclaimAll(instructor);
    expect(await isStoredIn(world, text)).toBe(false);
    const longer = await change({ historySeconds: 1_000_000 });
    expect(longer.status).toBe(200);
    expect((await instructor.get(`/v1/instances/${master}/states/at:${then}/entries`)).status).toBe(410);
    const since = longer.body.historySince;
    expect((await instructor.get(`/v1/instances/${master}/states/at:${since}/entries`)).status).toBe(200);
    expect((await change({ historySeconds: null })).body.historySeconds).toBeUndefined();
  });
});

describe('Safety snapshots', () => {
  it('go after the time a space keeps them, and those of a person stay', async () => {
    const { instructor, space, master, student } = await project();
    const ada = await student(1);
    const source = { instance: master, state: 'current' };
    await instructor.save(master, 'a.txt', 'one');
    await distribute(instructor, { source, targets: { all: true } });
    const lost = content(700);
    await ada.save(ada.instance, 'a.txt', lost);
    pass(1);
    await ada.post(`/v1/instances/${ada.instance}/snapshots`, { name: 'Mine' });
    pass(1);
    await ada.save(ada.instance, 'b.txt', content(10));
    await instructor.save(master, 'a.txt', 'two');
    await distribute(instructor, { source, targets: { all: true }, strategy: { files: 'overwrite' } });
    const names = async () =>
      (await ada.get(`/v1/instances/${ada.instance}/snapshots`)).body.items.map(
        (snapshot: { kind: string }) => snapshot.kind,
      );
    expect(await names()).toEqual(['safety', 'manual', 'safety']);
    await instructor.send('PATCH', `/v1/spaces/${space}`, { json: { safetySnapshotSeconds: 60 } });
    pass(61);
    await reclaim(instructor);
    expect(await names()).toEqual(['manual']);
    expect(await ada.read(ada.instance, 'a.txt')).toBe('two');
    const { items } = (await ada.get(`/v1/instances/${ada.instance}/deleted-snapshots`)).body;
    expect(items).toHaveLength(2);
    const back = await ada.post(`/v1/instances/${ada.instance}/deleted-snapshots/${items[1].id}/undelete`);
    expect(back).toMatchObject({ status: 200, body: { kind: 'manual' } });
    pass(61);
    await reclaimAll(instructor);
    expect(await names(), 'what a person brought back is a person’s').toEqual(['manual', 'manual']);
    expect(await ada.read(ada.instance, 'a.txt', items[1].id)).toBe(lost);
  });
});

describe('A deleted snapshot', () => {
  it('can be brought back while its grace lasts, whatever a reclaim did meanwhile', async () => {
    const { instructor, project: instance, at } = await project();
    const text = content(900);
    await instructor.save(instance, 'a.txt', text);
    const { id } = (await instructor.post(`${at}/snapshots`, { name: 'Keep me' })).body;
    await instructor.delete(`${at}/files/a.txt`);
    pass(history + 1);
    expect((await instructor.delete(`${at}/snapshots/${id}`)).status).toBe(204);
    expect((await instructor.get(`${at}/snapshots/${id}`)).status).toBe(404);
    pass(1);
    await reclaim(instructor);
    pass(grace - 2);
    await reclaim(instructor);
    const { items } = (await instructor.get(`${at}/deleted-snapshots`)).body;
    expect(items).toMatchObject([{ id, name: 'Keep me' }]);
    expect((await instructor.post(`${at}/deleted-snapshots/${id}/undelete`)).status).toBe(200);
    pass(3 * grace);
    await reclaimAll(instructor);
    expect(await instructor.read(instance, 'a.txt', id)).toBe(text);
    expect((await instructor.get(`${at}/journal/verify`)).body.ok).toBe(true);
  });

  it('is gone for good after that', async () => {
    const { instructor, project: instance, at } = await project();
    await instructor.save(instance, 'a.txt', content(30));
    const { id } = (await instructor.post(`${at}/snapshots`, { name: 'Gone' })).body;
    await instructor.delete(`${at}/snapshots/${id}`);
    pass(grace);
    expect((await instructor.get(`${at}/deleted-snapshots`)).body.items).toEqual([]);
    const late = await instructor.post(`${at}/deleted-snapshots/${id}/undelete`);
    expect(late).toMatchObject({ status: 410, body: { code: 'gone' } });
    expect((await instructor.post(`${at}/deleted-snapshots/snp_x/undelete`)).status).toBe(404);
  });

  it('cannot be one that is on somebody’s stage', async () => {
    const { instructor, project: instance, at } = await project();
    await instructor.save(instance, 'a.txt', content(30));
    const { id } = (await instructor.post(`${at}/snapshots`, { name: 'Staged' })).body;
    await instructor.put(`${at}/stage`, { items: [{ all: true, state: id }] });
    const held = await instructor.delete(`${at}/snapshots/${id}`);
    expect(held).toMatchObject({
      status: 409,
      body: { code: 'held', holds: [{ kind: 'stage', id: 'ines' }] },
    });
    await instructor.delete(`${at}/stage`);
    expect((await instructor.delete(`${at}/snapshots/${id}`)).status).toBe(204);
  });
});

describe('A deleted instance', () => {
  it('is gone once its name was typed, comes back within the grace, and gives its bytes back after it', async () => {
    const { instructor, space, project: instance, at } = await project();
    const text = content(1_500);
    await instructor.save(instance, 'a.txt', text);
    const unconfirmed = await instructor.delete(at);
    expect(unconfirmed).toMatchObject({ status: 422, body: { errors: [{ pointer: 'confirm' }] } });
    expect((await instructor.delete(`${at}?confirm=project`)).status).toBe(422);
    expect((await instructor.delete(`${at}?confirm=Project`)).status).toBe(200);
    expect((await instructor.get(at)).status).toBe(404);
    const listed = (await instructor.get(`/v1/spaces/${space}/instances`)).body.items;
    expect(listed.map((item: { id: string }) => item.id)).not.toContain(instance);
    await reclaim(instructor);
    pass(grace - 1);
    const deleted = `/v1/spaces/${space}/deleted-instances`;
    expect((await instructor.get(deleted)).body.items).toMatchObject([{ id: instance, name: 'Project' }]);
    expect((await instructor.post(`${deleted}/${instance}/undelete`)).body).toMatchObject({ id: instance });
    await reclaimAll(instructor);
    expect(await instructor.read(instance, 'a.txt')).toBe(text);
    await instructor.delete(`${at}?confirm=Project`);
    await reclaimAll(instructor);
    expect(await isStoredIn(world, text)).toBe(false);
    expect((await instructor.post(`${deleted}/${instance}/undelete`)).status).toBe(410);
  });

  it('is none that somebody works in, nor the master', async () => {
    const { instructor, space, master, distributed, student } = await project();
    const { instance } = await student(1);
    for (const [id, name] of [
      [master, 'Master'],
      [distributed, 'Distributed'],
      [instance, 's1'],
    ])
      expect((await instructor.delete(`/v1/instances/${id}?confirm=${name}`)).status).toBe(409);
    await instructor.delete(`/v1/spaces/${space}/members/s1`);
    expect((await instructor.delete(`/v1/instances/${instance}?confirm=s1`)).status).toBe(200);
    const members = { members: [{ user: 's1', role: 'student' }] };
    const again = await instructor.post(`/v1/spaces/${space}/members`, members);
    expect(again.body.instances[0].instanceId).not.toBe(instance);
    expect((await instructor.get(`/v1/instances/${again.body.instances[0].instanceId}`)).status).toBe(200);
  });

  it('leaves its hand-ins, which belong to the assignment', async () => {
    const { instructor, space, master, student } = await project();
    await instructor.save(master, 'task.md', 'Do it.');
    const asked = await instructor.post(`/v1/spaces/${space}/assignments`, {
      title: 'Task',
      source: { instance: master, state: 'current' },
      submission: { files: ['task.md'] },
      dueAt: timeOf(clock + 1_000_000),
    });
    const ada = await student(1);
    while ((await ada.read(ada.instance, 'task.md')) === undefined)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const text = content(800);
    await ada.save(ada.instance, 'task.md', text);
    const handedIn = await ada.post(`/v1/assignments/${asked.body.id}/handins`);
    await instructor.delete(`/v1/spaces/${space}/members/s1`);
    await instructor.delete(`/v1/instances/${ada.instance}?confirm=s1`);
    await reclaimAll(instructor);
    const kept = await instructor.get(`/v1/handins/${handedIn.body.id}/files/task.md`);
    expect(kept).toMatchObject({ status: 200, text });
  });
});

describe('A deleted space', () => {
  it('is gone for everyone, comes back whole within the grace, and gives its bytes back after it', async () => {
    const { instructor, space, master, student } = await project();
    const ada = await student(1);
    const text = content(2_000);
    await instructor.save(master, 'a.txt', text);
    await ada.save(ada.instance, 'mine.txt', 'mine');
    expect((await ada.delete(`/v1/spaces/${space}?confirm=Course`)).status).toBe(403);
    expect((await instructor.delete(`/v1/spaces/${space}`)).status).toBe(422);
    expect((await instructor.delete(`/v1/spaces/${space}?confirm=Course`)).status).toBe(200);
    for (const path of [
      `/v1/spaces/${space}`,
      `/v1/instances/${ada.instance}`,
      `/v1/instances/${ada.instance}/states/current/files/mine.txt`,
      `/v1/instances/${master}`,
    ]) {
      expect((await ada.get(path)).status, path).toBe(404);
      expect((await instructor.get(path)).status, path).toBe(404);
    }
    expect((await ada.get('/v1/spaces')).body.items.map((item: { id: string }) => item.id)).not.toContain(
      space,
    );
    const me = (await ada.get('/v1/me')).body;
    expect(me.instances.map((role: { instanceId: string }) => role.instanceId)).not.toContain(ada.instance);
    await reclaim(instructor);
    expect((await instructor.post(`/v1/deleted-spaces/${space}/undelete`)).body).toMatchObject({ id: space });
    expect(await ada.read(ada.instance, 'mine.txt')).toBe('mine');
    await reclaimAll(instructor);
    expect(await instructor.read(master, 'a.txt')).toBe(text);
    await instructor.delete(`/v1/spaces/${space}?confirm=Course`);
    expect((await instructor.get('/v1/deleted-spaces?limit=1000')).body.items.at(-1)).toMatchObject({
      id: space,
    });
    await reclaimAll(instructor);
    expect(await isStoredIn(world, text)).toBe(false);
    expect((await instructor.post(`/v1/deleted-spaces/${space}/undelete`)).status).toBe(410);
  });
});

describe('A quota', () => {
  it('of a space refuses what would be too much, saying how much is left and what makes room', async () => {
    const { instructor, space, master, student } = await project();
    const ada = await student(1);
    await instructor.send('PATCH', `/v1/spaces/${space}`, { json: { quotaBytes: 1_000 } });
    expect((await ada.save(ada.instance, 'a.txt', content(900))).status).toBe(201);
    const refused = await ada.save(ada.instance, 'b.txt', content(200));
    expect(refused).toMatchObject({
      status: 413,
      body: { code: 'over-quota', quota: 1_000, used: 900, left: 100, needed: 200 },
    });
    expect(refused.body.detail).toContain('Deleting files');
    const { quota } = (await ada.get(`/v1/instances/${ada.instance}/storage`)).body;
    expect(quota).toEqual({ bytes: 1_000, left: 100 });
    expect((await ada.save(ada.instance, 'a.txt', content(300))).status).toBe(200);
    expect((await ada.save(ada.instance, 'b.txt', content(200))).status).toBe(201);
    expect((await instructor.save(master, 'big.txt', content(5_000))).status, 'not the master').toBe(201);
  });

  it('does not keep a distribution from a student, nor a student from getting smaller', async () => {
    const { instructor, space, master, student } = await project();
    const ada = await student(1);
    await instructor.send('PATCH', `/v1/spaces/${space}`, { json: { quotaBytes: 1_000 } });
    await ada.save(ada.instance, 'a.txt', content(500));
    await instructor.save(master, 'big.txt', content(5_000));
    const source = { instance: master, state: 'current' };
    expect(await distribute(instructor, { source, targets: { all: true } })).toMatchObject({
      status: 'completed',
    });
    expect((await ada.save(ada.instance, 'a.txt', content(501))).status).toBe(413);
    expect((await ada.save(ada.instance, 'a.txt', content(499))).status).toBe(200);
    expect((await ada.delete(`/v1/instances/${ada.instance}/files/big.txt`)).status).toBe(204);
  });

  it('can be set otherwise for one instance by a manager', async () => {
    const { instructor, space, student } = await project();
    const ada = await student(1);
    const quota = `/v1/instances/${ada.instance}/quota`;
    await instructor.send('PATCH', `/v1/spaces/${space}`, { json: { quotaBytes: 100 } });
    expect((await ada.put(quota, { bytes: null })).status).toBe(403);
    expect((await instructor.put(quota, { bytes: 400 })).body).toMatchObject({ quotaBytes: 400 });
    expect((await ada.save(ada.instance, 'a.txt', content(300))).status).toBe(201);
    expect((await ada.save(ada.instance, 'a.txt', content(401))).status).toBe(413);
    await instructor.put(quota, { bytes: null });
    expect((await ada.save(ada.instance, 'a.txt', content(4_000))).status).toBe(200);
    expect((await instructor.delete(quota)).body.quotaBytes).toBeUndefined();
    expect((await ada.save(ada.instance, 'b.txt', content(1))).status).toBe(413);
  });
});
