// What a signed download points to. One blob is its own object; several are put together as one object below
// `assembled/`, for no signed URL can name two. S3 copies the large blobs by itself (a part of a multipart upload, 5 MiB
// at least); what is smaller is read and sent together with its neighbours. An assembled object is used again for a day,
// so that it outlives, by the lifecycle of its area, every URL that was signed for it.

import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { AppError } from '../../core/errors.ts';
import { inParallel } from '../../core/ops/retry.ts';
import type { BlobRef } from '../../core/ports.ts';
import type { Bucket } from './blobs.ts';
import { retrying, statusOf } from './retry.ts';
import { areas, blobKey } from './schema.ts';

/** Where an object is, for a URL. */
export interface StoredObject {
  readonly key: string;
  readonly version: string;
}

type Sized = BlobRef & { readonly size: number };

const smallestPart = 5 * 1024 * 1024;
const reusedForMs = 24 * 60 * 60 * 1_000;
const callsAtOnce = 4;

export class AwsDownloads {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async objectOf(refs: readonly BlobRef[]): Promise<StoredObject> {
    const [only, second] = refs;
    if (only && !second) return { key: blobKey(only.sha256), version: only.version };
    const key = areas.assembled + nameOf(refs);
    const there = await this.#head(key);
    if (there && Date.now() - there.LastModified!.getTime() < reusedForMs)
      return { key, version: there.VersionId! };
    const sized = await inParallel(refs, callsAtOnce, (ref) => this.#sized(ref));
    const groups = groupsOf(sized.filter(({ size }) => size > 0));
    const version = groups.length > 1 ? await this.#assemble(key, groups) : await this.#put(key, sized);
    return { key, version };
  }

  /** Everything at once: less than two parts' worth. */
  async #put(key: string, refs: readonly Sized[]): Promise<string> {
    const Body = await this.#read(refs);
    const command = new PutObjectCommand({ ...this.#at(key), Body, ContentLength: Body.length });
    return (await retrying(() => this.#bucket.client.send(command))).VersionId!;
  }

  async #assemble(key: string, groups: readonly (readonly Sized[])[]): Promise<string> {
    const { client } = this.#bucket;
    const { UploadId } = await retrying(() => client.send(new CreateMultipartUploadCommand(this.#at(key))));
    const at = { ...this.#at(key), UploadId: UploadId! };
    try {
      const Parts = await inParallel(groups, callsAtOnce, (group, index) =>
        this.#part({ ...at, PartNumber: index + 1 }, group),
      );
      const command = new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts } });
      return (await retrying(() => client.send(command))).VersionId!;
    } catch (error) {
      await client.send(new AbortMultipartUploadCommand(at)).catch(() => undefined);
      throw error;
    }
  }

  async #part(
    at: { Bucket: string; Key: string; UploadId: string; PartNumber: number },
    group: readonly Sized[],
  ): Promise<CompletedPart> {
    const { client } = this.#bucket;
    const { PartNumber } = at;
    const [first, second] = group;
    if (first && !second) {
      const CopySource = `${at.Bucket}/${blobKey(first.sha256)}?versionId=${first.version}`;
      const copied = await retrying(() => client.send(new UploadPartCopyCommand({ ...at, CopySource })));
      return { PartNumber, ETag: copied.CopyPartResult!.ETag! };
    }
    const Body = await this.#read(group);
    const command = new UploadPartCommand({ ...at, Body, ContentLength: Body.length });
    return { PartNumber, ETag: (await retrying(() => client.send(command))).ETag! };
  }

  async #read(refs: readonly Sized[]): Promise<Buffer> {
    const pieces = await inParallel(refs, callsAtOnce, ({ sha256, version }) =>
      retrying(async () => {
        const command = new GetObjectCommand({ ...this.#at(blobKey(sha256)), VersionId: version });
        const { Body } = await this.#bucket.client.send(command);
        return Body!.transformToByteArray();
      }),
    );
    return Buffer.concat(pieces);
  }

  async #sized(ref: BlobRef): Promise<Sized> {
    const found = await this.#head(blobKey(ref.sha256), ref.version);
    if (!found) throw new AppError('damaged', `Blob ${ref.sha256} is missing.`);
    return { ...ref, size: found.ContentLength! };
  }

  async #head(key: string, version?: string) {
    const command = new HeadObjectCommand({ ...this.#at(key), ...(version && { VersionId: version }) });
    try {
      return await retrying(() => this.#bucket.client.send(command));
    } catch (error) {
      if ([404, 405].includes(statusOf(error) ?? 0)) return undefined;
      throw error;
    }
  }

  #at(key: string) {
    return { Bucket: this.#bucket.name, Key: key };
  }
}

const nameOf = (refs: readonly BlobRef[]): string =>
  createHash('sha256')
    .update(refs.map(({ sha256, version }) => `${sha256} ${version}\n`).join(''))
    .digest('hex');

/** Runs of blobs that make a part each: as short as the smallest part allows. The last may be smaller. */
function groupsOf(refs: readonly Sized[]): Sized[][] {
  const groups: Sized[][] = [];
  let size = 0;
  for (const ref of refs) {
    if (groups.length === 0 || size >= smallestPart) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(ref);
    size += ref.size;
  }
  return groups;
}
