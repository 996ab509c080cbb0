// `Idempotency-Key`: a POST may be sent again, by a client that lost the answer or by two at once, and is done once.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '../../core/model/keys.ts';
import {
  announcement,
  day,
  everyItem,
  expectFault,
  expectProblem,
  newProject,
  standingClock,
} from '../support/http.ts';
import {
  type Client,
  type CourseWorld,
  openCourse,
  openWorld,
  type Reply,
  sha256,
  type World,
} from '../support/world.ts';

const clock = standingClock('2026-11-23T10:00:00.000Z');

let world: World;
let course: CourseWorld;
let client: Client;
let instance: string;
let snapshot: string;

beforeAll(async () => {
  world = await openWorld({ now: clock.now });
  course = await openCourse(world, 0);
  client = course.instructor;
});
beforeEach(async () => {
  clock.ahead(1_000);
  course = await openCourse(world, 0);
  instance = await newProject(client, course.space);
  await client.save(instance, 'a.md', 'one');
  await client.send('PUT', `/v1/instances/${instance}/tables/t`, {
    body: 'n\n0\n',
    headers: { 'content-type': 'text/csv' },
  });
  snapshot = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'Base' })).body.id;
  await client.save(instance, 'a.md', 'two');
});
afterAll(() => world[Symbol.asyncDispose]());

let serial = 0;
const newKey = () => `key-${serial++}`;
const post = (path: string, json: unknown, key: string, by = client): Promise<Reply> =>
  by.post(path, json, { 'idempotency-key': key });

interface Posting {
  readonly path: () => string;
  readonly body: () => unknown;
  readonly other: () => unknown;
  /** How many of its things there are, and how many more it makes. */
  readonly count: () => Promise<number>;
  readonly makes: number;
}

const instanceJournal = async () =>
  (await everyItem(client, `/v1/instances/${instance}/journal`, 1_000)).length;
const listed = async (path: string) => (await everyItem(client, path, 1_000)).length;

const postings: Record<string, Posting> = {
  'a space': {
    path: () => '/v1/spaces',
    body: () => ({ name: 'New', kind: 'course' }),
    other: () => ({ name: 'Other', kind: 'course' }),
    count: () => listed('/v1/spaces'),
    makes: 1,
  },
  members: {
    path: () => `/v1/spaces/${course.space}/members`,
    body: () => ({ members: [{ user: 'anna', role: 'student' }] }),
    other: () => ({ members: [{ user: 'ben', role: 'student' }] }),
    count: () => listed(`/v1/spaces/${course.space}/instances`),
    makes: 1,
  },
  'an instance': {
    path: () => `/v1/spaces/${course.space}/instances`,
    body: () => ({ name: 'New', editors: ['eva'], from: { instance } }),
    other: () => ({ name: 'Other' }),
    count: () => listed(`/v1/spaces/${course.space}/instances`),
    makes: 1,
  },
  'an upload': {
    path: () => `/v1/instances/${instance}/uploads`,
    body: () => announcement([{ path: 'x', parts: [Buffer.from('x')] }]),
    other: () => announcement([{ path: 'y', parts: [Buffer.from('y')] }]),
    count: async () => 0,
    makes: 0,
  },
  'a change': {
    path: () => `/v1/instances/${instance}/changes`,
    body: () => ({ ops: [{ op: 'copy', kind: 'file', from: { path: 'a.md' }, to: 'copy.md' }] }),
    other: () => ({ ops: [{ op: 'copy', kind: 'file', from: { path: 'a.md' }, to: 'other.md' }] }),
    count: instanceJournal,
    makes: 1,
  },
  rows: {
    path: () => `/v1/instances/${instance}/tables/t/rows`,
    body: () => ({ from: { path: 'rows.csv' } }),
    other: () => ({ from: { path: 'other.csv' } }),
    count: async () => (await client.get(`/v1/instances/${instance}/states/current/tables/t`)).body.rows,
    makes: 1,
  },
  'a snapshot': {
    path: () => `/v1/instances/${instance}/snapshots`,
    body: () => ({ name: 'New' }),
    other: () => ({ name: 'Other' }),
    count: () => listed(`/v1/instances/${instance}/snapshots`),
    makes: 1,
  },
  'a restore': {
    path: () => `/v1/instances/${instance}/restore`,
    body: () => ({ state: snapshot }),
    other: () => ({ state: snapshot, safetySnapshot: false }),
    count: async () => (await instanceJournal()) + (await listed(`/v1/instances/${instance}/snapshots`)),
    makes: 2,
  },
};

describe.each(Object.entries(postings))('%s', (_, { path, body, other, count, makes }) => {
  beforeEach(async () => {
    await client.save(instance, 'rows.csv', 'n\n1\n');
    await client.save(instance, 'other.csv', 'n\n2\n');
  });
  const successful = (reply: Reply) => {
    expect(reply.status, reply.text).toBeLessThan(300);
    return reply;
  };

  it('sent again with its key gets the same answer, and is done once', async () => {
    const [key, sent] = [newKey(), body()];
    const first = successful(await post(path(), sent, key));
    const after = await count();
    clock.ahead(60_000);
    const second = await post(path(), sent, key);
    expect([second.status, second.body]).toEqual([first.status, first.body]);
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(await count()).toBe(after);
  });

  it('with the key of another body is refused', async () => {
    const key = newKey();
    successful(await post(path(), body(), key));
    const after = await count();
    expectProblem(await post(path(), other(), key), 422, 'key-reused');
    expect(await count()).toBe(after);
  });

  it('sent by several at the same time is done once, with one answer', async () => {
    const [key, sent, before] = [newKey(), body(), await count()];
    const replies = await Promise.all(Array.from({ length: 5 }, () => post(path(), sent, key)));
    const { status, body: answer } = successful(replies[0]!);
    for (const reply of replies) expect([reply.status, reply.body]).toEqual([status, answer]);
    expect(await count()).toBe(before + makes);
  });

  it('whose first try was cut off before the answer is done once all the same', async () => {
    const [key, sent] = [newKey(), body()];
    const first = successful(await post(path(), sent, key));
    const after = await count();
    // What a crash between the deed and its answer leaves behind: the claim of the key, and no answer.
    const { records } = world.backend.ports;
    const claim = (await records.get<{ answer?: unknown }>(keys.request('ines', key)))!;
    const { answer: _lost, ...rest } = claim.value;
    await records.write([{ put: keys.request('ines', key), value: rest }]);
    const second = successful(await post(path(), sent, key));
    expect(await count()).toBe(after);
    const { added: _a, unchanged: _u, files: _f, ...same } = first.body;
    expect(second.body).toMatchObject(same);
  });
});

describe('a key', () => {
  const take = (key: string, by = client, name = 'New') =>
    post(`/v1/instances/${instance}/snapshots`, { name }, key, by);

  it('belongs to its user', async () => {
    await client.put(`/v1/instances/${instance}/roles/otto`, { role: 'editor' });
    const key = newKey();
    const mine = await take(key);
    const theirs = await take(key, await world.client('otto'));
    expect(theirs.status).toBe(201);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  it('belongs to its path', async () => {
    const key = newKey();
    await take(key);
    const elsewhere = await newProject(client, course.space);
    expectProblem(
      await post(`/v1/instances/${elsewhere}/snapshots`, { name: 'New' }, key),
      422,
      'key-reused',
    );
  });

  it('is forgotten after a day', async () => {
    const key = newKey();
    const first = await take(key);
    clock.ahead(day - 1);
    expect((await take(key)).body.id).toBe(first.body.id);
    clock.ahead(1);
    const later = await take(key, client, 'Another');
    expect(later.status).toBe(201);
    expect(later.body.id).not.toBe(first.body.id);
  });

  it('has 1 to 200 characters', async () => {
    expect((await take('k'.repeat(200))).status).toBe(201);
    expectFault(await take('k'.repeat(201)), 400, 'bad-input', 'Idempotency-Key');
    expectFault(await take(''), 400, 'bad-input', 'Idempotency-Key');
  });

  it('of a request that was refused may be used when it can be done', async () => {
    const key = newKey();
    const copy = { ops: [{ op: 'copy', kind: 'file', from: { path: 'later.md' }, to: 'copy.md' }] };
    const send = () => post(`/v1/instances/${instance}/changes`, copy, key);
    expectProblem(await send(), 404, 'not-found');
    await client.save(instance, 'later.md', 'text');
    expect((await send()).status).toBe(200);
    expect(await client.list(instance)).toMatchObject({ 'file:copy.md': sha256('text') });
    await client.delete(`/v1/instances/${instance}/files/copy.md`);
    expect((await send()).status).toBe(200);
    expect(await client.read(instance, 'copy.md')).toBeUndefined();
  });

  it('holds for an answer of any length', async () => {
    const members = Array.from({ length: 1_200 }, (_, i) => ({
      user: `${'u'.repeat(240)}${i}`,
      role: 'student',
    }));
    const key = newKey();
    const path = `/v1/spaces/${course.space}/members`;
    const first = await post(path, { members }, key);
    expect(first.text.length).toBeGreaterThan(300_000);
    expect((await post(path, { members }, key)).body).toEqual(first.body);
  });
});
