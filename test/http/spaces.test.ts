// Spaces, their people and their instances, over HTTP.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyItem, expectFault, expectProblem, newProject, tickingClock } from '../support/http.ts';
import {
  type Client,
  type CourseWorld,
  distribute,
  openCourse,
  openWorld,
  type World,
} from '../support/world.ts';

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let world: World;
let manager: Client;

beforeAll(async () => {
  world = await openWorld({ now: tickingClock() });
  manager = await world.client('mia', true);
});
afterAll(() => world[Symbol.asyncDispose]());

const newCourse = (): Promise<CourseWorld> => openCourse(world, 0);

const addMembers = (course: { space: string }, members: unknown) =>
  manager.post(`/v1/spaces/${course.space}/members`, { members });

describe('a space', () => {
  it('of a course has a master and a Distributed instance', async () => {
    const reply = await manager.post('/v1/spaces', { name: 'Hydrology', kind: 'course' });
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({
      id: expect.stringMatching(/^spc_/),
      name: 'Hydrology',
      kind: 'course',
      masterInstanceId: expect.stringMatching(/^ins_/),
      distributedInstanceId: expect.stringMatching(/^ins_/),
      createdAt: expect.stringMatching(time),
    });
    expect((await manager.get(`/v1/spaces/${reply.body.id}`)).body).toEqual(reply.body);
    const master = await manager.get(`/v1/instances/${reply.body.masterInstanceId}`);
    expect(master.body).toMatchObject({ kind: 'master', entries: 0, bytes: 0, version: 1 });
    const distributed = await manager.get(`/v1/instances/${reply.body.distributedInstanceId}`);
    expect(distributed.body).toMatchObject({ kind: 'distributed', entries: 0 });
  });

  it('of research has a master and nothing to distribute to', async () => {
    const { body } = await manager.post('/v1/spaces', { name: 'Glaciers', kind: 'research' });
    expect(body).toMatchObject({ kind: 'research', distributedInstanceId: null });
    const instances = await manager.get(`/v1/spaces/${body.id}/instances`);
    expect(instances.body.items.map((item: { kind: string }) => item.kind)).toEqual(['master']);
  });

  it('is created by managers only', async () => {
    const someone = await world.client('someone');
    expectProblem(await someone.post('/v1/spaces', { name: 'Mine', kind: 'course' }), 403, 'forbidden');
  });

  it('needs a name and a kind', async () => {
    expectFault(await manager.post('/v1/spaces', { kind: 'course' }), 400, 'bad-input', '/name');
    expectFault(await manager.post('/v1/spaces', { name: '  ', kind: 'course' }), 400, 'bad-input', '/name');
    expectFault(await manager.post('/v1/spaces', { name: 'A', kind: 'club' }), 400, 'bad-input', '/kind');
    expectProblem(await manager.post('/v1/spaces', { name: 'A', kind: 'course', x: 1 }), 400, 'bad-input');
  });

  it('is listed for its members and for managers, and for nobody else', async () => {
    const [one, two] = [await newCourse(), await newCourse()];
    await addMembers(one, [{ user: 'lena', role: 'student' }]);
    await addMembers(two, [{ user: 'lena', role: 'grader' }]);
    const lena = await world.client('lena');
    const ids = async (client: Client) =>
      (await everyItem(client, '/v1/spaces', 1_000)).map((item) => item.id);
    expect(await ids(lena)).toEqual([one.space, two.space].sort());
    expect(await ids(manager)).toEqual(expect.arrayContaining([one.space, two.space]));
    expect(await ids(await world.client('stranger'))).toEqual([]);
    expectProblem(await (await world.client('stranger')).get(`/v1/spaces/${one.space}`), 404, 'not-found');
  });

  it('that does not exist is not found, whatever its id looks like', async () => {
    for (const id of ['spc_00000000000000000000000000', 'ins_00000000000000000000000000', 'x', '%00', 'spc_'])
      expectProblem(await manager.get(`/v1/spaces/${id}`), 404, 'not-found');
  });

  it('pages through spaces: each once, oldest first', async () => {
    const mine = await world.client('paging');
    const made: string[] = [];
    for (let i = 0; i < 7; i++) {
      const course = await newCourse();
      made.push(course.space);
      await addMembers(course, [{ user: 'paging', role: 'member' }]);
    }
    for (const limit of [1, 2, 3, 7, 8])
      expect((await everyItem(mine, '/v1/spaces', limit)).map(({ id }) => id)).toEqual(made);
    const all = (await everyItem(manager, '/v1/spaces', 3)).map(({ id }) => id);
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual([...all].sort());
    expect(all).toEqual(expect.arrayContaining(made));
  });
});

describe('members', () => {
  it('are added with their instances', async () => {
    const course = await newCourse();
    const { status, body } = await addMembers(course, [
      { user: 'anna', role: 'student', name: 'Anna Amsel', email: 'anna@example.org' },
      { user: 'gustav', role: 'grader' },
      { user: 'mara', role: 'member' },
      { user: 'adam', role: 'admin' },
    ]);
    expect(status).toBe(200);
    expect(body).toEqual({
      added: 4,
      updated: 0,
      unchanged: 0,
      instances: [{ user: 'anna', instanceId: expect.stringMatching(/^ins_/) }],
    });
    const instance = await manager.get(`/v1/instances/${body.instances[0].instanceId}`);
    expect(instance.body).toMatchObject({ kind: 'student', owner: 'anna', name: 'Anna Amsel' });
    const listed = await everyItem(manager, `/v1/spaces/${course.space}/members`, 2);
    expect(listed).toMatchObject([
      { user: 'adam', role: 'admin' },
      { user: 'anna', role: 'student', name: 'Anna Amsel', email: 'anna@example.org' },
      { user: 'gustav', role: 'grader' },
      { user: 'ines', role: 'admin' },
      { user: 'mara', role: 'member' },
    ]);
  });

  it('may be sent again: only what differs changes', async () => {
    const course = await newCourse();
    const list = [
      { user: 'anna', role: 'student' },
      { user: 'ben', role: 'student', email: 'ben@example.org' },
    ];
    const first = (await addMembers(course, list)).body;
    const again = (await addMembers(course, list)).body;
    expect(again).toEqual({ added: 0, updated: 0, unchanged: 2, instances: first.instances });
    const changed = await addMembers(course, [{ ...list[0], name: 'Anna' }, list[1]]);
    expect(changed.body).toEqual({ added: 0, updated: 1, unchanged: 1, instances: first.instances });
  });

  it('come as CSV too, in any order of columns and with empty cells', async () => {
    const course = await newCourse();
    const csv =
      '\ufeffrole,user,name,group,email\r\nstudent,anna,"Amsel, Anna",,\r\ngrader,gus,,,g@example.org\r\n\r\n';
    const send = (body: string | Uint8Array) =>
      manager.send('POST', `/v1/spaces/${course.space}/members`, {
        body,
        headers: { 'content-type': 'text/csv' },
      });
    const reply = await send(csv);
    expect(reply.body).toMatchObject({ added: 2, instances: [{ user: 'anna' }] });
    const listed = await everyItem(manager, `/v1/spaces/${course.space}/members`, 100);
    expect(listed).toContainEqual(expect.objectContaining({ user: 'anna', name: 'Amsel, Anna' }));
    expect(listed).toContainEqual(expect.objectContaining({ user: 'gus', email: 'g@example.org' }));

    expectFault(await send('user,role\nanna,student\nbea,"stu\n'), 400, 'bad-input', 'line 3');
    expectFault(await send('user,role\nanna,student,extra\n'), 400, 'bad-input', 'line 2');
    expectFault(await send('user,role\nanna,teacher\n'), 400, 'bad-input', '/members/0/role');
    expectProblem(await send('user;role\nanna;student\n'), 400, 'bad-input');
    expectProblem(await send(''), 400, 'bad-input');
    expectProblem(await send('user,role\n'), 400, 'bad-input');
    // A roster saved as Latin-1 would spoil every umlaut in silence.
    const latin1 = await send(Buffer.from('user,role,name\nanna,student,M\u00fcller\n', 'latin1'));
    expect(latin1.status).toBe(400);
    expect(latin1.body.detail).toContain('UTF-8');
  });

  it('of another media type are refused', async () => {
    const course = await newCourse();
    const reply = await manager.send('POST', `/v1/spaces/${course.space}/members`, {
      body: 'user: anna',
      headers: { 'content-type': 'application/yaml' },
    });
    expectFault(reply, 400, 'bad-input', 'Content-Type');
  });

  it('that make no sense are refused, all of them, with the place', async () => {
    const course = await newCourse();
    const research = (await manager.post('/v1/spaces', { name: 'R', kind: 'research' })).body;
    const refused = async (space: string, members: unknown, status: number, pointer: string) => {
      const reply = await addMembers({ space }, members);
      expectFault(reply, status, status === 422 ? 'impossible' : 'bad-input', pointer);
    };
    await refused(course.space, [], 400, '/members');
    await refused(course.space, [{ user: 'a' }], 400, '/members/0/role');
    await refused(
      course.space,
      [
        { user: 'a', role: 'student' },
        { user: 'b b', role: 'student' },
      ],
      400,
      '/members/1/user',
    );
    await refused(course.space, [{ user: '', role: 'student' }], 400, '/members/0/user');
    await refused(course.space, [{ user: 'a\u0000', role: 'student' }], 400, '/members/0/user');
    await refused(course.space, [{ user: '\ud800', role: 'student' }], 400, '/members/0/user');
    await refused(
      course.space,
      [
        { user: 'a', role: 'student' },
        { user: 'a', role: 'grader' },
      ],
      400,
      '/members/1/user',
    );
    await refused(course.space, [{ user: 'a', role: 'grader', group: 'G' }], 422, '/members/0/group');
    await refused(research.id, [{ user: 'a', role: 'student' }], 422, '/members/0/role');
    expect(await everyItem(manager, `/v1/spaces/${course.space}/members`, 100)).toHaveLength(1);
  });

  it('of a group share one instance', async () => {
    const course = await newCourse();
    const { body } = await addMembers(course, [
      { user: 'anna', role: 'student', group: 'Otters' },
      { user: 'ben', role: 'student', group: 'Otters' },
      { user: 'carl', role: 'student', group: 'Herons' },
    ]);
    const [anna, ben, carl] = body.instances.map((pair: { instanceId: string }) => pair.instanceId);
    expect(anna).toBe(ben);
    expect(anna).not.toBe(carl);
    expect((await manager.get(`/v1/instances/${anna}`)).body).toMatchObject({
      kind: 'group',
      owner: 'Otters',
    });
    await (await world.client('anna')).save(anna, 'shared.md', 'from Anna');
    expect(await (await world.client('ben')).read(anna, 'shared.md')).toBe('from Anna');
    expect((await (await world.client('carl')).get(`/v1/instances/${anna}`)).status).toBe(404);
  });

  it('who change groups leave the old instance behind', async () => {
    const course = await newCourse();
    const first = (await addMembers(course, [{ user: 'wanda', role: 'student', group: 'A' }])).body;
    const second = (await addMembers(course, [{ user: 'wanda', role: 'student', group: 'B' }])).body;
    expect(second).toMatchObject({ added: 0, updated: 1 });
    const wanda = await world.client('wanda');
    expect((await wanda.get(`/v1/instances/${first.instances[0].instanceId}`)).status).toBe(404);
    expect((await wanda.get(`/v1/instances/${second.instances[0].instanceId}`)).status).toBe(200);
  });

  it('who join later start from Distributed', async () => {
    const course = await newCourse();
    await course.instructor.save(course.master, 'week-1/plan.md', 'Read chapter one.');
    await distribute(course.instructor, {
      source: { instance: course.master, state: 'current' },
      targets: { all: true },
    });
    const { body } = await addMembers(course, [{ user: 'late', role: 'student' }]);
    const late = await world.client('late');
    expect(await late.read(body.instances[0].instanceId, 'week-1/plan.md')).toBe('Read chapter one.');
  });

  it('who are removed lose the instance but it stays, and is theirs again when they return', async () => {
    const course = await newCourse();
    const added = await addMembers(course, [{ user: 'rita', role: 'student' }]);
    const instance = added.body.instances[0].instanceId;
    const rita = await world.client('rita');
    await rita.save(instance, 'notes.md', 'mine');
    expect((await manager.delete(`/v1/spaces/${course.space}/members/rita`)).status).toBe(204);
    expect((await rita.get(`/v1/instances/${instance}`)).status).toBe(404);
    expect((await rita.get(`/v1/spaces/${course.space}`)).status).toBe(404);
    expect((await rita.get('/v1/me')).body).toMatchObject({ spaces: [], instances: [] });
    const members = await everyItem(manager, `/v1/spaces/${course.space}/members`, 100);
    expect(members.map(({ user }) => user)).not.toContain('rita');
    expect(await manager.read(instance, 'notes.md')).toBe('mine');
    expectProblem(await manager.delete(`/v1/spaces/${course.space}/members/rita`), 404, 'not-found');

    const back = await addMembers(course, [{ user: 'rita', role: 'student' }]);
    expect(back.body).toMatchObject({ added: 1, instances: [{ user: 'rita', instanceId: instance }] });
    expect(await rita.read(instance, 'notes.md')).toBe('mine');
  });

  it('who come back to their group have its instance again', async () => {
    const course = await newCourse();
    const member = { user: 'gabi', role: 'student', group: 'Otters' };
    const [{ instanceId }] = (await addMembers(course, [member])).body.instances;
    await manager.delete(`/v1/spaces/${course.space}/members/gabi`);
    expect((await addMembers(course, [member])).body.instances[0].instanceId).toBe(instanceId);
  });

  it('include an admin: the last one cannot be removed', async () => {
    const course = await newCourse();
    expectProblem(await manager.delete(`/v1/spaces/${course.space}/members/ines`), 409, 'conflict');
    await addMembers(course, [{ user: 'adam', role: 'admin' }]);
    expect((await manager.delete(`/v1/spaces/${course.space}/members/ines`)).status).toBe(204);
    expectProblem(await manager.delete(`/v1/spaces/${course.space}/members/adam`), 409, 'conflict');
  });

  it('the last admin cannot be made something else either', async () => {
    const course = await newCourse();
    const alone = await addMembers(course, [{ user: 'ines', role: 'grader' }]);
    expectFault(alone, 409, 'conflict', '/members/0/role');
    const handover = [
      { user: 'ines', role: 'grader' },
      { user: 'adam', role: 'admin' },
    ];
    expect((await addMembers(course, handover)).body).toMatchObject({ added: 1, updated: 1 });
    await addMembers(course, [{ user: 'eve', role: 'admin' }]);
    const both = ['adam', 'eve'].map((user) => ({ user, role: 'member' }));
    expectProblem(await addMembers(course, both), 409, 'conflict');
  });

  it('are paged through by user id: each once', async () => {
    const course = await newCourse();
    const users = ['zoe', 'anna', 'Ben', 'élise', '李', '😀', 'a-b', 'a.b', 'a@b'];
    await addMembers(
      course,
      users.map((user) => ({ user, role: 'member' })),
    );
    await manager.delete(`/v1/spaces/${course.space}/members/${encodeURIComponent('a@b')}`);
    const whole = await everyItem(manager, `/v1/spaces/${course.space}/members`, 1_000);
    expect(whole.map(({ user }) => user).sort()).toEqual(
      [...users.filter((user) => user !== 'a@b'), 'ines'].sort(),
    );
    for (const limit of [1, 2, 3, 9])
      expect(await everyItem(manager, `/v1/spaces/${course.space}/members`, limit)).toEqual(whole);
  });

  it('a class of five hundred is added at once', async () => {
    const course = await newCourse();
    const list = Array.from({ length: 500 }, (_, i) => ({ user: `m${i}`, role: 'student' }));
    const { body } = await addMembers(course, list);
    expect(body.added).toBe(500);
    expect(new Set(body.instances.map((pair: { instanceId: string }) => pair.instanceId)).size).toBe(500);
    const instances = await everyItem(manager, `/v1/spaces/${course.space}/instances`, 130);
    expect(new Set(instances.map(({ id }) => id)).size).toBe(502);
  });
});

describe('an instance', () => {
  it('of a project starts empty, or from a state of another instance', async () => {
    const course = await newCourse();
    await manager.save(course.master, 'a.md', 'one');
    const snapshot = (await manager.post(`/v1/instances/${course.master}/snapshots`, { name: 'First' })).body;
    await manager.save(course.master, 'a.md', 'two');
    const create = (more: object) =>
      manager.post(`/v1/spaces/${course.space}/instances`, { name: 'Survey', ...more });
    const empty = await create({ description: 'A start' });
    expect(empty.status).toBe(201);
    expect(empty.body).toMatchObject({
      id: expect.stringMatching(/^ins_/),
      spaceId: course.space,
      kind: 'project',
      name: 'Survey',
      description: 'A start',
      entries: 0,
      bytes: 0,
      version: 1,
      updatedAt: expect.stringMatching(time),
    });
    const current = await create({ from: { instance: course.master, state: 'current' } });
    expect(await manager.read(current.body.id, 'a.md')).toBe('two');
    expect(current.body).toMatchObject({ entries: 1, bytes: 3 });
    const past = await create({ from: { instance: course.master, state: snapshot.id } });
    expect(await manager.read(past.body.id, 'a.md')).toBe('one');
  });

  it('starts from nothing that does not exist', async () => {
    const course = await newCourse();
    const create = (from: object) =>
      manager.post(`/v1/spaces/${course.space}/instances`, { name: 'Survey', from });
    expectProblem(
      await create({ instance: 'ins_00000000000000000000000000', state: 'current' }),
      404,
      'not-found',
    );
    expectProblem(
      await create({ instance: course.master, state: 'snp_00000000000000000000000000' }),
      404,
      'not-found',
    );
    expectFault(
      await create({ instance: course.master, state: 'yesterday' }),
      400,
      'bad-input',
      '/from/state',
    );
  });

  it('cannot start from what its maker may not read', async () => {
    const [mine, other] = [await newCourse(), await newCourse()];
    await addMembers(mine, [{ user: 'olga', role: 'admin' }]);
    const olga = await world.client('olga');
    const from = { instance: other.master, state: 'current' };
    expectProblem(
      await olga.post(`/v1/spaces/${mine.space}/instances`, { name: 'X', from }),
      404,
      'not-found',
    );
  });

  it('has the editors and viewers named at its creation', async () => {
    const course = await newCourse();
    const project = await newProject(manager, course.space, {
      editors: ['eva', 'vera'],
      viewers: ['vera', 'vic'],
    });
    const [eva, vera, vic] = [
      await world.client('eva'),
      await world.client('vera'),
      await world.client('vic'),
    ];
    expect((await eva.save(project, 'a.md', 'x')).status).toBe(201);
    expect((await vera.save(project, 'a.md', 'y')).status).toBe(200);
    expect(await vic.read(project, 'a.md')).toBe('y');
    expectProblem(await vic.save(project, 'a.md', 'z'), 403, 'forbidden');
    const crowd = Array.from({ length: 41 }, (_, i) => `e${i}`);
    expectProblem(
      await manager.post(`/v1/spaces/${course.space}/instances`, { name: 'X', editors: crowd }),
      413,
      'too-large',
    );
  });

  it('is listed for those who may see it', async () => {
    const course = await newCourse();
    const added = await addMembers(course, [
      { user: 'sue', role: 'student' },
      { user: 'sam', role: 'student' },
      { user: 'mo', role: 'member' },
    ]);
    const [sue] = added.body.instances.map((pair: { instanceId: string }) => pair.instanceId);
    const project = await newProject(manager, course.space, { viewers: ['sue'] });
    const ids = async (user: string) =>
      (await everyItem(await world.client(user), `/v1/spaces/${course.space}/instances`, 2)).map(
        ({ id }) => id,
      );
    expect(await ids('sue')).toEqual([course.distributed, sue, project].sort());
    expect(await ids('mo')).toEqual([]);
    expect(await ids('ines')).toHaveLength(5);
  });

  it('is paged through, oldest first: each once', async () => {
    const course = await newCourse();
    for (let i = 0; i < 6; i++) await newProject(manager, course.space, { editors: ['pia'] });
    const pia = await world.client('pia');
    await addMembers(course, [{ user: 'pia', role: 'member' }]);
    for (const client of [manager, pia]) {
      const whole = await everyItem(client, `/v1/spaces/${course.space}/instances`, 1_000);
      expect(whole).toHaveLength(client === pia ? 7 : 8);
      expect(whole.map(({ id }) => id)).toEqual(whole.map(({ id }) => id).sort());
      for (const limit of [1, 2, 4, 7, 8])
        expect(await everyItem(client, `/v1/spaces/${course.space}/instances`, limit)).toEqual(whole);
    }
  });

  it('tells its current root as its ETag', async () => {
    const course = await newCourse();
    const before = await manager.get(`/v1/instances/${course.master}`);
    expect(before.headers.get('etag')).toBe(`"${before.body.root}"`);
    const saved = await manager.save(course.master, 'a.md', 'x');
    const after = await manager.get(`/v1/instances/${course.master}`);
    expect(after.body).toMatchObject({
      root: saved.body.root,
      version: saved.body.version,
      entries: 1,
      bytes: 1,
    });
    expect(after.headers.get('etag')).toBe(`"${saved.body.root}"`);
  });

  it('that does not exist is not found, whatever its id looks like', async () => {
    for (const id of ['ins_00000000000000000000000000', 'spc_00000000000000000000000000', 'x', '%2e%2e'])
      expectProblem(await manager.get(`/v1/instances/${id}`), 404, 'not-found');
  });
});

describe('a role in an instance', () => {
  it('is given, changed and taken', async () => {
    const course = await newCourse();
    const project = await newProject(manager, course.space);
    await manager.save(project, 'README.md', 'welcome');
    await manager.save(project, 'data.txt', 'secret');
    const rolf = await world.client('rolf');
    const give = (role: string) => manager.put(`/v1/instances/${project}/roles/rolf`, { role });
    const may = async () => [
      (await rolf.get(`/v1/instances/${project}`)).status,
      (await rolf.get(`/v1/instances/${project}/states/current/files/README.md`)).status,
      (await rolf.get(`/v1/instances/${project}/states/current/files/data.txt`)).status,
      (await rolf.save(project, 'x.txt', 'x')).status,
    ];
    expect(await may()).toEqual([404, 404, 404, 404]);
    expect((await give('observer')).body).toEqual({ user: 'rolf', role: 'observer' });
    expect(await may()).toEqual([200, 200, 403, 403]);
    await give('viewer');
    expect(await may()).toEqual([200, 200, 200, 403]);
    await give('editor');
    expect(await may()).toEqual([200, 200, 200, 201]);
    expect((await manager.delete(`/v1/instances/${project}/roles/rolf`)).status).toBe(204);
    expect(await may()).toEqual([404, 404, 404, 404]);
    expectProblem(await manager.delete(`/v1/instances/${project}/roles/rolf`), 404, 'not-found');
  });

  it('is one of three, for a user with a name', async () => {
    const course = await newCourse();
    const role = (user: string, wanted: unknown) =>
      manager.put(`/v1/instances/${course.master}/roles/${user}`, wanted);
    expectFault(await role('rolf', { role: 'owner' }), 400, 'bad-input', '/role');
    expectFault(await role('rolf', {}), 400, 'bad-input', '/role');
    expectFault(await role('rolf%20w', { role: 'editor' }), 400, 'bad-input', 'user');
    expectFault(await role('a%23b', { role: 'editor' }), 400, 'bad-input', 'user');
    expectFault(await role('a%00b', { role: 'editor' }), 400, 'bad-input', 'user');
    expectFault(await role('u'.repeat(256), { role: 'editor' }), 400, 'bad-input', 'user');
  });

  it('is written in the journal', async () => {
    const course = await newCourse();
    await manager.put(`/v1/instances/${course.master}/roles/rolf`, { role: 'viewer' });
    const { body } = await manager.get(`/v1/instances/${course.master}/journal`);
    expect(body.items.at(-1)).toMatchObject({
      action: 'role',
      actor: 'mia',
      details: { user: 'rolf', role: 'viewer' },
    });
  });
});

describe('leaving and coming back', () => {
  it('a removed member has no role in the space any more, and the own instance again on return', async () => {
    const world = await openWorld();
    try {
      const course = await openCourse(world, 1);
      const { instructor, space } = course;
      const one = await course.student(1);
      const project = (await instructor.post(`/v1/spaces/${space}/instances`, { name: 'P', editors: ['s1'] }))
        .body.id;
      expect((await one.save(project, 'a.md', 'x')).status).toBe(201);
      await instructor.delete(`/v1/spaces/${space}/members/s1`);
      expect((await one.save(project, 'a.md', 'y')).status).toBe(404);
      expect((await one.get(`/v1/instances/${course.distributed}`)).status).toBe(404);
      const back = await instructor.post(`/v1/spaces/${space}/members`, {
        members: [{ user: 's1', role: 'student' }],
      });
      expect(back.body.instances).toEqual([{ user: 's1', instanceId: one.instance }]);
    } finally {
      await world[Symbol.asyncDispose]();
    }
  });

  it('a student who was a grader for a while works in the own instance again', async () => {
    const world = await openWorld();
    try {
      const course = await openCourse(world, 1);
      const one = await course.student(1);
      const become = (role: string) =>
        course.instructor.post(`/v1/spaces/${course.space}/members`, { members: [{ user: 's1', role }] });
      await become('grader');
      expect((await one.get(`/v1/instances/${one.instance}`)).status).toBe(404);
      expect((await become('student')).body.instances).toEqual([{ user: 's1', instanceId: one.instance }]);
    } finally {
      await world[Symbol.asyncDispose]();
    }
  });
});
