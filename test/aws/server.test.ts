// `npm start` with `HANDOUT_BACKEND=aws`: the server of one machine over the storage of AWS, in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { env } from '../../adapters/config.ts';
import { awsConfigOf } from '../support/aws.ts';
import { type Client, clientOf, sender, untilOver } from '../support/world.ts';

const directory = mkdtempSync(join(tmpdir(), 'handout-aws-'));
const { region, recordsTable, pagesTable, bucket, endpoints } = awsConfigOf(directory);
const serverFile = join(import.meta.dirname, '..', '..', 'functions', 'server.ts');
const variables = {
  [env.backend]: 'aws',
  [env.directory]: directory,
  [env.region]: region,
  [env.recordsTable]: recordsTable,
  [env.pagesTable]: pagesTable,
  [env.bucket]: bucket,
  [env.dynamodbEndpoint]: endpoints!.dynamodb,
  [env.s3Endpoint]: endpoints!.s3,
};

let child: ChildProcess | undefined;
afterAll(async () => {
  await stop();
  rmSync(directory, { recursive: true, force: true });
});

async function start(without?: string): Promise<string> {
  const environment = { ...process.env, ...variables, ...(without && { [without]: '' }) };
  const args = [serverFile, '--port', '0', '--students', '3'];
  const started = spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  let printed = '';
  started.stderr.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    started.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const origin = /listening on (http:\S+)\n/.exec(printed)?.[1];
      if (origin) resolve(origin);
    });
    started.once('exit', () => reject(new Error(printed)));
  });
}

async function stop(): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function clientAt(origin: string, user: string): Promise<Client> {
  const { body } = await sender(origin)('POST', '/v1/dev/tokens', { json: { user, manager: true } });
  return clientOf(user, sender(origin, body.token));
}

it('sets up its tables and the demo course, hands out, and finds everything again after a restart', async () => {
  const teacher = await clientAt(await start(), 'instructor');
  const [space] = (await teacher.get('/v1/spaces')).body.items;
  const { masterInstanceId: master } = (await teacher.get(`/v1/spaces/${space.id}`)).body;
  expect((await teacher.save(master, 'more.md', 'kept')).status).toBe(201);
  const source = { instance: master, state: 'current' };
  const accepted = await teacher.post('/v1/distributions', { source, targets: { all: true } });
  expect(await untilOver(teacher, accepted.body.id)).toMatchObject({ status: 'completed' });
  await stop();

  const origin = await start();
  const student = await clientAt(origin, 'student-1');
  const { items } = (await student.get(`/v1/spaces/${space.id}/instances`)).body;
  const own = items.find(({ kind }: { kind: string }) => kind === 'student');
  expect(await student.read(own.id, 'more.md')).toBe('kept');
  expect((await sender(origin)('GET', '/signed/x.y')).status).toBe(404);
});

it('refuses to start with one endpoint alone, and says which belong together', async () => {
  const started = start(env.s3Endpoint);
  await expect(started).rejects.toThrow(/AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_S3/);
});
