// Receipts signed by KMS: anyone can check them with the public key alone. The mock signs with a key of its own, as KMS
// does, in DER.

import { generateKeyPairSync, sign } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand, type SignCommandInput } from '@aws-sdk/client-kms';
import { mockClient } from 'aws-sdk-client-mock';
import { compactVerify, importJWK } from 'jose';
import { beforeEach, expect, it, vi } from 'vitest';
import { AwsReceipts } from '../adapters/aws/receipts.ts';

const { createHash } = vi.hoisted(() => ({ createHash: vi.fn() }));
/** What was last digested, so that the mock can sign it: Node signs messages, not digests. */
let digested: string;
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  createHash.mockImplementation((name: string) => ({
    update: (text: string) => {
      digested = text;
      return crypto.createHash(name).update(text);
    },
  }));
  return { ...crypto, createHash };
});

const kms = mockClient(KMSClient);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const answerAsKms = () => {
  kms.on(GetPublicKeyCommand).resolves({ PublicKey: publicKey.export({ format: 'der', type: 'spki' }) });
  kms.on(SignCommand).callsFake(({ Message, MessageType }: SignCommandInput) => {
    expect([MessageType, Message!.length]).toEqual(['DIGEST', 32]);
    return { Signature: sign('sha256', Buffer.from(digested), { key: privateKey, dsaEncoding: 'der' }) };
  });
};
const open = () =>
  new AwsReceipts(new KMSClient({ region: 'eu-central-1' }), 'alias/handout-lakeside-receipts');

beforeEach(() => kms.reset());

it('signs what the published key verifies, whatever the numbers of the signature look like', async () => {
  answerAsKms();
  const receipts = open();
  const [key] = await receipts.keys();
  expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid: expect.any(String) });
  // Leading zeros and high bits come up within some dozens of signatures.
  for (let nth = 0; nth < 200; nth++) {
    const receipt = await receipts.sign({ attempt: nth, files: Array(300).fill('week-1/answer.md') });
    const { payload, protectedHeader } = await compactVerify(receipt, await importJWK(key!, 'ES256'));
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'handout-receipt', kid: key!.kid });
    expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({ attempt: nth });
  }
  expect(kms.commandCalls(GetPublicKeyCommand)).toHaveLength(1);
});

it('verifies its own receipts and no others', async () => {
  answerAsKms();
  const receipts = open();
  const receipt = await receipts.sign({ attempt: 1 });
  expect(await receipts.verify(receipt)).toEqual({ attempt: 1 });
  const [header, , signature] = receipt.split('.');
  const forged = Buffer.from('{"attempt":2}').toString('base64url');
  expect(await receipts.verify(`${header}.${forged}.${signature}`)).toBeUndefined();
  expect(await receipts.verify('not a receipt')).toBeUndefined();
});

it('asks again for the key after a failure, and tries a throttled signature again', async () => {
  const refused = Object.assign(new Error('no'), {
    name: 'AccessDeniedException',
    $metadata: { httpStatusCode: 400 },
  });
  kms.on(GetPublicKeyCommand).rejectsOnce(refused);
  const receipts = open();
  await expect(receipts.keys()).rejects.toThrow('no');
  answerAsKms();
  kms
    .on(SignCommand)
    .rejectsOnce(Object.assign(new Error(), { name: 'ThrottlingException' }))
    .callsFake(() => ({
      Signature: sign('sha256', Buffer.from(digested), { key: privateKey, dsaEncoding: 'der' }),
    }));
  expect(await receipts.verify(await receipts.sign({ attempt: 1 }))).toEqual({ attempt: 1 });
});
