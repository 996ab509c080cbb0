// A hundred kills at random moments of distributions to 1,000 students: while one starts again, finds its targets,
// applies them, and adds up. In the end each target has each distribution once, and the counts are those of the journals.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalBackend, openLocal } from '../adapters/local/open.ts';
import { type DistributionStatus, distributionStatuses, isOver } from '../core/model/distribution.ts';
import type { InstanceEntry, SpaceEvent } from '../core/model/journal.ts';
import { partitions, prefixes } from '../core/model/keys.ts';
import type { Snapshot } from '../core/model/snapshot.ts';
import type { Space } from '../core/model/space.ts';
import { addCounts, noCounts } from '../core/model/strategy.ts';
import { newCall } from '../core/ops/call.ts';
import { getDistribution } from '../core/ops/distribution-views.ts';
import { putFile } from '../core/ops/files.ts';
import { verifyJournalOf } from '../core/ops/journal.ts';
import { addMembers } from '../core/ops/members.ts';
import { eachRecord } from '../core/ops/paging.ts';
import { createSpace } from '../core/ops/spaces.ts';
import { readerOf } from '../core/tree/reader.ts';
import { scan } from '../core/tree/walk.ts';
import { workflows } from '../workflows/definitions.ts';
import { random } from './support/chance.ts';
import { hasSafetySnapshots, isEditor, settings, teacher } from './support/crash-distribution.ts';

const students = 1_000;
const kills = 100;

/** What a process says, in this order. */
const places = ['start', 'distributePrepare', 'distributeBatch', 'distributeFinish'];

/** Where a process is killed, or further on, how much later at the most, and up to which draw this is chosen. */
const moments = [
  { place: 'start', withinMs: 200, upTo: 0.86 },
  { place: 'distributePrepare', withinMs: 30, upTo: 0.92 },
  { place: 'distributeFinish', withinMs: 8, upTo: 1 },
] as const;

const folder = mkdtempSync(join(tmpdir(), 'handout-crash-'));
const directory = join(folder, 'data');
const program = join(folder, 'program.mjs');
let space: Space;
/** Distributed, then the students. */
let targets: string[];
const editors = new Set<string>();

beforeAll(async () => {
  // One file starts four times as fast as the sources.
  buildSync({
    entryPoints: [fileURLToPath(new URL('support/crash-distribution.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    banner: { js: `import { createRequire } from 'node:module'; const require = createRequire('/');` },
  });
  await using backend = await openLocal({ directory, settings, workflows });
  const call = newCall(backend.ports, teacher);
  const members = Array.from({ length: students }, (_, nth) => ({
    user: `s${nth}`,
    role: 'student' as const,
  }));
  space = await createSpace(call, 'Course', 'course');
  const { instances } = await addMembers(call, space, members);
  targets = [space.distributedInstanceId!, ...instances.map(({ instanceId }) => instanceId)];
  const save = (instance: string, path: string, text: string) =>
    putFile(call, instance, { path, bytes: new TextEncoder().encode(text) });
  await save(space.masterInstanceId, 'data.csv', 'x');
  for (const { user, instanceId } of instances) {
    if (!isEditor(user)) continue;
    editors.add(instanceId);
    await save(instanceId, 'plan.md', user);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Distributions of rounds that are over. */
const past = new Set<string>();
let lives = 0;

interface Said {
  readonly what: string;
  readonly distribution: string;
}

/** Runs the program until it ends or, at a random moment, is killed; answers what it said. */
async function live(round: number): Promise<Said[]> {
  const draw = random();
  const { place, withinMs } = moments.find(({ upTo }) => draw < upTo)!;
  const delay = random() * withinMs;
  const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') };
  const args = [program, directory, space.id, String(round), String(lives++)];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const said: Said[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [what = '', distribution = ''] = line.split(' ');
    if (past.has(distribution)) continue; // the end of an earlier round was not written down before a kill
    said.push({ what, distribution });
    if (what === 'over') child.kill('SIGKILL');
    if (places.indexOf(what) >= places.indexOf(place)) void pause(delay).then(() => child.kill('SIGKILL'));
  }
  const [code] = await ended;
  expect(code ?? 0, 'it ended by itself, and badly').toBe(0);
  return said;
}

/** Lets processes live and die until the round is over; answers what those killed while it was under way were at. */
async function untilOver(round: number): Promise<string[]> {
  const struck: string[] = [];
  const unsure: string[] = [];
  for (let accepted = false; ; ) {
    const said = await live(round);
    const found = said.find(({ what }) => (distributionStatuses as readonly string[]).includes(what));
    if (found && isOver(found.what as DistributionStatus)) {
      past.add(found.distribution);
      return struck;
    }
    if (found) struck.push(...unsure.splice(0));
    accepted ||= said.some(({ distribution }) => distribution !== '');
    // Whether it was still under way when this kill struck, a next process finds out.
    if (accepted) unsure.push(said.at(-1)!.what);
  }
}

async function valuesOf<T>({ ports }: LocalBackend, partition: string, prefix: string): Promise<T[]> {
  const found: T[] = [];
  for await (const { value } of eachRecord<T>(ports.records, { partition, prefix })) found.push(value);
  return found;
}

it('100 kills: each target is applied exactly once, and the counts are right', async () => {
  const struck: string[] = [];
  let rounds = 0;
  const missed = () => moments.some(({ place }) => !struck.includes(place));
  while (struck.length < kills || missed()) struck.push(...(await untilOver(++rounds)));
  const byPlace = Object.groupBy(struck, (what) => what);
  const tally = Object.entries(byPlace).map(([what, all]) => `${what}: ${all!.length}`);
  console.log(`${struck.length} kills in ${lives} lives and ${rounds} rounds, after ${tally.join(', ')}`);

  await using backend = await openLocal({ directory, settings, workflows });
  const { ports } = backend;
  const events = await valuesOf<SpaceEvent>(backend, partitions.space(space.id), prefixes.journal);
  const given = events.filter(({ action }) => action === 'distribute').map(({ cause }) => cause);
  expect(given).toHaveLength(rounds);
  expect(new Set(given).size).toBe(rounds);
  expect(await verifyJournalOf(ports, space.id, partitions.space(space.id))).toMatchObject({ ok: true });

  const totals = new Map(given.map((id) => [id, noCounts()]));
  for (const [nth, instance] of targets.entries()) {
    const partition = partitions.instance(instance);
    expect(await verifyJournalOf(ports, instance, partition)).toMatchObject({ ok: true });
    const journal = await valuesOf<InstanceEntry>(backend, partition, prefixes.journal);
    const entries = journal.filter(({ action }) => action === 'distribute');
    expect(
      entries.map(({ cause }) => cause),
      `target ${nth}`,
    ).toEqual(given);
    for (const { cause, counts } of entries) addCounts(totals.get(cause)!, counts!);
    const snapshots = await valuesOf<Snapshot>(backend, partition, prefixes.snapshot);
    const kept = entries.filter((_, i) => hasSafetySnapshots(i + 1)).map(({ sequence }) => sequence - 1);
    expect(snapshots.map(({ version }) => version).sort((a, b) => a - b)).toEqual(kept);
    let copies = 0;
    for await (const { key } of scan(readerOf(ports.pages), journal.at(-1)!.root))
      if (key.includes('(handout ')) copies++;
    expect(copies, `target ${nth}`).toBe(editors.has(instance) ? rounds : 0);
  }
  for (const id of given) {
    expect(await getDistribution(ports, id)).toMatchObject({
      status: 'completed',
      progress: { total: targets.length, done: targets.length, failed: 0 },
      totals: totals.get(id),
    });
  }
}, 300_000);
