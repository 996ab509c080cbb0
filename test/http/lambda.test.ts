// The Lambda side of the HTTP API: events as API Gateway makes them of requests, handled over the same data as the
// one-machine server beside it. What a gateway does to paths was captured in production by others (docs/decisions/0012);
// the stand-in below is held to those captures.

import type { APIGatewayProxyStructuredResultV2, Context as LambdaContext } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context, Method } from '../../functions/http/endpoint.ts';
import type { HttpEvent } from '../../functions/http/handler.ts';
import { type LambdaHandler, lambdaHandler } from '../../functions/http/lambda.ts';
import { pathHeader, router } from '../../functions/http/router.ts';
import { endpoints, routes } from '../../functions/routes.ts';
import { type CourseWorld, inUrl, openCourse, openWorld, type World } from '../support/world.ts';

let world: World;
let course: CourseWorld;
let handlers: Record<Context, LambdaHandler>;

beforeAll(async () => {
  world = await openWorld();
  course = await openCourse(world, 1);
  handlers = Object.fromEntries(
    Object.entries(routes).map(([context, list]) => [context, lambdaHandler(list, world.backend.ports)]),
  ) as typeof handlers;
});
afterAll(() => world[Symbol.asyncDispose]());

/** A path as an HTTP API hands it on: decoded, cut at a question mark, decoded again. Undefined when it answers 400. */
function understood(path: string): string | undefined {
  try {
    return decodeURIComponent(decodeURIComponent(path).split('?')[0]!);
  } catch {
    return undefined;
  }
}

interface Sent {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly user?: string | undefined;
}

/** The answer of the Lambda to which API Gateway leads a request. */
async function ask(
  method: Method,
  path: string,
  { query = '', headers = {}, body, user = course.instructor.user }: Sent = {},
): Promise<APIGatewayProxyStructuredResultV2> {
  const rawPath = understood(path);
  const match = rawPath === undefined ? undefined : router(endpoints)(method, inUrl(rawPath));
  if (rawPath === undefined || !match) return { statusCode: rawPath === undefined ? 400 : 404 };
  const context = (Object.keys(routes) as Context[]).find((name) =>
    routes[name].some((endpoint) => `${endpoint.method} ${endpoint.path}` === match.routeKey),
  )!;
  const joined: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query))
    joined[name] = name in joined ? `${joined[name]},${value}` : value;
  const event = {
    version: '2.0',
    routeKey: match.routeKey,
    rawPath,
    rawQueryString: query,
    headers,
    ...(query !== '' && { queryStringParameters: joined }),
    ...(Object.keys(match.params).length > 0 && { pathParameters: match.params }),
    requestContext: {
      http: { method, path: rawPath },
      requestId: 'request',
      ...(user && {
        authorizer: {
          jwt: { claims: { sub: user, manager: String(user === course.instructor.user) }, scopes: null },
        },
      }),
    },
    ...(body !== undefined && { body: Buffer.from(body).toString('base64') }),
    isBase64Encoded: body !== undefined,
  } as unknown as HttpEvent;
  return handlers[context](event, {} as LambdaContext);
}

const fileUrl = (path: string): string => `/v1/instances/${course.master}/files/${inUrl(path)}`;
const put = (url: string, body: string, headers: Record<string, string> = {}) =>
  ask('PUT', url, { body, headers: { 'content-type': 'text/plain', ...headers } });
const text = ({ body = '', isBase64Encoded }: APIGatewayProxyStructuredResultV2): string =>
  Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8').toString();

it.each([
  ['/capture/plain', '/capture/plain'],
  ['/capture/space%20value', '/capture/space value'],
  ['/capture/question%3Fvalue', '/capture/question'],
  ['/capture/percent%25done', undefined],
  ['/capture/hash%23value', '/capture/hash#value'],
  ['/capture/slash%2Fvalue', '/capture/slash/value'],
  ['/capture/unicode-%CE%BB-%E4%B8%96%E7%95%8C', '/capture/unicode-λ-世界'],
  ['/capture/literal%252Fvalue', '/capture/literal/value'],
  ['/capture/literal%253Fvalue', '/capture/literal?value'],
  ['/capture/literal%2525value', '/capture/literal%value'],
])('the stand-in understands %s as HTTP APIs were seen to', (path, handedOn) => {
  expect(understood(path)).toBe(handedOn);
});

describe('a path in the URL', () => {
  it.each([
    'plain.md',
    'café/naïve.md',
    'two words.md',
    'a+b.md',
    'c#.md',
    "it's (1) & more;=@$,!~*.md",
    '世界/λ.md',
  ])('means the same as on one machine: %s', async (path) => {
    const saved = await put(fileUrl(path), `bytes of ${path}`);
    expect([200, 201], text(saved)).toContain(saved.statusCode);
    expect(await course.instructor.read(course.master, path)).toBe(`bytes of ${path}`);
    const read = await ask('GET', `/v1/instances/${course.master}/states/current/files/${inUrl(path)}`);
    expect([read.statusCode, text(read)]).toEqual([200, `bytes of ${path}`]);
  });

  it('is decoded in front of the Lambda, and never again by it', async () => {
    // What the gateway makes of a name that a client encoded twice over, as some do to get through.
    expect((await put(fileUrl('x').replace(/x$/, '100%2525.md'), 'all')).statusCode).toBe(201);
    expect(await course.instructor.read(course.master, '100%.md')).toBe('all');
  });

  it('cannot carry % and ?, so the gateway says no or cuts it', async () => {
    expect((await put(fileUrl('50% off.md'), 'half')).statusCode).toBe(400);
    expect((await put(fileUrl('what?.md'), 'cut')).statusCode).toBe(201);
    expect(await course.instructor.read(course.master, 'what')).toBe('cut');
  });
});

describe('a path in the header', () => {
  const anywhere = () => fileUrl('-');

  it.each(['50% off.md', 'what?.md', 'a%20b.md', '%2F.md', 'café ?.md'])(
    'carries any name: %s',
    async (path) => {
      const saved = await put(anywhere(), `bytes of ${path}`, { [pathHeader]: fileUrl(path) });
      expect(saved.statusCode, text(saved)).toBe(201);
      expect(await course.instructor.read(course.master, path)).toBe(`bytes of ${path}`);
    },
  );

  it('means the same on one machine', async () => {
    const sent = await course.instructor.send('PUT', anywhere(), {
      body: 'there',
      headers: { [pathHeader]: fileUrl('why?.md'), 'content-type': 'text/plain' },
    });
    expect(sent.status).toBe(201);
    expect(await course.instructor.read(course.master, 'why?.md')).toBe('there');
  });

  it.each([
    ['another endpoint', '/v1/spaces'],
    ['another method of the same path', '/v1/instances/ins_1/states/current/files/a'],
    ['nothing there is', '/nowhere'],
    ['no percent-encoded UTF-8', '/v1/instances/ins_1/files/%FF'],
    ['a slash in a name', '/v1/instances/ins_1/files/a%2Fb'],
  ])('is refused when it names %s', async (_, path) => {
    const refused = await put(anywhere(), '', { [pathHeader]: path });
    expect(refused.statusCode).toBe(400);
    expect(refused.headers).toMatchObject({ 'content-type': 'application/problem+json' });
    expect(JSON.parse(refused.body!)).toMatchObject({ code: 'bad-path' });
  });

  it('gives no access to what the caller may not see', async () => {
    const student = await course.student(1);
    const header = { [pathHeader]: fileUrl('secret.md'), 'content-type': 'text/plain' };
    const url = `/v1/instances/${student.instance}/files/-`;
    const refused = await ask('PUT', url, { body: '', headers: header, user: student.user });
    expect(refused.statusCode).toBe(404);
  });
});

it('reads a query as one machine does, also when something is said twice', async () => {
  const url = `/v1/instances/${course.master}/journal`;
  const query = 'limit=1&limit=2';
  const { status, body } = await course.instructor.get(`${url}?${query}`);
  const asked = await ask('GET', url, { query });
  expect([asked.statusCode, JSON.parse(asked.body!)]).toEqual([status, body]);
  expect(body.items).toHaveLength(2);
});

it('answers without a query, and refuses who sent no token', async () => {
  expect((await ask('GET', '/v1/health')).statusCode).toBe(200);
  expect((await ask('GET', '/v1/spaces', { user: '' })).statusCode).toBe(401);
});
