// Receipts signed by a KMS key (ES256), whose private half nobody ever sees. KMS is given the digest of what is signed, so
// the length of a statement does not matter; checking needs the public half alone and happens here.

import { createHash, createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { base64url, calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose';
import { invariant } from '../../core/errors.ts';
import type { PublicKey, Receipts } from '../../core/ports.ts';
import type { AwsConfig } from '../config.ts';
import { withTimeouts } from './open.ts';
import { retrying } from './retry.ts';

const algorithm = 'ES256';
/** Of each of the two numbers that make a signature over P-256. */
const numberBytes = 32;

export class AwsReceipts implements Receipts {
  readonly #client: KMSClient;
  readonly #key: string;
  #public: Promise<JWK> | undefined;

  /** `key` is the id, ARN or alias of a key on the curve P-256. */
  constructor(client: KMSClient, key: string) {
    this.#client = client;
    this.#key = key;
  }

  async sign(statement: Readonly<Record<string, unknown>>): Promise<string> {
    const { kid } = await this.#jwk();
    const header = { alg: algorithm, typ: 'handout-receipt', kid };
    const signed = [header, statement].map((part) => base64url.encode(JSON.stringify(part))).join('.');
    const command = new SignCommand({
      KeyId: this.#key,
      SigningAlgorithm: 'ECDSA_SHA_256',
      MessageType: 'DIGEST',
      Message: createHash('sha256').update(signed).digest(),
    });
    const { Signature } = await retrying(() => this.#client.send(command));
    return `${signed}.${base64url.encode(joinNumbers(Signature!))}`;
  }

  async verify(receipt: string): Promise<Record<string, unknown> | undefined> {
    const key = await importJWK(await this.#jwk(), algorithm);
    try {
      const { payload } = await compactVerify(receipt, key);
      return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;
    } catch {
      return undefined;
    }
  }

  async keys(): Promise<PublicKey[]> {
    return [{ ...(await this.#jwk()), alg: algorithm, use: 'sig' }];
  }

  /** Asked of KMS once; a failure is not remembered. */
  #jwk(): Promise<JWK> {
    this.#public ??= this.#load().catch((error) => {
      this.#public = undefined;
      throw error;
    });
    return this.#public;
  }

  async #load(): Promise<JWK> {
    const command = new GetPublicKeyCommand({ KeyId: this.#key });
    const { PublicKey: der } = await retrying(() => this.#client.send(command));
    const jwk = createPublicKey({ key: Buffer.from(der!), format: 'der', type: 'spki' }).export({
      format: 'jwk',
    }) as JWK;
    return { ...jwk, kid: await calculateJwkThumbprint(jwk) };
  }
}

/**
 * KMS answers a signature as DER, a sequence of two integers of any length; a JWS wants both at full length, one after
 * the other.
 */
function joinNumbers(der: Uint8Array): Uint8Array {
  const joined = new Uint8Array(2 * numberBytes);
  let at = 2;
  for (const end of [numberBytes, 2 * numberBytes]) {
    invariant(der[at] === 2, 'a signature is two integers');
    const length = der[at + 1]!;
    const digits = der.slice(at + 2, at + 2 + length);
    const kept = digits.slice(Math.max(0, length - numberBytes));
    joined.set(kept, end - kept.length);
    at += 2 + length;
  }
  return joined;
}

export function openReceipts({ region, receiptsKey }: AwsConfig): Receipts {
  invariant(receiptsKey, 'a key is named');
  return new AwsReceipts(new KMSClient({ region, ...withTimeouts(5_000) }), receiptsKey);
}
