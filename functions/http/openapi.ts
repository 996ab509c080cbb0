// The OpenAPI 3.1 document, made from the endpoints: there is no second description to keep in step.

import * as z from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { type Action, actions } from '../../core/model/access.ts';
import { type Endpoint, isOpen, mayBeLeftOut } from './endpoint.ts';
import { problemType } from './problem.ts';

export type OpenApiDocument = ReturnType<typeof createDocument>;

const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457: what went wrong, where, and what to do' });

const idempotencyKey = z.string().optional().describe('The same key and body give the same answer for a day');
const condition = z.string().optional().describe('The root that the change is based on: 412 when it moved');
const namedPath = z
  .string()
  .optional()
  .describe('The whole path, percent-encoded, in place of the URL; for names with % or ?');
/** Actions that make a new state of an instance. */
const conditional: ReadonlySet<Action> = new Set(['instance.write', 'instance.snapshot', 'instance.restore']);

function headersOf({ method, action, path }: Endpoint): z.ZodObject | undefined {
  const headers = {
    ...(method === 'POST' && { 'Idempotency-Key': idempotencyKey }),
    ...(method !== 'GET' && conditional.has(action) && { 'If-Match': condition }),
    ...(path.endsWith('+}') && { 'X-Handout-Path': namedPath }),
  };
  return Object.keys(headers).length > 0 ? z.object(headers) : undefined;
}

export function openApiDocument(endpoints: readonly Endpoint[]): OpenApiDocument {
  const paths: ZodOpenApiPathsObject = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace('+}', '}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(endpoint) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Handout',
      version: '1',
      description: 'Reproducible course instances: snapshots, distribution and hand-ins.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: problem },
    },
    paths,
  });
}

function operationOf(endpoint: Endpoint): ZodOpenApiOperationObject {
  const names = [...endpoint.path.matchAll(/\{(\w+)\+?\}/g)].map((match) => match[1]!);
  const allowed = actions[endpoint.action].join(', ');
  const header = headersOf(endpoint);
  const content = {
    ...(endpoint.body && { 'application/json': { schema: endpoint.body } }),
    ...Object.fromEntries(
      (endpoint.takes ?? []).map((type) => [type, { schema: { type: 'string' as const } }]),
    ),
  };
  return {
    operationId: endpoint.name,
    summary: endpoint.summary,
    description: `Action \`${endpoint.action}\`: ${allowed}.`,
    tags: [endpoint.path.split('/')[2]!],
    requestParams: {
      ...(names.length > 0 && {
        path: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))),
      }),
      ...(endpoint.query && { query: endpoint.query as z.ZodObject }),
      ...(header && { header }),
    },
    ...(Object.keys(content).length > 0 && { requestBody: { required: !mayBeLeftOut(endpoint), content } }),
    responses: responsesOf(endpoint),
    ...(isOpen(endpoint) && { security: [] }),
  };
}

function responsesOf(endpoint: Endpoint): ZodOpenApiOperationObject['responses'] {
  const answers = Object.entries(endpoint.answers).map(([status, answer]) => [
    status,
    typeof answer === 'string'
      ? { description: answer }
      : { description: endpoint.summary, content: { 'application/json': { schema: answer } } },
  ]);
  const failure = { description: 'A problem', content: { [problemType]: { schema: problem } } };
  return { ...Object.fromEntries(answers), default: failure };
}
