// The mark of a reclaim: what does any hold reach, and of all that is stored, what does none. What is found unreachable is
// condemned; what an earlier mark condemned, and is still unreachable when its grace is over, is written down for
// deletion; what is reachable after all is rescued. Any error ends it, before anything is deleted.
//
// Why nothing that is needed is deleted: whoever stores condemned content again rescues it, and a deletion asks for the
// mark. Content that is shared by reference comes from a state that can be read, so a hold reached it then; holds that
// ended after the mark began still count. And a request that began before that is over when a grace has passed.

import { isCode } from '../errors.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import {
  type Chunk,
  chunkSize,
  type DoomedBlob,
  type DoomedPage,
  isOver,
  type Reclaim,
} from '../model/reclaim.ts';
import { sweepUntil } from '../model/retention.ts';
import type { BlobRef, Digest, Ports, StoredRecord } from '../ports.ts';
import { Reachable } from '../tree/reachable.ts';
import type { BlobRecord } from './blobs.ts';
import { eachSpace, type Hold, holdsOfInstance, holdsOfSpace, instancesInOrder } from './holds.ts';
import { eachRecord } from './paging.ts';
import { updateReclaim } from './reclaim.ts';
import { inParallel } from './retry.ts';

export interface ChunkOf {
  readonly reclaim: string;
  readonly chunk: number;
}

/** Marks everything and answers the chunks of what is to be deleted; none of a dry run, which changes nothing. */
export async function markForReclaim(
  ports: Ports,
  id: string,
): Promise<{ reclaim: string; chunks: ChunkOf[] }> {
  const startedMs = ports.now();
  const startedAt = new Date(startedMs).toISOString();
  const reclaim = await updateReclaim(ports, id, (now) => ({ ...now, status: 'running', startedAt }));
  if (isOver(reclaim.status)) return { reclaim: id, chunks: [] };
  const { dryRun } = reclaim;
  await forgetChunks(ports, id);
  const reachable = await reachableAt(ports, startedMs - 1);
  const mark = new Mark(ports, reclaim, startedMs, reachable);
  await mark.judgePages();
  await mark.judgeBlobs();
  const { counts, chunks } = await mark.end();
  await updateReclaim(ports, id, (now) => ({ ...now, ...counts, chunks }));
  const numbers = dryRun ? [] : Array.from({ length: chunks }, (_, chunk) => chunk);
  return { reclaim: id, chunks: numbers.map((chunk) => ({ reclaim: id, chunk })) };
}

/** What a try that was cut off wrote down. Nothing of it was deleted: that begins when the mark is done. */
async function forgetChunks(ports: Ports, id: string): Promise<void> {
  const query = { partition: partitions.reclaim(id), prefix: prefixes.chunk };
  for await (const { partition, sort } of eachRecord(ports.records, query))
    await ports.records.write([{ delete: { partition, sort } }]);
}

/** Their pages are read together. */
const instancesAtOnce = 200;

/** Everything that is held by what was not over at `asOf`. Six queries for each instance, and each page once. */
export async function reachableAt(ports: Ports, asOf: number): Promise<Reachable> {
  const reachable = new Reachable(ports.pages);
  const add = async (holds: readonly Hold[]) => {
    await reachable.addTrees(holds.flatMap((hold) => hold.roots));
    await reachable.addPages(holds.flatMap((hold) => hold.compared ?? []));
    for (const { parts = [] } of holds) for (const { sha256 } of parts) reachable.blobs.add(sha256);
  };
  for await (const space of eachSpace(ports, asOf)) {
    // What a distribution brings is in an instance once it is over: it is looked at first.
    await add(await holdsOfSpace(ports, space, asOf));
    const instances = await instancesInOrder(ports, space.id);
    for (let at = 0; at < instances.length; at += instancesAtOnce) {
      const some = instances.slice(at, at + instancesAtOnce);
      const holds = await inParallel(some, 16, (instance) => holdsOfInstance(ports, instance, space, asOf));
      await add(holds.flat());
    }
  }
  return reachable;
}

const listedAtOnce = 1_000;

class Mark {
  readonly #ports: Ports;
  readonly #id: string;
  /** When the reclaim was asked for: what is condemned since was condemned by it, perhaps in a try that was cut off. */
  readonly #askedMs: number;
  readonly #startedMs: number;
  readonly #until: number;
  readonly #dryRun: boolean;
  readonly #reachable: Reachable;
  #pages: DoomedPage[] = [];
  #blobs: DoomedBlob[] = [];
  #chunks = 0;
  #marked = 0;
  #condemned = 0;
  #condemnedBytes = 0;
  #rescued = 0;
  #deleted = 0;
  #bytes = 0;

  constructor(ports: Ports, reclaim: Reclaim, startedMs: number, reachable: Reachable) {
    this.#ports = ports;
    this.#id = reclaim.id;
    this.#askedMs = Date.parse(reclaim.createdAt);
    this.#startedMs = startedMs;
    this.#until = sweepUntil(startedMs, ports.settings);
    this.#dryRun = reclaim.dryRun;
    this.#reachable = reachable;
  }

  async judgePages(): Promise<void> {
    const { pages } = this.#ports;
    for (let after: Digest | undefined; ; ) {
      const listed = await pages.list(after, listedAtOnce);
      const held = listed.filter(({ hash }) => this.#reachable.pages.has(hash));
      const lost = listed.filter(({ hash }) => !this.#reachable.pages.has(hash));
      const rescued = held.filter(({ condemnedAt }) => condemnedAt !== undefined);
      const condemned = lost.filter(({ condemnedAt }) => condemnedAt === undefined);
      this.#marked += held.length;
      this.#rescued += rescued.length;
      this.#condemned += lost.filter(({ condemnedAt }) => this.#isOurs(condemnedAt)).length;
      if (!this.#dryRun) {
        await pages.rescue(rescued.map(({ hash }) => hash));
        await pages.condemn(
          condemned.map(({ hash }) => hash),
          this.#startedMs,
        );
      }
      for (const { hash, condemnedAt } of lost)
        if (this.#isDue(condemnedAt)) await this.#doom({ page: { hash, condemnedAt } });
      if (listed.length < listedAtOnce) return;
      after = listed.at(-1)!.hash;
    }
  }

  async judgeBlobs(): Promise<void> {
    for (let after: Digest | undefined; ; ) {
      const listed = await this.#ports.blobs.list(after, listedAtOnce);
      if (listed.length === 0) return;
      const versions = Map.groupBy(listed, ({ sha256 }) => sha256);
      const found = await this.#ports.records.getMany<BlobRecord>([...versions.keys()].map(keys.blob));
      const records = new Map(found.map((record) => [record.partition, record]));
      await inParallel([...versions], 16, ([sha256, refs]) =>
        this.#judgeBlob(sha256, refs, records.get(keys.blob(sha256).partition)),
      );
      after = listed.at(-1)!.sha256;
    }
  }

  async #judgeBlob(
    sha256: Digest,
    refs: readonly BlobRef[],
    record: StoredRecord<BlobRecord> | undefined,
  ): Promise<void> {
    const { version, size, condemnedAt } = record?.value ?? (await this.#adopt(refs[0]!));
    const spare = refs.filter((ref) => ref.version !== version);
    for (const ref of spare) await this.#judgeSpare(ref, size);
    if (this.#reachable.blobs.has(sha256)) {
      this.#marked++;
      if (condemnedAt !== undefined && record) await this.#rescue(record);
      return;
    }
    if (this.#isOurs(condemnedAt)) {
      this.#condemned++;
      this.#condemnedBytes += size;
    }
    if (condemnedAt === undefined && record) await this.#condemn(record);
    if (this.#isDue(condemnedAt) && spare.length === 0)
      await this.#doom({ blob: { sha256, version, size, condemnedAt } });
  }

  #isOurs(condemnedAt: number | undefined): boolean {
    return condemnedAt === undefined || condemnedAt >= this.#askedMs;
  }

  #isDue(condemnedAt: number | undefined): condemnedAt is number {
    return condemnedAt !== undefined && condemnedAt <= this.#until;
  }

  /** A version without a record, left behind where its put was cut off, gets one: who puts the same bytes finds it. */
  async #adopt({ sha256, version }: BlobRef): Promise<BlobRecord> {
    const { length: size } = await this.#ports.blobs.get({ sha256, version });
    const value: BlobRecord = { version, size, condemnedAt: this.#startedMs };
    if (!this.#dryRun)
      await this.#unlessMoved(() =>
        this.#ports.records.write([{ put: keys.blob(sha256), value, if: 'absent' }]),
      );
    return { version, size };
  }

  /** A second version goes first, a grace after it was noticed: by then no one who has just put it can still mean it. */
  async #judgeSpare({ sha256, version }: BlobRef, size: number): Promise<void> {
    const key = keys.spareBlob(sha256, version);
    const noticed = await this.#ports.records.get<{ condemnedAt: number }>(key);
    const condemnedAt = noticed?.value.condemnedAt;
    if (this.#isOurs(condemnedAt)) {
      this.#condemned++;
      this.#condemnedBytes += size;
    }
    if (!noticed && !this.#dryRun)
      await this.#ports.records.write([{ put: key, value: { condemnedAt: this.#startedMs } }]);
    if (this.#isDue(condemnedAt))
      await this.#doom({ blob: { sha256, version, size, condemnedAt, spare: true } });
  }

  async #rescue({ partition, sort, revision, value }: StoredRecord<BlobRecord>): Promise<void> {
    if (value.doomed) return;
    this.#rescued++;
    const { version, size } = value;
    await this.#rewrite({ partition, sort, revision, value: { version, size } });
  }

  #condemn(record: StoredRecord<BlobRecord>): Promise<void> {
    return this.#rewrite({ ...record, value: { ...record.value, condemnedAt: this.#startedMs } });
  }

  async #rewrite({ partition, sort, revision, value }: StoredRecord<BlobRecord>): Promise<void> {
    if (!this.#dryRun)
      await this.#unlessMoved(() =>
        this.#ports.records.write([{ put: { partition, sort }, value, if: { revision } }]),
      );
  }

  /** Whoever changed it meanwhile put it: the next mark looks again. */
  async #unlessMoved(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isCode(error, 'conflict')) throw error;
    }
  }

  async #doom({ page, blob }: { page?: DoomedPage; blob?: DoomedBlob }): Promise<void> {
    if (page) this.#pages.push(page);
    if (blob) this.#blobs.push(blob);
    this.#deleted++;
    this.#bytes += blob?.size ?? 0;
    if (this.#pages.length + this.#blobs.length >= chunkSize) await this.#writeChunk();
  }

  async #writeChunk(): Promise<void> {
    const value: Chunk = { pages: this.#pages, blobs: this.#blobs };
    this.#pages = [];
    this.#blobs = [];
    if (value.pages.length + value.blobs.length === 0) return;
    await this.#ports.records.write([{ put: keys.chunk(this.#id, this.#chunks++), value }]);
  }

  /** What was found; `deleted` and `bytes` only of a dry run, for else they are counted when it is done. */
  async end() {
    await this.#writeChunk();
    const found = {
      marked: this.#marked,
      condemned: this.#condemned,
      condemnedBytes: this.#condemnedBytes,
      rescued: this.#rescued,
    };
    const would = { deleted: this.#deleted, bytes: this.#bytes };
    return { counts: this.#dryRun ? { ...found, ...would } : found, chunks: this.#chunks };
  }
}
