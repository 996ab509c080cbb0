// Seeing hand-ins: staff and graders those of the class, a student the own ones.

import { can } from '../model/access.ts';
import {
  type Assignment,
  type CountedReason,
  type Dates,
  effectiveDates,
  lateness,
} from '../model/assignment.ts';
import type { HandInSummary } from '../model/hand-in.ts';
import type { Instance } from '../model/space.ts';
import { getInstance, membership, spaceRelation } from './access.ts';
import type { Call } from './call.ts';
import { capturesFrom, classOf, handInsFrom, type Row, rowsOf, type Workplace } from './class-list.ts';
import { datesOf } from './dates.ts';
import { inParallel } from './retry.ts';

export const whichHandIns = ['counted', 'latest', 'all'] as const;
export type WhichHandIns = (typeof whichHandIns)[number];

export async function isStaff(call: Call, { spaceId }: Assignment): Promise<boolean> {
  return can('assignment.see-all-hand-ins', await spaceRelation(call, spaceId)) === 'allowed';
}

async function ownInstance(call: Call, { spaceId }: Assignment): Promise<Instance | undefined> {
  const member = await membership(call, spaceId);
  return member?.instanceId === undefined ? undefined : getInstance(call, member.instanceId);
}

/** The dates that hold for the caller. */
export async function ownDates(call: Call, assignment: Assignment): Promise<Dates> {
  const instance = await ownInstance(call, assignment);
  return instance ? datesOf(call.ports, assignment, instance) : effectiveDates(assignment, []);
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
  const { ports } = call;
  const staff = await isStaff(call, assignment);
  const own = staff ? undefined : await ownInstance(call, assignment);
  const everyone = staff ? await classOf(ports, assignment.spaceId) : own ? [asWorkplace(own, call)] : [];
  const left = everyone.filter(({ id }) => after === undefined || id > after);
  const rows = await rowsOf(ports, assignment, left.slice(0, limit));
  const items = await inParallel(rows, 32, (row) => itemsOf(call, assignment, row, which));
  return { items: items.flat(), next: left.length > limit ? rows.at(-1)!.place.id : null };
}

const asWorkplace = ({ id, owner = '', name }: Instance, { actor }: Call): Workplace => ({
  id,
  owner,
  name,
  users: [actor.user],
});

async function itemsOf(
  { ports }: Call,
  assignment: Assignment,
  row: Row,
  which: WhichHandIns,
): Promise<HandInItem[]> {
  const { place, latest, counted, reason, dates } = row;
  const common = { instanceId: place.id, student: place.owner, name: place.name, dueAt: dates.dueAt };
  const item = (handIn: HandInSummary | undefined): HandInItem => ({
    ...common,
    ...handIn,
    reason: handIn?.id === counted?.id ? reason : reasonOf(handIn!, dates),
    counted: handIn !== undefined && handIn.id === counted?.id,
  });
  if (which === 'counted') return [item(counted)];
  if (which === 'latest') return [item(latest ?? counted)];
  const handIns = latest ? await handInsFrom(ports, assignment, place.id) : [];
  return [...handIns, ...(await capturesFrom(ports, assignment, place.id))].map(item);
}

const reasonOf = (handIn: HandInSummary, dates: Dates): CountedReason =>
  handIn.kind === 'capture' ? 'captured' : lateness(handIn.at, dates) > 0 ? 'late' : 'on-time';
