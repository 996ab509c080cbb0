// The step of `workflows/assignment.asl.json`: does what has come due by now, and says when to look again. However late
// it runs, what it captures is exact: the journal as of each student's own due date.

import { type Assignment, type Dates, effectiveDates, type Override } from '../model/assignment.ts';
import type { Distribution } from '../model/distribution.ts';
import type { HandIn } from '../model/hand-in.ts';
import { makeId } from '../model/ids.ts';
import { keys } from '../model/keys.ts';
import type { Instance } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import { digestOf, hexToBytes } from '../tree/digest.ts';
import { markOpened, overridesOf } from './assignments.ts';
import { type Call, systemCall } from './call.ts';
import { classOf, rowOf, rowsOf } from './class-list.ts';
import { enqueue } from './distribution-queue.ts';
import { publish } from './events.ts';
import { captureMoment, handInWrites, submittedFiles } from './hand-in.ts';
import { append, entryAt } from './journal.ts';
import { inParallel } from './retry.ts';

export interface NextLook {
  readonly done: boolean;
  /** When to look again. */
  readonly until?: string;
}

/** `generation` is that of the timer: an older one than the assignment's does nothing. */
export async function actOnDates(ports: Ports, id: string, generation: number): Promise<NextLook> {
  const found = (await ports.records.get<Assignment>(keys.assignment(id)))?.value;
  if (!found || found.deletedAt || found.generation !== generation) return { done: true };
  const call = systemCall(ports, found.createdBy);
  const overrides = await overridesOf(ports, id);
  const now = ports.now();
  const assignment = await openDue(call, found, overrides, now);
  if (anyPassed(assignment, overrides, 'dueAt', now)) await captureClass(call, assignment, overrides);
  await remind(ports, assignment, now);
  const next = instantsOf(assignment, overrides).find((instant) => instant > now);
  return next === undefined ? { done: true } : { done: false, until: new Date(next).toISOString() };
}

const allDates = (assignment: Assignment, overrides: readonly Override[]): Dates[] => [
  assignment,
  ...[...new Set(overrides.map((override) => override.instanceId))].map((instance) =>
    effectiveDates(
      assignment,
      overrides.filter((override) => override.instanceId === instance),
    ),
  ),
];

const anyPassed = (
  assignment: Assignment,
  overrides: readonly Override[],
  field: 'opensAt' | 'dueAt',
  now: number,
): boolean => allDates(assignment, overrides).some((dates) => Date.parse(dates[field]) < now);

/** Every moment at which something comes due, in order: the moment after a due second, when it is over. */
function instantsOf(assignment: Assignment, overrides: readonly Override[]): number[] {
  const instants = allDates(assignment, overrides).flatMap((dates) => [
    Date.parse(dates.opensAt),
    captureMoment(dates) + 1,
    ...(dates.closesAt === null ? [] : [captureMoment({ ...dates, dueAt: dates.closesAt }) + 1]),
  ]);
  return [...instants, soonOf(assignment)].sort((a, b) => a - b);
}

const soonOf = ({ dueAt, dueSoonSeconds }: Assignment): number => Date.parse(dueAt) - dueSoonSeconds * 1_000;

/** Hands the material out: to all at the class' opening, before it to those whose own opening is earlier. */
async function openDue(
  call: Call,
  assignment: Assignment,
  overrides: readonly Override[],
  now: number,
): Promise<Assignment> {
  if (assignment.distributionId) return assignment;
  if (Date.parse(assignment.opensAt) <= now) {
    const { id } = await distributeTo(call, assignment, 'all');
    await publish(call.ports, 'assignment.opened', {
      assignmentId: assignment.id,
      spaceId: assignment.spaceId,
    });
    return markOpened(call, assignment.id, id);
  }
  for (const instance of new Set(overrides.map((override) => override.instanceId))) {
    const own = overrides.filter((override) => override.instanceId === instance);
    if (Date.parse(effectiveDates(assignment, own).opensAt) <= now)
      await distributeTo(call, assignment, instance);
  }
  return assignment;
}

/** The same assignment is given to the same target once: the id follows from both. */
function distributeTo(call: Call, assignment: Assignment, target: string): Promise<Distribution> {
  const { id, spaceId, payload, strategies, source, title, createdAt, createdBy } = assignment;
  const chance = hexToBytes(digestOf([id, 'open', target]));
  return enqueue(call, {
    id: makeId('distribution', Date.parse(createdAt), chance),
    kind: 'distribution',
    status: 'queued',
    runs: 1,
    spaceId,
    source,
    payload,
    strategies,
    targets: target === 'all' ? { all: true } : { instances: [target] },
    safetySnapshots: true,
    message: `Assignment: ${title}`,
    createdAt: new Date(call.ports.now()).toISOString(),
    createdBy,
  });
}

/** Captures, as of its own due date, every instance that handed nothing in by then. One that fails fails alone. */
async function captureClass(
  call: Call,
  assignment: Assignment,
  overrides: readonly Override[],
): Promise<void> {
  if (!assignment.capture) return;
  const failures: unknown[] = [];
  await inParallel(await classOf(call.ports, assignment.spaceId), 32, (instance) =>
    captureOne(call, assignment, overrides, instance).catch((error: unknown) => failures.push(error)),
  );
  if (failures.length > 0)
    console.error(`${failures.length} captures of ${assignment.id} failed`, failures[0]);
}

async function captureOne(
  call: Call,
  assignment: Assignment,
  overrides: readonly Override[],
  instance: Instance,
): Promise<void> {
  const { ports } = call;
  const { dates, reason } = await rowOf(ports, assignment, overrides, instance);
  if (captureMoment(dates) >= ports.now() || reason === 'on-time' || reason === 'captured') return;
  const chance = hexToBytes(digestOf([assignment.id, instance.id, dates.dueAt]));
  const id = makeId('handIn', Date.parse(dates.dueAt), chance);
  if (await ports.records.get(keys.handIn(id))) return;
  // The state is looked up at each try of the append: a save of the due second that came in between is in it.
  const entry = await append(call, instance.id, { action: 'capture', cause: id }, async (head) => {
    const captured = await captureAsOf(call, assignment, instance, dates, id);
    if (!captured) return undefined;
    const details = { assignment: assignment.id, asOf: dates.dueAt, version: captured.version };
    return { state: head, also: handInWrites(captured), details };
  });
  if (entry.cause !== id) return;
  await publish(ports, 'hand-in.captured', {
    assignmentId: assignment.id,
    instanceId: instance.id,
    handInId: id,
  });
}

async function captureAsOf(
  call: Call,
  assignment: Assignment,
  instance: Instance,
  dates: Dates,
  id: string,
): Promise<HandIn | undefined> {
  const state = (await entryAt(call.ports, instance.id, captureMoment(dates)))?.entry;
  if (!state) return undefined;
  const { files, complete } = await submittedFiles(call, state.root, assignment.submission);
  if (files.length === 0) return undefined;
  return {
    id,
    kind: 'capture',
    assignmentId: assignment.id,
    spaceId: assignment.spaceId,
    instanceId: instance.id,
    attempt: null,
    at: dates.dueAt,
    dueAt: dates.dueAt,
    late: 0,
    by: call.actor.user,
    root: state.root,
    version: state.sequence,
    files: files.map(({ file }) => file),
    ...(!complete && { filesOmitted: true }),
  };
}

/** Tells, once for each due date, that it is near, and who has not handed in yet. */
async function remind(ports: Ports, assignment: Assignment, now: number): Promise<void> {
  if (now < soonOf(assignment) || now >= Date.parse(assignment.dueAt) || !assignment.distributionId) return;
  const rows = await rowsOf(ports, assignment, await classOf(ports, assignment.spaceId));
  const waiting = rows.filter((row) => row.handIns.length === 0).map((row) => row.instance.id);
  const { id: assignmentId, spaceId, dueAt } = assignment;
  await publish(ports, 'assignment.due-soon', { assignmentId, spaceId, dueAt, waitingFor: waiting.length });
}
