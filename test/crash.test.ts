// The real server, killed at random moments and started again on its directory: what was asked for is done, wholly and
// once, whatever the moment. (`crash-distribution.test.ts` kills a hundred times.)

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SpaceEvent } from '../core/model/journal.ts';
import { partitions, prefixes } from '../core/model/keys.ts';
import { verifyJournalOf } from '../core/ops/journal.ts';
import { inParallel } from '../core/ops/retry.ts';
import { random } from './support/chance.ts';
import { everyItem, noise, upload } from './support/http.ts';
import { ServerProcess } from './support/server-process.ts';
import { type Client, openWorld, untilOver, type World } from './support/world.ts';

let directory: string;
let server: ServerProcess;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'handout-crash-'));
  server = new ServerProcess(directory);
  await server.start();
});

afterEach(async ({ task }) => {
  await server[Symbol.asyncDispose]();
  if (task.result?.state === 'fail') console.log(server.output);
  rmSync(directory, { recursive: true, force: true });
});

/** The directory as the last kill left it, looked at within this process. */
async function afterwards(look: (world: World) => Promise<void>): Promise<void> {
  await server[Symbol.asyncDispose]();
  const world = await openWorld({ directory });
  await look(world);
  await world[Symbol.asyncDispose]();
}

/** Kills the server at each of these moments, one after the other, while `work` goes on; answers what that made. */
async function withKills<T>(
  moments: readonly (() => Promise<unknown>)[],
  work: () => Promise<T>,
): Promise<T> {
  const working = work();
  working.catch(() => {});
  for (const moment of moments) {
    await moment();
    await server.killAndRestart();
  }
  return working;
}

/** Some time soon. */
const within = (ms: number) => () => pause(random() * ms);

let keys = 0;
const newKey = () => ({ 'idempotency-key': `key ${++keys}` });

async function newCourse(instructor: Client, students: number) {
  const space = (await instructor.post('/v1/spaces', { name: 'Course', kind: 'course' }, newKey())).body;
  const members = Array.from({ length: students }, (_, i) => ({ user: `s${i}`, role: 'student' }));
  const added = await instructor.post(`/v1/spaces/${space.id}/members`, { members }, newKey());
  const instances = added.body.instances.map(
    ({ instanceId }: { instanceId: string }) => instanceId,
  ) as string[];
  return {
    space: space.id as string,
    master: space.masterInstanceId as string,
    distributed: space.distributedInstanceId as string,
    instances,
  };
}

const expectSound = async (world: World, client: Client, space: string) => {
  const instances = await everyItem(client, `/v1/spaces/${space}/instances`, 1_000);
  for (const { id, entries, bytes } of instances) {
    const verdict = await client.get(`/v1/instances/${id}/journal/verify`);
    expect(verdict.body, id).toMatchObject({ ok: true });
    const items = await everyItem(client, `/v1/instances/${id}/states/current/entries`, 1_000);
    expect(items).toHaveLength(entries);
    expect(items.reduce((sum, item) => sum + item.size, 0)).toBe(bytes);
  }
  const events = await eventsOf(world, space);
  const { ports } = world.backend;
  expect(await verifyJournalOf(ports, space, partitions.space(space))).toMatchObject({ ok: true });
  return { instances, events };
};

const eventsOf = async (world: World, space: string): Promise<SpaceEvent[]> => {
  const { records } = world.backend.ports;
  const found = await records.query<SpaceEvent>({
    partition: partitions.space(space),
    prefix: prefixes.journal,
  });
  return found.map(({ value }) => value);
};

it('a distribution under way ends completed, with each target applied exactly once and the right counts', async () => {
  const students = 200;
  const editors = 20;
  const instructor = await server.client('ines', true);
  const course = await newCourse(instructor, students);
  const targets = [course.distributed, ...course.instances];
  const give = (safetySnapshots: boolean) =>
    instructor.post(
      '/v1/distributions',
      { source: { instance: course.master, state: 'current' }, targets: { all: true }, safetySnapshots },
      newKey(),
    );
  await instructor.save(course.master, 'plan.md', 'round 0');
  await instructor.save(course.master, 'data.csv', 'x');
  const started = performance.now();
  await untilOver(instructor, (await give(true)).body.id);
  const undisturbedMs = performance.now() - started;
  await inParallel(course.instances.slice(0, 100), 8, (instance, i) =>
    instructor.save(instance, 'own.md', `own ${i}`),
  );
  await inParallel(course.instances.slice(0, editors), 8, (instance, i) =>
    instructor.save(instance, 'plan.md', `answer ${i}`),
  );

  const distributions: string[] = [];
  const rounds = 4;
  for (let round = 1; round <= rounds; round++) {
    await instructor.save(course.master, 'plan.md', `round ${round}`);
    const somewhere = targets[Math.floor(random() * targets.length)]!;
    const { version } = (await instructor.get(`/v1/instances/${somewhere}`)).body;
    const arrival = async () => {
      while ((await instructor.get(`/v1/instances/${somewhere}`)).body.version === version);
    };
    // Once as it reaches some target, and every other time soon after it began or went on.
    const moments = [...(round % 2 ? [within(undisturbedMs)] : []), arrival];
    const reply = await withKills(moments, () => give(round % 3 !== 0));
    expect(reply.status, reply.text).toBe(202);
    const done = await untilOver(instructor, reply.body.id);
    distributions.push(done.id);
    expect(done).toMatchObject({
      status: 'completed',
      progress: { total: students + 1, done: students + 1, failed: 0 },
    });
    expect(done.totals).toEqual({
      created: 0,
      updated: students + 1 - editors,
      same: students + 1,
      kept: 0,
      renamed: editors,
      replaced: 0,
      deleted: 0,
    });
  }

  await afterwards(async (world) => {
    const client = await world.client('ines', true);
    const { events } = await expectSound(world, client, course.space);
    expect(
      events
        .filter(({ action }) => action === 'distribute')
        .map(({ cause }) => cause)
        .slice(1),
    ).toEqual(distributions);
    for (const [nth, instance] of targets.entries()) {
      const journal = await everyItem(client, `/v1/instances/${instance}/journal`, 1_000);
      const causes = journal
        .filter(({ action }) => action === 'distribute')
        .map(({ cause }) => cause)
        .slice(-rounds);
      expect(causes, `target ${nth}`).toEqual(distributions);
      const edited = nth >= 1 && nth <= editors;
      expect(await client.read(instance, 'plan.md')).toBe(edited ? `answer ${nth - 1}` : `round ${rounds}`);
      const copies = Object.keys(await client.list(instance)).filter((name) => name.includes('(handout '));
      expect(copies).toHaveLength(edited ? rounds : 0);
      const snapshots = await everyItem(client, `/v1/instances/${instance}/snapshots`, 1_000);
      expect(snapshots).toHaveLength(1 + rounds - Math.floor(rounds / 3));
    }
  });
}, 240_000);

it('uploads, changes, members, snapshots, tables and instances: nothing lost, nothing half done, nothing twice', async () => {
  const instructor = await server.client('ines', true);
  const course = await newCourse(instructor, 1);
  const { master, space } = course;
  const rounds = 12;
  const csv = { 'content-type': 'text/csv' };
  await instructor.send('PUT', `/v1/instances/${master}/tables/log`, { body: 'round\n', headers: csv });
  await instructor.save(master, 'counter.md', '0');

  const ok = async (status: number, reply: ReturnType<Client['post']>) => {
    const { status: given, text, body } = await reply;
    expect(given, text).toBe(status);
    return body;
  };
  const content = (round: number, nth: number) => noise(20_000, round * 10 + nth);

  const uploading = async () => {
    for (let round = 0; round < rounds; round++) {
      const files = [0, 1].map((nth) => ({ path: `up/${round}-${nth}.bin`, parts: [content(round, nth)] }));
      const id = await upload(instructor, master, files);
      const ops = [
        ...files.map(({ path }) => ({ op: 'put', path })),
        { op: 'copy', from: { path: 'counter.md' }, to: `copy/${round}.md` },
      ];
      await ok(200, instructor.post(`/v1/instances/${master}/changes`, { upload: id, ops }, newKey()));
    }
  };
  const enrolling = async () => {
    for (let round = 0; round < rounds; round++) {
      const members = Array.from({ length: 12 }, (_, i) => ({
        user: `r${round}-${i}`,
        role: 'student',
        ...(i < 3 && { group: `team ${round}` }),
      }));
      const added = await ok(200, instructor.post(`/v1/spaces/${space}/members`, { members }, newKey()));
      expect(added).toMatchObject({ added: 12, updated: 0, unchanged: 0 });
    }
  };
  const snapping = async () => {
    for (let round = 0; round < rounds; round++) {
      const name = `snapshot ${round}`;
      const snapshot = await ok(
        201,
        instructor.post(`/v1/instances/${master}/snapshots`, { name }, newKey()),
      );
      expect(snapshot.name).toBe(name);
      await ok(
        201,
        instructor.post(
          `/v1/spaces/${space}/instances`,
          { name: `project ${round}`, from: { instance: master, state: snapshot.id } },
          newKey(),
        ),
      );
    }
  };
  const logging = async () => {
    const rows = `/v1/instances/${master}/tables/log/rows`;
    for (let round = 0; round < rounds; round++)
      await ok(
        200,
        instructor.send('POST', rows, { body: `round\n${round}\n`, headers: { ...csv, ...newKey() } }),
      );
  };
  const saving = async () => {
    for (let round = 0; round < rounds; round++)
      expect([200, 201]).toContain((await instructor.save(master, `saved/${round}.md`, `${round}`)).status);
  };
  await withKills(Array(7).fill(within(900)), () =>
    Promise.all([uploading(), enrolling(), snapping(), logging(), saving()]),
  );

  await afterwards(async (world) => {
    const client = await world.client('ines', true);
    const { instances, events } = await expectSound(world, client, space);
    const each = Array.from({ length: rounds }, (_, round) => round);

    const names = Object.keys(await client.list(master)).map((name) => name.replace('file:', ''));
    const wanted = each.flatMap((round) => [
      `up/${round}-0.bin`,
      `up/${round}-1.bin`,
      `copy/${round}.md`,
      `saved/${round}.md`,
    ]);
    expect(names.filter((name) => name.includes('/')).sort()).toEqual(wanted.sort());
    for (const round of each)
      for (const nth of [0, 1]) {
        const { bytes } = await client.get(
          `/v1/instances/${master}/states/current/files/up/${round}-${nth}.bin`,
        );
        expect(Buffer.compare(bytes, content(round, nth))).toBe(0);
      }
    const rows = await client.get(`/v1/instances/${master}/states/current/tables/log/rows?limit=1000`);
    const logged = rows.body.items.map((row: { round: number }) => Number(row.round));
    expect(logged).toEqual(each);
    const snapshots = await everyItem(client, `/v1/instances/${master}/snapshots`, 1_000);
    expect(snapshots.map(({ name }) => name)).toEqual(each.map((round) => `snapshot ${round}`));
    const journal = await everyItem(client, `/v1/instances/${master}/journal`, 1_000);
    expect(journal).toHaveLength(1 + 2 + rounds * 4);
    expect(new Set(journal.map(({ cause }) => cause)).size).toBe(journal.length);

    const named = (kind: string) =>
      instances.filter((instance) => instance.kind === kind).map(({ name }) => name);
    expect(named('project').sort()).toEqual(each.map((round) => `project ${round}`).sort());
    expect(named('group').sort()).toEqual(each.map((round) => `team ${round}`).sort());
    expect(named('student')).toHaveLength(1 + rounds * 9);
    const members = await everyItem(client, `/v1/spaces/${space}/members`, 1_000);
    expect(members).toHaveLength(2 + rounds * 12);
    const enrolled = events.flatMap(({ action, details }) =>
      action === 'members' ? (details as { users: { user: string }[] }).users : [],
    );
    expect(enrolled.map(({ user }) => user).sort()).toEqual(
      members
        .map(({ user }) => user)
        .filter((user) => user !== 'ines')
        .sort(),
    );
    expect(events.filter(({ action }) => action === 'instance-created')).toHaveLength(rounds);
  });
}, 240_000);
