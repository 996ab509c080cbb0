// `npm run fsck`: checks that everything stored is there and is what it should be, and says what is not. Changes nothing.

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readConfig } from '../adapters/config.ts';
import { openBackend } from '../adapters/open.ts';
import { checkEverything, type Finding, type TouchedState } from '../core/ops/fsck.ts';

const usage = `npm run fsck -- [--data DIR] [--share 0..1] [--json]

  --share   which share of the blobs is read in whole (1); pages, records and journals always are`;

function readArguments() {
  const { values } = parseArgs({
    options: { data: { type: 'string' }, share: { type: 'string', default: '1' }, json: { type: 'boolean' } },
  });
  const share = Number(values.share);
  if (!(share >= 0 && share <= 1)) throw new Error('--share takes a number from 0 to 1.');
  return { ...values, share };
}

const lineOf = ({ what, id, problem }: Finding): string => `  ${what} ${id}: ${problem}`;
const stateLine = ({ kind, id, name, instanceId, paths }: TouchedState): string =>
  `  ${kind} ${name === undefined ? id : `${id} "${name}"`}${instanceId ? ` of ${instanceId}` : ''}: ${paths.join(', ')}`;

async function run(): Promise<void> {
  const { data, share, json } = readArguments();
  const environment = readConfig();
  const config = { ...environment, directory: data ?? environment.directory };
  if (!existsSync(config.directory)) throw new Error(`There is nothing at ${config.directory}.`);
  await using backend = await openBackend(config, {});
  const report = await checkEverything(backend.ports, { from: 0, share }, (space, { findings }) => {
    if (!json) console.log(`${space.id} ${space.name}: ${findings.length === 0 ? 'sound' : 'DAMAGED'}`);
  });
  const { spaces, journals, pages, blobs, blobsRead, findings, touched } = report;
  if (json) console.log(JSON.stringify(report));
  else {
    console.log(
      `${spaces} spaces, ${journals} journals, ${pages} pages, ${blobs} blobs (${blobsRead} read in whole): ${findings.length} damaged`,
    );
    for (const finding of findings) console.log(lineOf(finding));
    if (touched.length > 0) console.log('States that this touches:');
    for (const state of touched) console.log(stateLine(state));
  }
  if (findings.length > 0) process.exitCode = 1;
}

run().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exit(2);
});
