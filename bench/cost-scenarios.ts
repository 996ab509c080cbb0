// The work that is priced. Each part is done on one machine at a size that takes seconds, metered, and multiplied to the
// size that is asked about; how far is said beside it.

import { listDistributions } from '../core/ops/distribution-views.ts';
import { type Ask, openApi } from './api.ts';
import { type Class, distributeAll, openClass, untilOver } from './class.ts';
import { pathOf } from './content.ts';
import { type Bench, openBench } from './harness.ts';
import { Meter, meteredPorts, timesUnits, type Units } from './meter.ts';
import { assumed } from './prices.ts';

export interface Part {
  readonly what: string;
  /** How often, or for how many, it was done here, and how often it is asked about. */
  readonly measured: number;
  readonly wanted: number;
  /** Of what was measured. */
  readonly units: Units;
}

export interface Sizes {
  /** Students of the 10,000 who are there when the distribution is measured. */
  readonly students: number;
}

interface Course extends Class {
  readonly bench: Bench;
  readonly meter: Meter;
  readonly ask: Ask;
}

async function openMetered(files: number, students: number): Promise<Course & AsyncDisposable> {
  const meter = new Meter();
  const bench = await openBench((ports) => meteredPorts(ports, meter));
  const { space, instances } = await openClass(bench, files, students);
  return {
    bench,
    meter,
    space,
    instances,
    ask: openApi(bench, meter),
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

const text = (nth: number): string => `# Work ${nth}\n\n${'All work and no play. '.repeat(180)}\n`;

/** A part that is `measured` times `work`, of `wanted`. */
async function part(
  { meter }: Course,
  what: string,
  [measured, wanted]: readonly [number, number],
  work: (nth: number) => Promise<unknown>,
): Promise<Part> {
  meter.take();
  for (let nth = 0; nth < measured; nth++) await work(nth);
  return { what, measured, wanted, units: meter.take() };
}

/** One push of all there is to all: prepare, the batches, finish; and a Map around the batches. */
async function push({ bench, meter, space }: Course): Promise<Units> {
  meter.take();
  const { batches = 1 } = await distributeAll({ ...bench, ports: bench.backend.ports }, space);
  const units = meter.take();
  // Lambdas that begin together know no pages yet and may make the same merge.
  const cold = timesUnits(units, assumed.stepsAtOnce);
  return {
    ...units,
    pageReads: cold.pageReads,
    pageWrites: cold.pageWrites,
    requests: 1,
    stepRuns: batches + 1,
    transitions: batches + 2,
  };
}

export async function oneDistribution({ students }: Sizes): Promise<Part[]> {
  await using course = await openMetered(1_000, students);
  const units = await push(course);
  return [
    { what: '1,000 entries to students who touched nothing', measured: students, wanted: 10_000, units },
  ];
}

/** 100 days of 20 saves of 4 KiB, in an instance of 1,000 entries. */
export async function semesterOfSaving(): Promise<Part[]> {
  await using course = await openMetered(1_000, 1);
  await push(course);
  const [{ user, instanceId } = undefined as never] = course.instances;
  return [
    await part(course, 'saves of a file', [200, 2_000], (nth) =>
      course.ask(user, 'PUT', `/v1/instances/${instanceId}/files/${pathOf((nth * 37) % 1_000)}`, text(nth)),
    ),
  ];
}

const students = 30;
const all = 300;
const weeks = 14;
const assignments = 6;

export async function courseOf300(): Promise<Part[]> {
  await using course = await openMetered(200, 0);
  const { ask, space, meter } = course;
  const master = `/v1/instances/${space.masterInstanceId}`;
  const members = Array.from({ length: students }, (_, nth) => ({
    user: `student-${nth + 1}`,
    role: 'student',
  }));
  meter.take();
  const added = await ask('teacher', 'POST', `/v1/spaces/${space.id}/members`, { members });
  const enrolled = { what: 'students enrolled', measured: students, wanted: all, units: meter.take() };
  const { instances } = added as Class;
  const nthStudent = (nth: number) => instances[nth % students]!;
  const material = await part(course, "the week's 20 files saved", [20, 20 * weeks], (nth) =>
    ask('teacher', 'PUT', `${master}/files/week-1/${nth}.md`, text(nth)),
  );
  const given = {
    what: 'weekly distributions, by student',
    measured: students,
    wanted: all * weeks,
    units: await push(course),
  };
  const saved = await part(course, 'saves by students (200 each)', [300, 200 * all], (nth) =>
    ask(
      nthStudent(nth).user,
      'PUT',
      `/v1/instances/${nthStudent(nth).instanceId}/files/${pathOf(nth % 200)}`,
      text(nth),
    ),
  );
  const read = await part(course, 'files read by students (20 a week)', [300, 20 * weeks * all], (nth) =>
    ask(
      nthStudent(nth).user,
      'GET',
      `/v1/instances/${nthStudent(nth).instanceId}/states/current/files/week-1/${nth % 20}.md`,
    ),
  );
  return [enrolled, material, given, saved, read, ...(await assigned({ ...course, instances }))];
}

async function assigned(course: Course): Promise<Part[]> {
  const { ask, meter, instances } = course;
  const [opened, id] = await openAssignment(course);
  const handIns: string[] = [];
  const handedIn = await part(
    course,
    'hand-ins with receipts',
    [students, assignments * all],
    async (nth) => {
      const { id: handIn } = await ask(instances[nth]!.user, 'POST', `/v1/assignments/${id}/handins`, {});
      handIns.push(handIn);
    },
  );
  const graded = await part(course, 'grades', [students, assignments * all], (nth) =>
    ask('teacher', 'PUT', `/v1/handins/${handIns[nth]}/grade`, { score: 5, outOf: 6, comment: 'Well done.' }),
  );
  meter.take();
  await ask('teacher', 'POST', `/v1/assignments/${id}/release`, {});
  const released = {
    what: 'releases, by student',
    measured: students,
    wanted: assignments * all,
    units: meter.take(),
  };
  return [opened, handedIn, graded, released];
}

/** An assignment, from its creation to the end of its first distribution. Its timer looks three times in its life. */
async function openAssignment({ ask, bench, meter, space }: Course): Promise<readonly [Part, string]> {
  meter.take();
  const { id } = await ask('teacher', 'POST', `/v1/spaces/${space.id}/assignments`, {
    title: 'Bench',
    source: { instance: space.masterInstanceId, state: 'current' },
    submission: { files: [pathOf(0), pathOf(1), pathOf(2)] },
    dueAt: new Date(Date.now() + 86_400_000).toISOString(),
  });
  await bench.backend.workflows.idle();
  const call = { ...bench.call, ports: bench.backend.ports };
  const [opening] = (await listDistributions(call, space.id, undefined, 1)).items;
  const { batches = 1 } = await untilOver(bench.backend.ports, opening!.id);
  const looks = 3;
  const units = { ...meter.take(), stepRuns: batches + 1 + looks, transitions: batches + 2 + 3 * looks };
  return [
    { what: 'assignments opened, by student', measured: students, wanted: assignments * all, units },
    id,
  ] as const;
}
