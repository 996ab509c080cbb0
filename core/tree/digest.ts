// The one hash and the one encoding of the project: SHA-256, and CBOR in the deterministic form of RFC 8949 §4.2.

import { hash } from 'node:crypto';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import type { Digest } from '../ports.ts';

export const sha256 = (bytes: Uint8Array | string): Digest => hash('sha256', bytes);

export const hexToBytes = (hex: Digest): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const bytesToHex = (bytes: Uint8Array): Digest =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

export const toCbor = (value: unknown): Uint8Array => encode(value, rfc8949EncodeOptions);
export const fromCbor = <T>(bytes: Uint8Array): T => decode(bytes) as T;

/** The encodings of an array's elements as they stand in its own. */
export function elementsOf(array: Uint8Array): Uint8Array[] {
  const { argument: length, next: first } = headAt(array, 0);
  const elements: Uint8Array[] = [];
  for (let start = first; elements.length < length; ) {
    const end = endAt(array, start);
    elements.push(array.subarray(start, end));
    start = end;
  }
  return elements;
}

/** Where the value ends that begins at `start`. */
function endAt(bytes: Uint8Array, start: number): number {
  const { major, argument, next } = headAt(bytes, start);
  if (major === 2 || major === 3) return next + argument; // bytes, text
  let end = next;
  const inside = major === 4 ? argument : major === 5 ? 2 * argument : 0; // array, map
  for (let i = 0; i < inside; i++) end = endAt(bytes, end);
  return end;
}

/** The head of a value: its major type and its argument, which from 24 on says how many bytes hold it. */
function headAt(bytes: Uint8Array, start: number): { major: number; argument: number; next: number } {
  const info = bytes[start]! & 31;
  const next = start + 1 + (info < 24 ? 0 : 1 << (info - 24));
  let argument = info;
  if (info >= 24) {
    argument = 0;
    for (let i = start + 1; i < next; i++) argument = argument * 256 + bytes[i]!;
  }
  return { major: bytes[start]! >> 5, argument, next };
}

/** Digest of a plain value, the same for equal values whatever the order of their members. */
export const digestOf = (value: unknown): Digest => sha256(toCbor(value));
