// What every row is measured with: a backend of one machine on a temporary directory whose ports count, workflows
// included, and the lines that rows answer. Counted calls are what no noise of the machine moves.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Counts, countedPorts } from '../adapters/counted.ts';
import { type LocalBackend, openLocal } from '../adapters/local/open.ts';
import { type Call, newCall } from '../core/ops/call.ts';
import type { Ports } from '../core/ports.ts';
import { workflows } from '../workflows/definitions.ts';

/** What a line must meet, and whether it does. */
export interface Target {
  readonly says: string;
  readonly met: boolean;
}

/** One line of the table. */
export interface Line {
  readonly what: string;
  readonly size: string;
  readonly ms?: number;
  /** The processor time of this process in that: what other work on the machine moves least. */
  readonly cpuMs?: number;
  /** What else was found, in words. */
  readonly found?: string;
  readonly calls?: Readonly<Record<string, number>>;
  readonly targets?: readonly Target[];
}

export interface Row {
  readonly name: string;
  readonly run: (setting: Setting) => AsyncIterable<Line>;
}

export interface Setting {
  /** The size that is wanted; a tenth of it with `--quick`. */
  readonly scaled: (size: number) => number;
}

export const teacher = { user: 'teacher', manager: true } as const;

const daySeconds = 86_400;
export const settings = { historySeconds: 30 * daySeconds, graceSeconds: 7 * daySeconds };

export interface Bench extends AsyncDisposable {
  readonly directory: string;
  readonly backend: LocalBackend;
  readonly ports: Ports;
  readonly counts: Counts;
  readonly call: Call;
  /** The same ports with nothing cached, as after a start. */
  cold(): Call;
}

/** `wrap` may put something of its own around the ports, steps of workflows included. */
export async function openBench(wrap: (ports: Ports) => Ports = (ports) => ports): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), 'handout-bench-'));
  const counts = new Counts();
  let ports: Ports | undefined;
  const counted = (plain: Ports): Ports => {
    ports ??= wrap(withRecordKinds(countedPorts(plain, counts), counts));
    return ports;
  };
  const backend = await openLocal({ directory, settings, workflows: steppingOn(counted) });
  return {
    directory,
    backend,
    ports: counted(backend.ports),
    counts,
    call: newCall(counted(backend.ports), teacher),
    cold: () => newCall(wrap(withRecordKinds(countedPorts(backend.ports, counts), counts)), teacher),
    async [Symbol.asyncDispose]() {
      await backend[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The workflows with steps that work on `counted` ports; the backend would give them plain ones. */
function steppingOn(counted: (plain: Ports) => Ports): Parameters<typeof openLocal>[0]['workflows'] {
  const named = Object.entries(workflows).map(([name, { asl, steps }]) => {
    const stepping = Object.entries(steps).map(
      ([step, run]) => [step, (plain: Ports, input: unknown) => run(counted(plain), input)] as const,
    );
    return [name, { asl, steps: Object.fromEntries(stepping) }] as const;
  });
  return Object.fromEntries(named);
}

/** Counts written records by kind too: the word with which their sort begins. */
function withRecordKinds(ports: Ports, counts: Counts): Ports {
  const { records } = ports;
  const write: Ports['records']['write'] = (batch, ...how) => {
    for (const item of batch) {
      const { sort } = 'put' in item ? item.put : 'delete' in item ? item.delete : item.check;
      counts.add(`${'check' in item ? 'check' : 'write'} ${sort.split('#', 1)[0]}`);
    }
    return records.write(batch, ...how);
  };
  return {
    ...ports,
    records: {
      get: (key) => records.get(key),
      getMany: (keys) => records.getMany(keys),
      query: (query) => records.query(query),
      write,
    },
  };
}

export interface Measured<T> {
  readonly ms: number;
  readonly cpuMs: number;
  readonly calls: Record<string, number>;
  readonly result: T;
}

/** How long some work takes, and what it asks of the ports. */
export async function measured<T>({ counts }: Bench, work: () => Promise<T>): Promise<Measured<T>> {
  counts.reset();
  const began = performance.now();
  const cpu = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  const ms = performance.now() - began;
  return { ms, cpuMs: (user + system) / 1_000, calls: counts.asObject(), result };
}

/** The median time of some runs, with the calls of the run that made most. */
export async function medianOf<T>(
  bench: Bench,
  runs: number,
  work: (nth: number) => Promise<T>,
): Promise<Measured<T>> {
  const all: Measured<T>[] = [];
  for (let nth = 0; nth < runs; nth++) all.push(await measured(bench, () => work(nth)));
  const byCalls = [...all].sort((a, b) => sumOf(a.calls) - sumOf(b.calls));
  const { calls, result } = byCalls.at(-1)!;
  const ms = median(all.map((one) => one.ms));
  return { ms, cpuMs: median(all.map((one) => one.cpuMs)), calls, result };
}

export const median = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;

export const sumOf = (calls: Readonly<Record<string, number>>): number =>
  Object.values(calls).reduce((sum, count) => sum + count, 0);

/** Calls of a port by the beginning of their name, such as `blobs.`. */
export const callsTo = (calls: Readonly<Record<string, number>>, name: string): number =>
  sumOf(Object.fromEntries(Object.entries(calls).filter(([call]) => call.startsWith(name))));

/** Calls divided by the number of requests that made them. */
export const perRequest = (
  calls: Readonly<Record<string, number>>,
  requests: number,
): Record<string, number> =>
  Object.fromEntries(Object.entries(calls).map(([call, count]) => [call, count / requests]));

export const target = (says: string, met: boolean): Target => ({ says, met });

export const whole = (n: number): string => Math.round(n).toLocaleString('en-US');
export const exact = (n: number, digits = 2): string => Number(n.toFixed(digits)).toLocaleString('en-US');
