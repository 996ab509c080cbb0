// Endpoints as one Lambda handler: the middy stack that parses, identifies, authorizes and answers, for all of them.

import middy, { type MiddyfiedHandler } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { AppError, invariant, notFound } from '../../core/errors.ts';
import type { Action, Actor } from '../../core/model/access.ts';
import {
  authorizeDistribution,
  authorizeInstance,
  authorizeManager,
  authorizeSpace,
} from '../../core/ops/access.ts';
import type { Call } from '../../core/ops/call.ts';
import type { Ports } from '../../core/ports.ts';
import { type Answer, type Asked, type Endpoint, routeKey } from './endpoint.ts';
import { withIdempotency } from './idempotency.ts';
import { actorOf, type Claims } from './identity.ts';
import { checkBodySize, mediaTypeOfRequest, parseAs, parseJson, parseParameters } from './parse.ts';
import { problemOf } from './problem.ts';

/** The event of an HTTP API (payload 2.0), and what the stack found in it. */
export interface HttpEvent extends APIGatewayProxyEventV2 {
  exchange?: Exchange;
}

interface Exchange {
  readonly endpoint: Endpoint;
  readonly actor: Actor;
  readonly bytes: Uint8Array;
  readonly query: unknown;
  readonly body: unknown;
}

export type HttpHandler = MiddyfiedHandler<HttpEvent, APIGatewayProxyStructuredResultV2>;

/** Actions that need no token. */
const open: ReadonlySet<Action> = new Set(['service.look']);

export function httpHandler(endpoints: readonly Endpoint[], ports: Ports): HttpHandler {
  const table = new Map(endpoints.map((endpoint) => [routeKey(endpoint), endpoint]));
  return middy<HttpEvent, APIGatewayProxyStructuredResultV2>()
    .use({
      before: ({ event }) => {
        event.exchange = readExchange(table, event);
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

function readExchange(table: ReadonlyMap<string, Endpoint>, event: HttpEvent): Exchange {
  const endpoint = table.get(event.routeKey);
  if (!endpoint) throw notFound('such endpoint');
  const claims = (event.requestContext as { authorizer?: { jwt?: { claims?: Claims } } }).authorizer?.jwt
    ?.claims;
  const actor = open.has(endpoint.action) ? { user: 'anyone', manager: false } : actorOf(claims);
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  checkBodySize(bytes.length);
  const query = endpoint.query
    ? parseParameters(endpoint.query, event.queryStringParameters ?? {}, 'Query')
    : undefined;
  return { endpoint, actor, bytes, query, body: readBody(endpoint, event, bytes) };
}

function readBody(endpoint: Endpoint, event: HttpEvent, bytes: Uint8Array): unknown {
  if (!endpoint.body) return undefined;
  const mediaType = mediaTypeOfRequest(event.headers);
  if (endpoint.takes?.includes(mediaType)) return undefined;
  if (endpoint.takes && mediaType !== 'application/json')
    throw new AppError('bad-input', 'The media type of the body is not one this call takes.', {
      errors: [
        { pointer: 'Content-Type', detail: `Use ${['application/json', ...endpoint.takes].join(', ')}.` },
      ],
    });
  return parseAs(endpoint.body, parseJson(bytes), 'Body');
}

async function answer(ports: Ports, event: HttpEvent, exchange: Exchange): Promise<Answer> {
  const { endpoint, actor, bytes, query, body } = exchange;
  const { headers } = event;
  const params = Object.fromEntries(
    Object.entries(event.pathParameters ?? {}).map(([name, value]) => [name, value ?? '']),
  );
  const run = async (call: Call) => {
    const thing = await authorize(call, endpoint.action, params);
    return endpoint.handle({ call, thing, params, query, body, bytes, headers } as Asked);
  };
  const key = endpoint.method === 'POST' ? headers['idempotency-key'] : undefined;
  return withIdempotency(ports, actor, key, { route: event.routeKey, params, bytes }, run);
}

/** The thing that an action is about, once the actor may do it. */
function authorize(call: Call, action: Action, params: Readonly<Record<string, string>>): Promise<unknown> {
  const kind = action.slice(0, action.indexOf('.'));
  const id = params[kind] ?? '';
  if (kind === 'space') return authorizeSpace(call, action, id);
  if (kind === 'instance') return authorizeInstance(call, action, id);
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
