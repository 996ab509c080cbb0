// Taking, viewing, restoring and deleting snapshots.

import * as z from 'zod';
import type { Snapshot } from '../core/model/snapshot.ts';
import { authorizeInstance } from '../core/ops/access.ts';
import {
  deleteSnapshot,
  listDeletedSnapshots,
  listSnapshots,
  restore,
  takeSnapshot,
  undeleteSnapshot,
} from '../core/ops/snapshots.ts';
import { getSnapshot } from '../core/ops/states.ts';
import { created, type Endpoint, endpoint, noContent, ok } from './http/endpoint.ts';
import {
  asPage,
  deletedView,
  description,
  digest,
  fromCursor,
  ifMatch,
  listOf,
  name,
  page,
  quoted,
  selector,
  snapshotView,
  state,
} from './http/schemas.ts';

/** What was last delivered is the journal's business. */
const view = ({ delivered: _, ...shown }: Snapshot) => shown;

export const snapshots: readonly Endpoint[] = [
  endpoint({
    name: 'takeSnapshot',
    summary: 'Keep the current state under a name',
    method: 'POST',
    path: '/v1/instances/{instance}/snapshots',
    action: 'instance.snapshot',
    body: z.strictObject({ name, description: description.optional() }),
    answers: { 201: snapshotView },
    handle: async ({ call, thing, body, headers }) =>
      created(view(await takeSnapshot(call, thing.id, { ...body, ifMatch: ifMatch(headers) }))),
  }),
  endpoint({
    name: 'listSnapshots',
    summary: 'The snapshots of an instance, oldest first',
    method: 'GET',
    path: '/v1/instances/{instance}/snapshots',
    action: 'instance.read',
    query: page,
    answers: { 200: listOf(snapshotView) },
    handle: async ({ call, thing, query: { limit, cursor } }) => {
      const found = await listSnapshots(call, thing.id, fromCursor(cursor), limit);
      return ok(asPage(found.map(view), limit, ({ id }) => id));
    },
  }),
  endpoint({
    name: 'getSnapshot',
    summary: 'One snapshot',
    method: 'GET',
    path: '/v1/instances/{instance}/snapshots/{snapshot}',
    action: 'instance.read',
    answers: { 200: snapshotView },
    handle: async ({ call, thing, params }) => ok(view(await getSnapshot(call, thing.id, params.snapshot!))),
  }),
  endpoint({
    name: 'deleteSnapshot',
    summary: 'Delete a snapshot',
    method: 'DELETE',
    path: '/v1/instances/{instance}/snapshots/{snapshot}',
    action: 'instance.snapshot',
    answers: { 204: 'The snapshot is gone' },
    handle: async ({ call, thing, params }) => {
      await deleteSnapshot(call, thing.id, params.snapshot!);
      return noContent;
    },
  }),
  endpoint({
    name: 'listDeletedSnapshots',
    summary: 'The deleted snapshots of an instance that can be brought back',
    method: 'GET',
    path: '/v1/instances/{instance}/deleted-snapshots',
    action: 'instance.snapshot',
    query: page,
    answers: { 200: listOf(deletedView) },
    handle: async ({ call, thing, query: { limit, cursor } }) => {
      const found = await listDeletedSnapshots(call, thing.id, fromCursor(cursor), limit);
      return ok(asPage(found, limit, ({ id }) => id));
    },
  }),
  endpoint({
    name: 'undeleteSnapshot',
    summary: 'Bring a deleted snapshot back',
    method: 'POST',
    path: '/v1/instances/{instance}/deleted-snapshots/{snapshot}/undelete',
    action: 'instance.snapshot',
    answers: { 200: snapshotView },
    handle: async ({ call, thing, params }) =>
      ok(view(await undeleteSnapshot(call, thing.id, params.snapshot!))),
  }),
  endpoint({
    name: 'restore',
    summary: 'Make an earlier state, or some paths of it, the current one',
    method: 'POST',
    path: '/v1/instances/{instance}/restore',
    action: 'instance.restore',
    body: z.strictObject({
      state,
      from: z.string().optional(),
      paths: z.array(selector).min(1).max(500).optional(),
      safetySnapshot: z.boolean().default(true),
    }),
    answers: {
      200: z.object({ root: digest, version: z.int(), safetySnapshotId: z.string().nullable() }),
    },
    handle: async ({ call, thing, body, headers }) => {
      const from = body.from ?? thing.id;
      if (from !== thing.id) await authorizeInstance(call, 'instance.read', from);
      const restored = await restore(call, thing.id, { ...body, from, ifMatch: ifMatch(headers) });
      return ok(restored, { etag: quoted(restored.root) });
    },
  }),
];
