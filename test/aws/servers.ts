// Starts DynamoDB Local and VersityGW on free ports of this machine before the AWS tests, and stops them after. Neither
// was written by this project; `docs/decisions/0003-aws-test-servers.md` says why these two and what they get wrong.
// Whatever keeps them from running fails the tests: there is no skipping them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { accessKey, region, secretKey } from './credentials.ts';
import { installDynamoDbLocal, installVersityGw } from './install.ts';

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  await once(probe.close(), 'close');
  if (address === null || typeof address === 'string') throw new Error('a probe listens on a port');
  return address.port;
}

/** Starts a program, and waits until it answers HTTP in any way. */
async function serve(program: string, args: readonly string[], port: number, cwd: string): Promise<Server> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const url = `http://127.0.0.1:${port}`;
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-4_000);
    });
  const dies = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(new Error(`${program} cannot be started.`, { cause })));
    child.once('exit', (code, signal) =>
      reject(new Error(`${program} ended: ${code ?? signal}\n${printed}`)),
    );
  });
  dies.catch(() => undefined);
  try {
    await Promise.race([answers(url), dies]);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return { url, stop: () => stop(child) };
}

async function answers(url: string): Promise<void> {
  const until = performance.now() + startTimeoutMs;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer) return;
    if (performance.now() > until) throw new Error(`Nothing answered at ${url} in time.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}

/** A short run is over before a better compiler and collector of garbage would pay. */
const javaOptions = ['-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

async function startDynamoDb(): Promise<Server> {
  const directory = await installDynamoDbLocal();
  const port = await freePort();
  const main = 'software.amazon.dynamodb.services.local.main.ServerRunner';
  const args = [...javaOptions, `-Djava.library.path=${directory}`, '-cp', join(directory, '*'), main];
  return serve('java', [...args, '-inMemory', '-disableTelemetry', '-port', `${port}`], port, directory);
}

/** Metadata are extended attributes of the files: kept beside them (`--sidecar`), deleted versions come back. */
async function startS3(directory: string): Promise<Server> {
  const program = join(await installVersityGw(), 'versitygw');
  const port = await freePort();
  const [data, versions] = ['data', 'versions'].map((name) => join(directory, name)) as [string, string];
  for (const path of [data, versions]) mkdirSync(path);
  const gateway = [
    '--access',
    accessKey,
    '--secret',
    secretKey,
    '--region',
    region,
    '--port',
    `127.0.0.1:${port}`,
  ];
  const storage = ['posix', '--versioning-dir', versions, data];
  return serve(program, [...gateway, '--quiet', ...storage], port, directory);
}

export default async function startServers(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'handout-s3-'));
  const started = await Promise.allSettled([startDynamoDb(), startS3(directory)]);
  const servers = started.flatMap((server) => (server.status === 'fulfilled' ? [server.value] : []));
  const close = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  const failed = started.find((server) => server.status === 'rejected');
  if (failed) {
    await close();
    throw failed.reason;
  }
  const [dynamodb, s3] = servers;
  project.provide('awsServers', { dynamodb: dynamodb!.url, s3: s3!.url });
  return close;
}
