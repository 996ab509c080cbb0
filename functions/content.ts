// Content of a state: listings, files, uploads and changes, differences, and the journal.

import * as z from 'zod';
import { badInput } from '../core/errors.ts';
import { parsePath, parsePrefix } from '../core/model/path.ts';
import { authorizeInstance } from '../core/ops/access.ts';
import { applyChanges } from '../core/ops/changes.ts';
import { diffStates, listEntries } from '../core/ops/entries.ts';
import { deleteEntry, putFile, requireFile } from '../core/ops/files.ts';
import { listJournal, verifyJournal } from '../core/ops/journal.ts';
import { resolveState } from '../core/ops/states.ts';
import { createUpload } from '../core/ops/uploads.ts';
import { created, type Endpoint, endpoint, noContent, ok } from './http/endpoint.ts';
import { mediaTypeOfRequest } from './http/parse.ts';
import {
  digest,
  entryView,
  fromCountingCursor,
  fromCursor,
  ifMatch,
  kind,
  listOf,
  pageShape,
  quoted,
  size,
  state,
  toCursor,
  version,
} from './http/schemas.ts';
import { sendFile, sendParts } from './http/send-file.ts';

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

const changeOp = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('put'), path: z.string(), upload: z.string().optional() }),
  z.strictObject({
    op: z.literal('delete'),
    kind: kind.default('file'),
    path: z.string().optional(),
    prefix: z.string().optional(),
  }),
  z.strictObject({
    op: z.enum(['copy', 'move']),
    kind: kind.default('file'),
    from: z.strictObject({
      state: state.optional(),
      path: z.string().optional(),
      prefix: z.string().optional(),
    }),
    to: z.string(),
  }),
]);

const changed = z.object({
  kind,
  path: z.string(),
  change: z.enum(['added', 'removed', 'modified']),
  from: entryView.optional(),
  to: entryView.optional(),
});

/** What an observer may read: the README at the root of the current state. */
const isReadme = (path: string, wanted: string): boolean =>
  wanted === 'current' && /^readme(\.\w+)?$/i.test(path);

export const content: readonly Endpoint[] = [
  endpoint({
    name: 'listEntries',
    summary: 'What a state holds; with a delimiter, folders are folded into one line with their totals',
    method: 'GET',
    path: '/v1/instances/{instance}/states/{state}/entries',
    action: 'instance.read',
    query: z.strictObject({
      ...pageShape,
      kind: kind.optional(),
      prefix: z.string().default(''),
      delimiter: z.literal('/').optional(),
    }),
    answers: {
      200: listOf(
        z.union([entryView, z.object({ kind, prefix: z.string(), entries: z.int(), bytes: z.int() })]),
      ),
    },
    handle: async ({ call, thing, params, query }) => {
      const { root } = await resolveState(call, thing.id, params.state!);
      const prefix = parsePrefix(query.prefix, 'prefix');
      const listed = await listEntries(call, root, { ...query, prefix, from: fromCursor(query.cursor) });
      return ok({ items: listed.items, next: toCursor(listed.next) }, { etag: quoted(root) });
    },
  }),
  endpoint({
    name: 'getFile',
    summary: "A file's bytes, or the way to a signed URL for what is larger than an answer",
    method: 'GET',
    path: '/v1/instances/{instance}/states/{state}/files/{path+}',
    action: 'instance.see',
    query: z.strictObject({ redirect: flag.optional() }),
    answers: {
      200: 'The bytes; with `redirect=false`, `{parts: [{url, sha256, size}]}`',
      206: 'A range of the bytes',
      302: 'A signed URL',
      304: 'Not modified',
      416: 'The range lies outside the file',
    },
    handle: async ({ call, thing, params, query, headers }) => {
      const path = parsePath(params.path!, 'path');
      if (!isReadme(path, params.state!)) await authorizeInstance(call, 'instance.read', thing.id);
      const { root } = await resolveState(call, thing.id, params.state!);
      const file = await requireFile(call, root, path);
      return query.redirect === false ? sendParts(call, file, path) : sendFile(call, file, path, headers);
    },
  }),
  endpoint({
    name: 'putFile',
    summary: 'Store a file of up to 4 MiB',
    method: 'PUT',
    path: '/v1/instances/{instance}/files/{path+}',
    action: 'instance.write',
    query: z.strictObject({ executable: flag.optional() }),
    takes: ['*/*'],
    answers: { 200: version, 201: version },
    handle: async ({ call, thing, params, query, bytes, headers }) => {
      const { created: isNew, ...saved } = await putFile(call, thing.id, {
        path: parsePath(params.path!, 'path'),
        bytes,
        mediaType: mediaTypeOfRequest(headers),
        executable: query.executable,
        ifMatch: ifMatch(headers),
      });
      return { status: isNew ? 201 : 200, body: saved, headers: { etag: quoted(saved.root) } };
    },
  }),
  endpoint({
    name: 'deleteFile',
    summary: 'Remove a file from the current state',
    method: 'DELETE',
    path: '/v1/instances/{instance}/files/{path+}',
    action: 'instance.write',
    answers: { 204: 'The file is no longer in the current state' },
    handle: async ({ call, thing, params, headers }) => {
      await deleteEntry(call, thing.id, 'file', parsePath(params.path!, 'path'), ifMatch(headers));
      return noContent;
    },
  }),
  endpoint({
    name: 'createUpload',
    summary: 'Announce files; answers a signed URL for each part that is not at its path already',
    method: 'POST',
    path: '/v1/instances/{instance}/uploads',
    action: 'instance.write',
    body: z.strictObject({
      files: z
        .array(
          z.strictObject({
            path: z.string(),
            size,
            parts: z.array(z.strictObject({ sha256: digest, size })),
            mediaType: z.string().max(200).optional(),
            executable: z.boolean().optional(),
          }),
        )
        .min(1),
    }),
    answers: {
      201: z.object({
        upload: z.string(),
        expiresAt: z.string(),
        files: z.array(
          z.object({
            path: z.string(),
            parts: z.array(
              z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }).nullable(),
            ),
          }),
        ),
      }),
    },
    handle: async ({ call, thing, body }) => created(await createUpload(call, thing.id, body.files)),
  }),
  endpoint({
    name: 'applyChanges',
    summary: 'Put what was uploaded, delete, copy and move: all or nothing',
    method: 'POST',
    path: '/v1/instances/{instance}/changes',
    action: 'instance.write',
    body: z.strictObject({
      upload: z.string().optional(),
      message: z.string().max(1_000).optional(),
      ops: z.array(changeOp).max(10_000).default([]),
    }),
    answers: { 200: version },
    handle: async ({ call, thing, body, headers }) => {
      if (body.ops.length === 0 && body.upload === undefined)
        throw badInput('/ops', 'Name at least one operation, or an upload to put whole.');
      const saved = await applyChanges(call, thing.id, { ...body, ifMatch: ifMatch(headers) });
      return ok(saved, { etag: quoted(saved.root) });
    },
  }),
  endpoint({
    name: 'diff',
    summary: 'What differs between two states, of one instance or of two',
    method: 'GET',
    path: '/v1/instances/{instance}/diff',
    action: 'instance.read',
    query: z.strictObject({
      ...pageShape,
      from: state,
      to: state.default('current'),
      toInstance: z.string().optional(),
    }),
    answers: { 200: listOf(changed) },
    handle: async ({ call, thing, query }) => {
      const other = query.toInstance ?? thing.id;
      if (other !== thing.id) await authorizeInstance(call, 'instance.read', other);
      const from = await resolveState(call, thing.id, query.from, 'from');
      const to = await resolveState(call, other, query.to, 'to');
      const roots = { from: from.root, to: to.root };
      const found = await diffStates(call, roots, query.limit, fromCursor(query.cursor));
      return ok({ items: found.items, next: toCursor(found.next) });
    },
  }),
  endpoint({
    name: 'listJournal',
    summary: 'The journal of an instance, oldest first, after a version',
    method: 'GET',
    path: '/v1/instances/{instance}/journal',
    action: 'instance.read',
    query: z.strictObject({ ...pageShape, after: z.coerce.number().int().min(0).default(0) }),
    answers: {
      200: listOf(z.looseObject({ version: z.int(), action: z.string(), root: digest, hash: digest })),
    },
    handle: async ({ call, thing, query }) => {
      const after = fromCountingCursor(query.cursor) ?? query.after;
      const entries = await listJournal(call.ports, thing.id, after, query.limit);
      const items = entries.map((entry) => ({ version: entry.sequence, ...entry }));
      return ok({
        items,
        next: items.length === query.limit ? toCursor(String(items.at(-1)!.sequence)) : null,
      });
    },
  }),
  endpoint({
    name: 'verifyJournal',
    summary: 'Check that no entry of the journal was altered, removed or reordered',
    method: 'GET',
    path: '/v1/instances/{instance}/journal/verify',
    action: 'instance.read',
    answers: { 200: z.object({ ok: z.boolean(), entries: z.int(), brokenAt: z.int().optional() }) },
    handle: async ({ call, thing }) => ok(await verifyJournal(call.ports, thing.id)),
  }),
];
