// The stage: what someone collects from an instance for the next distribution.

import * as z from 'zod';
import { clearStage, getStage, putStage } from '../core/ops/stage.ts';
import { stageView } from './http/distribution-schemas.ts';
import { type Endpoint, endpoint, noContent, ok } from './http/endpoint.ts';
import { stageItems } from './http/schemas.ts';

export const stage: readonly Endpoint[] = [
  endpoint({
    name: 'getStage',
    summary: "The caller's stage of an instance",
    method: 'GET',
    path: '/v1/instances/{instance}/stage',
    action: 'instance.stage',
    answers: { 200: stageView },
    handle: async ({ call, thing }) => ok({ items: await getStage(call, thing.id) }),
  }),
  endpoint({
    name: 'putStage',
    summary: "Replace the caller's stage",
    method: 'PUT',
    path: '/v1/instances/{instance}/stage',
    action: 'instance.stage',
    body: z.strictObject({ items: stageItems }),
    answers: { 200: stageView },
    handle: async ({ call, thing, body }) => {
      await putStage(call, thing.id, body.items);
      return ok({ items: body.items });
    },
  }),
  endpoint({
    name: 'clearStage',
    summary: "Empty the caller's stage",
    method: 'DELETE',
    path: '/v1/instances/{instance}/stage',
    action: 'instance.stage',
    answers: { 204: 'The stage is empty' },
    handle: async ({ call, thing }) => {
      await clearStage(call, thing.id);
      return noContent;
    },
  }),
];
