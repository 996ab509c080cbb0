// The whole backend on one machine: embedded storage or that of AWS, the workflows in this process, the HTTP API on
// loopback.

import { realpathSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../adapters/config.ts';
import { developmentIssuer } from '../adapters/local/issuer.ts';
import { type Backend, openBackend } from '../adapters/open.ts';
import { tick } from '../core/ops/clock.ts';
import { relaunch } from '../core/ops/launch.ts';
import { workflows } from '../workflows/definitions.ts';
import { type Course, declineSeed, demoCourse, isFirstStart, seedCourse } from './demo/seed.ts';
import { welcome } from './demo/welcome.ts';
import { httpHandler } from './http/handler.ts';
import { localServer } from './http/local-server.ts';
import { router } from './http/router.ts';
import { endpoints } from './routes.ts';

/** The development issuer hands out any identity, so nothing but this machine may reach it. */
const loopback = '127.0.0.1';

const usage = `npm start -- [--port N] [--data DIR] [--empty] [--course DIR] [--students N] [--tables]`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      data: { type: 'string' },
      empty: { type: 'boolean', default: false },
      course: { type: 'string' },
      students: { type: 'string' },
      tables: { type: 'boolean', default: false },
    },
  });
  const wholeNumber = (name: string, text: string | undefined, most: number): number | undefined => {
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text) || Number(text) > most)
      throw new Error(`--${name} takes a whole number up to ${most}.`);
    return Number(text);
  };
  return {
    ...values,
    port: wholeNumber('port', values.port, 65_535),
    students: wholeNumber('students', values.students, 100_000),
  };
}

type Arguments = ReturnType<typeof readArguments>;

/** The course to set up at this start, if any. */
async function wantedCourse(backend: Backend, args: Arguments): Promise<Course | undefined> {
  const students = args.students ?? 30;
  if (args.course !== undefined) {
    const folder = realpathSync(args.course);
    return { title: basename(folder), folder, students, tables: args.tables };
  }
  if (!(await isFirstStart(backend.ports))) return undefined;
  if (args.empty) {
    await declineSeed(backend.ports);
    return undefined;
  }
  return { ...demoCourse(new URL('demo', import.meta.url).pathname), students };
}

/** Where the data is, for a person. */
const placeOf = (config: Config): string =>
  config.backend === 'local'
    ? config.directory
    : `${config.aws.recordsTable}, ${config.aws.pagesTable} and ${config.aws.bucket}`;

const tickMs = 5 * 60_000;
async function start(): Promise<void> {
  const args = readArguments();
  const environment = readConfig();
  const config: Config = { ...environment, directory: args.data ?? environment.directory };
  const backend = await openBackend(config, workflows);
  const issuer = developmentIssuer(backend.secret);
  const server = localServer({
    route: router(endpoints),
    handler: httpHandler(endpoints, backend.ports),
    issuer,
    signed: backend.signed,
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(args.port ?? config.port, loopback, resolve);
  });
  const origin = `http://${loopback}:${(server.address() as AddressInfo).port}`;
  if (backend.signed) backend.signed.urls.origin = origin;

  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await backend[Symbol.asyncDispose]();
    process.exit(0);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);

  await backend.workflows.resume();
  await relaunch(backend.ports);
  setInterval(
    () => tick(backend.ports).catch((error) => console.error('The clock will try again', error)),
    tickMs,
  ).unref();
  const course = await wantedCourse(backend, args);
  const seeded = course && (await seedCourse(backend.ports, course));
  console.log(await welcome({ origin, issuer, seeded, data: placeOf(config) }));
  console.log(`listening on ${origin}`);
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exit(1);
});
