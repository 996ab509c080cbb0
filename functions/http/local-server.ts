// The one-machine side of the HTTP API: requests become the same events that API Gateway sends, after the development
// issuer has verified the token; signed URLs and development tokens are answered here, as they exist on one machine only.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import * as z from 'zod';
import type { LocalBlobs } from '../../adapters/local/blobs.ts';
import type { DevelopmentIssuer } from '../../adapters/local/issuer.ts';
import { serveSigned } from '../../adapters/local/signed-server.ts';
import { type SignedUrls, signedPath } from '../../adapters/local/signed-urls.ts';
import { notFound } from '../../core/errors.ts';
import type { HttpEvent, HttpHandler } from './handler.ts';
import { bodyMaxBytes, checkBodySize, parseAs, parseJson } from './parse.ts';
import { problemOf } from './problem.ts';
import { pathHeader, type Router } from './router.ts';
import { user } from './schemas.ts';

export interface LocalService {
  readonly route: Router;
  readonly handler: HttpHandler;
  readonly issuer: DevelopmentIssuer;
  /** The signed URLs that are answered here; absent where S3 answers them. */
  readonly signed?: { readonly blobs: LocalBlobs; readonly urls: SignedUrls } | undefined;
}

const tokenWanted = z.strictObject({ user, manager: z.boolean().default(false) });

export function localServer(service: LocalService): Server {
  return createServer((request, response) => {
    const requestId = randomUUID();
    serve(service, request, response, requestId).catch((error: unknown) => {
      const { pathname } = splitUrl(request);
      const problem = problemOf(error, pathname, requestId);
      if (problem.status === 500) console.error(requestId, error);
      if (response.headersSent) {
        response.destroy();
        return;
      }
      // What is left of a refused body is not read: the connection ends with the answer.
      if (!request.complete) response.setHeader('connection', 'close');
      response.writeHead(problem.status, problem.headers).end(JSON.stringify(problem.body));
    });
  });
}

function splitUrl(request: IncomingMessage): { pathname: string; search: string } {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return mark === -1
    ? { pathname: url, search: '' }
    : { pathname: url.slice(0, mark), search: url.slice(mark + 1) };
}

async function serve(
  service: LocalService,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  const { pathname, search } = splitUrl(request);
  if (service.signed && pathname.startsWith(signedPath))
    return serveSigned(service.signed.blobs, service.signed.urls, request, response);
  const bytes = await readBody(request);
  if (request.method === 'POST' && pathname === '/v1/dev/tokens')
    return sendToken(service.issuer, bytes, response);
  const head = request.method === 'HEAD';
  const headers = headersOf(request);
  const path = headers[pathHeader] ?? pathname;
  const match = service.route(head ? 'GET' : (request.method ?? ''), path);
  if (!match) throw notFound('such endpoint');
  const claims = match.open ? undefined : await claimsOf(service.issuer, request);
  const event = {
    version: '2.0',
    routeKey: match.routeKey,
    rawPath: pathname,
    rawQueryString: search,
    headers,
    queryStringParameters: Object.fromEntries(new URLSearchParams(search)),
    pathParameters: match.params,
    requestContext: { requestId, authorizer: { jwt: { claims } } },
    body: bytes.toString('base64'),
    isBase64Encoded: true,
  } as unknown as HttpEvent;
  send(response, (await service.handler(event, {} as Context)) as APIGatewayProxyStructuredResultV2, head);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  checkBodySize(Number(request.headers['content-length'] ?? 0));
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyMaxBytes) checkBodySize(size);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function sendToken(
  issuer: DevelopmentIssuer,
  bytes: Uint8Array,
  response: ServerResponse,
): Promise<void> {
  const wanted = parseAs(tokenWanted, parseJson(bytes), 'Body');
  const token = await issuer.issue(wanted.user, wanted.manager);
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token }));
}

const headersOf = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  );

/** Undefined without a token: whether one is needed is the endpoint's matter. */
async function claimsOf(issuer: DevelopmentIssuer, request: IncomingMessage) {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return token === undefined ? undefined : issuer.verify(token);
}

function send(response: ServerResponse, result: APIGatewayProxyStructuredResultV2, head: boolean): void {
  const body = Buffer.from(result.body ?? '', result.isBase64Encoded ? 'base64' : 'utf8');
  const status = result.statusCode ?? 200;
  const length = status === 204 || status === 304 ? {} : { 'content-length': String(body.length) };
  response.writeHead(status, { ...(result.headers as Record<string, string>), ...length });
  response.end(head ? undefined : body);
}
