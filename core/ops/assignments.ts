// Assignments: creating, changing and ending them. Dates are acted on by `deadlines.ts`; overrides and hand-ins have their
// own files.

import { AppError, badInput, notFound } from '../errors.ts';
import {
  type Assignment,
  type Dates,
  faultOfDates,
  type LatePolicy,
  type Override,
  phaseAt,
  type Submission,
} from '../model/assignment.ts';
import type { SpaceAction } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { parsePath } from '../model/path.ts';
import type { Strategies } from '../model/strategy.ts';
import type { Ports, RecordWrite } from '../ports.ts';
import { authorizeInstance, getAssignment } from './access.ts';
import { type Call, nowText } from './call.ts';
import { anythingTakenIn } from './class-list.ts';
import { overridesOf } from './dates.ts';
import { appendToSpace, spaceEvent } from './journal.ts';
import { type Launch, launch, recordLaunch } from './launch.ts';
import { eachRecord, firstValues } from './paging.ts';
import { inParallel, untilSettled } from './retry.ts';
import { freeze, getStage, type StageItem } from './stage.ts';

export const assignmentWorkflow = 'assignment';

export interface AssignmentWanted {
  readonly title: string;
  readonly source: {
    readonly instance: string;
    readonly items?: readonly StageItem[];
    readonly stage?: true;
  };
  readonly strategies: Strategies;
  readonly submission: Submission;
  readonly opensAt?: string | undefined;
  readonly dueAt: string;
  readonly closesAt?: string | null | undefined;
  readonly capture: boolean;
  readonly attempts?: number | undefined;
  readonly sizeLimit?: number | undefined;
  readonly timeZone?: string | undefined;
  readonly latePolicy: LatePolicy;
  readonly dueSoonSeconds: number;
}

export type AssignmentStatus = 'scheduled' | 'open' | 'due' | 'closed' | 'released';

export const statusOf = (assignment: Assignment, nowMs: number): AssignmentStatus =>
  assignment.releasedAt ? 'released' : phaseAt(assignment, nowMs);

export async function createAssignment(
  call: Call,
  space: string,
  wanted: AssignmentWanted,
): Promise<Assignment> {
  const { ports } = call;
  const { source: from, opensAt, closesAt, attempts, sizeLimit, timeZone, ...rest } = wanted;
  const dates = checkDates(
    { opensAt: opensAt ?? nowText(call), dueAt: wanted.dueAt, closesAt: closesAt ?? null },
    ports,
  );
  const source = await authorizeInstance(call, 'instance.read', from.instance);
  if (source.spaceId !== space)
    throw badInput(
      '/source/instance',
      'The material of an assignment comes from its own space.',
      'impossible',
    );
  const { version, ...payload } = await freeze(
    call,
    source.id,
    from.items ?? (await getStage(call, source.id)),
  );
  const assignment: Assignment = {
    ...rest,
    ...dates,
    id: call.newId('assignment'),
    spaceId: space,
    source: { instanceId: source.id, version },
    payload,
    submission: checkSubmission(wanted.submission),
    attempts: attempts ?? null,
    sizeLimit: sizeLimit ?? null,
    timeZone: timeZone ?? null,
    generation: 1,
    createdAt: nowText(call),
    createdBy: call.actor.user,
  };
  const { id, title } = assignment;
  const details = { assignment: id, title, dates };
  const batch: RecordWrite[] = [
    { put: keys.assignment(id), value: assignment, if: 'absent' },
    { put: keys.spaceAssignment(space, id), value: id },
    recordLaunch(launchOf(assignment)),
  ];
  if (!(await ports.records.get(keys.assignment(id))))
    await appendToSpace(call, space, 'assignment', id, details, batch);
  await launch(ports, launchOf(assignment));
  return getAssignment(call, id);
}

const launchOf = ({ id, generation }: Assignment): Launch => ({
  workflow: assignmentWorkflow,
  id: `${id}-${generation}`,
  input: { assignment: id, generation },
});

/** Has what is due by now in all assignments of a space done, beside their timers: someone works elsewhere than before. */
export async function lookAgain(call: Call, space: string): Promise<void> {
  const query = { partition: partitions.space(space), prefix: prefixes.assignment };
  for await (const { value } of eachRecord<string>(call.ports.records, query)) {
    const { id, input } = launchOf(await getAssignment(call, value));
    const look = { workflow: assignmentWorkflow, id: `${id}-${call.id}`, input: { ...input, once: true } };
    await call.ports.records.write([recordLaunch(look)]);
    await launch(call.ports, look);
  }
}

/** `now` is the due date as it was: one that has passed may stay. */
function checkDates(dates: Dates, ports: Ports, now?: string): Dates {
  if (now !== dates.dueAt && Date.parse(dates.dueAt) <= ports.now())
    throw badInput('/dueAt', 'The due date lies in the past.', 'impossible');
  const fault = faultOfDates(dates);
  if (fault) throw badInput(`/${fault.field}`, fault.detail);
  return dates;
}

function checkSubmission(submission: Submission): Submission {
  if ('folder' in submission)
    return { folder: parsePath(submission.folder.replace(/\/$/, ''), '/submission/folder') };
  const files = submission.files.map((file, index) => parsePath(file, `/submission/files/${index}`));
  return { files: [...new Set(files)] };
}

export async function listAssignments(
  call: Call,
  space: string,
  after: string | undefined,
  limit: number,
): Promise<Assignment[]> {
  const query = { partition: partitions.space(space), prefix: prefixes.assignment };
  const ids = await firstValues<string>(call.ports.records, query, after, limit);
  return inParallel(ids, 16, (id) => getAssignment(call, id));
}

export interface AssignmentChange {
  readonly title?: string | undefined;
  readonly opensAt?: string | undefined;
  readonly dueAt?: string | undefined;
  readonly closesAt?: string | null | undefined;
  readonly capture?: boolean | undefined;
  readonly attempts?: number | null | undefined;
  readonly sizeLimit?: number | null | undefined;
  readonly latePolicy?: LatePolicy | undefined;
}

/** Changes an assignment; overrides do not move with its dates, so those there are are listed. */
export async function changeAssignment(
  call: Call,
  id: string,
  change: AssignmentChange,
): Promise<{ assignment: Assignment; overridesNotMoved: Override[] }> {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const moved = 'opensAt' in given || 'dueAt' in given || 'closesAt' in given;
  const assignment = await updateAssignment(call, id, 'assignment-changed', given, (now) => {
    // Captures that are wanted only now are made by a timer of their own, as of the due date all the same.
    const looksAgain = moved || (given.capture === true && !now.capture);
    const next = { ...now, ...given, generation: now.generation + (looksAgain ? 1 : 0) };
    if ('opensAt' in given && now.distributionId && given.opensAt !== now.opensAt)
      throw badInput('/opensAt', 'The assignment is open already.', 'impossible');
    if (moved) checkDates(next, call.ports, now.dueAt);
    return next;
  });
  const fields = (['opensAt', 'dueAt', 'closesAt'] as const).filter((field) => field in given);
  const overrides = moved ? await overridesOf(call.ports, id) : [];
  return {
    assignment,
    overridesNotMoved: overrides.filter((override) => fields.some((field) => override[field] !== undefined)),
  };
}

/**
 * Changes the record, journals it in the space, and starts timers anew when the generation rose. A `change` that answers
 * what it was given changes nothing.
 */
export async function updateAssignment(
  call: Call,
  id: string,
  action: SpaceAction,
  details: Readonly<Record<string, unknown>>,
  change: (now: Assignment) => Assignment,
  also: readonly RecordWrite[] = [],
): Promise<Assignment> {
  const { records } = call.ports;
  const changed = await untilSettled(async () => {
    const record = await records.get<Assignment>(keys.assignment(id));
    if (!record || record.value.deletedAt) throw notFound('assignment with that id');
    const next = change(record.value);
    if (next === record.value) return { next, later: false };
    const later = next.generation !== record.value.generation;
    const { write } = await spaceEvent(call, next.spaceId, action, id, { assignment: id, ...details });
    await records.write([
      write,
      { put: keys.assignment(id), value: next, if: { revision: record.revision } },
      ...(later ? [recordLaunch(launchOf(next))] : []),
      ...also,
    ]);
    return { next, later };
  });
  if (changed.later) await launch(call.ports, launchOf(changed.next));
  return changed.next;
}

export const nextGeneration = (now: Assignment): Assignment => ({ ...now, generation: now.generation + 1 });

/** Ends an assignment of which nothing was taken in. */
export async function deleteAssignment(call: Call, assignment: Assignment): Promise<void> {
  const { id, spaceId } = assignment;
  if (await anythingTakenIn(call.ports, assignment))
    throw new AppError('held', 'There are hand-ins or captures; an assignment that was answered is kept.');
  const end = (now: Assignment) => ({ ...nextGeneration(now), deletedAt: nowText(call) });
  await updateAssignment(call, id, 'assignment-deleted', {}, end, [
    { delete: keys.spaceAssignment(spaceId, id) },
  ]);
}

export const markReleased = (call: Call, id: string): Promise<Assignment> =>
  updateAssignment(call, id, 'released', { all: true }, (now) => ({
    ...now,
    releasedAt: now.releasedAt ?? nowText(call),
  }));

/**
 * Says which distribution opens the assignment, before there is one: from then on the opening does not move. A timer of
 * an older generation changes nothing.
 */
export const markOpened = (
  call: Call,
  { id, generation }: Assignment,
  distributionId: string,
): Promise<Assignment> =>
  updateAssignment(call, id, 'opened', { distributionId }, (now) =>
    now.generation !== generation || now.distributionId ? now : { ...now, distributionId },
  );
