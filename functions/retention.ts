// How long and how much a space keeps, and taking deletions back: settings, quotas, deleted spaces and instances.

import * as z from 'zod';
import {
  deleteInstance,
  deleteSpace,
  listDeletedInstances,
  listDeletedSpaces,
  undeleteInstance,
  undeleteSpace,
} from '../core/ops/deletion.ts';
import { viewInstance } from '../core/ops/instances.ts';
import { changeQuota, changeSpace } from '../core/ops/settings.ts';
import { type Endpoint, endpoint, ok } from './http/endpoint.ts';
import {
  asPage,
  deletedView,
  fromCursor,
  instanceView,
  listOf,
  name,
  page,
  size,
  spaceView,
} from './http/schemas.ts';

const seconds = z.int().min(0).nullable().optional();
/** A person types the name of what goes. */
const confirmation = z.strictObject({ confirm: z.string().optional() });

const ofSpaces: readonly Endpoint[] = [
  endpoint({
    name: 'changeSpace',
    summary: 'Change the name of a space, how long it keeps past states and safety snapshots, and its quota',
    method: 'PATCH',
    path: '/v1/spaces/{space}',
    action: 'space.change',
    body: z
      .strictObject({
        name: name.optional(),
        historySeconds: seconds,
        safetySnapshotSeconds: seconds,
        quotaBytes: size.nullable().optional(),
      })
      .describe('null goes back to what holds when nothing is said'),
    answers: { 200: spaceView },
    handle: async ({ call, thing, body }) => ok(await changeSpace(call, thing, body)),
  }),
  endpoint({
    name: 'deleteSpace',
    summary: 'Delete a space with all its instances; it can be brought back for a while',
    method: 'DELETE',
    path: '/v1/spaces/{space}',
    action: 'space.delete',
    query: confirmation,
    answers: { 200: deletedView },
    handle: async ({ call, thing, query }) => ok(await deleteSpace(call, thing, query.confirm)),
  }),
  endpoint({
    name: 'listDeletedSpaces',
    summary: 'The deleted spaces that can be brought back',
    method: 'GET',
    path: '/v1/deleted-spaces',
    action: 'organisation.undelete-space',
    query: page,
    answers: { 200: listOf(deletedView) },
    handle: async ({ call, query: { limit, cursor } }) =>
      ok(asPage(await listDeletedSpaces(call, fromCursor(cursor), limit), limit, ({ id }) => id)),
  }),
  endpoint({
    name: 'undeleteSpace',
    summary: 'Bring a deleted space back',
    method: 'POST',
    path: '/v1/deleted-spaces/{deleted}/undelete',
    action: 'organisation.undelete-space',
    answers: { 200: spaceView },
    handle: async ({ call, params }) => ok(await undeleteSpace(call, params.deleted!)),
  }),
];

const ofInstances: readonly Endpoint[] = [
  endpoint({
    name: 'deleteInstance',
    summary: 'Delete an instance that nobody works in as a student; its hand-ins stay',
    method: 'DELETE',
    path: '/v1/instances/{instance}',
    action: 'instance.delete',
    query: confirmation,
    answers: { 200: deletedView },
    handle: async ({ call, thing, query }) => ok(await deleteInstance(call, thing, query.confirm)),
  }),
  endpoint({
    name: 'listDeletedInstances',
    summary: 'The deleted instances of a space that can be brought back',
    method: 'GET',
    path: '/v1/spaces/{space}/deleted-instances',
    action: 'space.see-deleted',
    query: page,
    answers: { 200: listOf(deletedView) },
    handle: async ({ call, thing, query: { limit, cursor } }) => {
      const found = await listDeletedInstances(call, thing, fromCursor(cursor), limit);
      return ok(asPage(found, limit, ({ id }) => id));
    },
  }),
  endpoint({
    name: 'undeleteInstance',
    summary: 'Bring a deleted instance back',
    method: 'POST',
    path: '/v1/spaces/{space}/deleted-instances/{deleted}/undelete',
    action: 'space.undelete-instance',
    answers: { 200: instanceView },
    handle: async ({ call, thing, params }) =>
      ok(await viewInstance(call, await undeleteInstance(call, thing, params.deleted!))),
  }),
  endpoint({
    name: 'putQuota',
    summary: "Set what one instance may hold, in place of its space's quota; null is no limit",
    method: 'PUT',
    path: '/v1/instances/{instance}/quota',
    action: 'instance.change-quota',
    body: z.strictObject({ bytes: size.nullable() }),
    answers: { 200: instanceView },
    handle: async ({ call, thing, body }) =>
      ok(await viewInstance(call, await changeQuota(call, thing, body.bytes))),
  }),
  endpoint({
    name: 'removeQuota',
    summary: 'Let the quota of the space hold for an instance again',
    method: 'DELETE',
    path: '/v1/instances/{instance}/quota',
    action: 'instance.change-quota',
    answers: { 200: instanceView },
    handle: async ({ call, thing }) =>
      ok(await viewInstance(call, await changeQuota(call, thing, undefined))),
  }),
];

export const retention: readonly Endpoint[] = [...ofSpaces, ...ofInstances];
