// Courses with an assignment, and a clock that a test moves.

import { afterAll, beforeAll, expect } from 'vitest';
import { type Client, type CourseWorld, openCourse, openWorld, type Reply, type World } from './world.ts';

export const hour = 3_600_000;
export const at = (ms: number): string => new Date(ms).toISOString();

export interface Open {
  readonly course: CourseWorld;
  // biome-ignore lint/suspicious/noExplicitAny: what the server answers
  readonly assignment: any;
  readonly due: number;
}

export interface Classroom {
  clock: number;
  readonly world: World;
  /** Moves the clock and lets what has come due by then happen. */
  passTo(time: number): Promise<void>;
  settle(): Promise<void>;
  /** A course with one assignment that is open: `task.md` to fill in, due in a day, closed a day later. */
  opened(students: number, more?: Record<string, unknown>): Promise<Open>;
}

/** One world for the tests of a file. */
export function classroom(start: string): Classroom {
  let world: World;
  const room: Classroom = {
    clock: Date.parse(start),
    get world() {
      return world;
    },
    async passTo(time) {
      room.clock = Math.max(room.clock, time);
      await room.settle();
    },
    async settle() {
      for (let round = 0; round < 3; round++) {
        world.backend.workflows.wake();
        await world.backend.workflows.idle();
      }
    },
    async opened(students, more = {}) {
      const course = await openCourse(world, students);
      await course.instructor.save(course.master, 'hw/task.md', 'your answer here');
      const due = room.clock + 24 * hour;
      const created = await course.instructor.post(`/v1/spaces/${course.space}/assignments`, {
        title: 'Homework',
        source: { instance: course.master, items: [{ kind: 'file', prefix: 'hw/' }] },
        submission: { files: ['hw/task.md'] },
        dueAt: at(due),
        closesAt: at(due + 24 * hour),
        ...more,
      });
      expect(created.status, created.text).toBe(201);
      await room.settle();
      return { course, assignment: created.body, due };
    },
  };
  beforeAll(async () => {
    world = await openWorld({ now: () => room.clock });
  });
  afterAll(() => world[Symbol.asyncDispose]());
  return room;
}

export const handIn = (client: Client, id: string, body: object = {}): Promise<Reply> =>
  client.post(`/v1/assignments/${id}/handins`, body);

export const change = (client: Client, id: string, patch: object): Promise<Reply> =>
  client.send('PATCH', `/v1/assignments/${id}`, { json: patch });

/** A line for each student or group, in the order of their names. */
export async function counted(client: Client, id: string) {
  const { items } = (await client.get(`/v1/assignments/${id}/handins?which=counted&limit=1000`)).body;
  return items.sort((a: { student: string }, b: { student: string }) => a.student.localeCompare(b.student));
}

/** Puts a student into a group, or out of it with null. */
export const regroup = ({ course }: Open, user: string, group: string | null): Promise<Reply> =>
  course.instructor.post(`/v1/spaces/${course.space}/members`, {
    members: [{ user, role: 'student', group }],
  });

export const override = ({ course, assignment }: Open, subject: string, dates: object): Promise<Reply> =>
  course.instructor.put(`/v1/assignments/${assignment.id}/overrides/${subject}`, {
    reason: 'agreed',
    ...dates,
  });
