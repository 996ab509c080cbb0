// Handing in, receipts, feedback and grades.

import * as z from 'zod';
import { notFound } from '../core/errors.ts';
import type { FileEntry } from '../core/model/entry.ts';
import type { HandIn } from '../core/model/hand-in.ts';
import { parsePath, toKey } from '../core/model/path.ts';
import type { Call } from '../core/ops/call.ts';
import { reader } from '../core/ops/call.ts';
import {
  putFeedbackFile,
  putGrade,
  releasedAt,
  viewFeedback,
  visibleFeedback,
} from '../core/ops/feedback.ts';
import { requireFile } from '../core/ops/files.ts';
import { handIn } from '../core/ops/hand-in.ts';
import { listHandIns, whichHandIns } from '../core/ops/hand-in-views.ts';
import { getEntry } from '../core/tree/walk.ts';
import { created, type Endpoint, endpoint, ok } from './http/endpoint.ts';
import { digest, fromCursor, listOf, pageShape, size, time, toCursor } from './http/schemas.ts';
import { sendFile } from './http/send-file.ts';

const handInView = z.looseObject({
  id: z.string(),
  kind: z.enum(['hand-in', 'capture']),
  attempt: z.int().nullable(),
  at: time,
  late: z.int(),
  root: digest,
  files: z.array(z.looseObject({ path: z.string(), size })),
  receipt: z.string().optional(),
});

const grade = z.strictObject({
  score: z.number().min(0),
  outOf: z.number().min(0),
  comment: z.string().max(10_000).default(''),
});

/** A file that was handed in; only what was submitted, not the rest of the instance. */
async function submittedFile(call: Call, thing: HandIn, path: string): Promise<FileEntry> {
  if (!thing.files.some((file) => file.path === path)) throw notFound(`file "${path}" in that hand-in`);
  return requireFile(call, thing.root, path);
}

const handingIn: readonly Endpoint[] = [
  endpoint({
    name: 'handIn',
    summary: 'Hand in: pins the whole instance and answers a signed receipt',
    method: 'POST',
    path: '/v1/assignments/{assignment}/handins',
    action: 'assignment.hand-in',
    body: z.strictObject({ instance: z.string().optional(), note: z.string().max(4_000).optional() }),
    answers: { 201: handInView },
    handle: async ({ call, thing, body }) => created(await handIn(call, thing, body)),
  }),
  endpoint({
    name: 'listHandIns',
    summary: 'The hand-ins of the class, or the own ones',
    method: 'GET',
    path: '/v1/assignments/{assignment}/handins',
    action: 'assignment.see',
    query: z.strictObject({ ...pageShape, which: z.enum(whichHandIns).default('counted') }),
    answers: { 200: listOf(z.looseObject({ instanceId: z.string(), reason: z.string() })) },
    handle: async ({ call, thing, query: { which, limit, cursor } }) => {
      const { items, next } = await listHandIns(call, thing, which, fromCursor(cursor), limit);
      return ok({ items, next: toCursor(next) });
    },
  }),
  endpoint({
    name: 'getHandIn',
    summary: 'One hand-in',
    method: 'GET',
    path: '/v1/handins/{handIn}',
    action: 'handIn.see',
    answers: { 200: handInView },
    handle: async ({ call, thing }) => ok({ ...thing, releasedAt: (await releasedAt(call, thing)) ?? null }),
  }),
  endpoint({
    name: 'getHandInFile',
    summary: 'A file as it was handed in',
    method: 'GET',
    path: '/v1/handins/{handIn}/files/{path+}',
    action: 'handIn.see',
    answers: { 200: 'The bytes', 302: 'A signed URL' },
    handle: async ({ call, thing, params, headers }) => {
      const path = parsePath(params.path!, 'path');
      return sendFile(call, await submittedFile(call, thing, path), path, headers);
    },
  }),
  endpoint({
    name: 'getReceipt',
    summary: 'The receipt: a JWS that anyone can verify with the keys at /v1/keys',
    method: 'GET',
    path: '/v1/handins/{handIn}/receipt',
    action: 'handIn.see',
    answers: { 200: 'The receipt as application/jose' },
    handle: async ({ thing }) => {
      if (!thing.receipt) throw notFound('receipt: this is a capture');
      return { status: 200, headers: { 'content-type': 'application/jose' }, body: thing.receipt };
    },
  }),
];

const marking: readonly Endpoint[] = [
  endpoint({
    name: 'putFeedbackFile',
    summary: 'Write a file into the feedback of one attempt',
    method: 'PUT',
    path: '/v1/handins/{handIn}/feedback/files/{path+}',
    action: 'handIn.grade',
    takes: ['*/*'],
    answers: { 200: z.object({ root: digest }) },
    handle: async ({ call, thing, params, bytes }) =>
      ok({ root: await putFeedbackFile(call, thing, parsePath(params.path!, 'path'), bytes) }),
  }),
  endpoint({
    name: 'putGrade',
    summary: 'Grade one attempt',
    method: 'PUT',
    path: '/v1/handins/{handIn}/grade',
    action: 'handIn.grade',
    body: grade,
    answers: { 200: z.looseObject({ score: z.number(), outOf: z.number(), final: z.number() }) },
    handle: async ({ call, thing, body }) => ok(await putGrade(call, thing, body)),
  }),
  endpoint({
    name: 'getFeedback',
    summary: 'Feedback and grade; for the student once released',
    method: 'GET',
    path: '/v1/handins/{handIn}/feedback',
    action: 'handIn.see',
    answers: { 200: z.looseObject({ handIn: z.string(), releasedAt: time.nullable() }) },
    handle: async ({ call, thing }) => ok(await viewFeedback(call, thing)),
  }),
  endpoint({
    name: 'getFeedbackFile',
    summary: 'A file of the feedback; for the student once released',
    method: 'GET',
    path: '/v1/handins/{handIn}/feedback/files/{path+}',
    action: 'handIn.see',
    answers: { 200: 'The bytes', 302: 'A signed URL' },
    handle: async ({ call, thing, params, headers }) => {
      const path = parsePath(params.path!, 'path');
      const { root } = await visibleFeedback(call, thing);
      const file = await getEntry(reader(call), root, toKey('file', path));
      if (!file) throw notFound(`file "${path}" in that feedback`);
      return sendFile(call, file as FileEntry, path, headers);
    },
  }),
];

const receipts: readonly Endpoint[] = [
  endpoint({
    name: 'verifyReceipt',
    summary: 'Check a receipt, for those who would rather ask than verify it themselves',
    method: 'POST',
    path: '/v1/receipts/verify',
    action: 'service.use',
    body: z.strictObject({ receipt: z.string().max(400_000) }),
    answers: { 200: z.looseObject({ valid: z.boolean() }) },
    handle: async ({ call, body }) => {
      const statement = await call.ports.receipts.verify(body.receipt);
      return ok(statement ? { valid: true, statement } : { valid: false });
    },
  }),
  endpoint({
    name: 'getKeys',
    summary: 'The public keys of receipts, as a JWK set',
    method: 'GET',
    path: '/v1/keys',
    action: 'service.look',
    answers: { 200: z.object({ keys: z.array(z.looseObject({})) }) },
    handle: async ({ call }) => ok({ keys: await call.ports.receipts.keys() }),
  }),
];

export const handIns: readonly Endpoint[] = [...handingIn, ...marking, ...receipts];
