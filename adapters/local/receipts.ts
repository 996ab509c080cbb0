// Receipts of one machine: an Ed25519 key of the directory, made at its first use.

import {
  CompactSign,
  calculateJwkThumbprint,
  compactVerify,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose';
import type { PublicKey, Receipts } from '../../core/ports.ts';
import type { Database } from './database.ts';

const algorithm = 'EdDSA';

export class LocalReceipts implements Receipts {
  readonly #database: Database;
  #key: Promise<JWK> | undefined;
  #signer: ReturnType<typeof importJWK> | undefined;

  constructor(database: Database) {
    this.#database = database;
    database.handle.exec('CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL)');
  }

  async sign(statement: Readonly<Record<string, unknown>>): Promise<string> {
    const jwk = await this.#jwk();
    this.#signer ??= importJWK(jwk, algorithm);
    return new CompactSign(new TextEncoder().encode(JSON.stringify(statement)))
      .setProtectedHeader({ alg: algorithm, typ: 'handout-receipt', kid: jwk.kid! })
      .sign(await this.#signer);
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
