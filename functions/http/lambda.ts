// A context's Lambda behind the HTTP API: its events are made to say what the one-machine server's say, and handled by
// the same stack. API Gateway hands on path parameters decoded (so they are not decoded again), and joins what a query
// says twice with commas, where one machine takes the last.

import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { badInput } from '../../core/errors.ts';
import type { Ports } from '../../core/ports.ts';
import type { Endpoint } from './endpoint.ts';
import { type HttpEvent, httpHandler } from './handler.ts';
import { problemOf } from './problem.ts';
import { pathHeader, type Router, router } from './router.ts';

export type LambdaHandler = (
  event: HttpEvent,
  context: Context,
) => Promise<APIGatewayProxyStructuredResultV2>;

export function lambdaHandler(endpoints: readonly Endpoint[], ports: Ports): LambdaHandler {
  const route = router(endpoints);
  const handle = httpHandler(endpoints, ports);
  return async (event, context) => {
    try {
      const pathParameters = parametersOf(event, route);
      const queryStringParameters = Object.fromEntries(new URLSearchParams(event.rawQueryString));
      return await handle({ ...event, pathParameters, queryStringParameters }, context);
    } catch (error) {
      const { status, headers, body } = problemOf(error, event.rawPath, event.requestContext.requestId);
      return { statusCode: status, headers, body: JSON.stringify(body) };
    }
  };
}

/** From the header that names the path, if there is one, else as API Gateway understood the URL. */
function parametersOf(event: HttpEvent, route: Router): Record<string, string | undefined> {
  const path = event.headers[pathHeader];
  if (path === undefined) return event.pathParameters ?? {};
  const match = route(event.requestContext.http.method, path);
  if (match?.routeKey !== event.routeKey)
    throw badInput(
      pathHeader,
      `The header names another endpoint than the URL, which is ${event.routeKey}.`,
      'bad-path',
    );
  return match.params;
}
