// Applications over HTTP: what was put comes back, whatever its size.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectFault, expectProblem, newProject, rootOf } from '../support/http.ts';
import { type Client, openCourse, openWorld, type World } from '../support/world.ts';

let world: World;
let space: string;
let client: Client;
let instance: string;

beforeAll(async () => {
  world = await openWorld();
  ({ space, instructor: client } = await openCourse(world, 0));
});
beforeEach(async () => {
  instance = await newProject(client, space);
});
afterAll(() => world[Symbol.asyncDispose]());

const appUrl = (app: string) => `/v1/instances/${instance}/apps/${encodeURIComponent(app)}`;
const image = `jupyter/scipy@sha256:${'ab'.repeat(32)}`;

const full = {
  image,
  command: ['jupyter', 'lab', '--ip=0.0.0.0'],
  packages: 'numpy==2.1.0\npandas==2.2.3\n',
  config: { theme: 'dark', nested: { list: [1, 2.5, null, true, 'ü'] } },
  resources: { cpu: 1.5, memory: 17_179_869_184, disk: 1_000_000_000_000 },
};

describe('an application', () => {
  it('comes back as it was put', async () => {
    const reply = await client.put(appUrl('lab'), full);
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({ root: await rootOf(client, instance), version: 2 });
    expect(reply.headers.get('etag')).toBe(`"${reply.body.root}"`);
    expect((await client.get(appUrl('lab'))).body).toEqual(full);
    expect((await client.get(`/v1/instances/${instance}/states/current/apps/lab`)).body).toEqual(full);
  });

  it('needs an image and nothing else', async () => {
    await client.put(appUrl('bare'), { image });
    expect((await client.get(appUrl('bare'))).body).toMatchObject({ image });
    expect((await client.get(appUrl('bare'))).body).not.toHaveProperty('config');
    expect((await client.get(appUrl('bare'))).body).not.toHaveProperty('packages');
  });

  it.each([
    ['just below 4 KiB', 4_096 - '{"text":""}'.length],
    ['just above 4 KiB', 4_097 - '{"text":""}'.length],
    ['of 1 MiB', 1024 * 1024],
  ])('keeps a configuration %s', async (_, length) => {
    const config = { text: 'x'.repeat(length) };
    await client.put(appUrl('lab'), { image, config });
    expect((await client.get(appUrl('lab'))).body.config).toEqual(config);
  });

  it.each([[null], [false], [0], ['text'], [[]], [{}], [{ '': 1, 'a/b': { '~': 2 } }]])(
    'keeps the configuration %j',
    async (config) => {
      await client.put(appUrl('lab'), { image, config });
      expect((await client.get(appUrl('lab'))).body.config).toEqual(config);
    },
  );

  it('keeps a long lock file', async () => {
    const packages = Array.from({ length: 20_000 }, (_, i) => `package-${i}==1.${i}.0`).join('\n');
    await client.put(appUrl('lab'), { image, packages });
    expect((await client.get(appUrl('lab'))).body.packages).toBe(packages);
    await client.put(appUrl('lab'), { image, packages: '' });
    expect((await client.get(appUrl('lab'))).body.packages).toBe('');
  });

  it('put again as it is makes no new version, in whatever order its members come', async () => {
    const first = await client.put(appUrl('lab'), full);
    const { resources } = full;
    const turned = { resources: Object.fromEntries(Object.entries(resources).reverse()) };
    const second = await client.put(appUrl('lab'), {
      ...turned,
      config: full.config,
      packages: full.packages,
      command: full.command,
      image,
    });
    expect(second.body).toEqual(first.body);
  });

  it('is replaced and removed', async () => {
    await client.put(appUrl('lab'), full);
    await client.put(appUrl('lab'), { image: 'other@sha256:1' });
    expect((await client.get(appUrl('lab'))).body).toMatchObject({ image: 'other@sha256:1' });
    expect((await client.delete(appUrl('lab'))).status).toBe(204);
    expectProblem(await client.get(appUrl('lab')), 404, 'not-found');
    expectProblem(await client.delete(appUrl('lab')), 404, 'not-found');
  });

  it('is what it was in a snapshot', async () => {
    await client.put(appUrl('lab'), full);
    const { id } = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'S' })).body;
    await client.put(appUrl('lab'), { image: 'other@sha256:1' });
    expect((await client.get(`/v1/instances/${instance}/states/${id}/apps/lab`)).body).toEqual(full);
  });

  it('that makes no sense is refused with the place', async () => {
    const refused = async (app: unknown, pointer: string) =>
      expectFault(await client.put(appUrl('lab'), app), 400, 'bad-input', pointer);
    await refused({}, '/image');
    await refused({ image: '' }, '/image');
    await refused({ image, command: 'jupyter lab' }, '/command');
    await refused({ image, command: ['a', 1] }, '/command/1');
    await refused({ image, packages: ['numpy'] }, '/packages');
    await refused({ image, resources: { cpu: 'two' } }, '/resources/cpu');
    await refused({ image, name: 'x' }, '/name');
    expectFault(await client.put(appUrl('a\\b'), { image }), 400, 'bad-path', 'app');
    const wordy = { image, command: Array.from({ length: 100 }, () => 'x'.repeat(1_000)) };
    expectProblem(await client.put(appUrl('lab'), wordy), 413, 'too-large');
  });

  it('with a configuration nested beyond reason is refused', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const reply = await client.send('PUT', appUrl('lab'), {
      body: `{"image":"x","config":${deep}}`,
      headers: { 'content-type': 'application/json' },
    });
    expectProblem(reply, 400, 'bad-input');
  });
});
