// Blobs in one versioned S3 bucket, in three areas: `blobs/<sha256>`, written once (`If-None-Match: *`) with the checksum
// that S3 verifies, read and deleted by version id; `uploads/<slot>`, filled by signed PUTs; `assembled/`, for downloads
// of several blobs (`downloads.ts`). The last two empty themselves by the bucket's lifecycle (`schema.ts`).
// Every call may be made twice: a put whose answer was lost finds the object there, and asks for its version.

import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { AppError } from '../../core/errors.ts';
import type { BlobRef, Blobs, ByteRange, Digest, Download, SignedPut } from '../../core/ports.ts';
import { sha256 as digest } from '../../core/tree/digest.ts';
import { AwsDownloads } from './downloads.ts';
import { asAwsError, retrying, statusOf } from './retry.ts';
import { areas, blobKey } from './schema.ts';
import { Signer } from './signer.ts';

interface PartSize {
  readonly sha256: Digest;
  readonly size: number;
}

export interface Bucket {
  readonly client: S3Client;
  readonly name: string;
}

const longestList = 1_000;
const triesToEnter = 5;

type Marker = Pick<ListObjectVersionsCommandInput, 'KeyMarker' | 'VersionIdMarker'>;

const markerOf = ({ NextKeyMarker, NextVersionIdMarker }: ListObjectVersionsCommandOutput): Marker => ({
  ...(NextKeyMarker && { KeyMarker: NextKeyMarker }),
  ...(NextVersionIdMarker && { VersionIdMarker: NextVersionIdMarker }),
});

const isSame = (one: BlobRef, other: BlobRef): boolean =>
  one.sha256 === other.sha256 && one.version === other.version;

const base64Of = (sha256: Digest): string => Buffer.from(sha256, 'hex').toString('base64');

const isAbsent = (error: unknown): boolean => statusOf(error) === 404;
const isTaken = (error: unknown): boolean => statusOf(error) === 412;
/** A version that was deleted, or that is another object's: S3 says so in several ways. */
const isMissing = (error: unknown): boolean =>
  [404, 405, 416].includes(statusOf(error) ?? 0) ||
  /InvalidArgument|NoSuchVersion/.test(asAwsError(error).name ?? '');
const isWrongChecksum = (error: unknown): boolean => /BadDigest|Checksum/.test(asAwsError(error).name ?? '');

const mismatch = (sha256: Digest, cause?: unknown): AppError =>
  new AppError('checksum-mismatch', `The bytes are not those of ${sha256}.`, { cause });

export class AwsBlobs implements Blobs {
  readonly #bucket: Bucket;
  readonly #signer: Signer;
  readonly #downloads: AwsDownloads;

  constructor(bucket: Bucket, now: () => number) {
    this.#bucket = bucket;
    this.#signer = new Signer(bucket.client, now);
    this.#downloads = new AwsDownloads(bucket);
  }

  /** The hash is compared here too, for S3 would look at the condition first and answer "there already". */
  async put(sha256: Digest, bytes: Uint8Array, doomed?: string): Promise<BlobRef> {
    if (digest(bytes) !== sha256) throw mismatch(sha256);
    const there = doomed && (await this.#beside(sha256, doomed));
    if (there) return there;
    const command = new PutObjectCommand({
      ...this.#at(blobKey(sha256)),
      ...(doomed === undefined && { IfNoneMatch: '*' }),
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumSHA256: base64Of(sha256),
    });
    return this.#enter(sha256, async () => (await this.#bucket.client.send(command)).VersionId);
  }

  async get({ sha256, version }: BlobRef, range?: ByteRange): Promise<Uint8Array> {
    if (range?.length === 0) return new Uint8Array();
    const command = new GetObjectCommand({
      ...this.#at(blobKey(sha256)),
      VersionId: version,
      ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
    });
    const read = async () => {
      const { Body } = await this.#bucket.client.send(command);
      return Body!.transformToByteArray();
    };
    const bytes = await retrying(read).catch((cause) => {
      throw isMissing(cause) ? new AppError('damaged', `Blob ${sha256} is missing.`, { cause }) : cause;
    });
    const isWhole = range ? bytes.length === range.length : digest(bytes) === sha256;
    if (!isWhole) throw new AppError('damaged', `Blob ${sha256} has other bytes.`);
    return bytes;
  }

  async deleteVersion({ sha256, version }: BlobRef): Promise<void> {
    const command = new DeleteObjectCommand({ ...this.#at(blobKey(sha256)), VersionId: version });
    await retrying(() => this.#bucket.client.send(command)).catch((error) => {
      if (!isMissing(error)) throw error;
    });
  }

  /**
   * Some servers begin with the marker itself instead of after it: what they repeat is dropped, so more are asked for.
   * The first hash beyond the limit tells that the last one within it is complete.
   */
  async list(after?: Digest, limit = longestList): Promise<BlobRef[]> {
    const found = new Map<Digest, BlobRef[]>();
    for (let from: Marker = after === undefined ? {} : { KeyMarker: blobKey(after) }; ; ) {
      const command = new ListObjectVersionsCommand({
        Bucket: this.#bucket.name,
        Prefix: areas.blobs,
        MaxKeys: Math.min(limit - found.size + 2, longestList),
        ...from,
      });
      const page = await retrying(() => this.#bucket.client.send(command));
      for (const { Key, VersionId } of page.Versions ?? []) {
        const ref = { sha256: Key!.slice(areas.blobs.length), version: VersionId! };
        const versions = found.get(ref.sha256) ?? [];
        if ((after === undefined || ref.sha256 > after) && !versions.some((one) => isSame(ref, one)))
          found.set(ref.sha256, [...versions, ref]);
      }
      if (!page.IsTruncated || found.size > limit) return [...found.values()].slice(0, limit).flat();
      from = markerOf(page);
    }
  }

  /** The client has to send the checksum itself; it sends the length anyway. Both are part of the signature. */
  async signPut(slot: string, { sha256, size }: PartSize, expiresAt: number): Promise<SignedPut> {
    const checksum = base64Of(sha256);
    const command = new PutObjectCommand({
      ...this.#at(areas.uploads + slot),
      ContentLength: size,
      ChecksumSHA256: checksum,
    });
    const url = await this.#signer.sign(command, expiresAt, ['x-amz-checksum-sha256']);
    return { url, headers: { 'x-amz-checksum-sha256': checksum } };
  }

  /** S3 has compared the bytes with the checksum when they were sent; a copy takes seconds less than sending them. */
  async promote(slot: string, { sha256, size }: PartSize, doomed?: string): Promise<BlobRef> {
    const from = areas.uploads + slot;
    const sent = await this.#head(from);
    if (sent?.ContentLength !== size) throw new AppError('not-found', `Nothing was uploaded to ${slot}.`);
    if (sent.ChecksumSHA256 !== base64Of(sha256)) throw mismatch(sha256);
    const there = await this.#beside(sha256, doomed);
    if (there) return there;
    const command = new CopyObjectCommand({
      ...this.#at(blobKey(sha256)),
      ...(doomed === undefined && { IfNoneMatch: '*' }),
      CopySource: `${this.#bucket.name}/${encodeURI(from)}?versionId=${sent.VersionId}`,
      ChecksumAlgorithm: 'SHA256',
    });
    return this.#enter(sha256, async () => (await this.#bucket.client.send(command)).VersionId);
  }

  async discard(slot: string): Promise<void> {
    const command = new DeleteObjectCommand(this.#at(areas.uploads + slot));
    await retrying(() => this.#bucket.client.send(command));
  }

  async signGet(refs: readonly BlobRef[], download: Download, expiresAt: number): Promise<string> {
    const object = await this.#downloads.objectOf(refs);
    const command = new GetObjectCommand({
      ...this.#at(object.key),
      VersionId: object.version,
      ResponseContentType: download.mediaType,
      ResponseContentDisposition: `attachment; filename*=UTF-8''${encodeStrictly(download.fileName)}`,
    });
    return this.#signer.sign(command, expiresAt);
  }

  /** Creates the object of a blob unless it is there; answers the version that is there then. */
  async #enter(sha256: Digest, create: () => Promise<string | undefined>): Promise<BlobRef> {
    for (let nth = 0; nth < triesToEnter; nth++) {
      try {
        return { sha256, version: (await retrying(create))! };
      } catch (error) {
        if (isWrongChecksum(error)) throw mismatch(sha256, error);
        if (!isTaken(error)) throw error;
      }
      const there = await this.#head(blobKey(sha256));
      if (there) return { sha256, version: there.VersionId! };
    }
    throw new AppError('busy', 'A blob was put and deleted over and over; try again.');
  }

  /** The version that is there, if it is another than the doomed one. */
  async #beside(sha256: Digest, doomed: string | undefined): Promise<BlobRef | undefined> {
    const there = await this.#head(blobKey(sha256));
    return there && there.VersionId !== doomed ? { sha256, version: there.VersionId! } : undefined;
  }

  async #head(key: string): Promise<HeadObjectCommandOutput | undefined> {
    const command = new HeadObjectCommand({ ...this.#at(key), ChecksumMode: 'ENABLED' });
    try {
      return await retrying(() => this.#bucket.client.send(command));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  #at(key: string) {
    return { Bucket: this.#bucket.name, Key: key };
  }
}

/** Percent-encodes all that RFC 8187 does not allow in an extended value. */
const encodeStrictly = (text: string): string =>
  encodeURIComponent(text).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
