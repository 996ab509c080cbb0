// States by time, differences between states, and the journal that carries them, over HTTP.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keys, partitions } from '../../core/model/keys.ts';
import { day, everyItem, expectFault, expectProblem, newProject, standingClock } from '../support/http.ts';
import {
  type Client,
  type CourseWorld,
  distribute,
  openCourse,
  openWorld,
  sha256,
  type World,
} from '../support/world.ts';

const clock = standingClock('2026-11-23T10:00:00.000Z');

let world: World;
let course: CourseWorld;
let client: Client;
let instance: string;

beforeAll(async () => {
  world = await openWorld({ now: clock.now, settings: { historySeconds: 30 * 86_400 } });
  course = await openCourse(world, 1);
  client = course.instructor;
});
beforeEach(async () => {
  clock.ahead(1_000);
  instance = await newProject(client, course.space);
});
afterAll(() => world[Symbol.asyncDispose]());

describe('the state at a time', () => {
  const at = (ms: number) => `at:${new Date(ms).toISOString()}`;
  const readAt = async (state: string, path = 'a.md') =>
    client.get(`/v1/instances/${instance}/states/${encodeURIComponent(state)}/files/${path}`);

  it('is what was current then', async () => {
    const begin = clock.now();
    clock.ahead(60_000);
    await client.save(instance, 'a.md', 'one');
    clock.ahead(60_000);
    await client.save(instance, 'a.md', 'two');
    clock.ahead(60_000);
    await client.save(instance, 'b.md', 'three');
    const times: [ms: number, a: string | undefined][] = [
      [begin, undefined],
      [begin + 59_999, undefined],
      [begin + 60_000, 'one'],
      [begin + 60_001, 'one'],
      [begin + 119_999, 'one'],
      [begin + 120_000, 'two'],
      [begin + 180_000, 'two'],
      [begin + 999_999_999, 'two'],
    ];
    for (const [ms, content] of times) {
      const reply = await readAt(at(ms));
      expect([ms, reply.status === 404 ? undefined : reply.text]).toEqual([ms, content]);
    }
    expect(await client.list(instance, at(begin + 150_000))).toEqual({ 'file:a.md': sha256('two') });
    expect(await client.list(instance, at(begin))).toEqual({});
  });

  it('may be written in any zone and with any precision', async () => {
    clock.ahead(60_000);
    await client.save(instance, 'a.md', 'one');
    const text = clock.text();
    const seconds = text.replace('.000Z', 'Z');
    const zoned = new Date(clock.now() + 5.5 * 3_600_000).toISOString().replace('.000Z', '+05:30');
    for (const time of [text, seconds, zoned, seconds.toLowerCase(), text.replace('Z', '000000Z')])
      expect([time, (await readAt(`at:${time}`)).text]).toEqual([time, 'one']);
    const raw = await client.get(`/v1/instances/${instance}/states/at:${text}/files/a.md`);
    expect(raw.text).toBe('one');
  });

  it('before the instance was made is not found', async () => {
    const made = clock.now();
    expectProblem(await readAt(at(made - 1)), 404, 'not-found');
    expect((await client.get(`/v1/instances/${instance}/states/${at(made - 1)}/entries`)).status).toBe(404);
    expect((await client.get(`/v1/instances/${instance}/states/${at(made)}/entries`)).status).toBe(200);
  });

  it('beyond the history window is gone, and says since when states are kept', async () => {
    await client.save(instance, 'a.md', 'old');
    const old = clock.now();
    clock.ahead(day);
    await client.save(instance, 'a.md', 'newer');
    expect((await readAt(at(old))).text).toBe('old');
    clock.ahead(29 * day);
    expect((await readAt(at(old))).text).toBe('old');
    clock.ahead(day + 1);
    const problem = expectProblem(await readAt(at(old)), 410, 'gone');
    expect(problem.detail).toContain(new Date(clock.now() - 30 * day).toISOString());
    expectProblem(await client.post(`/v1/instances/${instance}/restore`, { state: at(old) }), 410, 'gone');
    expectProblem(await client.get(`/v1/instances/${instance}/diff?from=${at(old)}`), 410, 'gone');
    expect((await readAt(at(old + day))).text).toBe('newer');
    expect(await client.read(instance, 'a.md')).toBe('newer');
  });

  it('that was kept by a snapshot stays in the snapshot', async () => {
    await client.save(instance, 'a.md', 'old');
    const { id } = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'S' })).body;
    await client.save(instance, 'a.md', 'new');
    clock.ahead(400 * day);
    expect(await client.read(instance, 'a.md', id)).toBe('old');
  });

  it.each([
    'at:',
    'at:yesterday',
    'at:2026-11-23',
    'at:2026-11-23T10:00:00',
    'at:2026-11-23 10:00:00Z',
    'at:2026-13-45T99:99:99Z',
    'at:1795428000000',
    'at:Infinity',
    'Current',
    'latest',
    'ins_00000000000000000000000000',
    '\u0000',
  ])('%j is no state', async (state) => {
    expectFault(await readAt(state), 400, 'bad-input', 'state');
    const diff = await client.get(`/v1/instances/${instance}/diff?from=${encodeURIComponent(state)}`);
    expectFault(diff, 400, 'bad-input', 'from');
  });

  it('named by a snapshot that is not there is not found', async () => {
    expectProblem(await readAt('snp_00000000000000000000000000'), 404, 'not-found');
  });
});

describe('a difference', () => {
  const diff = (query: string) => client.get(`/v1/instances/${instance}/diff?${query}`);
  const snapshot = async (name = 'S') =>
    (await client.post(`/v1/instances/${instance}/snapshots`, { name })).body.id as string;
  const lines = (items: { kind: string; path: string; change: string }[]) =>
    items.map(({ kind, path, change }) => `${change} ${kind} ${path}`);

  it('between a snapshot and now tells what was added, removed and modified', async () => {
    await client.save(instance, 'kept.md', 'same');
    await client.save(instance, 'gone.md', 'x');
    await client.save(instance, 'edited.md', 'one');
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:1' });
    const from = await snapshot();
    await client.delete(`/v1/instances/${instance}/files/gone.md`);
    await client.save(instance, 'edited.md', 'twice');
    await client.save(instance, 'fresh.md', 'new');
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:2' });
    const { body } = await diff(`from=${from}`);
    expect(lines(body.items)).toEqual([
      'modified app lab',
      'modified file edited.md',
      'added file fresh.md',
      'removed file gone.md',
    ]);
    expect(body.next).toBeNull();
    expect(body.items[1]).toEqual({
      kind: 'file',
      path: 'edited.md',
      change: 'modified',
      from: expect.objectContaining({ size: 3, sha256: sha256('one') }),
      to: expect.objectContaining({ size: 5, sha256: sha256('twice') }),
    });
    expect(body.items[2]).not.toHaveProperty('from');
    expect(body.items[3]).not.toHaveProperty('to');
    const back = await diff(`from=current&to=${from}`);
    expect(lines(back.body.items)).toEqual([
      'modified app lab',
      'modified file edited.md',
      'removed file fresh.md',
      'added file gone.md',
    ]);
  });

  it('of a state from itself is nothing', async () => {
    await client.save(instance, 'a.md', 'x');
    expect((await diff('from=current&to=current')).body).toEqual({ items: [], next: null });
  });

  it('between two instances needs leave to read both', async () => {
    await client.save(instance, 'a.md', 'mine');
    const other = await newProject(client, course.space, { from: { instance, state: 'current' } });
    await client.save(other, 'b.md', 'theirs');
    expect(lines((await diff(`from=current&toInstance=${other}`)).body.items)).toEqual(['added file b.md']);
    const secret = await newProject(client, course.space, { viewers: ['vic'] });
    const vic = await world.client('vic');
    const asked = await vic.get(`/v1/instances/${secret}/diff?from=current&toInstance=${instance}`);
    expectProblem(asked, 404, 'not-found');
    expectProblem(await diff('from=current&toInstance=ins_00000000000000000000000000'), 404, 'not-found');
    expectProblem(await diff('from=current&toInstance=x'), 404, 'not-found');
    expectProblem(await diff(`from=current&to=${await snapshot()}&toInstance=${other}`), 404, 'not-found');
  });

  it('comes in pages: each line once', async () => {
    const from = await snapshot();
    const ops = Array.from({ length: 60 }, (_, i) => ({
      op: 'copy',
      kind: 'file',
      from: { path: 'a.md' },
      to: `n/${i}`,
    }));
    await client.save(instance, 'a.md', 'x');
    await client.post(`/v1/instances/${instance}/changes`, { ops });
    const whole = await everyItem(client, `/v1/instances/${instance}/diff?from=${from}`, 1_000);
    expect(whole).toHaveLength(61);
    for (const limit of [1, 7, 60, 61])
      expect(await everyItem(client, `/v1/instances/${instance}/diff?from=${from}`, limit)).toEqual(whole);
  });

  it('needs to know from where', async () => {
    expectFault(await diff('to=current'), 400, 'bad-input', 'from');
    expectFault(await diff('from=current&to=then'), 400, 'bad-input', 'to');
    expectFault(await diff('from=current&limit=0'), 400, 'bad-input', 'limit');
  });
});

describe('the journal', () => {
  const journal = (query = '') => everyItem(client, `/v1/instances/${instance}/journal${query}`, 1_000);
  const verify = async () => (await client.get(`/v1/instances/${instance}/journal/verify`)).body;

  it('tells who did what, when and why, each entry chained to the one before', async () => {
    const start = clock.text();
    await client.save(instance, 'a.md', 'one');
    clock.ahead(5_000);
    const { id } = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'First' })).body;
    await client.save(instance, 'a.md', 'two');
    await client.post(`/v1/instances/${instance}/restore`, { state: id });
    await client.delete(`/v1/instances/${instance}/snapshots/${id}`);
    const items = await journal();
    expect(items.map(({ action }) => action)).toEqual([
      'create',
      'save',
      'snapshot',
      'save',
      'restore',
      'snapshot-deleted',
    ]);
    for (const [index, item] of items.entries()) {
      expect(item).toMatchObject({
        version: index + 1,
        sequence: index + 1,
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        actor: 'ines',
        cause: expect.stringMatching(/./),
        root: expect.stringMatching(/^[0-9a-f]{64}$/),
        delivered: expect.stringMatching(/^[0-9a-f]{64}$/),
        entries: index === 0 ? 0 : 1,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
      if (index > 0) expect(item.previous).toBe(items[index - 1].hash);
    }
    expect(items[1].at).toBe(start);
    expect(items[2]).toMatchObject({ cause: id, at: clock.text(), root: items[1].root });
    expect(items[4].root).toBe(items[1].root);
    expect(await verify()).toEqual({ ok: true, entries: 6 });
  });

  it('tells a distribution as the cause of what it did, with counts', async () => {
    await client.save(course.master, 'week.md', 'w');
    const { id } = await distribute(client, {
      source: { instance: course.master, items: [{ state: 'current', kind: 'file', path: 'week.md' }] },
      targets: { instances: [instance] },
    });
    expect((await journal()).at(-1)).toMatchObject({
      action: 'distribute',
      cause: id,
      counts: { created: 1, kept: 0 },
    });
  });

  it('comes in pages and after a version: each entry once', async () => {
    for (let i = 0; i < 12; i++) await client.save(instance, 'a.md', `${i}`);
    const whole = await journal();
    expect(whole).toHaveLength(13);
    for (const limit of [1, 4, 12, 13])
      expect(await everyItem(client, `/v1/instances/${instance}/journal`, limit)).toEqual(whole);
    expect(await journal('?after=10')).toEqual(whole.slice(10));
    expect(await everyItem(client, `/v1/instances/${instance}/journal?after=5`, 3)).toEqual(whole.slice(5));
    expect(await journal('?after=13')).toEqual([]);
    expect(await journal(`?after=${Number.MAX_SAFE_INTEGER}`)).toEqual([]);
  });

  it('never goes back in time, even when the clock does', async () => {
    const before = clock.text();
    clock.ahead(-60_000);
    await client.save(instance, 'a.md', 'x');
    clock.ahead(60_000);
    const items = await journal();
    expect(items.map(({ at }) => at)).toEqual([before, before]);
    expect(await verify()).toEqual({ ok: true, entries: 2 });
  });

  it('shows when an entry was altered, or one is missing', async () => {
    for (let i = 0; i < 5; i++) await client.save(instance, 'a.md', `${i}`);
    const { records } = world.backend.ports;
    const key = keys.journal(partitions.instance(instance), 3);
    const kept = (await records.get<{ actor: string }>(key))!.value;
    await records.write([{ put: key, value: { ...kept, actor: 'someone else' } }]);
    expect(await verify()).toEqual({ ok: false, entries: 2, brokenAt: 3 });
    await records.write([{ delete: key }]);
    expect(await verify()).toEqual({ ok: false, entries: 2, brokenAt: 3 });
    await records.write([{ put: key, value: kept }]);
    expect(await verify()).toEqual({ ok: true, entries: 6 });
  });

  it('refuses what it does not understand', async () => {
    const cursor = (text: string) => Buffer.from(text).toString('base64url');
    for (const [query, pointer] of [
      ['after=-1', 'after'],
      ['after=x', 'after'],
      ['after=1.5', 'after'],
      ['limit=1001', 'limit'],
      ['since=1', 'since'],
      [`cursor=${cursor('x')}`, 'cursor'],
      [`cursor=${cursor('-1')}`, 'cursor'],
      [`cursor=${cursor('1e3')}`, 'cursor'],
    ])
      expectFault(await client.get(`/v1/instances/${instance}/journal?${query}`), 400, 'bad-input', pointer!);
  });
});
