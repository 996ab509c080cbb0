// A request of the space that was done, but whose answer was lost before it was written down: asked again with the same
// Idempotency-Key it is answered alike, and no journal has it twice. (`crash.test.ts` does so to a real process.)

import { afterAll, beforeAll, expect, it } from 'vitest';
import { keys, partitions, prefixes } from '../../core/model/keys.ts';
import { everyItem, expectProblem } from '../support/http.ts';
import {
  type CourseWorld,
  distribute,
  openCourse,
  openWorld,
  type Reply,
  untilOver,
  type World,
} from '../support/world.ts';

let world: World;
let course: CourseWorld;
beforeAll(async () => {
  world = await openWorld();
  course = await openCourse(world, 3);
  await course.instructor.save(course.master, 'a.md', '1');
  await course.instructor.save(course.master, 'b.md', '1');
});
afterAll(() => world[Symbol.asyncDispose]());

let made = 0;
const newKey = () => `key ${++made}`;

/** Forgets the answer that was kept under a key, as if the process had ended right before writing it down. */
async function loseAnswer(key: string): Promise<void> {
  const { records } = world.backend.ports;
  const record = (await records.get<{ answer?: unknown }>(keys.request('ines', key)))!;
  expect(record.value.answer).toBeDefined();
  const { answer: _, ...claim } = record.value;
  await records.write([{ put: record, value: claim }]);
}

/** Everything that was ever done in the course. */
async function history(): Promise<unknown> {
  const { records } = world.backend.ports;
  const events = await records.query({ partition: partitions.space(course.space), prefix: prefixes.journal });
  const instances = await everyItem(course.instructor, `/v1/spaces/${course.space}/instances`, 1_000);
  const journals = [];
  for (const { id } of instances)
    journals.push(
      await everyItem(course.instructor, `/v1/instances/${id}/journal`, 1_000),
      await everyItem(course.instructor, `/v1/instances/${id}/snapshots`, 1_000),
    );
  return { instances, journals, events: events.map(({ value }) => value) };
}

/** Sends a request, loses its answer, does what else happens `meanwhile`, and sends it again. */
async function twice(
  path: string,
  json: unknown,
  meanwhile: (first: Reply) => Promise<unknown> = async () => {},
): Promise<[first: Reply, second: Reply]> {
  const key = newKey();
  const send = () => course.instructor.post(path, json, { 'idempotency-key': key });
  const first = await send();
  expect(first.status, first.text).toBeLessThan(300);
  await loseAnswer(key);
  await meanwhile(first);
  const before = await history();
  const second = await send();
  expect(second.status, second.text).toBe(first.status);
  expect(await history()).toEqual(before);
  return [first, second];
}

const inSpace = (rest: string) => (): string => `/v1/spaces/${course.space}/${rest}`;
const members = [
  { user: 'n1', role: 'student' },
  { user: 'n2', role: 'student', group: 'team' },
  { user: 'n3', role: 'student', group: 'team' },
  { user: 'g', role: 'grader' },
];

const requests: [name: string, path: () => string, json: () => unknown][] = [
  ['members', inSpace('members'), () => ({ members })],
  [
    'members who are there, with a new name',
    inSpace('members'),
    () => ({ members: members.slice(0, 2).map((one) => ({ ...one, name: 'Nora' })) }),
  ],
  [
    'an instance',
    inSpace('instances'),
    () => ({ name: 'Project', from: { instance: course.master, state: 'current' } }),
  ],
  [
    'a plan',
    () => '/v1/distributions/plan',
    () => ({ source: { instance: course.master, state: 'current' }, targets: { all: true } }),
  ],
];

it.each(requests)('%s', async (_, path, json) => {
  const [first, second] = await twice(path(), json());
  expect(second.body).toEqual(first.body);
});

it('a distribution, though the stage was emptied and the class has moved on meanwhile', async () => {
  await course.instructor.put(`/v1/instances/${course.master}/stage`, {
    items: [{ kind: 'file', path: 'a.md' }],
  });
  const wanted = { source: { instance: course.master, stage: true }, targets: { all: true } };
  const [first, second] = await twice('/v1/distributions', wanted, async ({ body }) => {
    await untilOver(course.instructor, body.id);
    await course.instructor.delete(`/v1/instances/${course.master}/stage`);
    await course.instructor.save(course.master, 'a.md', 'moved on');
  });
  expect(second.body).toMatchObject({ id: first.body.id, order: first.body.order, status: 'completed' });
  expectProblem(await course.instructor.post('/v1/distributions', wanted), 422, 'impossible');
});

it('a distribution that follows a plan, though its targets are no longer as planned: it has reached them', async () => {
  const source = { instance: course.master, state: 'current' };
  const plan = (await course.instructor.post('/v1/distributions/plan', { source, targets: { all: true } }))
    .body;
  const [first, second] = await twice('/v1/distributions', { plan: plan.id }, ({ body }) =>
    untilOver(course.instructor, body.id),
  );
  expect(second.body).toMatchObject({ id: first.body.id, status: 'completed', totals: plan.totals });
  expectProblem(await course.instructor.post('/v1/distributions', { plan: plan.id }), 412, 'moved');
});

it('a recall and an undo', async () => {
  await course.instructor.save(course.master, 'recalled.md', '1');
  const source = { instance: course.master, items: [{ kind: 'file', path: 'recalled.md' }] };
  const done = await distribute(course.instructor, { source, targets: { all: true } });
  const over = ({ body }: Reply) => untilOver(course.instructor, body.id);
  const items = [{ kind: 'file', path: 'recalled.md' }];
  for (const [path, json] of [
    [`/v1/distributions/${done.id}/undo`, {}],
    [`/v1/spaces/${course.space}/recalls`, { items, from: 'students' }],
  ] as const) {
    const [first, second] = await twice(path, json, over);
    expect(second.body.id).toBe(first.body.id);
  }
});
