// The step of `workflows/assignment.asl.json`: does what has come due by now, and says when to look again. However late
// it runs, what it captures is exact: the journal as of each student's own due date.

import {
  type Assignment,
  type Dates,
  effectiveDates,
  endOfSecond,
  type Override,
  openingId,
} from '../model/assignment.ts';
import type { Distribution } from '../model/distribution.ts';
import { type HandIn, summaryOf } from '../model/hand-in.ts';
import { makeId } from '../model/ids.ts';
import { keys } from '../model/keys.ts';
import type { Ports, RecordWrite } from '../ports.ts';
import { digestOf, hexToBytes } from '../tree/digest.ts';
import { findSpace } from './access.ts';
import { markOpened } from './assignments.ts';
import { type Call, systemCall } from './call.ts';
import { classOf, type Row, rowsOf } from './class-list.ts';
import { overridesByInstance, overridesOf } from './dates.ts';
import { enqueue } from './distribution-queue.ts';
import { publish } from './events.ts';
import { captureMoment, submittedFiles } from './hand-in.ts';
import { append, entryAt } from './journal.ts';
import { isInGrace } from './kept.ts';
import { inParallel } from './retry.ts';

const dayMs = 24 * 60 * 60 * 1_000;

export interface NextLook {
  readonly done: boolean;
  /** When to look again. */
  readonly until?: string;
}

/**
 * `generation` is that of the timer: an older one than the assignment's does nothing. With `once` it looks only now, beside
 * the timer.
 */
export async function actOnDates(
  ports: Ports,
  id: string,
  generation: number,
  once = false,
): Promise<NextLook> {
  const found = (await ports.records.get<Assignment>(keys.assignment(id)))?.value;
  if (!found || found.deletedAt || found.generation !== generation) return { done: true };
  const space = await findSpace(ports, found.spaceId);
  // It may be brought back: then its dates still hold.
  if (space?.deletedAt)
    return isInGrace(ports, space.deletedAt)
      ? { done: false, until: new Date(ports.now() + dayMs).toISOString() }
      : { done: true };
  const call = systemCall(ports, found.createdBy);
  const now = ports.now();
  const assignment = await openDue(call, found, now);
  const moments = momentsOf(assignment, await overridesOf(ports, id));
  if (moments.due.some((moment) => moment <= now)) await captureClass(call, assignment);
  await remind(ports, assignment, now);
  const next = Object.values(moments)
    .flat()
    .filter((moment) => moment > now)
    .sort((a, b) => a - b)[0];
  return next === undefined || once ? { done: true } : { done: false, until: new Date(next).toISOString() };
}

/**
 * Every moment at which something may come due, whoever is in which group by then: a date that holds for someone is one of
 * these. A due date and a close are over in the moment after their second.
 */
function momentsOf(assignment: Assignment, overrides: readonly Override[]) {
  const all = [assignment, ...overrides];
  const given = (field: keyof Dates): string[] => all.flatMap((dates) => dates[field] ?? []);
  const over = (date: string): number => endOfSecond(date) + 1;
  return {
    opens: given('opensAt').map((date) => Date.parse(date)),
    due: given('dueAt').map(over),
    closes: given('closesAt').map(over),
    soon: [soonOf(assignment)],
  };
}

const soonOf = ({ dueAt, dueSoonSeconds }: Assignment): number => Date.parse(dueAt) - dueSoonSeconds * 1_000;

/**
 * Hands the material out: to all at the class' opening, before it to those whose own opening is earlier. That it opens is
 * settled before it does, so that a change of the date and the timer cannot both have their way.
 */
async function openDue(call: Call, assignment: Assignment, now: number): Promise<Assignment> {
  const { ports } = call;
  const { distributionId } = assignment;
  if (!distributionId && Date.parse(assignment.opensAt) > now) {
    for (const [instance, own] of await overridesByInstance(ports, assignment))
      if (Date.parse(effectiveDates(assignment, own).opensAt) <= now)
        await distributeTo(call, assignment, instance);
    return assignment;
  }
  const id = openingId(assignment, 'all');
  const opened = distributionId ? assignment : await markOpened(call, assignment, id);
  if (!opened.distributionId || (await ports.records.get(keys.distribution(opened.distributionId))))
    return opened;
  const { id: assignmentId, spaceId } = assignment;
  await publish(ports, 'assignment.opened', { assignmentId, spaceId });
  await distributeTo(call, assignment, 'all');
  return opened;
}

/** The same assignment is given to the same target once: the id follows from both. */
function distributeTo(call: Call, assignment: Assignment, target: string): Promise<Distribution> {
  const { spaceId, payload, strategies, source, title, createdBy } = assignment;
  return enqueue(call, {
    id: openingId(assignment, target),
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
async function captureClass(call: Call, assignment: Assignment): Promise<void> {
  const { ports } = call;
  if (!assignment.capture) return;
  const rows = await rowsOf(ports, assignment, await classOf(ports, assignment.spaceId));
  const wanted = rows.filter(
    ({ dates, reason }) => captureMoment(dates) < ports.now() && (reason === 'missing' || reason === 'late'),
  );
  const failures: unknown[] = [];
  await inParallel(wanted, 32, (row) =>
    captureOne(call, assignment, row).catch((error: unknown) => failures.push(error)),
  );
  if (failures.length > 0)
    console.error(`${failures.length} captures of ${assignment.id} failed`, failures[0]);
}

async function captureOne(call: Call, assignment: Assignment, { place, dates }: Row): Promise<void> {
  const { ports } = call;
  const chance = hexToBytes(digestOf([assignment.id, place.id, dates.dueAt]));
  const id = makeId('handIn', Date.parse(dates.dueAt), chance);
  if (await ports.records.get(keys.handIn(id))) return;
  // The state is looked up at each try of the append: a save of the due second that came in between is in it.
  const entry = await append(call, place.id, { action: 'capture', cause: id }, async (head) => {
    const captured = await captureAsOf(call, assignment, place.id, dates, id);
    if (!captured) return undefined;
    const details = { assignment: assignment.id, asOf: dates.dueAt, version: captured.version };
    return { state: head, also: captureWrites(captured), details };
  });
  if (entry.cause !== id) return;
  await publish(ports, 'hand-in.captured', {
    assignmentId: assignment.id,
    instanceId: place.id,
    handInId: id,
  });
}

const captureWrites = (captured: HandIn): RecordWrite[] => [
  {
    put: keys.instanceCapture(captured.instanceId, captured.assignmentId, captured.dueAt),
    value: summaryOf(captured),
    if: 'absent',
  },
  { put: keys.handIn(captured.id), value: captured, if: 'absent' },
];

async function captureAsOf(
  call: Call,
  assignment: Assignment,
  instance: string,
  dates: Dates,
  id: string,
): Promise<HandIn | undefined> {
  const state = (await entryAt(call.ports, instance, captureMoment(dates)))?.entry;
  if (!state) return undefined;
  const { files, complete } = await submittedFiles(call, state.root, assignment.submission);
  if (files.length === 0) return undefined;
  return {
    id,
    kind: 'capture',
    assignmentId: assignment.id,
    spaceId: assignment.spaceId,
    instanceId: instance,
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

interface Reminder {
  /** How many had handed nothing in when the reminder was made. */
  readonly waitingFor: number;
  readonly told: boolean;
}

/** Tells, once for each due date, that it is near, and how many have not handed in yet. */
async function remind(ports: Ports, assignment: Assignment, now: number): Promise<void> {
  const { id: assignmentId, spaceId, dueAt, distributionId } = assignment;
  if (now < soonOf(assignment) || now >= Date.parse(dueAt) || !distributionId) return;
  const key = keys.reminder(assignmentId, dueAt);
  const reminder = (await ports.records.get<Reminder>(key))?.value ?? (await newReminder(ports, assignment));
  if (reminder.told) return;
  // Told again after a crash, it says the same, and so is the same event.
  const { waitingFor } = reminder;
  await publish(ports, 'assignment.due-soon', { assignmentId, spaceId, dueAt, waitingFor });
  await ports.records.write([{ put: key, value: { waitingFor, told: true } satisfies Reminder }]);
}

async function newReminder(ports: Ports, assignment: Assignment): Promise<Reminder> {
  const rows = await rowsOf(ports, assignment, await classOf(ports, assignment.spaceId));
  const waitingFor = rows.filter((row) => !row.latest).length;
  const reminder: Reminder = { waitingFor, told: false };
  await ports.records.write([
    { put: keys.reminder(assignment.id, assignment.dueAt), value: reminder, if: 'absent' },
  ]);
  return reminder;
}
