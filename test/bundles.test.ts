// The code of the Lambdas, bundled as it is deployed: how large it is, what is not in it, that it runs, and that it asks
// its ports for no more and no less than `infra/needs.ts` allows.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { env } from '../adapters/config.ts';
import { isOpen, routeKey } from '../functions/http/endpoint.ts';
import { endpoints, routes } from '../functions/routes.ts';
import { bundleOptions } from '../infra/constructs/bundle.ts';
import { clockNeeds, contextNeeds, type Needs, stepNeeds } from '../infra/needs.ts';
import { workflows } from '../workflows/definitions.ts';
import { top } from './support/stacks.ts';

const maxBytes = 1_000_000;

const entriesIn = (room: string): string[] =>
  readdirSync(join(top, room, 'entries')).map((file) => `${room}/entries/${file}`);
const entries = [...entriesIn('functions'), ...entriesIn('workflows')];
const nameOf = (entry: string): string => /(\w+)\.ts$/.exec(entry)![1]!;

interface Bundle {
  readonly bytes: number;
  readonly code: string;
  readonly inputs: readonly string[];
}

const bundles = new Map<string, Bundle>();
const folder = mkdtempSync(join(tmpdir(), 'handout-bundles-'));
/** What is below a folder of this name is loaded by Node itself, as by Lambda. */
const loaded = join(folder, 'node_modules');

async function bundleOf(entry: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({ ...bundleOptions(entry), write: false, metafile: true });
  const { contents, text } = outputFiles.find(({ path }) => path.endsWith('.mjs'))!;
  const { inputs } = outputOf(metafile);
  const used = Object.keys(inputs).filter((input) => inputs[input]!.bytesInOutput > 0);
  return { bytes: contents.length, code: text, inputs: used };
}

const outputOf = ({ outputs }: Metafile) =>
  Object.entries(outputs).find(([file]) => file.endsWith('.mjs'))![1];

beforeAll(async () => {
  await Promise.all(entries.map(async (entry) => bundles.set(entry, await bundleOf(entry))));
  for (const [name, value] of Object.entries({
    [env.backend]: 'aws',
    [env.region]: 'eu-central-1',
    [env.recordsTable]: 'records',
    [env.pagesTable]: 'pages',
    [env.bucket]: 'bucket',
    [env.stateMachines]: 'arn:aws:states:eu-central-1:123456789012:stateMachine:handout-trial-',
    [env.eventBus]: 'bus',
    [env.receiptsKey]: 'key',
  }))
    vi.stubEnv(name, value);
}, 300_000);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

it('there is an entry for every context, every workflow, and what starts leftovers', () => {
  const names = [...Object.keys(routes), ...Object.keys(workflows), 'clock'];
  expect(entries.map(nameOf).sort()).toEqual(names.sort());
});

describe.each(entries)('%s', (entry) => {
  const bundle = () => bundles.get(entry)!;

  it('is under 1 MB', () => expect(bundle().bytes).toBeLessThan(maxBytes));

  it('has nothing of one machine in it', () => {
    expect(
      bundle().inputs.filter((input) => /adapters\/(local|memory)\/|functions\/demo\//.test(input)),
    ).toEqual([]);
    expect(bundle().inputs.filter((input) => /aws-local-stepfunctions|aws-cdk/.test(input))).toEqual([]);
    expect(bundle().code).not.toMatch(/node:sqlite|node:worker_threads/);
  });

  it('has no languages in it but English', () => {
    const locales = bundle().inputs.filter((input) => /zod\/.*\/locales\/(?!en\b|index)/.test(input));
    expect(locales).toEqual([]);
  });
});

/** The module as Lambda loads it. */
async function load(entry: string): Promise<Record<string, (...given: unknown[]) => Promise<unknown>>> {
  mkdirSync(loaded, { recursive: true });
  const file = join(loaded, `${entry.replaceAll('/', '-')}.mjs`);
  writeFileSync(file, bundles.get(entry)!.code);
  return import(/* @vite-ignore */ pathToFileURL(file).href);
}

describe.each(Object.entries(routes))('the Lambda of %s', (context, own) => {
  it('answers its endpoints and no others', async () => {
    const { handler } = await load(`functions/entries/${context}.ts`);
    const mine = new Set(own.map(routeKey));
    for (const endpoint of endpoints) {
      const event = {
        routeKey: routeKey(endpoint),
        rawPath: endpoint.path,
        rawQueryString: '',
        headers: {},
        requestContext: { requestId: 'request', http: { method: endpoint.method } },
      };
      // Nobody signed in: whoever knows the endpoint asks for a token first. Open ones would go on to AWS.
      if (mine.has(event.routeKey) && isOpen(endpoint)) continue;
      const { statusCode } = (await handler!(event, {})) as { statusCode: number };
      expect(statusCode, event.routeKey).toBe(mine.has(event.routeKey) ? 401 : 404);
    }
  });
});

it('the Lambda of the service answers that it is there', async () => {
  const { handler } = await load('functions/entries/service.ts');
  const event = {
    routeKey: 'GET /v1/health',
    rawPath: '/v1/health',
    rawQueryString: '',
    headers: {},
    requestContext: {},
  };
  expect(await handler!(event, {})).toMatchObject({ statusCode: 200 });
});

it.each(Object.entries(workflows))(
  'the Lambdas of the workflow %s are its steps',
  async (name, { steps }) => {
    const exported = await load(`workflows/entries/${name}.ts`);
    expect(Object.keys(exported).sort()).toEqual(Object.keys(steps).sort());
    for (const step of Object.values(exported)) expect(step).toBeTypeOf('function');
  },
);

/** What the code of an entry calls at its ports, once what nobody calls has been shaken off. */
async function calledBy(entry: string): Promise<Set<string>> {
  const options = { ...bundleOptions(entry), minify: false, sourcemap: false, packages: 'external' } as const;
  const { outputFiles } = await build({ ...options, write: false });
  const call = /\b(records|pages|blobs|workflows|events|receipts|tables)\.([a-z]\w*)\(/g;
  return new Set([...outputFiles[0]!.text.matchAll(call)].map(([, port, method]) => `${port}.${method}`));
}

const methods: Record<string, readonly string[]> = {
  'records write': ['records.write'],
  'pages read': ['pages.get', 'pages.getMany'],
  'pages write': ['pages.putMany'],
  'blobs read': ['blobs.get', 'blobs.signGet'],
  'blobs write': ['blobs.put', 'blobs.promote'],
  uploads: ['blobs.signPut', 'blobs.promote', 'blobs.discard'],
  downloads: ['blobs.signGet'],
  events: ['events.publish'],
  receipts: ['receipts.sign', 'receipts.verify', 'receipts.keys'],
  starts: ['workflows.start'],
  follows: ['workflows.status'],
  'pages mark': ['pages.list', 'pages.condemn', 'pages.rescue'],
  'pages sweep': ['pages.deleteCondemned'],
  'blobs mark': ['blobs.list'],
  'blobs sweep': ['blobs.deleteVersion'],
};

const wanted = (called: ReadonlySet<string>): string[] =>
  Object.keys(methods).filter((need) => methods[need]!.some((method) => called.has(method)));

const allowed = (all: readonly Needs[]): string[] => [
  ...new Set(
    all.flatMap(({ records, pages, blobs, uploads, downloads, events, receipts, starts, follows }) => [
      ...(records === 'write' ? ['records write'] : []),
      ...(pages && pages !== 'sweep' ? ['pages read'] : []),
      ...(pages && pages !== 'read' ? [`pages ${pages}`] : []),
      ...(blobs && blobs !== 'sweep' ? ['blobs read'] : []),
      ...(blobs && blobs !== 'read' ? [`blobs ${blobs}`] : []),
      ...(uploads ? ['uploads'] : []),
      ...(downloads ? ['downloads'] : []),
      ...(events ? ['events'] : []),
      ...(receipts ? ['receipts'] : []),
      ...(starts ? ['starts'] : []),
      ...(follows ? ['follows'] : []),
    ]),
  ),
];

const needsOf = new Map<string, readonly Needs[]>([
  ...Object.entries(contextNeeds).map(
    ([context, needs]) => [`functions/entries/${context}.ts`, [needs]] as const,
  ),
  ...Object.entries(stepNeeds).map(
    ([name, steps]) => [`workflows/entries/${name}.ts`, Object.values(steps)] as const,
  ),
  ['workflows/entries/clock.ts', [clockNeeds]],
]);
/** Brings the declarations of all endpoints to describe them, and calls none but its own, which only read. */
const describing = 'functions/entries/service.ts';

describe.each(entries.filter((entry) => entry !== describing))('%s is allowed', (entry) => {
  it('what its code asks of the ports, and no more', async () => {
    const called = await calledBy(entry);
    expect(allowed(needsOf.get(entry)!).sort()).toEqual(wanted(called).sort());
    const brings = (file: string) => bundles.get(entry)!.inputs.includes(file);
    expect(brings('adapters/tables/tables.ts')).toBe([...called].some((one) => one.startsWith('tables.')));
    expect(brings('adapters/aws/events.ts')).toBe(called.has('events.publish'));
    expect(brings('adapters/aws/receipts.ts')).toBe([...called].some((one) => one.startsWith('receipts.')));
  });
});

it('the service only reads', () => {
  expect(allowed([contextNeeds.service])).toEqual([]);
  expect(new Set(routes.service.map(({ method }) => method))).toEqual(new Set(['GET']));
});
