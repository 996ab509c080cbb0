// URLs that carry their own permission: what may be done, until when, and a keyed hash of both.

import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';

/** Where the server answers signed URLs. */
export const signedPath = '/signed/';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const ref = z.object({ sha256: digest, version: z.string() });

const grant = z.discriminatedUnion('use', [
  z.object({ use: z.literal('put'), slot: z.string(), sha256: digest, size: z.number() }),
  z.object({
    use: z.literal('get'),
    /** The blobs, or the name of a list of them that the store keeps. */
    refs: z.union([z.array(ref), digest]),
    mediaType: z.string(),
    fileName: z.string(),
  }),
]);

export type Grant = z.infer<typeof grant>;

export class SignedUrls {
  readonly #secret: Uint8Array;
  readonly now: () => number;
  /** The address of the server, once it listens. */
  origin = 'http://127.0.0.1';

  constructor(secret: Uint8Array, now: () => number) {
    this.#secret = secret;
    this.now = now;
  }

  sign(what: Grant, expiresAt: number): string {
    const payload = Buffer.from(JSON.stringify({ ...what, expiresAt })).toString('base64url');
    return `${this.origin}${signedPath}${payload}.${this.#mac(payload)}`;
  }

  /** What the URL's path permits now; undefined when it is forged, cut short or expired. */
  open(path: string): Grant | undefined {
    const [payload = '', mac = ''] = path.slice(signedPath.length).split('.');
    const expected = Buffer.from(this.#mac(payload));
    const given = Buffer.from(mac);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const { expiresAt, ...what } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
      expiresAt: number;
    };
    return expiresAt < this.now() ? undefined : grant.parse(what);
  }

  #mac(payload: string): string {
    return createHmac('sha256', this.#secret).update(payload).digest('base64url');
  }
}
