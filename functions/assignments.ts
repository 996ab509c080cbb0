// Assignments: dates, overrides, release, and the trail.

import * as z from 'zod';
import { type Assignment, latePolicy, type Override } from '../core/model/assignment.ts';
import {
  type AssignmentStatus,
  changeAssignment,
  createAssignment,
  deleteAssignment,
  listAssignments,
  statusOf,
} from '../core/ops/assignments.ts';
import type { Call } from '../core/ops/call.ts';
import { countClass } from '../core/ops/class-list.ts';
import { overridesOf } from '../core/ops/dates.ts';
import { gradeTable, release } from '../core/ops/feedback.ts';
import { isStaff, ownDates } from '../core/ops/hand-in-views.ts';
import { putOverride, removeOverride } from '../core/ops/overrides.ts';
import { trailOf, verifyTrail } from '../core/ops/trail.ts';
import { asSource, source } from './http/distribution-schemas.ts';
import { created, type Endpoint, endpoint, noContent, ok } from './http/endpoint.ts';
import { parseAs } from './http/parse.ts';
import {
  asPage,
  fromCursor,
  listOf,
  name,
  page,
  strategiesWanted,
  time,
  toStrategies,
  user,
} from './http/schemas.ts';
import { sendRows } from './http/send-rows.ts';

const date = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString());
const path = z.string().min(1);
const submission = z.union([
  z.strictObject({ files: z.array(path).min(1).max(500) }),
  z.strictObject({ folder: path }),
]);

const wanted = z.strictObject({
  title: name,
  source,
  strategy: strategiesWanted,
  submission,
  opensAt: date.optional(),
  dueAt: date,
  closesAt: date.nullable().optional(),
  capture: z.boolean().default(true),
  attempts: z.int().min(1).optional(),
  sizeLimit: z.int().min(1).optional(),
  timeZone: z.string().max(64).refine(isTimeZone, 'Not a time zone such as Europe/Zurich.').optional(),
  latePolicy: latePolicy.default({ kind: 'none' }),
  dueSoonSeconds: z.int().min(0).default(86_400),
});

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }) !== undefined;
  } catch {
    return false;
  }
}

const change = z
  .strictObject({
    title: name,
    opensAt: date,
    dueAt: date,
    closesAt: date.nullable(),
    capture: z.boolean(),
    attempts: z.int().min(1).nullable(),
    sizeLimit: z.int().min(1).nullable(),
    latePolicy,
  })
  .partial();

const overrideWanted = z.strictObject({
  opensAt: date.optional(),
  dueAt: date.optional(),
  closesAt: date.nullable().optional(),
  reason: z.string().min(1).max(1_000),
});
const overrideView = z.looseObject({
  subject: z.string(),
  of: z.enum(['student', 'group']),
  reason: z.string(),
});

const statuses = ['scheduled', 'open', 'due', 'closed', 'released'] as const satisfies AssignmentStatus[];
const assignmentView = z.looseObject({
  id: z.string(),
  spaceId: z.string(),
  title: z.string(),
  status: z.enum(statuses),
  opensAt: time,
  dueAt: time,
  closesAt: time.nullable(),
});

/** What everyone sees of an assignment, and what staff see beside it. Students see the dates that hold for them. */
async function view(call: Call, assignment: Assignment, counted = false) {
  const { payload, generation: _, deletedAt: __, source: from, ...shown } = assignment;
  const common = { ...shown, payload: { entries: payload.entries, bytes: payload.bytes } };
  const now = call.ports.now();
  if (!(await isStaff(call, assignment))) {
    const dates = await ownDates(call, assignment);
    return { ...common, ...dates, status: statusOf({ ...assignment, ...dates }, now) };
  }
  const overrides = await overridesOf(call.ports, assignment.id);
  const counts = counted && { counts: await countClass(call.ports, assignment) };
  return { ...common, source: from, status: statusOf(assignment, now), overrides, ...counts };
}

const lists: readonly Endpoint[] = [
  endpoint({
    name: 'createAssignment',
    summary: 'A distribution with dates, hand-ins, feedback and a trail',
    method: 'POST',
    path: '/v1/spaces/{space}/assignments',
    action: 'space.create-assignment',
    body: wanted,
    answers: { 201: assignmentView },
    handle: async ({ call, thing, body: { strategy, ...body } }) => {
      const asked = { ...body, source: asSource(body.source), strategies: toStrategies(strategy) };
      return created(await view(call, await createAssignment(call, thing.id, asked)));
    },
  }),
  endpoint({
    name: 'listAssignments',
    summary: 'The assignments of a space, oldest first',
    method: 'GET',
    path: '/v1/spaces/{space}/assignments',
    action: 'space.see-assignments',
    query: page,
    answers: { 200: listOf(assignmentView) },
    handle: async ({ call, thing, query: { limit, cursor } }) => {
      const found = await listAssignments(call, thing.id, fromCursor(cursor), limit);
      const views = await Promise.all(found.map((assignment) => view(call, assignment)));
      return ok(asPage(views, limit, ({ id }) => id));
    },
  }),
];

const single: readonly Endpoint[] = [
  endpoint({
    name: 'getAssignment',
    summary: 'One assignment; staff also see counts and overrides',
    method: 'GET',
    path: '/v1/assignments/{assignment}',
    action: 'assignment.see',
    answers: { 200: assignmentView },
    handle: async ({ call, thing }) => ok(await view(call, thing, true)),
  }),
  endpoint({
    name: 'changeAssignment',
    summary: 'Change dates and limits; overrides that did not move are listed',
    method: 'PATCH',
    path: '/v1/assignments/{assignment}',
    action: 'assignment.change',
    body: change,
    answers: { 200: assignmentView.extend({ overridesNotMoved: z.array(overrideView) }) },
    handle: async ({ call, thing, body }) => {
      const { assignment, overridesNotMoved } = await changeAssignment(call, thing.id, body);
      return ok({ ...(await view(call, assignment)), overridesNotMoved });
    },
  }),
  endpoint({
    name: 'deleteAssignment',
    summary: 'End an assignment of which nothing was handed in or captured',
    method: 'DELETE',
    path: '/v1/assignments/{assignment}',
    action: 'assignment.change',
    answers: { 204: 'The assignment is gone; what it distributed stays' },
    handle: async ({ call, thing }) => {
      await deleteAssignment(call, thing);
      return noContent;
    },
  }),
  endpoint({
    name: 'putOverride',
    summary: 'Other dates for a student or a group',
    method: 'PUT',
    path: '/v1/assignments/{assignment}/overrides/{subject}',
    action: 'assignment.change',
    body: overrideWanted,
    answers: { 200: overrideView },
    handle: async ({ call, thing, params, body }) => {
      const override: Override = await putOverride(
        call,
        thing,
        parseAs(user.or(name), params.subject, 'Subject'),
        body,
      );
      return ok(override);
    },
  }),
  endpoint({
    name: 'removeOverride',
    summary: 'Back to the dates of the class',
    method: 'DELETE',
    path: '/v1/assignments/{assignment}/overrides/{subject}',
    action: 'assignment.change',
    answers: { 204: 'The override is gone' },
    handle: async ({ call, thing, params }) => {
      await removeOverride(call, thing, params.subject!);
      return noContent;
    },
  }),
  endpoint({
    name: 'releaseFeedback',
    summary: 'Show feedback and grades to all, or to some students',
    method: 'POST',
    path: '/v1/assignments/{assignment}/release',
    action: 'assignment.change',
    body: z.strictObject({ students: z.array(z.string()).max(10_000).optional() }),
    answers: { 200: z.object({ released: z.int() }) },
    handle: async ({ call, thing, body }) => ok(await release(call, thing, body.students)),
  }),
  endpoint({
    name: 'getGrades',
    summary: 'The grade table, as JSON or CSV by `Accept`',
    method: 'GET',
    path: '/v1/assignments/{assignment}/grades',
    action: 'assignment.see-all-hand-ins',
    answers: {
      200: listOf(z.looseObject({ student: z.string(), reason: z.string() })),
      302: 'A signed URL of a table too long for an answer',
    },
    handle: async ({ call, thing, headers }) => {
      const rows = await gradeTable(call, thing);
      return sendRows(call, headers, rows, { name: `grades ${thing.title}`, otherwise: 'json' });
    },
  }),
  endpoint({
    name: 'getAudit',
    summary: 'Everything done to or under the assignment, in order, with the hashes that chain it',
    method: 'GET',
    path: '/v1/assignments/{assignment}/audit',
    action: 'assignment.see-audit',
    answers: {
      200: 'NDJSON, or CSV by `Accept`',
      302: 'A signed URL of a trail too long for an answer',
    },
    handle: async ({ call, thing, headers }) => {
      const rows = await trailOf(call.ports, thing);
      return sendRows(call, headers, rows, { name: `audit ${thing.title}`, otherwise: 'ndjson' });
    },
  }),
  endpoint({
    name: 'verifyAudit',
    summary: 'Check the chains of the journals that the trail is made of',
    method: 'GET',
    path: '/v1/assignments/{assignment}/audit/verify',
    action: 'assignment.see-audit',
    answers: {
      200: z.object({
        ok: z.boolean(),
        entries: z.int(),
        brokenAt: z.int().optional(),
        journal: z.string().optional(),
      }),
    },
    handle: async ({ call, thing }) => ok(await verifyTrail(call.ports, thing)),
  }),
];

export const assignments: readonly Endpoint[] = [...lists, ...single];
