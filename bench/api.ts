// Requests as API Gateway hands them to Lambdas, metered: what the HTTP layer asks of the ports counts as well.

import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { Method } from '../functions/http/endpoint.ts';
import type { HttpEvent } from '../functions/http/handler.ts';
import { lambdaHandler } from '../functions/http/lambda.ts';
import { router } from '../functions/http/router.ts';
import { endpoints } from '../functions/routes.ts';
import type { Bench } from './harness.ts';
import type { Meter } from './meter.ts';

// biome-ignore lint/suspicious/noExplicitAny: the scenarios know what they asked for
type Json = any;
export type Ask = (user: string, method: Method, path: string, body?: unknown) => Promise<Json>;

/** Of an API Gateway's answer to a client. */
const answerOverhead = 300;

export function openApi({ ports }: Bench, meter: Meter): Ask {
  const handler = lambdaHandler(endpoints, ports);
  const route = router(endpoints);
  return async (user, method, path, body) => {
    const [pathname = '', rawQueryString = ''] = path.split('?');
    const match = route(method, pathname);
    if (!match) throw new Error(`There is no ${method} ${pathname}`);
    const event = {
      version: '2.0',
      routeKey: match.routeKey,
      rawPath: pathname,
      rawQueryString,
      headers: { 'content-type': typeof body === 'string' ? 'text/markdown' : 'application/json' },
      pathParameters: match.params,
      requestContext: {
        requestId: 'bench',
        http: { method },
        authorizer: { jwt: { claims: { sub: user, manager: String(user === 'teacher') } } },
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      isBase64Encoded: false,
    } as unknown as HttpEvent;
    const answer = (await handler(event, {} as Context)) as APIGatewayProxyStructuredResultV2;
    if ((answer.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${answer.body}`);
    meter.add('requests');
    meter.add('sentBytes', answerOverhead + (answer.body?.length ?? 0));
    const isJson = String(answer.headers?.['content-type']).includes('json');
    return isJson && answer.body ? JSON.parse(answer.body) : answer.body;
  };
}
