// Endpoints as one Lambda handler: the middy stack that parses, identifies, authorizes and answers, for all of them.

import middy, { type MiddyfiedHandler } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { badInput, invariant, notFound } from '../../core/errors.ts';
import type { Action, Actor } from '../../core/model/access.ts';
import {
  authorizeAssignment,
  authorizeDistribution,
  authorizeHandIn,
  authorizeInstance,
  authorizeManager,
  authorizeSpace,
} from '../../core/ops/access.ts';
import { type Call, newCall } from '../../core/ops/call.ts';
import type { Ports } from '../../core/ports.ts';
import { type Answer, type Asked, type Endpoint, isOpen, mayBeLeftOut, routeKey } from './endpoint.ts';
import { withIdempotency } from './idempotency.ts';
import { actorOf, type Claims } from './identity.ts';
import { checkBodySize, mediaTypeOfRequest, parseAs, parseJson, parseParameters } from './parse.ts';
import { problemOf } from './problem.ts';

/** The event of an HTTP API (payload 2.0), and what the stack found in it. */
export interface HttpEvent extends APIGatewayProxyEventV2 {
  exchange?: Exchange;
}

/** Who asks for what: known before anything of the body is looked at. */
interface Exchange {
  readonly endpoint: Endpoint;
  readonly actor: Actor;
  readonly params: Readonly<Record<string, string>>;
}

export type HttpHandler = MiddyfiedHandler<HttpEvent, APIGatewayProxyStructuredResultV2>;

export function httpHandler(endpoints: readonly Endpoint[], ports: Ports): HttpHandler {
  const table = new Map(endpoints.map((endpoint) => [routeKey(endpoint), endpoint]));
  return middy<HttpEvent, APIGatewayProxyStructuredResultV2>()
    .use({
      before: ({ event }) => {
        event.exchange = identify(table, event);
      },
      onError: (request) => {
        const { event, error } = request;
        const problem = problemOf(error, event.rawPath, event.requestContext.requestId);
        if (problem.status === 500) console.error(event.requestContext.requestId, error);
        request.response = asResult(problem);
      },
    })
    .handler(async (event) => {
      invariant(event.exchange, 'the exchange was read');
      return asResult(await answer(ports, event, event.exchange));
    });
}

function identify(table: ReadonlyMap<string, Endpoint>, event: HttpEvent): Exchange {
  const endpoint = table.get(event.routeKey);
  if (!endpoint) throw notFound('such endpoint');
  const { authorizer } = event.requestContext as { authorizer?: { jwt?: { claims?: Claims } } };
  const actor = isOpen(endpoint) ? { user: 'anyone', manager: false } : actorOf(authorizer?.jwt?.claims);
  const params = Object.entries(event.pathParameters ?? {}).map(([name, value]) => [name, value ?? '']);
  return { endpoint, actor, params: Object.fromEntries(params) };
}

/** Authorizes, then parses, then runs: who may not do it learns nothing about the rest of the request. */
async function answer(
  ports: Ports,
  event: HttpEvent,
  { endpoint, actor, params }: Exchange,
): Promise<Answer> {
  const { headers, routeKey: route } = event;
  const asking = newCall(ports, actor);
  const thing = await authorize(asking, endpoint.action, params);
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  checkBodySize(bytes.length);
  const query = endpoint.query && parseParameters(endpoint.query, event.queryStringParameters ?? {}, 'Query');
  const body = readBody(endpoint, mediaTypeOfRequest(headers), bytes);
  const run = (call: Call) => endpoint.handle({ call, thing, params, query, body, bytes, headers } as Asked);
  const key = endpoint.method === 'POST' ? headers['idempotency-key'] : undefined;
  return key === undefined ? run(asking) : withIdempotency(ports, actor, key, { route, params, bytes }, run);
}

/** The JSON body; undefined when the endpoint takes the body's media type as it is. */
function readBody(endpoint: Endpoint, mediaType: string, bytes: Uint8Array): unknown {
  if (!endpoint.body || endpoint.takes?.includes(mediaType)) return undefined;
  if (endpoint.takes && mediaType !== 'application/json') {
    const detail = `Use ${['application/json', ...endpoint.takes].join(', ')}.`;
    throw badInput('Content-Type', `The media type of the body is not one this call takes. ${detail}`);
  }
  const left = bytes.length === 0 && mayBeLeftOut(endpoint);
  return parseAs(endpoint.body, left ? {} : parseJson(bytes), 'Body');
}

/** The thing that an action is about, once the actor may do it. */
function authorize(call: Call, action: Action, params: Readonly<Record<string, string>>): Promise<unknown> {
  const kind = action.slice(0, action.indexOf('.'));
  const id = params[kind] ?? '';
  if (kind === 'space') return authorizeSpace(call, action, id);
  if (kind === 'instance') return authorizeInstance(call, action, id);
  if (kind === 'assignment') return authorizeAssignment(call, action, id);
  if (kind === 'handIn') return authorizeHandIn(call, action, id);
  if (kind === 'distribution') return authorizeDistribution(call, action, id);
  authorizeManager(call, action);
  return Promise.resolve(undefined);
}

function asResult({ status, headers = {}, body }: Answer): APIGatewayProxyStructuredResultV2 {
  const result = { statusCode: status, headers: { 'x-content-type-options': 'nosniff', ...headers } };
  if (body === undefined) return result;
  if (body instanceof Uint8Array)
    return { ...result, body: Buffer.from(body).toString('base64'), isBase64Encoded: true };
  if (typeof body === 'string') return { ...result, body };
  return {
    ...result,
    headers: { 'content-type': 'application/json', ...result.headers },
    body: JSON.stringify(body),
  };
}
