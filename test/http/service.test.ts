// The service about itself: health, the contract as a document and as a page, who the caller is, tokens.

import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endpoints } from '../../functions/routes.ts';
import { everyRequest, type Fixture, openFixture } from '../support/every-endpoint.ts';
import { expectProblem, sendRaw } from '../support/http.ts';
import { openCourse, openWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

describe('without a token', () => {
  it('health, the contract and its page are open', async () => {
    const health = await world.anonymous('GET', '/v1/health');
    expect([health.status, health.body.status]).toEqual([200, 'ok']);
    expect((await world.anonymous('GET', '/v1/openapi.json')).status).toBe(200);
    expect((await world.anonymous('GET', '/v1/docs')).status).toBe(200);
  });

  it('all else asks for one', async () => {
    for (const { method, path, action } of endpoints) {
      const reply = await world.anonymous(method, path.replaceAll(/\{\w+\+?\}/g, 'x'));
      if (action === 'service.look') expect([path, reply.status]).toEqual([path, 200]);
      else {
        expectProblem(reply, 401, 'not-signed-in');
        expect(reply.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
  });
});

describe('a token', () => {
  const me = (authorization: string) => world.anonymous('GET', '/v1/me', { headers: { authorization } });
  const claims = (now = Date.now() / 1_000) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('mallory')
      .setIssuer('urn:handout:development')
      .setAudience('handout')
      .setIssuedAt(now)
      .setExpirationTime(now + 3_600);

  it('of the development issuer is taken', async () => {
    const { body } = await world.anonymous('POST', '/v1/dev/tokens', { json: { user: 'anna' } });
    expect((await me(`Bearer ${body.token}`)).body).toMatchObject({ user: 'anna', manager: false });
    expect((await me(`bearer ${body.token}`)).status).toBe(200);
    const managed = await world.anonymous('POST', '/v1/dev/tokens', { json: { user: 'mia', manager: true } });
    expect((await me(`Bearer ${managed.body.token}`)).body).toMatchObject({ user: 'mia', manager: true });
  });

  it('for nobody, or for what is no user, is not made', async () => {
    for (const json of [{}, { user: '' }, { user: 'a b' }, { user: 1 }, { user: 'a', admin: true }, null, []])
      expectProblem(await world.anonymous('POST', '/v1/dev/tokens', { json }), 400, 'bad-input');
  });

  it('that is forged, expired, of another issuer or cut short is not', async () => {
    const { secret } = world.backend;
    const good = await claims().sign(secret);
    expect((await me(`Bearer ${good}`)).status).toBe(200);
    const [header, , signature] = good.split('.');
    const other = Buffer.from(JSON.stringify({ sub: 'mallory', manager: true })).toString('base64url');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const bad: Record<string, string> = {
      'another secret': await claims().sign(Buffer.alloc(32, 7)),
      'other claims under the signature': `${header}.${other}.${signature}`,
      'no signature': `${none}.${other}.`,
      expired: await claims(Date.now() / 1_000 - 7_200).sign(secret),
      'another issuer': await claims().setIssuer('urn:elsewhere').sign(secret),
      'another audience': await claims().setAudience('elsewhere').sign(secret),
      'without a subject': await new SignJWT({ manager: true })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer('urn:handout:development')
        .setAudience('handout')
        .sign(secret),
      'cut short': good.slice(0, -4),
      nonsense: 'x',
      'nonsense in three parts': 'a.b.c',
    };
    for (const [what, token] of Object.entries(bad)) {
      const reply = await me(`Bearer ${token}`);
      expect([what, reply.status]).toEqual([what, 401]);
      expectProblem(reply, 401, 'not-signed-in');
    }
    for (const header of ['', 'Bearer', 'Bearer ', `Basic ${good}`, good])
      expectProblem(await me(header), 401, 'not-signed-in');
  });

  it('that is no good does not keep the open endpoints closed', async () => {
    const headers = { authorization: 'Bearer expired.long.ago' };
    expect((await world.anonymous('GET', '/v1/health', { headers })).status).toBe(200);
  });
});

describe('who am I', () => {
  it('tells the roles in spaces and instances', async () => {
    const course = await openCourse(world, 1);
    const student = await course.student(1);
    expect((await student.get('/v1/me')).body).toEqual({
      user: 's1',
      manager: false,
      spaces: [{ spaceId: course.space, role: 'student' }],
      instances: [{ instanceId: student.instance, spaceId: course.space, role: 'editor' }],
    });
    expect((await course.instructor.get('/v1/me')).body).toMatchObject({
      user: 'ines',
      manager: true,
      spaces: [{ spaceId: course.space, role: 'admin' }],
    });
    const stranger = await world.client('stranger');
    expect((await stranger.get('/v1/me')).body).toEqual({
      user: 'stranger',
      manager: false,
      spaces: [],
      instances: [],
    });
  });
});

describe('what does not exist', () => {
  it('is not found, with a problem document', async () => {
    const client = await world.client('anna');
    for (const path of [
      '/',
      '/v1',
      '/v1/',
      '/v2/spaces',
      '/v1/nothing',
      '/v1/spaces/',
      '/V1/health',
      '/v1//health',
    ])
      expectProblem(await client.get(path), 404, 'not-found');
    for (const method of ['PATCH', 'PUT', 'DELETE', 'OPTIONS'])
      expectProblem(await client.send(method, '/v1/spaces'), 404, 'not-found');
  });

  it('is not found by a path that leads up and down again', async () => {
    for (const path of [
      '/v1/x/../health',
      '/v1/%2e%2e/v1/health',
      '/../v1/health',
      '/v1/health%00',
      '/v1/health/.',
    ])
      expect((await sendRaw(world, path)).status).not.toBe(200);
  });
});

describe('the OpenAPI document', () => {
  // biome-ignore lint/suspicious/noExplicitAny: a document of any form, until it was checked
  type Any = any;
  let document: Any;
  beforeAll(async () => {
    document = (await world.anonymous('GET', '/v1/openapi.json')).body;
  });

  const schema = z.union([z.boolean(), z.looseObject({})]);
  const content = z.record(
    z.string().regex(/^([\w.+-]+\/[\w.+-]+|\*\/\*)$/),
    z.strictObject({ schema: schema.optional() }),
  );
  const parameter = z.strictObject({
    name: z.string().min(1),
    in: z.enum(['path', 'query', 'header']),
    required: z.boolean().optional(),
    description: z.string().optional(),
    schema,
  });
  const operation = z.strictObject({
    operationId: z.string().regex(/^\w+$/),
    summary: z.string().min(1),
    description: z.string().min(1),
    tags: z.array(z.string()).min(1),
    parameters: z.array(parameter).optional(),
    requestBody: z.strictObject({ required: z.boolean(), content }).optional(),
    responses: z.record(
      z.string().regex(/^([1-5]\d\d|default)$/),
      z.strictObject({ description: z.string().min(1), content: content.optional() }),
    ),
    security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  });
  /** What this document uses of OpenAPI 3.1.0, and nothing beyond it. */
  const openApi = z.strictObject({
    openapi: z.literal('3.1.0'),
    info: z.strictObject({
      title: z.string(),
      version: z.string(),
      description: z.string(),
      license: z.strictObject({ name: z.string(), identifier: z.string() }),
    }),
    servers: z.array(z.strictObject({ url: z.string() })),
    security: z.array(z.record(z.string(), z.array(z.string()))),
    components: z.strictObject({
      securitySchemes: z.record(
        z.string(),
        z.strictObject({ type: z.literal('http'), scheme: z.literal('bearer'), bearerFormat: z.string() }),
      ),
      schemas: z.record(z.string(), schema),
    }),
    paths: z.record(
      z.string().regex(/^\/v1\//),
      z.strictObject({
        get: operation.optional(),
        put: operation.optional(),
        post: operation.optional(),
        patch: operation.optional(),
        delete: operation.optional(),
      }),
    ),
  });

  const operations = (): [path: string, method: string, operation: Any][] =>
    Object.entries(document.paths as Record<string, Record<string, Any>>).flatMap(([path, item]) =>
      Object.entries(item).map(([method, found]): [string, string, Any] => [path, method, found]),
    );

  it('is well-formed OpenAPI 3.1', () => {
    expect(z.prettifyError(openApi.safeParse(document).error ?? new z.ZodError([]))).toBe('');
    const ids = operations().map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('declares every parameter of every path, and no other', () => {
    for (const [path, method, { parameters = [] }] of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = parameters.filter((one: Any) => one.in === 'path');
      expect([method, path, declared.map(({ name }: Any) => name).sort()]).toEqual([
        method,
        path,
        inPath.sort(),
      ]);
      for (const one of declared) expect(one.required).toBe(true);
      const places = parameters.map((one: Any) => `${one.in} ${one.name}`);
      expect(new Set(places).size).toBe(places.length);
    }
  });

  it('refers only to what it holds', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    expect(refs.length).toBeGreaterThan(0);
    for (const ref of refs) {
      const found = ref
        .split('/')
        .slice(1)
        .reduce((node: Any, key) => node?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
      expect([ref, ref.startsWith('#/'), found === undefined]).toEqual([ref, true, false]);
    }
  });

  it('lists every endpoint, and nothing that does not answer', () => {
    const listed = operations().map(([path, method]) => `${method.toUpperCase()} ${path}`);
    expect(listed.sort()).toEqual(
      endpoints.map(({ method, path }) => `${method} ${path.replace('+}', '}')}`).sort(),
    );
  });

  it('has every row of the contract that is served by now', () => {
    const listed = new Set(
      operations().map(([path, method]) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`),
    );
    const rows = [
      'post /v1/spaces',
      'get /v1/spaces',
      'get /v1/spaces/{}',
      'post /v1/spaces/{}/members',
      'get /v1/spaces/{}/members',
      'delete /v1/spaces/{}/members/{}',
      'post /v1/spaces/{}/instances',
      'get /v1/spaces/{}/instances',
      'get /v1/instances/{}',
      'put /v1/instances/{}/roles/{}',
      'get /v1/instances/{}/states/{}/entries',
      'get /v1/instances/{}/states/{}/files/{}',
      'put /v1/instances/{}/files/{}',
      'delete /v1/instances/{}/files/{}',
      'post /v1/instances/{}/uploads',
      'post /v1/instances/{}/changes',
      'put /v1/instances/{}/tables/{}',
      'post /v1/instances/{}/tables/{}/rows',
      'get /v1/instances/{}/states/{}/tables/{}',
      'get /v1/instances/{}/states/{}/tables/{}/rows',
      'put /v1/instances/{}/apps/{}',
      'get /v1/instances/{}/apps/{}',
      'get /v1/instances/{}/states/{}/apps/{}',
      'get /v1/instances/{}/diff',
      'get /v1/instances/{}/journal',
      'get /v1/instances/{}/journal/verify',
      'post /v1/instances/{}/snapshots',
      'get /v1/instances/{}/snapshots',
      'get /v1/instances/{}/snapshots/{}',
      'delete /v1/instances/{}/snapshots/{}',
      'post /v1/instances/{}/restore',
      'get /v1/health',
      'get /v1/openapi.json',
      'get /v1/docs',
      'get /v1/me',
    ];
    for (const row of rows) expect([row, listed.has(row)]).toEqual([row, true]);
  });

  describe('says what is answered', () => {
    let fixture: Fixture;
    beforeAll(async () => {
      fixture = await openFixture(world);
    });

    it.each(endpoints.map(({ name }) => name))('by %s', async (name) => {
      const { method, path, ...options } = await everyRequest[name]!(fixture, fixture.places.own);
      const reply = await fixture.manager.send(method, path, options);
      const [, , declared] = operations().find(([, , { operationId }]) => operationId === name)!;
      const type = (reply.headers.get('content-type') ?? '').split(';')[0]!;
      const answer = declared.responses[reply.status] ?? declared.responses.default;
      // What is over cannot be cancelled; every other request here succeeds.
      if (name === 'cancelDistribution') expect(reply.status).toBe(409);
      else expect(Object.keys(declared.responses), reply.text).toContain(String(reply.status));
      if (!type.includes('json') || !answer.content) return;
      const standing = { ...answer.content[type].schema, $defs: document.components.schemas };
      const text = JSON.stringify(standing).replaceAll('#/components/schemas/', '#/$defs/');
      const result = z.fromJSONSchema(JSON.parse(text)).safeParse(reply.body);
      expect(result.success ? '' : `${name}: ${z.prettifyError(result.error)} in ${reply.text}`).toBe('');
    });
  });
});

describe('the reference page', () => {
  it('is HTML that shows every endpoint', async () => {
    const page = await world.anonymous('GET', '/v1/docs');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.text).toMatch(/^<!doctype html>/);
    for (const { name, path } of endpoints) {
      expect(page.text).toContain(`id="${name}"`);
      expect(page.text).toContain(path.replace('+}', '}'));
    }
  });

  it('needs no outside host', async () => {
    const page = await world.anonymous('GET', '/v1/docs');
    const outside =
      /(?:src|href|action)\s*=\s*["']?(?:[a-z]+:)?\/\/|url\(\s*["']?(?:[a-z]+:)?\/\/|@import|<script|<link|<iframe/i;
    expect(page.text).not.toMatch(outside);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});
