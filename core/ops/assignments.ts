// Assignments: creating them, their dates and overrides. Dates are acted on by `deadlines.ts`; hand-ins have their own file.

import { AppError, badInput, notFound } from '../errors.ts';
import {
  type Assignment,
  type Dates,
  effectiveDates,
  faultOfDates,
  type LatePolicy,
  type Override,
  phaseAt,
  type Submission,
} from '../model/assignment.ts';
import type { SpaceAction } from '../model/journal.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { parsePath } from '../model/path.ts';
import type { Member } from '../model/space.ts';
import type { Strategies } from '../model/strategy.ts';
import type { Ports, RecordWrite } from '../ports.ts';
import { authorizeInstance, getAssignment } from './access.ts';
import { type Call, nowText } from './call.ts';
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

/** `now` is the due date as it was: one that has passed may stay. */
function checkDates(dates: Dates, ports: Ports, now?: string): Dates {
  const fault = faultOfDates(dates);
  if (fault) throw badInput(`/${fault.field}`, fault.detail);
  if (now !== dates.dueAt && Date.parse(dates.dueAt) <= ports.now())
    throw badInput('/dueAt', 'The due date lies in the past.', 'impossible');
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
    const next = { ...now, ...given, generation: now.generation + (moved ? 1 : 0) };
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

/** Changes the record, journals it in the space, and starts timers anew when the generation rose. */
async function updateAssignment(
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

/** Ends an assignment that nobody has handed anything in for. */
export async function deleteAssignment(
  call: Call,
  id: string,
  handedIn: () => Promise<boolean>,
): Promise<void> {
  if (await handedIn())
    throw new AppError('held', 'There are hand-ins; an assignment that was answered is kept.');
  const { spaceId } = await getAssignment(call, id);
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

export const markOpened = (call: Call, id: string, distributionId: string): Promise<Assignment> =>
  updateAssignment(call, id, 'opened', { distributionId }, (now) => ({ ...now, distributionId }));

export interface OverrideWanted {
  readonly opensAt?: string | undefined;
  readonly dueAt?: string | undefined;
  readonly closesAt?: string | null | undefined;
  readonly reason: string;
}

/** Other dates for a student, or for a group. */
export async function putOverride(
  call: Call,
  assignment: Assignment,
  subject: string,
  wanted: OverrideWanted,
): Promise<Override> {
  const override: Override = {
    ...(await whoIs(call, assignment.spaceId, subject)),
    ...wanted,
    subject,
    by: call.actor.user,
    at: nowText(call),
  };
  const fault = faultOfDates(effectiveDates(assignment, [override]));
  if (fault) throw badInput(`/${fault.field}`, fault.detail);
  const put: RecordWrite = { put: keys.override(assignment.id, subject), value: override };
  await updateAssignment(call, assignment.id, 'override', { ...override }, nextGeneration, [put]);
  return override;
}

const nextGeneration = (now: Assignment): Assignment => ({ ...now, generation: now.generation + 1 });

async function whoIs(
  call: Call,
  space: string,
  subject: string,
): Promise<Pick<Override, 'of' | 'instanceId'>> {
  const { records } = call.ports;
  const member = (await records.get<Member>(keys.member(space, subject)))?.value;
  if (member?.instanceId && !member.removedAt) return { of: 'student', instanceId: member.instanceId };
  const group = (await records.get<{ id: string }>(keys.group(space, subject)))?.value;
  if (group) return { of: 'group', instanceId: group.id };
  throw badInput('user', `"${subject}" is neither a student nor a group of this space.`, 'not-found');
}

export async function removeOverride(call: Call, assignment: Assignment, subject: string): Promise<void> {
  const key = keys.override(assignment.id, subject);
  if (!(await call.ports.records.get(key))) throw notFound('override for that student or group');
  await updateAssignment(call, assignment.id, 'override-removed', { subject }, nextGeneration, [
    { delete: key },
  ]);
}

export async function overridesOf(ports: Ports, assignment: string): Promise<Override[]> {
  const query = { partition: partitions.assignment(assignment), prefix: prefixes.override };
  const found: Override[] = [];
  for await (const { value } of eachRecord<Override>(ports.records, query)) found.push(value);
  return found;
}

/** The dates that hold for an instance. */
export const datesFor = (assignment: Assignment, overrides: readonly Override[], instance: string): Dates =>
  effectiveDates(
    assignment,
    overrides.filter((override) => override.instanceId === instance),
  );
