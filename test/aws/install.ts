// Installs the servers that take the place of AWS into a cache below `node_modules`, at pinned versions, once. Each is
// fetched by the ordinary client of its registry: Go for VersityGW, Maven for DynamoDB Local. A version is installed
// beside its place and moved there when it is whole, so that a broken-off attempt leaves nothing that looks finished.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const cache = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'handout-aws');

const versityGw = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const dynamoDbLocal = 'dynamodb-local-3.1.0';

/** Runs a program to its end; throws with what it printed when it fails or is not there. */
async function run(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<void> {
  const child = spawn(program, args, { env: { ...process.env, ...environment } });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  const [code] = await once(child, 'close').catch((cause) => {
    throw new Error(`The AWS tests need '${program}' on this machine.`, { cause });
  });
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${printed.slice(-4_000)}`);
}

async function installed(name: string, install: (directory: string) => Promise<void>): Promise<string> {
  const place = join(cache, name);
  if (existsSync(place)) return place;
  const draft = `${place}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const began = performance.now();
  console.log(`Installing ${name} ...`);
  try {
    await install(draft);
    renameSync(draft, place);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  console.log(`Installed ${name} in ${Math.round((performance.now() - began) / 1_000)} s.`);
  return place;
}

/** The directory with the program `versitygw`: S3 over a directory. The first time takes minutes, most of them downloads. */
export const installVersityGw = (): Promise<string> =>
  installed(versityGw.replace(/.*\/(.*)@/, '$1-'), (directory) =>
    run('go', ['install', versityGw], { GOBIN: directory, GOFLAGS: '-mod=mod' }),
  );

/** The directory with the jars and native libraries of DynamoDB Local. */
export const installDynamoDbLocal = (): Promise<string> =>
  installed(dynamoDbLocal, (directory) => {
    const pom = join(import.meta.dirname, 'dynamodb-local.pom.xml');
    return run('mvn', [
      '-q',
      '-B',
      '-f',
      pom,
      'dependency:copy-dependencies',
      `-DoutputDirectory=${directory}`,
    ]);
  });
