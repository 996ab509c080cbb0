// A semester in one test, with a clock that is moved: 200 students, six assignments, overrides, late and missing work, a
// moved deadline, a crash across a deadline, feedback and release. What should come of it is worked out beside it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compactVerify, importJWK } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Client, openCourse, openWorld, type World } from './support/world.ts';

const students = 200;
const assignments = 6;
const hour = 3_600_000;
const day = 24 * hour;
const start = Date.parse('2026-02-23T08:00:00.000Z');

let clock = start;
let world: World;
const directory = mkdtempSync(join(tmpdir(), 'handout-semester-'));

const boot = async () => {
  world = await openWorld({ directory, now: () => clock });
};
beforeAll(boot);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function passTo(time: number): Promise<void> {
  clock = Math.max(clock, time);
  for (let round = 0; round < 3; round++) {
    world.backend.workflows.wake();
    await world.backend.workflows.idle();
  }
}

const at = (ms: number): string => new Date(ms).toISOString();

/** What student number `n` does in assignment number `a`: hours after the due date, or nothing. */
function behaviour(
  n: number,
  a: number,
): { readonly handsInAfter: number | undefined; readonly works: boolean } {
  const draw = (n * 7 + a * 13) % 20;
  if (draw < 13) return { handsInAfter: -((draw % 5) + 1), works: true };
  if (draw < 16) return { handsInAfter: (draw % 3) + 1, works: true };
  return { handsInAfter: undefined, works: draw < 18 };
}

interface Expected {
  reason: string;
  late: number;
  final: number | null;
}

it('is played through, and everything adds up', async () => {
  const course = await openCourse(world, students);
  const clients = new Map<number, Client & { instance: string }>();
  for (let n = 1; n <= students; n++) clients.set(n, await course.student(n));
  const reconnect = async () => {
    for (const [n, client] of clients)
      clients.set(n, { ...(await world.client(`s${n}`)), instance: client.instance });
    return world.client('ines', true);
  };
  let instructor = course.instructor;
  const receipts: string[] = [];

  for (let a = 1; a <= assignments; a++) {
    const folder = `hw${a}`;
    await instructor.save(course.master, `${folder}/answer.md`, `task ${a}`);
    const opensAt = clock + day;
    let dueAt = opensAt + 5 * day;
    const created = await instructor.post(`/v1/spaces/${course.space}/assignments`, {
      title: `Homework ${a}`,
      source: { instance: course.master, items: [{ kind: 'file', prefix: `${folder}/` }] },
      submission: a % 2 === 0 ? { folder } : { files: [`${folder}/answer.md`] },
      opensAt: at(opensAt),
      dueAt: at(dueAt),
      closesAt: at(dueAt + 2 * day),
      latePolicy: { kind: 'deduct', percent: 10, interval: 'hour', floorPercent: 0 },
    });
    expect(created.status, created.text).toBe(201);
    const id = created.body.id;
    await passTo(opensAt);

    // Every tenth student is given two more days; in the third assignment the date moves for all.
    const extended = (n: number) => n % 10 === 0;
    if (a === 3) {
      dueAt += 12 * hour;
      const moved = await instructor.send('PATCH', `/v1/assignments/${id}`, {
        json: { dueAt: at(dueAt), closesAt: at(dueAt + 2 * day) },
      });
      expect(moved.status).toBe(200);
    }
    for (let n = 10; n <= students; n += 10)
      await instructor.put(`/v1/assignments/${id}/overrides/s${n}`, {
        dueAt: at(dueAt + 36 * hour),
        reason: 'ill',
      });
    const dueOf = (n: number) => (extended(n) ? dueAt + 36 * hour : dueAt);

    const events = [...clients.keys()].flatMap((n) => {
      const { handsInAfter, works } = behaviour(n, a);
      if (!works) return [];
      const time = dueOf(n) + (handsInAfter ?? -2) * hour;
      return [{ n, time, handsIn: handsInAfter !== undefined }];
    });
    let crashed = a !== 4;
    for (const { n, time, handsIn } of events.sort((x, y) => x.time - y.time)) {
      if (!crashed && time > dueAt) {
        // Down from before the deadline until after it: timers fire late, captures are exact all the same.
        crashed = true;
        await world[Symbol.asyncDispose]();
        clock = Math.max(clock, time);
        await boot();
        instructor = await reconnect();
      }
      clock = Math.max(clock, time);
      const student = clients.get(n)!;
      expect(
        (await student.save(student.instance, `${folder}/answer.md`, `answer of ${n} to ${a}`)).status,
      ).toBe(200);
      if (!handsIn) continue;
      const done = await student.post(`/v1/assignments/${id}/handins`);
      expect(done.status, done.text).toBe(201);
      receipts.push(done.body.receipt);
    }
    await passTo(dueAt + 4 * day);
    for (const student of clients.values())
      if (!behaviour(Number(student.user.slice(1)), a).works)
        expect((await student.post(`/v1/assignments/${id}/handins`)).status).toBe(403);

    const rows = (await instructor.get(`/v1/assignments/${id}/handins?limit=1000`)).body.items;
    expect(rows).toHaveLength(students);
    const expected = new Map<string, Expected>();
    for (const n of clients.keys()) {
      const { handsInAfter, works } = behaviour(n, a);
      const late = handsInAfter !== undefined && handsInAfter > 0 ? handsInAfter * 3_600 : 0;
      const reason = handsInAfter === undefined ? 'captured' : late > 0 ? 'late' : 'on-time';
      const final = Math.max(0, 8 - late / 3_600);
      expected.set(`s${n}`, { reason, late, final: works ? final : null });
    }
    for (const row of rows) {
      const wanted = expected.get(row.student)!;
      expect({ student: row.student, reason: row.reason, late: row.late }).toEqual({
        student: row.student,
        reason: wanted.reason,
        late: wanted.late,
      });
      const n = Number(row.student.slice(1));
      const text = behaviour(n, a).works ? `answer of ${n} to ${a}` : `task ${a}`;
      if (n % 25 === 0)
        expect((await instructor.get(`/v1/handins/${row.id}/files/${folder}/answer.md`)).text).toBe(text);
      if (!behaviour(n, a).works) continue;
      const graded = await instructor.put(`/v1/handins/${row.id}/grade`, {
        score: 8,
        outOf: 10,
        comment: '',
      });
      expect(graded.body.final).toBe(wanted.final);
    }
    const graded = [...clients.keys()].find((n) => behaviour(n, a).works)!;
    const student = clients.get(graded)!;
    const own = (await student.get(`/v1/assignments/${id}/handins`)).body.items[0];
    expect((await student.get(`/v1/handins/${own.id}/feedback`)).status).toBe(404);
    await instructor.post(`/v1/assignments/${id}/release`);
    expect((await student.get(`/v1/handins/${own.id}/feedback`)).body.grade).toMatchObject({ score: 8 });
    const table = (await instructor.get(`/v1/assignments/${id}/grades`)).body.items;
    for (const row of table)
      expect(row.final, `${row.student} in ${a}`).toBe(expected.get(row.student)!.final);
    expect((await instructor.get(`/v1/assignments/${id}/audit/verify`)).body.ok).toBe(true);
    const trail = (await instructor.get(`/v1/assignments/${id}/audit`)).text.trim().split('\n');
    expect(trail.filter((line) => JSON.parse(line).action === 'hand-in')).toHaveLength(
      events.filter((event) => event.handsIn).length,
    );
  }

  const { keys } = (await world.anonymous('GET', '/v1/keys')).body;
  const key = await importJWK(keys[0]);
  for (const receipt of receipts) await compactVerify(receipt, key);
  expect(receipts.length).toBeGreaterThan(800);
}, 300_000);
