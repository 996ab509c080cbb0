// What happens to an assignment when people move, dates change, and several things happen at the same time.

import { describe, expect, it } from 'vitest';
import type { HandIn } from '../../core/model/hand-in.ts';
import { keys } from '../../core/model/keys.ts';
import { newCall } from '../../core/ops/call.ts';
import { actOnDates } from '../../core/ops/deadlines.ts';
import { putGrade } from '../../core/ops/feedback.ts';
import type { Ports } from '../../core/ports.ts';
import { sendRows } from '../../functions/http/send-rows.ts';
import { at, change, classroom, counted, handIn, hour, override, regroup } from '../support/classroom.ts';

const room = classroom('2026-05-04T08:00:00.000Z');
const { opened, passTo } = room;

/** The same ports; `before` runs once, before the first record of that sort is read or written. */
function interrupted(way: 'get' | 'write', sort: string, before: () => Promise<unknown>, skip = 0): Ports {
  const { records, ...ports } = room.world.backend.ports;
  let left = skip;
  const meet = async (sorts: readonly string[]) => {
    if (sorts.includes(sort) && left-- === 0) await before();
  };
  return {
    ...ports,
    records: {
      get: async (key) => {
        if (way === 'get') await meet([key.sort]);
        return records.get(key);
      },
      getMany: (many) => records.getMany(many),
      query: (query) => records.query(query),
      write: async (batch, ...how) => {
        if (way === 'write') await meet(batch.map((one) => ('put' in one ? one.put.sort : '')));
        return records.write(batch, ...how);
      },
    },
  };
}

const eventsOf = (assignment: string, type: string) =>
  room.world.backend.events
    .all()
    .filter((event) => event.data.assignmentId === assignment && event.type === type);

describe('a student who moves into a group, or out of it,', () => {
  it('has the dates that were granted to the student and to the group one is in now', async () => {
    const open = await opened(2);
    const { course, assignment, due } = open;
    await override(open, 's1', { dueAt: at(due + 5 * hour) });
    await regroup(open, 's2', 'Team');
    await override(open, 'Team', { dueAt: at(due + 9 * hour) });
    const [one, two] = [await course.student(1), await course.student(2)];
    const dueOf = async (client: typeof one) =>
      (await client.get(`/v1/assignments/${assignment.id}`)).body.dueAt;
    expect(await dueOf(two)).toBe(at(due + 9 * hour));
    await regroup(open, 's1', 'Team');
    expect([await dueOf(one), await dueOf(two)]).toEqual([at(due + 5 * hour), at(due + 5 * hour)]);
    await passTo(due + 6 * hour);
    expect((await handIn(two, assignment.id)).body.late).toBe(3_600);
    await regroup(open, 's1', null);
    expect([await dueOf(one), await dueOf(two)]).toEqual([at(due + 5 * hour), at(due + 9 * hour)]);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([
      { student: 's1', reason: 'captured', at: at(due + 5 * hour) },
      { student: 'Team', reason: 'on-time' },
    ]);
  });

  it('counts once, with the instance one works in now; who was removed does not count', async () => {
    const open = await opened(3);
    const { course, assignment } = open;
    const { body: own } = await handIn(await course.student(1), assignment.id);
    await regroup(open, 's1', 'Team');
    await regroup(open, 's2', 'Team');
    await course.instructor.delete(`/v1/spaces/${course.space}/members/s3`);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([
      { student: 'Team', reason: 'missing' },
    ]);
    const shown = await course.instructor.get(`/v1/assignments/${assignment.id}`);
    expect(shown.body.counts).toMatchObject({ handedIn: 0 });
    await regroup(open, 's1', null);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([
      { student: 's1', reason: 'on-time', id: own.id },
      { student: 'Team', reason: 'missing' },
    ]);
  });

  it('after the due date is captured there, as of the due date', async () => {
    const open = await opened(1);
    const { course, assignment, due } = open;
    const one = await course.student(1);
    await one.save(one.instance, 'hw/task.md', 'on my own');
    await regroup(open, 's1', 'Team');
    await passTo(due + hour);
    expect(await counted(course.instructor, assignment.id)).toMatchObject([
      { student: 'Team', reason: 'captured' },
    ]);
    await regroup(open, 's1', null);
    await room.settle();
    const [row] = await counted(course.instructor, assignment.id);
    expect(row).toMatchObject({ student: 's1', reason: 'captured', at: assignment.dueAt });
    expect((await one.get(`/v1/handins/${row.id}/files/hw/task.md`)).text).toBe('on my own');
  });
});

describe('dates', () => {
  it('of the opening that are moved while the timer runs open it then, and not before', async () => {
    const { course, assignment } = await opened(1, { opensAt: at(room.clock + hour) });
    const later = Date.parse(assignment.opensAt) + hour;
    room.clock += hour;
    const moved = () => change(course.instructor, assignment.id, { opensAt: at(later) });
    // The timer has read the assignment, and is about to settle that it opens.
    const ports = interrupted('get', 'assignment', moved, 1);
    expect(await actOnDates(ports, assignment.id, 1)).toMatchObject({ done: false });
    await room.settle();
    const one = await course.student(1);
    expect(await one.list(one.instance)).toEqual({});
    await passTo(later);
    expect(await one.read(one.instance, 'hw/task.md')).toBe('your answer here');
  });

  it('a capture that is wanted only after the due date is made as of it', async () => {
    const { course, assignment, due } = await opened(1, { capture: false });
    const one = await course.student(1);
    await one.save(one.instance, 'hw/task.md', 'in time');
    await passTo(due + hour);
    await one.save(one.instance, 'hw/task.md', 'too late');
    expect(await counted(course.instructor, assignment.id)).toMatchObject([{ reason: 'missing' }]);
    expect((await change(course.instructor, assignment.id, { capture: true })).status).toBe(200);
    await room.settle();
    const [row] = await counted(course.instructor, assignment.id);
    expect(row).toMatchObject({ reason: 'captured', at: assignment.dueAt });
    expect((await one.get(`/v1/handins/${row.id}/files/hw/task.md`)).text).toBe('in time');
  });

  it('the class is reminded once, however often the timer looks', async () => {
    const open = await opened(2, { dueSoonSeconds: 2 * 3_600 });
    const { course, assignment, due } = open;
    await passTo(due - hour);
    await handIn(await course.student(1), assignment.id);
    await override(open, 's2', { dueAt: at(due + hour) });
    await passTo(due - hour / 2);
    const told = eventsOf(assignment.id, 'assignment.due-soon');
    expect(told.map((event) => event.data.waitingFor)).toEqual([2]);
  });
});

it('an instance that never got the assignment cannot hand it in', async () => {
  const open = await opened(1, { opensAt: at(room.clock + 5 * hour) });
  const one = await open.course.student(1);
  await override(open, 's1', { opensAt: at(room.clock + hour) });
  room.clock += 2 * hour; // the timer has not brought the material yet
  const refused = await handIn(one, open.assignment.id);
  expect(refused).toMatchObject({ status: 422, body: { detail: 'This instance never got the assignment.' } });
  await room.settle();
  expect((await handIn(one, open.assignment.id)).status).toBe(201);
});

describe('feedback', () => {
  it('that is written while the class is released is looked at again, and refused', async () => {
    const { course, assignment } = await opened(1);
    const one = await course.student(1);
    const { body: done } = await handIn(one, assignment.id);
    const grade = { outOf: 10, comment: '' };
    await course.instructor.put(`/v1/handins/${done.id}/grade`, { ...grade, score: 5 });
    const release = () => course.instructor.post(`/v1/assignments/${assignment.id}/release`);
    const call = newCall(interrupted('write', 'grade', release), { user: 'ines', manager: true });
    await expect(putGrade(call, done as HandIn, { ...grade, score: 9 })).rejects.toMatchObject({
      code: 'not-now',
    });
    const shown = (await one.get(`/v1/handins/${done.id}/feedback`)).body;
    expect(shown).toMatchObject({ grade: { score: 5 } });
  });

  it('is not given to an attempt of someone else, nor by someone else', async () => {
    const { course, assignment } = await opened(2);
    const { body: done } = await handIn(await course.student(1), assignment.id);
    const other = await opened(1);
    await other.course.instructor.post(`/v1/spaces/${other.course.space}/members`, {
      members: [{ user: 'gert', role: 'grader' }],
    });
    const grade = { score: 1, outOf: 1, comment: '' };
    for (const client of [await course.student(2), await room.world.client('gert')]) {
      expect((await client.put(`/v1/handins/${done.id}/grade`, grade)).status).toBe(404);
      const path = `/v1/handins/${done.id}/feedback/files/a.md`;
      expect((await client.send('PUT', path, { body: 'x' })).status).toBe(404);
    }
  });

  it('cannot have a file below a file', async () => {
    const { course, assignment } = await opened(1);
    const { body: done } = await handIn(await course.student(1), assignment.id);
    const put = (path: string) =>
      course.instructor.send('PUT', `/v1/handins/${done.id}/feedback/files/${path}`, { body: 'see here' });
    expect((await put('hw/task.md/remark.md')).status).toBe(409);
    expect((await put('hw')).status).toBe(409);
    expect((await put('hw/remark.md')).status).toBe(200);
  });

  it('can be released to a member of a group by name; many names are told in several events', async () => {
    const open = await opened(501);
    const { course, assignment } = open;
    await regroup(open, 's1', 'Team');
    const { body: done } = await handIn(await course.student(1), assignment.id);
    const students = Array.from({ length: 501 }, (_, nth) => `s${nth + 1}`);
    const released = await course.instructor.post(`/v1/assignments/${assignment.id}/release`, { students });
    expect(released.body).toEqual({ released: 501 });
    const one = await course.student(1);
    expect((await one.get(`/v1/handins/${done.id}/feedback`)).status).toBe(200);
    const told = eventsOf(assignment.id, 'feedback.released');
    expect(told.flatMap((event) => event.data.students)).toEqual(students);
    expect(told).toHaveLength(2);
  });
});

describe('the trail', () => {
  it('has an opening that came earlier for one student', async () => {
    const open = await opened(2, { opensAt: at(room.clock + 5 * hour) });
    const { course, assignment } = open;
    await override(open, 's1', { opensAt: at(room.clock + hour) });
    await passTo(room.clock + 2 * hour);
    const one = await course.student(1);
    expect(await one.read(one.instance, 'hw/task.md')).toBe('your answer here');
    const { text } = await course.instructor.get(`/v1/assignments/${assignment.id}/audit`);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const given = lines.filter(({ action }) => action === 'distribute');
    expect(given.map(({ journal }) => journal)).toEqual([course.space, one.instance]);
  });

  it('is found broken when an entry was altered, removed from anywhere, or moved', async () => {
    const { course, assignment } = await opened(1);
    const one = await course.student(1);
    for (let nth = 1; nth <= 3; nth++) await handIn(one, assignment.id);
    const path = `/v1/assignments/${assignment.id}/audit/verify`;
    const verified = async () => (await course.instructor.get(path)).body;
    expect(await verified()).toMatchObject({ ok: true });
    const { records } = room.world.backend.ports;
    const partition = `instance#${one.instance}`;
    const entries = await records.query<Record<string, unknown>>({ partition, prefix: 'journal#' });
    const [, , second, third, last] = entries;
    const put = (at: typeof last, value: unknown) => ({ put: { partition, sort: at!.sort }, value });
    const gone = (at: typeof last) => ({ delete: { partition, sort: at!.sort } });
    const tampered = {
      altered: [put(third, { ...third!.value, actor: 'somebody else' })],
      removed: [gone(third)],
      'the last one removed': [gone(last)],
      moved: [put(second, third!.value), put(third, second!.value)],
    };
    for (const [how, writes] of Object.entries(tampered)) {
      await records.write(writes);
      expect(await verified(), how).toMatchObject({ ok: false, journal: one.instance });
      await records.write(entries.map((entry) => put(entry, entry.value)));
    }
    expect(await verified()).toMatchObject({ ok: true });
  });

  it('that is too long for an answer is answered by a signed URL', async () => {
    const { backend } = room.world;
    const rows = Array.from({ length: 50 }, (_, nth) => ({ nth, text: 'x'.repeat(100_000) }));
    const call = newCall(backend.ports, { user: 'ines', manager: true });
    const answer = await sendRows(call, {}, rows, { name: 'audit', otherwise: 'ndjson' });
    expect(answer.status).toBe(302);
    const file = await fetch(answer.headers!.location!);
    expect(file.headers.get('content-type')).toBe('application/x-ndjson');
    expect(
      (await file.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(rows);
  });
});

it('an attempt among very many is found all the same', async () => {
  const { course, assignment, due } = await opened(1);
  const one = await course.student(1);
  for (let nth = 1; nth <= 12; nth++) await handIn(one, assignment.id);
  room.clock = due + hour;
  expect((await handIn(one, assignment.id)).body).toMatchObject({ attempt: 13, late: 3_600 });
  expect(await counted(course.instructor, assignment.id)).toMatchObject([{ attempt: 12, reason: 'on-time' }]);
  const all = await course.instructor.get(`/v1/assignments/${assignment.id}/handins?which=all`);
  const attempts = all.body.items.map((item: { attempt: number }) => item.attempt);
  expect(attempts).toEqual(Array.from({ length: 13 }, (_, nth) => nth + 1));
  const kept = await room.world.backend.ports.records.get(keys.latestHandIn(one.instance, assignment.id));
  expect(kept?.value).toMatchObject({ attempt: 13 });
});
