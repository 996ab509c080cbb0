// Signed URLs of S3. Their life is counted by the clock of the ports, their signature is dated by the clock of the
// machine, for S3 compares it with its own. S3 takes no longer life than a week, and none beyond that of the credentials
// that signed: those of a Lambda last for hours, so an upload may have to ask for new URLs before its day is over.

import type { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const longestLifeMs = 7 * 24 * 60 * 60 * 1_000;

export class Signer {
  readonly #client: S3Client;
  readonly #now: () => number;

  constructor(client: S3Client, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** `headers` stay headers of the request, instead of becoming a part of the URL. */
  async sign(
    command: GetObjectCommand | PutObjectCommand,
    expiresAt: number,
    headers: readonly string[] = [],
  ): Promise<string> {
    const lifeMs = Math.min(expiresAt - this.#now(), longestLifeMs);
    const over = lifeMs <= 0;
    return getSignedUrl(this.#client, command, {
      expiresIn: over ? 1 : Math.ceil(lifeMs / 1_000),
      signingDate: new Date(over ? Date.now() - 60_000 : Date.now()),
      unhoistableHeaders: new Set(headers),
    });
  }
}
