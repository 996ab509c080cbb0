// Receipts of one machine: an Ed25519 key of the directory, made at its first use. Signatures are made beside the work,
// on a thread of their own: a whole class may want one at the same time.

import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, compactVerify, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { PublicKey, Receipts } from '../../core/ports.ts';
import type { Database } from './database.ts';

const algorithm = 'EdDSA';
const signBeside = promisify(sign);

interface Signer {
  readonly key: KeyObject;
  /** The protected header, encoded. */
  readonly header: string;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export class LocalReceipts implements Receipts {
  readonly #database: Database;
  #key: Promise<JWK> | undefined;
  #signer: Promise<Signer> | undefined;

  constructor(database: Database) {
    this.#database = database;
    database.handle.exec('CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL)');
  }

  async sign(statement: Readonly<Record<string, unknown>>): Promise<string> {
    this.#signer ??= this.#jwk().then((jwk) => ({
      key: createPrivateKey({ key: jwk, format: 'jwk' }),
      header: encoded({ alg: algorithm, typ: 'handout-receipt', kid: jwk.kid }),
    }));
    const { key, header } = await this.#signer;
    const signed = `${header}.${encoded(statement)}`;
    const signature = await signBeside(null, Buffer.from(signed), key);
    return `${signed}.${signature.toString('base64url')}`;
  }

  async verify(receipt: string): Promise<Record<string, unknown> | undefined> {
    try {
      const { payload } = await compactVerify(receipt, await importJWK(await this.#publicJwk(), algorithm));
      return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;
    } catch {
      return undefined;
    }
  }

  async keys(): Promise<PublicKey[]> {
    return [{ ...(await this.#publicJwk()), alg: algorithm, use: 'sig' }];
  }

  async #publicJwk(): Promise<JWK> {
    const { d: _, ...jwk } = await this.#jwk();
    return jwk;
  }

  #jwk(): Promise<JWK> {
    this.#key ??= this.#load();
    return this.#key;
  }

  async #load(): Promise<JWK> {
    const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const fresh = await exportJWK(privateKey);
    const text = JSON.stringify({ ...fresh, kid: await calculateJwkThumbprint(fresh) });
    return this.#database.write(() => {
      this.#database.prepare('INSERT OR IGNORE INTO secrets VALUES (?, ?)').run('receipts', text);
      const row = this.#database.prepare('SELECT value FROM secrets WHERE name = ?').get('receipts')!;
      return JSON.parse(String(row.value)) as JWK;
    });
  }
}
