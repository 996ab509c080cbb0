// Granting a student or a group other dates, and taking that back.

import { badInput, notFound } from '../errors.ts';
import { type Assignment, effectiveDates, faultOfDates, type Override } from '../model/assignment.ts';
import { keys } from '../model/keys.ts';
import type { Member } from '../model/space.ts';
import type { RecordWrite } from '../ports.ts';
import { nextGeneration, updateAssignment } from './assignments.ts';
import { type Call, nowText } from './call.ts';

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

async function whoIs(call: Call, space: string, subject: string): Promise<Pick<Override, 'of'>> {
  const { records } = call.ports;
  const member = (await records.get<Member>(keys.member(space, subject)))?.value;
  if (member?.instanceId && !member.removedAt) return { of: 'student' };
  if (await records.get(keys.group(space, subject))) return { of: 'group' };
  throw badInput('user', `"${subject}" is neither a student nor a group of this space.`, 'not-found');
}

export async function removeOverride(call: Call, assignment: Assignment, subject: string): Promise<void> {
  const key = keys.override(assignment.id, subject);
  if (!(await call.ports.records.get(key))) throw notFound('override for that student or group');
  await updateAssignment(call, assignment.id, 'override-removed', { subject }, nextGeneration, [
    { delete: key },
  ]);
}
