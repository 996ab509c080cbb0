// The service about itself: health, the contract, and who the caller is.

import * as z from 'zod';
import { profileOf } from '../core/ops/profile.ts';
import { docsPage } from './http/docs-page.ts';
import { type Endpoint, endpoint, ok } from './http/endpoint.ts';
import { openApiDocument } from './http/openapi.ts';

const readable = { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" };

/** `all` answers every endpoint of the service, these included. */
export const service = (all: () => readonly Endpoint[]): readonly Endpoint[] => [
  endpoint({
    name: 'health',
    summary: 'Whether the service answers',
    method: 'GET',
    path: '/v1/health',
    action: 'service.look',
    answers: { 200: z.object({ status: z.literal('ok'), time: z.iso.datetime() }) },
    handle: async ({ call }) => ok({ status: 'ok', time: new Date(call.ports.now()).toISOString() }),
  }),
  endpoint({
    name: 'getOpenApi',
    summary: 'This contract as OpenAPI 3.1',
    method: 'GET',
    path: '/v1/openapi.json',
    action: 'service.look',
    answers: { 200: 'The OpenAPI document' },
    handle: async () => ok(openApiDocument(all())),
  }),
  endpoint({
    name: 'getDocs',
    summary: 'This contract, to read in a browser',
    method: 'GET',
    path: '/v1/docs',
    action: 'service.look',
    answers: { 200: 'An HTML page' },
    handle: async () => ({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8', ...readable },
      body: docsPage(openApiDocument(all())),
    }),
  }),
  endpoint({
    name: 'me',
    summary: 'Who the caller is, with roles',
    method: 'GET',
    path: '/v1/me',
    action: 'service.use',
    answers: {
      200: z.object({
        user: z.string(),
        manager: z.boolean(),
        spaces: z.array(z.object({ spaceId: z.string(), role: z.string() })),
        instances: z.array(z.object({ instanceId: z.string(), spaceId: z.string(), role: z.string() })),
      }),
    },
    handle: async ({ call }) => ok(await profileOf(call)),
  }),
];
