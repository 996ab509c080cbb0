// Answers that are lost after real servers applied the call: what was asked for once has happened once, and is not reported
// as a conflict. The mocks of `faults.test.ts` know only what we believe of DynamoDB and S3; these servers do not.

import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AwsBackend } from '../../adapters/aws/open.ts';
import { sha256 } from '../../core/tree/digest.ts';
import { openTestAws } from '../support/aws.ts';

let aws: AwsBackend;
let calls = 0;
let lost = 0;

/** Drops the answer of every third call, and of the repeat of every ninth. */
const losesAnswers =
  <Input, Output>(next: (input: Input) => Promise<Output>) =>
  async (input: Input): Promise<Output> => {
    const answer = await next(input);
    calls++;
    if (calls % 3 !== 0 && calls % 9 !== 1) return answer;
    lost++;
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  };

beforeAll(async () => {
  aws = await openTestAws(randomUUID());
  aws.clients.dynamodb.middlewareStack.add(losesAnswers, { step: 'finalizeRequest', priority: 'low' });
  aws.clients.s3.middlewareStack.add(losesAnswers, { step: 'finalizeRequest', priority: 'low' });
});
afterAll(() => {
  aws[Symbol.dispose]();
  expect(lost).toBeGreaterThan(100);
});

const key = (sort: string) => ({ partition: 'p', sort });

it('records that are created one after the other are each created once', async () => {
  for (let n = 0; n < 40; n++)
    await aws.records.write([{ put: key(`journal#${n}`), value: n, if: 'absent' }]);
  const taken = aws.records.write([{ put: key('journal#7'), value: 'other', if: 'absent' }]);
  await expect(taken).rejects.toMatchObject({ name: 'AppError' });
  expect(await aws.records.get(key('journal#7'))).toMatchObject({ value: 7 });
});

it('a counter that is changed by its revision counts every change once', async () => {
  await aws.records.write([{ put: key('counter'), value: 0 }]);
  for (let n = 0; n < 40; n++) {
    const { value, revision } = (await aws.records.get<number>(key('counter')))!;
    await aws.records.write([{ put: key('counter'), value: value + 1, if: { revision } }]);
  }
  expect(await aws.records.get(key('counter'))).toMatchObject({ value: 40 });
});

it('a batch happens once, whatever its conditions are', async () => {
  for (let n = 0; n < 40; n++)
    await aws.records.write([
      { put: key(`batch#${n}`), value: n, if: 'absent' },
      { check: key('counter'), if: 'present' },
      ...(n > 0 ? [{ delete: key(`batch#${n - 1}`), if: 'present' as const }] : []),
    ]);
  const left = await aws.records.query({ partition: 'p', prefix: 'batch#' });
  expect(left.map(({ value }) => value)).toEqual([39]);
  await aws.records.write([{ delete: key('batch#39'), if: { revision: left[0]!.revision } }]);
});

it('pages and blobs are there, each blob in one version', async () => {
  const all = Array.from({ length: 60 }, () => {
    const bytes = randomBytes(300);
    return { hash: sha256(bytes), bytes };
  });
  await aws.pages.putMany(all);
  expect(await aws.pages.getMany(all.map(({ hash }) => hash))).toHaveLength(all.length);
  for (const { hash, bytes } of all.slice(0, 20)) {
    const ref = await aws.blobs.put(hash, bytes);
    expect(await aws.blobs.put(hash, bytes)).toEqual(ref);
    expect(Buffer.from(await aws.blobs.get(ref))).toEqual(bytes);
  }
  expect(await aws.blobs.list()).toHaveLength(20);
});
