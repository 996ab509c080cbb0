// The one hash and the one encoding of the project: SHA-256, and CBOR in the deterministic form of RFC 8949 §4.2.

import { createHash } from 'node:crypto';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import type { Digest } from '../ports.ts';

export const sha256 = (bytes: Uint8Array | string): Digest =>
  createHash('sha256').update(bytes).digest('hex');

export const hexToBytes = (hex: Digest): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const bytesToHex = (bytes: Uint8Array): Digest =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

export const toCbor = (value: unknown): Uint8Array => encode(value, rfc8949EncodeOptions);
export const fromCbor = <T>(bytes: Uint8Array): T => decode(bytes) as T;

/** Digest of a plain value, the same for equal values whatever the order of their members. */
export const digestOf = (value: unknown): Digest => sha256(toCbor(value));
