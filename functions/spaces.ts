// Spaces, their people and their instances.

import { parse as parseCsv } from 'csv-parse/sync';
import * as z from 'zod';
import { checkUtf8 } from '../adapters/tables/utf8.ts';
import { badInput } from '../core/errors.ts';
import { spaceKinds, spaceRoles } from '../core/model/space.ts';
import { catchUp, missingFrom } from '../core/ops/behind.ts';
import { changeRole, createInstance, listInstances, viewInstance } from '../core/ops/instances.ts';
import { addMembers, listMembers, removeMember } from '../core/ops/members.ts';
import { createSpace, listSpaces } from '../core/ops/spaces.ts';
import { created, type Endpoint, endpoint, noContent, ok } from './http/endpoint.ts';
import { parseAs, parseParameters } from './http/parse.ts';
import {
  asPage,
  description,
  fromCursor,
  instanceView,
  listOf,
  name,
  page,
  quoted,
  spaceView,
  state,
  time,
  user,
} from './http/schemas.ts';

const memberWanted = z.strictObject({
  user,
  role: z.enum(spaceRoles),
  name: name.optional(),
  email: z.string().max(320).optional(),
  group: name.nullable().optional(),
});
const membersWanted = z.strictObject({ members: z.array(memberWanted).min(1) });

const memberView = z.object({
  user: z.string(),
  role: z.enum(spaceRoles),
  name: z.string().optional(),
  email: z.string().optional(),
  group: z.string().optional(),
  instanceId: z.string().optional(),
  addedAt: time,
});

/** The user that a path names. */
const userOf = (params: Readonly<Record<string, string>>): string =>
  parseParameters(z.object({ user }), params, 'Path').user;

/** A distribution to all that an instance lacks, because it was restored to a state from before. */
const missing = z.object({ distributionId: z.string(), order: z.int() });

/** A roster as CSV: a header with the columns of a member, empty cells left out. */
function membersOfCsv(bytes: Uint8Array): z.output<typeof membersWanted> {
  checkUtf8(bytes);
  try {
    const rows = parseCsv(Buffer.from(bytes), {
      columns: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
    });
    const members = (rows as Record<string, string>[]).map((row) =>
      Object.fromEntries(Object.entries(row).filter(([, value]) => value !== '')),
    );
    return parseAs(membersWanted, { members }, 'CSV');
  } catch (error) {
    if (error instanceof Error && 'lines' in error)
      throw badInput(`line ${String(error.lines)}`, error.message);
    throw error;
  }
}

export const spaces: readonly Endpoint[] = [
  endpoint({
    name: 'createSpace',
    summary: 'Create a space with its master instance and, in a course, Distributed',
    method: 'POST',
    path: '/v1/spaces',
    action: 'organisation.create-space',
    body: z.strictObject({ name, kind: z.enum(spaceKinds) }),
    answers: { 201: spaceView },
    handle: async ({ call, body }) => created(await createSpace(call, body.name, body.kind)),
  }),
  endpoint({
    name: 'listSpaces',
    summary: 'The spaces the caller may see',
    method: 'GET',
    path: '/v1/spaces',
    action: 'service.use',
    query: page,
    answers: { 200: listOf(spaceView) },
    handle: async ({ call, query }) =>
      ok(
        asPage(
          await listSpaces(call, fromCursor(query.cursor), query.limit),
          query.limit,
          (space) => space.id,
        ),
      ),
  }),
  endpoint({
    name: 'getSpace',
    summary: 'One space',
    method: 'GET',
    path: '/v1/spaces/{space}',
    action: 'space.see',
    answers: { 200: spaceView },
    handle: async ({ thing }) => ok(thing),
  }),
  endpoint({
    name: 'addMembers',
    summary: 'Add or change members; students get an instance that starts from Distributed',
    method: 'POST',
    path: '/v1/spaces/{space}/members',
    action: 'space.change-members',
    body: membersWanted,
    takes: ['text/csv'],
    answers: {
      200: z.object({
        added: z.int(),
        updated: z.int(),
        unchanged: z.int(),
        instances: z.array(z.object({ user: z.string(), instanceId: z.string() })),
      }),
    },
    handle: async ({ call, thing, body, bytes }) =>
      ok(await addMembers(call, thing, (body ?? membersOfCsv(bytes)).members)),
  }),
  endpoint({
    name: 'listMembers',
    summary: 'The members of a space, by user id',
    method: 'GET',
    path: '/v1/spaces/{space}/members',
    action: 'space.list-members',
    query: page,
    answers: { 200: listOf(memberView) },
    handle: async ({ call, thing, query: { limit, cursor } }) => {
      const members = await listMembers(call, thing.id, fromCursor(cursor), limit);
      const shown = members.map(({ cause: _, ...member }) => member);
      return ok(asPage(shown, limit, ({ user }) => user));
    },
  }),
  endpoint({
    name: 'removeMember',
    summary: 'End a membership; the instance is kept',
    method: 'DELETE',
    path: '/v1/spaces/{space}/members/{user}',
    action: 'space.change-members',
    answers: { 204: 'The membership is over' },
    handle: async ({ call, thing, params }) => {
      await removeMember(call, thing, userOf(params));
      return noContent;
    },
  }),
  endpoint({
    name: 'createInstance',
    summary: 'Create a project instance, empty or from a state',
    method: 'POST',
    path: '/v1/spaces/{space}/instances',
    action: 'space.create-instance',
    body: z.strictObject({
      name,
      description: description.optional(),
      from: z.strictObject({ instance: z.string(), state: state.default('current') }).optional(),
      editors: z.array(user).default([]),
      viewers: z.array(user).default([]),
    }),
    answers: { 201: instanceView },
    handle: async ({ call, thing, body }) => created(await createInstance(call, thing.id, body)),
  }),
  endpoint({
    name: 'listInstances',
    summary: 'The instances of a space that the caller may see, oldest first',
    method: 'GET',
    path: '/v1/spaces/{space}/instances',
    action: 'space.see',
    query: page,
    answers: { 200: listOf(instanceView) },
    handle: async ({ call, thing, query: { limit, cursor } }) =>
      ok(asPage(await listInstances(call, thing.id, fromCursor(cursor), limit), limit, ({ id }) => id)),
  }),
  endpoint({
    name: 'getInstance',
    summary: 'One instance; its ETag is the root of its current state',
    method: 'GET',
    path: '/v1/instances/{instance}',
    action: 'instance.see',
    answers: { 200: instanceView.extend({ behind: z.array(missing) }) },
    handle: async ({ call, thing }) => {
      const [view, behind] = await Promise.all([viewInstance(call, thing), missingFrom(call.ports, thing)]);
      return ok({ ...view, behind }, { etag: quoted(view.root) });
    },
  }),
  endpoint({
    name: 'catchUp',
    summary: 'Bring an instance up to date with what was given to all and it lacks',
    method: 'POST',
    path: '/v1/instances/{instance}/catch-up',
    action: 'instance.catch-up',
    answers: {
      200: z.object({
        root: z.string(),
        version: z.int(),
        applied: z.array(missing),
        safetySnapshotId: z.string().nullable(),
      }),
    },
    handle: async ({ call, thing }) => {
      const { entry, ...done } = await catchUp(call, thing);
      return ok({ root: entry.root, version: entry.sequence, ...done });
    },
  }),
  endpoint({
    name: 'giveRole',
    summary: 'Give a user a role in an instance',
    method: 'PUT',
    path: '/v1/instances/{instance}/roles/{user}',
    action: 'instance.change-roles',
    body: z.strictObject({ role: z.enum(['editor', 'viewer', 'observer']) }),
    answers: { 200: z.object({ user: z.string(), role: z.string() }) },
    handle: async ({ call, thing, params, body }) => {
      const subject = userOf(params);
      await changeRole(call, thing, subject, body.role);
      return ok({ user: subject, role: body.role });
    },
  }),
  endpoint({
    name: 'takeRole',
    summary: "End a user's role in an instance",
    method: 'DELETE',
    path: '/v1/instances/{instance}/roles/{user}',
    action: 'instance.change-roles',
    answers: { 204: 'The role is gone' },
    handle: async ({ call, thing, params }) => {
      await changeRole(call, thing, userOf(params), undefined);
      return noContent;
    },
  }),
];
