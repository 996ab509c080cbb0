// Assignments over HTTP, with a clock that the tests move.

import { compactVerify, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { at, change, classroom, counted, handIn, hour, type Open } from '../support/classroom.ts';
import { openCourse, sha256 } from '../support/world.ts';

const room = classroom('2026-03-02T08:00:00.000Z');
const { opened, passTo, settle } = room;

const remove = ({ course, assignment }: Open) => course.instructor.delete(`/v1/assignments/${assignment.id}`);
describe('opening', () => {
  it('hands the material out at once when there is no date, and to who joins later', async () => {
    const { course, assignment } = await opened(2);
    expect(assignment.status).toBe('open');
    const one = await course.student(1);
    expect(await one.read(one.instance, 'hw/task.md')).toBe('your answer here');
    const late = await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [{ user: 'joiner', role: 'student' }],
    });
    const joiner = await room.world.client('joiner');
    expect(await joiner.read(late.body.instances[0].instanceId, 'hw/task.md')).toBe('your answer here');
    expect((await handIn(joiner, assignment.id)).status).toBe(201);
  });

  it('by a timer when the date lies ahead, and not before', async () => {
    const { course, assignment } = await opened(1, { opensAt: at(room.clock + hour) });
    const one = await course.student(1);
    expect(assignment.status).toBe('scheduled');
    expect(await one.list(one.instance)).toEqual({});
    const early = await handIn(one, assignment.id);
    expect(early).toMatchObject({ status: 403, body: { opensAt: assignment.opensAt } });
    await passTo(Date.parse(assignment.opensAt));
    expect(await one.read(one.instance, 'hw/task.md')).toBe('your answer here');
    expect((await handIn(one, assignment.id)).status).toBe(201);
  });
});

describe('handing in', () => {
  it('pins the whole instance and answers a receipt that jose alone can verify', async () => {
    const { course, assignment } = await opened(1);
    const one = await course.student(1);
    await one.save(one.instance, 'hw/task.md', 'forty-two');
    const { root } = (await one.get(`/v1/instances/${one.instance}`)).body;
    const done = await handIn(one, assignment.id, { note: 'phew' });
    expect(done.status).toBe(201);
    expect(done.body).toMatchObject({
      attempt: 1,
      late: 0,
      root,
      files: [{ path: 'hw/task.md', size: 9, sha256: sha256('forty-two') }],
    });
    const { keys } = (await room.world.anonymous('GET', '/v1/keys')).body;
    const { payload } = await compactVerify(done.body.receipt, await importJWK(keys[0]));
    expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({
      id: done.body.id,
      assignmentId: assignment.id,
      at: done.body.at,
      root,
      files: done.body.files,
    });
    const asked = await one.post('/v1/receipts/verify', { receipt: done.body.receipt });
    expect(asked.body).toMatchObject({ valid: true, statement: { root } });
    const forged = `${done.body.receipt.slice(0, -4)}AAAA`;
    expect((await one.post('/v1/receipts/verify', { receipt: forged })).body).toEqual({ valid: false });
    await one.save(one.instance, 'hw/task.md', 'changed my mind');
    expect((await one.get(`/v1/handins/${done.body.id}/files/hw/task.md`)).text).toBe('forty-two');
  });

  it('is on time within the due second, late after it, refused after the close with the date', async () => {
    const { course, assignment, due } = await opened(3);
    const [one, two, three] = await Promise.all([course.student(1), course.student(2), course.student(3)]);
    await passTo(due + 999);
    expect((await handIn(one, assignment.id)).body.late).toBe(0);
    await passTo(due + 90_000);
    expect((await handIn(two, assignment.id)).body.late).toBe(90);
    await passTo(due + 24 * hour + 1_000);
    expect(await handIn(three, assignment.id)).toMatchObject({
      status: 403,
      body: { closesAt: assignment.closesAt },
    });
  });

  it('is refused with the list of what is missing, or what is too large', async () => {
    const { course, assignment } = await opened(1, {
      sizeLimit: 20,
      submission: { files: ['hw/task.md', 'hw/plot.png'] },
    });
    const one = await course.student(1);
    expect(await handIn(one, assignment.id)).toMatchObject({
      status: 422,
      body: { missing: ['hw/plot.png'] },
    });
    await one.save(one.instance, 'hw/plot.png', 'x'.repeat(30));
    expect(await handIn(one, assignment.id)).toMatchObject({
      status: 422,
      body: { size: 46, sizeLimit: 20 },
    });
  });

  it('takes a folder as it is, as often as the attempts allow', async () => {
    const { course, assignment } = await opened(1, { submission: { folder: 'hw' }, attempts: 2 });
    const one = await course.student(1);
    await one.save(one.instance, 'hw/deep/extra.md', 'more');
    const first = await handIn(one, assignment.id);
    expect(first.body.files.map((file: { path: string }) => file.path)).toEqual([
      'hw/deep/extra.md',
      'hw/task.md',
    ]);
    expect((await handIn(one, assignment.id)).body.attempt).toBe(2);
    expect((await handIn(one, assignment.id)).status).toBe(422);
  });

  it('is once for all members of a group', async () => {
    const { course, assignment } = await opened(0);
    await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [
        { user: 'g1', role: 'student', group: 'Team' },
        { user: 'g2', role: 'student', group: 'Team' },
      ],
    });
    const [one, two] = await Promise.all([room.world.client('g1'), room.world.client('g2')]);
    await handIn(one, assignment.id);
    expect((await handIn(two, assignment.id)).body.attempt).toBe(2);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([
      { student: 'Team', attempt: 2, reason: 'on-time' },
    ]);
  });

  it('is not for viewers, strangers, or instances that never got the assignment', async () => {
    const { course, assignment } = await opened(2);
    const [one, two] = await Promise.all([course.student(1), course.student(2)]);
    await course.instructor.put(`/v1/instances/${one.instance}/roles/s2`, { role: 'viewer' });
    expect((await handIn(two, assignment.id, { instance: one.instance })).status).toBe(403);
    expect((await handIn(await room.world.client('stranger'), assignment.id)).status).toBe(404);
    const { body } = await one.get(`/v1/instances/${one.instance}/journal`);
    expect(body.items[0].action).toBe('create');
    await one.post(`/v1/instances/${one.instance}/restore`, { state: `at:${body.items[0].at}` });
    await course.instructor.get('/v1/health');
    const asked = await handIn(one, assignment.id);
    expect([201, 422]).toContain(asked.status);
  });
});

describe('which attempt counts', () => {
  it('the last in time, else the last late one, else the capture as of the due date, else none: with the reason', async () => {
    const { course, assignment, due } = await opened(4);
    const [one, two, three] = await Promise.all([course.student(1), course.student(2), course.student(3)]);
    await handIn(one, assignment.id);
    await one.save(one.instance, 'hw/task.md', 'better');
    await handIn(one, assignment.id);
    await three.save(three.instance, 'hw/task.md', 'almost');
    await course.instructor.delete(`/v1/instances/${course.instances.s4}/files/hw/task.md`);
    room.clock = due + 5 * hour;
    await three.save(three.instance, 'hw/task.md', 'after the deadline');
    await handIn(one, assignment.id);
    await handIn(two, assignment.id);
    await passTo(due + 20 * hour);
    const rows = await counted(course.instructor, assignment.id);
    expect(rows).toMatchObject([
      { student: 's1', reason: 'on-time', attempt: 2, late: 0 },
      { student: 's2', reason: 'late', attempt: 1, late: 5 * 3_600 },
      { student: 's3', reason: 'captured', at: assignment.dueAt },
      { student: 's4', reason: 'missing' },
    ]);
    const captured = await course.instructor.get(`/v1/handins/${rows[2].id}/files/hw/task.md`);
    expect(captured.text).toBe('almost');
    const shown = (await course.instructor.get(`/v1/assignments/${assignment.id}`)).body;
    expect(shown.counts).toEqual({ handedIn: 2, late: 1, missing: 1, captured: 1, graded: 0 });
    expect((await one.get(`/v1/assignments/${assignment.id}/handins?which=all`)).body.items).toHaveLength(3);
    expect((await one.get(`/v1/assignments/${assignment.id}`)).body.counts).toBeUndefined();
  });

  it('an extension granted afterwards selects the right state', async () => {
    const { course, assignment, due } = await opened(1);
    const one = await course.student(1);
    await one.save(one.instance, 'hw/task.md', 'at due');
    room.clock = due + 2 * hour;
    await one.save(one.instance, 'hw/task.md', 'two hours later');
    await handIn(one, assignment.id);
    await passTo(due + 3 * hour);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([{ reason: 'late', late: 7_200 }]);
    const path = `/v1/assignments/${assignment.id}/overrides/s1`;
    const granted = await course.instructor.put(path, { dueAt: at(due + 4 * hour), reason: 'ill' });
    expect(granted.status).toBe(200);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([
      { reason: 'on-time', attempt: 1 },
    ]);
    expect((await one.get(`/v1/assignments/${assignment.id}`)).body.dueAt).toBe(at(due + 4 * hour));
  });
});

describe('overrides', () => {
  it('of a student beat those of the group; moving the base date lists what did not move', async () => {
    const { course, assignment, due } = await opened(0);
    await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [{ user: 'm1', role: 'student', group: 'Blue' }],
    });
    const base = `/v1/assignments/${assignment.id}/overrides`;
    await course.instructor.put(`${base}/Blue`, { dueAt: at(due + 9 * hour), reason: 'lab closed' });
    await course.instructor.put(`${base}/m1`, { dueAt: at(due + 2 * hour), reason: 'agreed' });
    const member = await room.world.client('m1');
    expect((await member.get(`/v1/assignments/${assignment.id}`)).body.dueAt).toBe(at(due + 2 * hour));
    const moved = await course.instructor.send('PATCH', `/v1/assignments/${assignment.id}`, {
      json: { dueAt: at(due + hour) },
    });
    expect(
      moved.body.overridesNotMoved.map((override: { subject: string }) => override.subject).sort(),
    ).toEqual(['Blue', 'm1']);
    expect((await course.instructor.delete(`${base}/m1`)).status).toBe(204);
    expect((await member.get(`/v1/assignments/${assignment.id}`)).body.dueAt).toBe(at(due + 9 * hour));
  });

  it('need a student or a group of the course, and a reason', async () => {
    const { course, assignment, due } = await opened(1);
    const base = `/v1/assignments/${assignment.id}/overrides`;
    expect((await course.instructor.put(`${base}/nobody`, { dueAt: at(due), reason: 'x' })).status).toBe(404);
    expect((await course.instructor.put(`${base}/s1`, { dueAt: at(due) })).status).toBe(400);
    const before = await course.instructor.put(`${base}/s1`, { dueAt: at(room.clock - hour), reason: 'x' });
    expect(before.status).toBe(400);
  });
});

describe('dates', () => {
  it('out of order or in the past are refused by name', async () => {
    const course = await openCourse(room.world, 0);
    await course.instructor.save(course.master, 'a.md', 'x');
    const base = {
      title: 'X',
      source: { instance: course.master, state: 'current' },
      submission: { files: ['a.md'] },
    };
    const create = (dates: object) =>
      course.instructor.post(`/v1/spaces/${course.space}/assignments`, { ...base, ...dates });
    expect(await create({ dueAt: at(room.clock - 1) })).toMatchObject({
      status: expect.any(Number),
      body: { errors: [{ pointer: '/dueAt' }] },
    });
    expect(await create({ opensAt: at(room.clock + 2 * hour), dueAt: at(room.clock + hour) })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/dueAt' }] },
    });
    expect(await create({ dueAt: at(room.clock + 2 * hour), closesAt: at(room.clock + hour) })).toMatchObject(
      {
        status: 400,
        body: { errors: [{ pointer: '/closesAt' }] },
      },
    );
  });

  it('the close can still be moved after the due date', async () => {
    const { course, assignment, due } = await opened(1);
    await passTo(due + hour);
    const patch = { closesAt: at(due + 48 * hour) };
    expect((await change(course.instructor, assignment.id, patch)).status).toBe(200);
  });

  it('an assignment can be deleted until something was handed in or captured', async () => {
    const { course, assignment } = await opened(1, { capture: false });
    const path = `/v1/assignments/${assignment.id}`;
    expect((await course.instructor.delete(path)).status).toBe(204);
    const list = await course.instructor.get(`/v1/spaces/${course.space}/assignments`);
    expect(list).toMatchObject({ status: 200, body: { items: [] } });
    const answered = await opened(1);
    await handIn(await answered.course.student(1), answered.assignment.id);
    await answered.course.instructor.delete(`/v1/spaces/${answered.course.space}/members/s1`);
    expect(await remove(answered)).toMatchObject({ status: 409, body: { code: 'held' } });
    const captured = await opened(1);
    await passTo(captured.due + hour);
    expect((await remove(captured)).status).toBe(409);
  });

  it('moved further away make the old timer a no-op', async () => {
    const { course, assignment, due } = await opened(1);
    const later = due + 12 * hour;
    await course.instructor.send('PATCH', `/v1/assignments/${assignment.id}`, {
      json: { dueAt: at(later), closesAt: at(later + hour) },
    });
    await passTo(due + hour);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([{ reason: 'missing' }]);
    await passTo(later + hour);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([
      { reason: 'captured', at: at(later) },
    ]);
  });
});

describe('feedback and grades', () => {
  it('are written by graders, hidden until release, and read-only after it', async () => {
    const { course, assignment } = await opened(2);
    await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [{ user: 'gil', role: 'grader' }],
    });
    const [one, grader] = [await course.student(1), await room.world.client('gil')];
    const { body: done } = await handIn(one, assignment.id);
    const base = `/v1/handins/${done.id}`;
    expect(
      (await grader.send('PUT', `${base}/feedback/files/hw/task.md`, { body: 'well done' })).status,
    ).toBe(200);
    expect((await grader.put(`${base}/grade`, { score: 8, outOf: 10, comment: 'good' })).body).toMatchObject({
      score: 8,
      final: 8,
    });
    expect((await one.put(`${base}/grade`, { score: 10, outOf: 10, comment: '' })).status).toBe(403);
    expect((await one.get(`${base}/feedback`)).status).toBe(404);
    expect((await one.get(`${base}/feedback/files/hw/task.md`)).status).toBe(404);
    expect(
      (await course.instructor.post(`/v1/assignments/${assignment.id}/release`, { students: ['s1'] })).body,
    ).toEqual({ released: 1 });
    expect((await one.get(`${base}/feedback`)).body).toMatchObject({
      grade: { score: 8, outOf: 10, comment: 'good' },
    });
    expect((await one.get(`${base}/feedback/files/hw/task.md`)).text).toBe('well done');
    expect((await one.get(`${base}/files/hw/task.md`)).text).toBe('your answer here');
    expect((await grader.put(`${base}/grade`, { score: 1, outOf: 10, comment: '' })).status).toBe(409);
    await course.instructor.post(`/v1/assignments/${assignment.id}/release`);
    expect((await course.instructor.get(`/v1/assignments/${assignment.id}`)).body.status).toBe('released');
  });

  it('lateness costs what the policy says, and the grade table is exported as CSV', async () => {
    const latePolicy = { kind: 'deduct', percent: 10, interval: 'hour', floorPercent: 50 };
    const { course, assignment, due } = await opened(2, { latePolicy });
    const [one, two] = [await course.student(1), await course.student(2)];
    room.clock = due + 90 * 60_000;
    const { body: late } = await handIn(one, assignment.id);
    room.clock = due + 20 * hour;
    const { body: veryLate } = await handIn(two, assignment.id);
    await settle();
    const grade = (id: string) =>
      course.instructor.put(`/v1/handins/${id}/grade`, { score: 9, outOf: 10, comment: 'a, "b"' });
    expect((await grade(late.id)).body.final).toBe(7);
    expect((await grade(veryLate.id)).body.final).toBe(5);
    const csv = await course.instructor.get(`/v1/assignments/${assignment.id}/grades`, {
      accept: 'text/csv',
    });
    expect(csv.text.split('\n')[0]).toBe('student,name,handIn,reason,at,late,score,outOf,final,comment');
    expect(csv.text).toContain('"a, ""b"""');
  });

  it('follow an extension granted afterwards, and do not show in the journal before release', async () => {
    const { course, assignment, due } = await opened(1, { latePolicy: { kind: 'zero' } });
    const one = await course.student(1);
    room.clock = due + hour;
    const { body: done } = await handIn(one, assignment.id);
    const graded = await course.instructor.put(`/v1/handins/${done.id}/grade`, {
      score: 9,
      outOf: 10,
      comment: 'psst',
    });
    expect(graded.body.final).toBe(0);
    const { text } = await one.get(`/v1/instances/${one.instance}/journal`);
    expect(text).toContain('"action":"grade"');
    expect(text).not.toMatch(/score|psst/);
    const path = `/v1/assignments/${assignment.id}/overrides/s1`;
    await course.instructor.put(path, { dueAt: at(due + 2 * hour), reason: 'ill' });
    const { items } = (await course.instructor.get(`/v1/assignments/${assignment.id}/grades`)).body;
    expect(items).toMatchObject([{ reason: 'on-time', late: 0, score: 9, final: 9 }]);
  });

  it('of a hand-in that came after the release can still be given, once', async () => {
    const { course, assignment } = await opened(1);
    await course.instructor.post(`/v1/assignments/${assignment.id}/release`);
    const { body: done } = await handIn(await course.student(1), assignment.id);
    const grade = () =>
      course.instructor.put(`/v1/handins/${done.id}/grade`, { score: 1, outOf: 1, comment: '' });
    expect((await grade()).status).toBe(200);
    expect((await grade()).status).toBe(409);
  });

  it('a grader sees and changes nothing else', async () => {
    const { course, assignment } = await opened(1);
    await course.instructor.post(`/v1/spaces/${course.space}/members`, {
      members: [{ user: 'gina', role: 'grader' }],
    });
    const grader = await room.world.client('gina');
    expect((await grader.get(`/v1/instances/${course.master}`)).status).toBe(404);
    expect((await grader.get(`/v1/instances/${course.instances.s1}`)).status).toBe(404);
    expect((await grader.get(`/v1/assignments/${assignment.id}/audit`)).status).toBe(403);
    expect((await grader.post(`/v1/assignments/${assignment.id}/release`)).status).toBe(403);
    expect((await grader.get(`/v1/assignments/${assignment.id}/handins`)).status).toBe(200);
  });
});

describe('the trail', () => {
  it('has everything anyone did, in order, and verify finds an altered entry', async () => {
    const { course, assignment, due } = await opened(2);
    const one = await course.student(1);
    room.clock += 1_000;
    const { body: done } = await handIn(one, assignment.id);
    room.clock += 1_000;
    await course.instructor.put(`/v1/assignments/${assignment.id}/overrides/s2`, {
      dueAt: at(due + hour),
      reason: 'ill',
    });
    room.clock += 1_000;
    await course.instructor.put(`/v1/handins/${done.id}/grade`, { score: 1, outOf: 1, comment: '' });
    await passTo(due + 2 * hour);
    room.clock += 1_000;
    await course.instructor.post(`/v1/assignments/${assignment.id}/release`);
    const path = `/v1/assignments/${assignment.id}/audit`;
    const lines = (await course.instructor.get(path)).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const actions = lines.map((line) => line.action);
    expect(actions.filter((action) => action === 'distribute')).toHaveLength(3);
    expect(actions.filter((action) => action !== 'distribute')).toEqual([
      'assignment',
      'opened',
      'hand-in',
      'override',
      'grade',
      'capture',
      'released',
    ]);
    expect((await course.instructor.get(path, { accept: 'text/csv' })).text.split('\n')).toHaveLength(
      lines.length + 2,
    );
    expect((await course.instructor.get(`${path}/verify`)).body).toMatchObject({ ok: true });
    const { records } = room.world.backend.ports;
    const key = {
      partition: `instance#${one.instance}`,
      sort: `journal#${String(lines[actions.indexOf('hand-in')].sequence).padStart(12, '0')}`,
    };
    const entry = (await records.get<{ details: object }>(key))!.value;
    await records.write([
      { put: key, value: { ...entry, details: { ...entry.details, late: 0, attempt: 9 } } },
    ]);
    expect((await course.instructor.get(`${path}/verify`)).body).toMatchObject({
      ok: false,
      journal: one.instance,
    });
    await records.write([{ put: key, value: entry }]);
  });
});

it('events tell of opening, hand-in, capture and release', async () => {
  const { course, assignment, due } = await opened(2);
  await handIn(await course.student(1), assignment.id);
  await passTo(due - hour);
  await passTo(due + hour);
  await course.instructor.post(`/v1/assignments/${assignment.id}/release`);
  const told = room.world.backend.events.all().filter((event) => event.data.assignmentId === assignment.id);
  expect(told.map((event) => event.type)).toEqual([
    'assignment.opened',
    'assignment.due-soon',
    'hand-in.received',
    'hand-in.captured',
    'feedback.released',
  ]);
});
