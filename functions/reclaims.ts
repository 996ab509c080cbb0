// Giving storage back: managers ask for a reclaim, or for what it would do, and see what it deleted and why.

import * as z from 'zod';
import { reclaimStatuses } from '../core/model/reclaim.ts';
import { acceptReclaim, listDeletions, listReclaims, readReclaim, viewReclaim } from '../core/ops/reclaim.ts';
import { accepted, type Endpoint, endpoint, ok } from './http/endpoint.ts';
import {
  asPage,
  digest,
  fromCountingCursor,
  fromCursor,
  listOf,
  page,
  size,
  time,
  toCursor,
} from './http/schemas.ts';
import { whenMoved } from './http/when-moved.ts';

const count = z.int().min(0);

const reclaimView = z.object({
  id: z.string(),
  status: z.enum(reclaimStatuses),
  dryRun: z.boolean(),
  marked: count.describe('Pages and blobs that something holds'),
  condemned: count.describe('Pages and blobs that nothing holds, found by this reclaim first'),
  condemnedBytes: size,
  rescued: count.describe('What an earlier reclaim had condemned and is held again'),
  deleted: count.describe('Pages and blobs that went; of a dry run, that would go'),
  bytes: size.describe('Bytes of the blobs among them'),
  createdAt: time,
  createdBy: z.string(),
  startedAt: time.optional(),
  finishedAt: time.optional(),
  error: z.string().optional(),
});

const deletionView = z.object({
  kind: z.enum(['page', 'blob']),
  sha256: digest,
  version: z.string().optional(),
  bytes: size.optional(),
  condemnedAt: time.describe('Since when nothing had held it'),
  outcome: z.enum(['planned', 'deleted', 'rescued']),
});

export const reclaims: readonly Endpoint[] = [
  endpoint({
    name: 'startReclaim',
    summary: 'Give back what nothing holds; with `dryRun`, only say what that would be',
    method: 'POST',
    path: '/v1/reclaims',
    action: 'organisation.reclaim',
    body: z.strictObject({ dryRun: z.boolean().default(false) }),
    answers: { 202: reclaimView },
    handle: async ({ call, body }) => {
      const { id } = await acceptReclaim(call, body.dryRun);
      return accepted(await viewReclaim(call.ports, id));
    },
  }),
  endpoint({
    name: 'listReclaims',
    summary: 'The reclaims, newest first',
    method: 'GET',
    path: '/v1/reclaims',
    action: 'organisation.reclaim',
    query: page,
    answers: { 200: listOf(reclaimView) },
    handle: async ({ call, query: { limit, cursor } }) =>
      ok(asPage(await listReclaims(call.ports, fromCursor(cursor), limit), limit, ({ id }) => id)),
  }),
  endpoint({
    name: 'getReclaim',
    summary: 'How far a reclaim is; with `wait` and `If-None-Match`, once it moves',
    method: 'GET',
    path: '/v1/reclaims/{reclaim}',
    action: 'organisation.reclaim',
    query: z.strictObject({ wait: z.coerce.number().min(0).optional() }),
    answers: { 200: reclaimView, 304: 'Nothing has moved' },
    handle: ({ call, params, query, headers }) =>
      whenMoved(() => viewReclaim(call.ports, params.reclaim!), headers['if-none-match'], query.wait),
  }),
  endpoint({
    name: 'listDeletions',
    summary: 'What a reclaim decided to delete, since when nothing had held it, and what came of it',
    method: 'GET',
    path: '/v1/reclaims/{reclaim}/deletions',
    action: 'organisation.reclaim',
    query: page,
    answers: { 200: listOf(deletionView) },
    handle: async ({ call, params, query: { limit, cursor } }) => {
      const { value } = await readReclaim(call.ports, params.reclaim!);
      const { items, next } = await listDeletions(
        call.ports,
        value.id,
        fromCountingCursor(cursor) ?? 0,
        limit,
      );
      return ok({ items, next: toCursor(next) });
    },
  }),
];
