// Seeing hand-ins: staff and graders those of the class, a student the own ones.

import { can } from '../model/access.ts';
import { type Assignment, type CountedReason, type Dates, lateness } from '../model/assignment.ts';
import type { HandInSummary } from '../model/hand-in.ts';
import { keys } from '../model/keys.ts';
import type { Instance, Member } from '../model/space.ts';
import { getInstance, spaceRelation } from './access.ts';
import { datesFor, overridesOf } from './assignments.ts';
import type { Call } from './call.ts';
import { classOf, type Row, rowsOf } from './class-list.ts';

export const whichHandIns = ['counted', 'latest', 'all'] as const;
export type WhichHandIns = (typeof whichHandIns)[number];

export async function isStaff(call: Call, { spaceId }: Assignment): Promise<boolean> {
  return can('assignment.see-all-hand-ins', await spaceRelation(call, spaceId)) === 'allowed';
}

async function ownInstance(call: Call, { spaceId }: Assignment): Promise<Instance | undefined> {
  const member = (await call.ports.records.get<Member>(keys.member(spaceId, call.actor.user)))?.value;
  return member?.instanceId === undefined ? undefined : getInstance(call, member.instanceId);
}

/** The dates that hold for the caller. */
export async function ownDates(call: Call, assignment: Assignment): Promise<Dates> {
  const instance = await ownInstance(call, assignment);
  const overrides = instance ? await overridesOf(call.ports, assignment.id) : [];
  return datesFor(assignment, overrides, instance?.id ?? '');
}

export interface HandInItem extends Partial<HandInSummary> {
  readonly instanceId: string;
  readonly student: string | undefined;
  readonly name: string;
  readonly reason: CountedReason;
  readonly counted: boolean;
  readonly dueAt: string;
}

/** A page of hand-ins, by instance. `counted` and `latest` have a line for each student, `all` one for each attempt. */
export async function listHandIns(
  call: Call,
  assignment: Assignment,
  which: WhichHandIns,
  after: string | undefined,
  limit: number,
): Promise<{ items: HandInItem[]; next: string | null }> {
  const staff = await isStaff(call, assignment);
  const own = staff ? undefined : await ownInstance(call, assignment);
  const instances = staff
    ? await classOf(call.ports, assignment.spaceId, after, limit)
    : own && own.id !== after
      ? [own]
      : [];
  const rows = await rowsOf(call.ports, assignment, instances);
  const next = staff && instances.length === limit ? instances.at(-1)!.id : null;
  return { items: rows.flatMap((row) => itemsOf(row, which)), next };
}

function itemsOf(row: Row, which: WhichHandIns): HandInItem[] {
  const { instance, counted, reason, handIns, captures, dates } = row;
  const common = {
    instanceId: instance.id,
    student: instance.owner,
    name: instance.name,
    dueAt: dates.dueAt,
  };
  const item = (handIn: HandInSummary | undefined): HandInItem => ({
    ...common,
    ...handIn,
    reason: handIn === counted ? reason : reasonOf(handIn!, dates),
    counted: handIn !== undefined && handIn === counted,
  });
  if (which === 'counted') return [item(counted)];
  if (which === 'latest') return [item(handIns.at(-1) ?? counted)];
  return [...handIns, ...captures].map(item);
}

const reasonOf = (handIn: HandInSummary, dates: Dates): CountedReason =>
  handIn.kind === 'capture' ? 'captured' : lateness(handIn.at, dates) > 0 ? 'late' : 'on-time';
