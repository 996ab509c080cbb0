// The two laws: what is needed is there and reads as it should, and, once nothing else can be needed, nothing else is there.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keys } from '../../core/model/keys.ts';
import { fromKey } from '../../core/model/path.ts';
import type { BlobRecord } from '../../core/ops/blobs.ts';
import type { BlobRef, Digest, Ports } from '../../core/ports.ts';
import type { Page } from '../../core/tree/page.ts';
import type { Content } from './delivery-model.ts';
import type { Machine } from './soak-machine.ts';
import { blobsOf, type Model, readTree } from './soak-model.ts';
import { type Client, inUrl, onAws, sha256 } from './world.ts';

async function storedPages({ pages }: Ports): Promise<Set<Digest>> {
  const found = new Set<Digest>();
  for (let after: Digest | undefined; ; ) {
    const listed = await pages.list(after, 1_000);
    for (const { hash } of listed) found.add(hash);
    if (listed.length < 1_000) return found;
    after = listed.at(-1)!.hash;
  }
}

async function storedBlobs({ blobs }: Ports): Promise<BlobRef[]> {
  const found: BlobRef[] = [];
  for (;;) {
    const listed = await blobs.list(found.at(-1)?.sha256, 1_000);
    found.push(...listed);
    if (listed.length === 0) return found;
  }
}

/** Every tree that is needed is there, page by page, with what it held when it was made, and so is every blob. */
export async function checkNeeded({ ports }: Machine, model: Model, nowMs: number) {
  const { trees, compared, blobs } = model.needed(nowMs);
  const read = new Map<Digest, Page>();
  const reached = new Set<Digest>();
  for (const root of [...trees, ...compared]) {
    const content = await readTree(ports.pages, root, read, reached).catch((error: Error) => {
      throw new Error(`${error.message} It is needed by ${model.holdersOfTree(root, nowMs)}`);
    });
    same(content, model.states.get(root)!, `tree ${root}`);
  }
  const refs = await storedBlobs(ports);
  const stored = new Set(refs.map((ref) => ref.sha256));
  for (const hash of blobs)
    if (!stored.has(hash))
      throw new Error(`Blob ${hash} is gone and needed by ${model.holdersOf(hash, nowMs)}`);
  return { refs, blobs, reached };
}

function differences(found: Content, expected: Content): string[] {
  const all: string[] = [];
  for (const [key, identity] of expected)
    if (found.get(key) !== identity) all.push(`${key} is ${found.get(key)} instead of ${identity}`);
  for (const key of found.keys()) if (!expected.has(key)) all.push(`${key} should not be there`);
  return all;
}

export const isSame = (a: Content, b: Content): boolean => a === b || differences(a, b).length === 0;

export function same(found: Content, expected: Content, what: string): void {
  const all = differences(found, expected);
  if (all.length > 0) throw new Error(`${what}: ${all.slice(0, 5).join('; ')}`);
}

/** Beside what is needed there is no page, no blob, no version and no record of one. */
export async function checkNothingElse(machine: Machine, model: Model, nowMs: number): Promise<void> {
  const { ports } = machine;
  const { refs, blobs, reached } = await checkNeeded(machine, model, nowMs);
  const spare = [...(await storedPages(ports))].filter((hash) => !reached.has(hash));
  expect(spare, 'pages that nothing needs').toEqual([]);
  const hashes = refs.map(({ sha256: hash }) => hash);
  expect(
    hashes.filter((hash) => !blobs.has(hash)),
    'blobs that nothing needs',
  ).toEqual([]);
  expect(new Set(hashes).size, 'one version of each blob').toBe(hashes.length);
  const versions = new Map(refs.map(({ sha256: hash, version }) => [hash, version]));
  for (const hash of [...model.everStored, ...blobs]) {
    const { partition, sort } = keys.blob(hash);
    const records = await ports.records.query<BlobRecord>({ partition, prefix: '' });
    const version = versions.get(hash);
    expect(
      records.map((record) => [record.sort, record.value.version, record.value.condemnedAt]),
      `records of blob ${hash}`,
    ).toEqual(version ? [[sort, version, undefined]] : []);
    if (!version) model.everStored.delete(hash);
  }
  if (!onAws) expect(readdirSync(join(machine.directory, 'uploads')), 'slots of uploads').toEqual([]);
}

/** There is no page and no blob. */
export async function checkEmpty({ ports }: Machine): Promise<void> {
  expect([...(await storedPages(ports))], 'pages').toEqual([]);
  expect(await storedBlobs(ports), 'blobs').toEqual([]);
}

/** Everything that can be read by a request reads as the model says; each content is read once. */
export class Reader {
  readonly #model: Model;
  readonly #client: Client;
  readonly #read = new Set<string>();
  readonly #most: number;

  /** `most` is how many contents are read. */
  constructor(model: Model, client: Client, most = Number.POSITIVE_INFINITY) {
    this.#model = model;
    this.#client = client;
    this.#most = most;
  }

  async everything(nowMs: number): Promise<void> {
    for (const workplace of this.#model.instances.values()) {
      const { id, snapshots } = workplace;
      await this.state(id, 'current', this.#model.head(id).root);
      const listed = await this.#client.get(`/v1/instances/${id}/snapshots?limit=1000`);
      const ids = listed.body.items.map((snapshot: { id: string }) => snapshot.id);
      expect(new Set(ids), `snapshots of ${id}`).toEqual(new Set(snapshots.keys()));
      for (const [snapshot, { root }] of snapshots) await this.state(id, snapshot, root);
      const window = this.#model.window(workplace, nowMs);
      for (const { atMs } of window.slice(-20)) await this.time(id, atMs);
    }
    for (const [handIn, { root }] of this.#model.handIns) await this.#handIn(handIn, root);
  }

  /** The state of an instance at a time: of entries of one moment the last one counts. */
  async time(instance: string, atMs: number): Promise<void> {
    const { journal } = this.#model.instances.get(instance)!;
    const version = journal.findLast((entry) => entry.atMs <= atMs)!;
    await this.state(instance, `at:${new Date(atMs).toISOString()}`, version.root);
  }

  async state(instance: string, state: string, root: Digest): Promise<void> {
    const content = this.#model.states.get(root)!;
    const what = `${instance} ${state}`;
    const listed = await this.#client.list(instance, state);
    const expected = [...content].map(([key]) => Object.values(fromKey(key)).join(':'));
    expect(new Set(Object.keys(listed)), what).toEqual(new Set(expected));
    for (const [key, identity] of content) {
      if (this.#read.has(identity) || this.#read.size >= this.#most) continue;
      this.#read.add(identity);
      await this.#entry(`/v1/instances/${instance}/states/${state}`, key, identity);
    }
  }

  async #entry(state: string, key: string, identity: string): Promise<void> {
    const { kind, path } = fromKey(key);
    const what = `${state} ${key}`;
    if (kind === 'file') await this.#file(`${state}/files/${inUrl(path)}`, identity);
    if (kind === 'table') {
      const { body, text } = await this.#client.get(`${state}/tables/${path}/rows?limit=1000`);
      expect(body?.items, `${what} ${text}`).toEqual(this.#model.rows.get(identity));
    }
    if (kind === 'app') {
      const { body, text } = await this.#client.get(`${state}/apps/${path}`);
      expect(body, `${what} ${text}`).toMatchObject(this.#model.apps.get(identity)!);
    }
  }

  async #file(url: string, identity: string): Promise<void> {
    const reply = await this.#client.get(url);
    expect(reply.status, `${url} ${reply.text}`).toBe(200);
    const whole = this.#model.wholes.get(identity) ?? blobsOf(identity)[0];
    expect(sha256(reply.bytes), url).toBe(whole);
  }

  async #handIn(id: string, root: Digest): Promise<void> {
    const content = this.#model.states.get(root)!;
    const { body, text } = await this.#client.get(`/v1/handins/${id}`);
    expect(body?.root, text).toBe(root);
    for (const { path } of body.files)
      await this.#file(`/v1/handins/${id}/files/${inUrl(path)}`, content.get(`files/${path}`)!);
    const feedback = this.#model.feedback.get(id);
    if (!feedback) return;
    for (const [key, identity] of this.#model.states.get(feedback)!)
      await this.#file(`/v1/handins/${id}/feedback/files/${inUrl(fromKey(key).path)}`, identity);
  }
}
