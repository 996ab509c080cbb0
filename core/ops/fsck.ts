// Is everything there, and is it what it should be? Reads every page of a space and checks its hash, its order and its
// links; every blob's record, and the bytes of all blobs or of a share of them; every journal's chain. Says what is
// damaged and which states that touches. Changes nothing.

import { isCode } from '../errors.ts';
import { keys, partitions } from '../model/keys.ts';
import { fromKey } from '../model/path.ts';
import type { Space } from '../model/space.ts';
import type { Digest, Ports } from '../ports.ts';
import { Inspection } from '../tree/inspect.ts';
import type { BlobRecord } from './blobs.ts';
import { eachSpace, type Hold, holdsOfInstance, holdsOfSpace, instancesInOrder } from './holds.ts';
import { verifyJournal, verifyJournalOf } from './journal.ts';
import { inParallel } from './retry.ts';

/** Which blobs are read in whole: those whose hash falls into this share of all (0 to 1), from a place on. */
export interface Sample {
  readonly from: number;
  readonly share: number;
}

export const everyBlob: Sample = { from: 0, share: 1 };

const isSampled = (sha256: Digest, { from, share }: Sample): boolean => {
  const place = Number.parseInt(sha256.slice(0, 12), 16) / 2 ** 48;
  return (place - from + 1) % 1 < share;
};

export interface TouchedState {
  readonly spaceId: string;
  readonly instanceId?: string;
  readonly kind: Hold['kind'];
  readonly id: string;
  readonly name?: string;
  /** The first of the paths that cannot be read as they were. */
  readonly paths: readonly string[];
}

export interface Finding {
  readonly what: 'page' | 'blob' | 'journal';
  /** The SHA-256 of a page or blob, the id of the space or instance whose journal it is. */
  readonly id: string;
  readonly problem: string;
}

export interface Report {
  readonly spaces: number;
  readonly journals: number;
  readonly pages: number;
  readonly blobs: number;
  /** How many of the blobs were read in whole. */
  readonly blobsRead: number;
  readonly findings: readonly Finding[];
  /** Every state that has something damaged in it. */
  readonly touched: readonly TouchedState[];
}

const nothing: Report = {
  spaces: 0,
  journals: 0,
  pages: 0,
  blobs: 0,
  blobsRead: 0,
  findings: [],
  touched: [],
};
const pathsTold = 20;

/** Checks one space after the other; a space is told of by `done` when it was checked. */
export async function checkEverything(
  ports: Ports,
  sample: Sample,
  done: (space: Space, report: Report) => void = () => undefined,
): Promise<Report> {
  let total = nothing;
  for await (const space of eachSpace(ports, ports.now())) {
    const report = await checkSpace(ports, space, sample);
    done(space, report);
    total = {
      spaces: total.spaces + 1,
      journals: total.journals + report.journals,
      pages: total.pages + report.pages,
      blobs: total.blobs + report.blobs,
      blobsRead: total.blobsRead + report.blobsRead,
      findings: [...total.findings, ...report.findings],
      touched: [...total.touched, ...report.touched],
    };
  }
  return total;
}

export async function checkSpace(ports: Ports, space: Space, sample: Sample): Promise<Report> {
  const now = ports.now();
  const instances = await instancesInOrder(ports, space.id);
  const own = await inParallel(instances, 16, (instance) => holdsOfInstance(ports, instance, space, now));
  const holds = [...own.flat(), ...(await holdsOfSpace(ports, space, now))];
  const inspection = new Inspection(ports.pages);
  for (const { roots, compared = [] } of holds) await inspection.look([...roots, ...compared]);
  inspection.compareLinks();
  const pages: Finding[] = [...inspection.problems].map(([id, problem]) => ({ what: 'page', id, problem }));
  const { parts } = inspection;
  const blobs = await checkBlobs(ports, parts, sample);
  const journals = await checkJournals(
    ports,
    space,
    instances.map(({ id }) => id),
  );
  const damaged = new Set([...pages, ...blobs.findings].map(({ id }) => id));
  return {
    spaces: 1,
    journals: instances.length + 1,
    pages: inspection.pages,
    blobs: parts.size,
    blobsRead: blobs.read,
    findings: [...pages, ...blobs.findings, ...journals],
    touched: damaged.size === 0 ? [] : holds.flatMap((hold) => touchedBy(inspection, damaged, hold)),
  };
}

function touchedBy(inspection: Inspection, damaged: ReadonlySet<Digest>, hold: Hold): TouchedState[] {
  const found = hold.roots.flatMap((root) => inspection.damagedKeys(root, damaged, pathsTold));
  if (found.length === 0) return [];
  const { roots: _, compared: __, parts: ___, ...state } = hold;
  const paths = [...new Set(found)].slice(0, pathsTold).map((key) => (key === '' ? '' : fromKey(key).path));
  return [{ ...state, paths }];
}

const recordsAtOnce = 1_000;
const blobsAtOnce = 16;

async function checkBlobs(
  ports: Ports,
  parts: ReadonlyMap<Digest, number>,
  sample: Sample,
): Promise<{ findings: Finding[]; read: number }> {
  const findings: Finding[] = [];
  const all = [...parts.keys()];
  let read = 0;
  for (let at = 0; at < all.length; at += recordsAtOnce) {
    const hashes = all.slice(at, at + recordsAtOnce);
    const found = await ports.records.getMany<BlobRecord>(hashes.map(keys.blob));
    const records = new Map(found.map(({ partition, value }) => [partition, value]));
    await inParallel(hashes, blobsAtOnce, async (sha256) => {
      const tell = (problem: string) => findings.push({ what: 'blob', id: sha256, problem });
      const record = records.get(keys.blob(sha256).partition);
      if (!record) return tell('It has no record.');
      if (record.doomed) return tell('It is being deleted.');
      if (record.size !== parts.get(sha256)) return tell(`Its record says ${record.size} bytes.`);
      if (!isSampled(sha256, sample)) return undefined;
      read++;
      const bytes = await readable(ports, { sha256, version: record.version });
      if (typeof bytes === 'string') return tell(bytes);
      return bytes === record.size ? undefined : tell(`It has ${bytes} bytes.`);
    });
  }
  return { findings, read };
}

/** The length of a blob that is what its hash says, or what is wrong with it. */
async function readable(ports: Ports, ref: { sha256: Digest; version: string }): Promise<number | string> {
  try {
    return (await ports.blobs.get(ref)).length;
  } catch (error) {
    if (isCode(error, 'damaged')) return error.message;
    throw error;
  }
}

async function checkJournals(ports: Ports, space: Space, instances: readonly string[]): Promise<Finding[]> {
  const verdicts = await inParallel([space.id, ...instances], 16, async (id) => ({
    id,
    ...(id === space.id
      ? await verifyJournalOf(ports, id, partitions.space(id))
      : await verifyJournal(ports, id)),
  }));
  return verdicts
    .filter(({ ok }) => !ok)
    .map(({ id, brokenAt }) => ({
      what: 'journal',
      id,
      problem: `Entry ${brokenAt} is missing, altered or out of place.`,
    }));
}
