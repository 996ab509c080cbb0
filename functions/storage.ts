// What holds every byte, and what deleting something would give back.

import * as z from 'zod';
import { holdKinds } from '../core/ops/holds.ts';
import { instanceStorage, spaceStorage, whatIf } from '../core/ops/storage.ts';
import { type Endpoint, endpoint, ok } from './http/endpoint.ts';
import { kind, size } from './http/schemas.ts';

const holder = z.object({
  kind: z.enum(holdKinds),
  id: z.string(),
  name: z.string().optional(),
  instanceId: z.string().optional(),
});
const amount = z.object({ referenced: size, unique: size });

export const storage: readonly Endpoint[] = [
  endpoint({
    name: 'getInstanceStorage',
    summary:
      'What an instance holds: its current state, each snapshot, its history, and what was deleted but is retained',
    method: 'GET',
    path: '/v1/instances/{instance}/storage',
    action: 'instance.read',
    answers: {
      200: z.object({
        current: amount,
        snapshots: z.array(amount.extend({ id: z.string(), name: z.string() })),
        history: amount,
        retained: z.array(z.object({ kind, path: z.string(), bytes: size, heldBy: z.array(holder) })),
        total: size,
        quota: z.object({ bytes: size, left: size }).nullable(),
        unique: size,
      }),
    },
    handle: async ({ call, thing }) => ok(await instanceStorage(call.ports, thing)),
  }),
  endpoint({
    name: 'getSpaceStorage',
    summary: 'Logical and stored bytes of a space and of each instance; shared bytes are charged once',
    method: 'GET',
    path: '/v1/spaces/{space}/storage',
    action: 'space.see-storage',
    answers: {
      200: z.object({
        logical: size,
        stored: size,
        ratio: z.number(),
        instances: z.array(
          z.object({
            instanceId: z.string(),
            name: z.string(),
            kind: z.string(),
            logical: size,
            stored: size,
          }),
        ),
      }),
    },
    handle: async ({ call, thing }) => ok(await spaceStorage(call.ports, thing)),
  }),
  endpoint({
    name: 'whatIf',
    summary: 'What deleting some snapshots and instances would free, and what would still hold the rest',
    method: 'POST',
    path: '/v1/spaces/{space}/storage/what-if',
    action: 'space.see-storage',
    body: z.strictObject({
      delete: z.strictObject({
        snapshots: z.array(z.string()).max(1_000).default([]),
        instances: z.array(z.string()).max(1_000).default([]),
      }),
    }),
    answers: {
      200: z.object({ freed: size, stillHeld: z.array(z.object({ bytes: size, by: z.array(holder) })) }),
    },
    handle: async ({ call, thing, body }) => ok(await whatIf(call.ports, thing.id, body.delete)),
  }),
];
