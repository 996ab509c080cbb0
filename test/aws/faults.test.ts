// What the AWS adapters do when AWS fails: each fault is injected by a mock of the SDK's clients, for no test server fails
// to order. That the adapters work at all is proved elsewhere, on real servers.

import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { AwsBlobs } from '../../adapters/aws/blobs.ts';
import { AwsPages } from '../../adapters/aws/pages.ts';
import { AwsRecords } from '../../adapters/aws/records.ts';
import { AwsWorkflows } from '../../adapters/aws/workflows.ts';
import type { RecordWrite } from '../../core/ports.ts';
import { sha256 } from '../../core/tree/digest.ts';

const dynamodb = mockClient(DynamoDBClient);
const s3 = mockClient(S3Client);
const stepFunctions = mockClient(SFNClient);

const records = new AwsRecords(new DynamoDBClient({ region: 'us-east-1' }), 'records');
const pages = new AwsPages(new DynamoDBClient({ region: 'us-east-1' }), 'pages');
const blobs = new AwsBlobs({ client: new S3Client({ region: 'us-east-1' }), name: 'bucket' }, Date.now);
const machines = 'arn:aws:states:us-east-1:111122223333:stateMachine:campus-';
const workflows = new AwsWorkflows(new SFNClient({ region: 'us-east-1' }), machines);

beforeEach(() => {
  for (const mock of [dynamodb, s3, stepFunctions]) mock.reset();
  // Pauses between tries are a random part of their length: of none, then.
  vi.spyOn(Math, 'random').mockReturnValue(0);
});

/** A refusal as the SDK throws it. */
const refusal = (name: string, status = 400, more: object = {}): Error =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } }, more);

const lost = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
const timeout = () => Object.assign(new Error('too late'), { name: 'TimeoutError', code: 'ETIMEDOUT' });
const internal = () => refusal('InternalServerError', 500);
const cutShort = () =>
  Object.assign(new SyntaxError('Unexpected end'), { $metadata: { httpStatusCode: 200 } });
const cancelled = (...codes: string[]) =>
  refusal('TransactionCanceledException', 400, { CancellationReasons: codes.map((Code) => ({ Code })) });

const answersLost: [what: string, fault: () => Error][] = [
  ['the socket broke', lost],
  ['it took too long', timeout],
  ['DynamoDB failed inside', internal],
  ['the answer was cut short', cutShort],
];
const turnedAway = [
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'TransactionConflictException',
];

const busy = { name: 'AppError', code: 'busy' };
const conflict = { name: 'AppError', code: 'conflict' };
const damaged = { name: 'AppError', code: 'damaged' };

const key = { partition: 'p', sort: 's' };
const create: RecordWrite = { put: key, value: 1, if: 'absent' };
const twoWrites: RecordWrite[] = [create, { put: { partition: 'p', sort: 't' }, value: 2 }];
const tries = 8;

/** A table of one record that knows the condition `absent`. `fault` strikes after a put was applied. */
function tableOfOne(fault: () => Error) {
  const table = { item: undefined as PutItemCommandInput['Item'], applied: 0 };
  dynamodb.on(PutItemCommand).callsFake((input: PutItemCommandInput) => {
    const wantsAbsent = input.ConditionExpression?.includes('attribute_not_exists');
    if (wantsAbsent && table.item)
      throw refusal('ConditionalCheckFailedException', 400, { Item: table.item });
    table.item = input.Item;
    table.applied++;
    if (table.applied === 1) throw fault();
    return {};
  });
  return table;
}

describe('one record', () => {
  it.each(answersLost)('a put whose answer was lost is not applied twice: %s', async (_, fault) => {
    const table = tableOfOne(fault);
    await records.write([create]);
    expect(table.applied).toBe(1);
    expect(dynamodb.commandCalls(PutItemCommand)).toHaveLength(2);
  });

  it('a put that never arrived is sent again, as the same write', async () => {
    dynamodb.on(PutItemCommand).rejectsOnce(lost()).resolves({});
    await records.write([create]);
    const [first, second] = dynamodb.commandCalls(PutItemCommand).map((call) => call.args[0].input);
    expect(second).toEqual(first);
  });

  it('a put that was perhaps applied and overwritten is not called a conflict, and not applied again', async () => {
    const Item = { revision: { S: 'of another' } };
    dynamodb
      .on(PutItemCommand)
      .rejectsOnce(lost())
      .rejects(refusal('ConditionalCheckFailedException', 400, { Item }));
    await expect(records.write([create])).rejects.toMatchObject(busy);
  });

  it('a condition that does not hold is a conflict at once', async () => {
    const Item = { revision: { S: 'of another' } };
    dynamodb.on(PutItemCommand).rejects(refusal('ConditionalCheckFailedException', 400, { Item }));
    await expect(records.write([create])).rejects.toMatchObject(conflict);
    expect(dynamodb.calls()).toHaveLength(1);
  });

  it('a put that was turned away first and finds the condition broken then is a conflict', async () => {
    dynamodb
      .on(PutItemCommand)
      .rejectsOnce(refusal('ThrottlingException'))
      .rejects(refusal('ConditionalCheckFailedException'));
    await expect(records.write([create])).rejects.toMatchObject(conflict);
  });

  it.each(turnedAway)('%s is tried again', async (name) => {
    dynamodb.on(PutItemCommand).rejectsOnce(refusal(name)).rejectsOnce(refusal(name)).resolves({});
    await records.write([create]);
    expect(dynamodb.calls()).toHaveLength(3);
  });

  it.each(turnedAway)('%s without end is busy', async (name) => {
    dynamodb.on(PutItemCommand).rejects(refusal(name));
    await expect(records.write([create])).rejects.toMatchObject({ ...busy, message: /Nothing was changed/ });
    expect(dynamodb.calls()).toHaveLength(tries);
  });

  it('a store that never answers is busy, and that says that the outcome is not known', async () => {
    dynamodb.on(PutItemCommand).rejects(lost());
    await expect(records.write([create])).rejects.toMatchObject({ ...busy, message: /not known/ });
  });

  it('a refusal that does not pass is thrown as it is, and a record too large has a code of its own', async () => {
    const message = 'Item size has exceeded the maximum allowed size';
    dynamodb
      .on(PutItemCommand)
      .rejectsOnce(refusal('AccessDeniedException'))
      .rejects(refusal('ValidationException', 400, { message }));
    await expect(records.write([create])).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await expect(records.write([create])).rejects.toMatchObject({ code: 'too-large' });
    expect(dynamodb.calls()).toHaveLength(2);
  });

  it('a delete whose answer was lost is sent again', async () => {
    dynamodb.on(DeleteItemCommand).rejectsOnce(lost()).resolves({});
    await records.write([{ delete: key }]);
  });

  it('a conditional delete is a transaction, so that its repeat is recognised', async () => {
    dynamodb.on(TransactWriteItemsCommand).rejectsOnce(lost()).resolves({});
    await records.write([{ delete: key, if: 'present' }]);
    expectSameToken();
  });
});

function expectSameToken(): void {
  const sent = dynamodb.commandCalls(TransactWriteItemsCommand).map((call) => call.args[0].input);
  expect(sent).toHaveLength(2);
  expect(sent[0]!.ClientRequestToken).toMatch(/^[\w-]{36}$/);
  expect(sent[1]).toEqual(sent[0]);
}

describe('a batch of records', () => {
  it.each(answersLost)('whose answer was lost is sent again under the same token: %s', async (_, fault) => {
    dynamodb.on(TransactWriteItemsCommand).rejectsOnce(fault()).resolves({});
    await records.write(twoWrites);
    expectSameToken();
  });

  it('has a token and revisions of its own', async () => {
    dynamodb.on(TransactWriteItemsCommand).resolves({});
    await records.write(twoWrites);
    await records.write(twoWrites);
    const sent = dynamodb.commandCalls(TransactWriteItemsCommand).map((call) => call.args[0].input);
    expect(sent[0]!.ClientRequestToken).not.toBe(sent[1]!.ClientRequestToken);
    expect(sent[0]!.TransactItems![0]!.Put!.Item!.revision).not.toEqual(
      sent[1]!.TransactItems![0]!.Put!.Item!.revision,
    );
  });

  it.each([
    ['a condition', ['ConditionalCheckFailed', 'None'], conflict],
    ['a condition of the second write', ['None', 'ConditionalCheckFailed'], conflict],
    ['a condition, beside a clash', ['TransactionConflict', 'ConditionalCheckFailed'], conflict],
    ['an item that is not valid', ['None', 'ValidationError'], { name: 'TransactionCanceledException' }],
    ['no reason that it tells', [], { name: 'TransactionCanceledException' }],
  ])('cancelled for %s is not sent again', async (_, codes, outcome) => {
    dynamodb.on(TransactWriteItemsCommand).rejects(cancelled(...codes));
    await expect(records.write(twoWrites)).rejects.toMatchObject(outcome);
    expect(dynamodb.calls()).toHaveLength(1);
  });

  it.each(['TransactionConflict', 'ProvisionedThroughputExceeded', 'ThrottlingError'])(
    'cancelled for %s is sent again, and is busy in the end',
    async (code) => {
      dynamodb.on(TransactWriteItemsCommand).rejectsOnce(cancelled(code, 'None')).resolves({});
      await records.write(twoWrites);
      expectSameToken();
      dynamodb.on(TransactWriteItemsCommand).rejects(cancelled('None', code));
      await expect(records.write(twoWrites)).rejects.toMatchObject(busy);
    },
  );

  it('that is still under way is asked for again', async () => {
    dynamodb
      .on(TransactWriteItemsCommand)
      .rejectsOnce(timeout())
      .rejectsOnce(refusal('TransactionInProgressException'))
      .resolves({});
    await records.write(twoWrites);
  });

  it('names the record whose condition failed', async () => {
    dynamodb.on(TransactWriteItemsCommand).rejects(cancelled('None', 'ConditionalCheckFailed'));
    await expect(records.write(twoWrites)).rejects.toThrow('The record p t is not as expected.');
  });
});

const itemOf = (sort: string) => ({
  partition: { S: 'p' },
  sort: { S: sort },
  revision: { S: 'r' },
  value: { S: '1' },
});
const keysOf = (...sorts: string[]) => sorts.map((sort) => ({ partition: { S: 'p' }, sort: { S: sort } }));

describe('reading records', () => {
  it('is strongly consistent, and tried again', async () => {
    dynamodb
      .on(GetItemCommand)
      .rejectsOnce(internal())
      .resolves({ Item: itemOf('s') });
    expect(await records.get(key)).toMatchObject({ value: 1 });
    for (const call of dynamodb.commandCalls(GetItemCommand))
      expect(call.args[0].input.ConsistentRead).toBe(true);
  });

  it('asks again for the keys that were not looked up', async () => {
    dynamodb
      .on(BatchGetItemCommand)
      .resolvesOnce({
        Responses: { records: [itemOf('a')] },
        UnprocessedKeys: { records: { Keys: keysOf('b', 'c') } },
      })
      .resolvesOnce({
        Responses: { records: [itemOf('c')] },
        UnprocessedKeys: { records: { Keys: keysOf('b') } },
      })
      .resolves({ Responses: { records: [itemOf('b')] } });
    const found = await records.getMany(['a', 'b', 'c'].map((sort) => ({ partition: 'p', sort })));
    expect(found.map(({ sort }) => sort).sort()).toEqual(['a', 'b', 'c']);
    const last = dynamodb.commandCalls(BatchGetItemCommand)[2]!.args[0].input.RequestItems!.records!;
    expect(last).toEqual({ Keys: keysOf('b'), ConsistentRead: true });
  });

  it('is busy when the keys are never looked up', async () => {
    dynamodb.on(BatchGetItemCommand).resolves({ UnprocessedKeys: { records: { Keys: keysOf('a') } } });
    await expect(records.getMany([{ partition: 'p', sort: 'a' }])).rejects.toMatchObject(busy);
  });

  it('goes on over pages that end early, empty ones among them', async () => {
    const LastEvaluatedKey = keysOf('x')[0]!;
    dynamodb
      .on(QueryCommand)
      .resolvesOnce({ Items: [itemOf('a')], LastEvaluatedKey })
      .resolvesOnce({ Items: [], LastEvaluatedKey })
      .rejectsOnce(refusal('ThrottlingException'))
      .resolvesOnce({ Items: [itemOf('b')] });
    const found = await records.query({ partition: 'p', prefix: '', limit: 5 });
    expect(found.map(({ sort }) => sort)).toEqual(['a', 'b']);
    expect(dynamodb.commandCalls(QueryCommand)[1]!.args[0].input).toMatchObject({ Limit: 4 });
  });
});

const page = (text: string) => ({ hash: sha256(Buffer.from(text)), bytes: Buffer.from(text) });
const pageItem = (text: string) => ({ hash: { S: page(text).hash }, bytes: { B: page(text).bytes } });
const pageKeys = (...texts: string[]) => texts.map((text) => ({ hash: { S: page(text).hash } }));

describe('pages', () => {
  it('one that the eventually consistent read does not know yet is asked of the leader', async () => {
    dynamodb.on(GetItemCommand, { ConsistentRead: false }).resolves({});
    dynamodb.on(GetItemCommand, { ConsistentRead: true }).resolves({ Item: pageItem('a') });
    expect(Buffer.from(await pages.get(page('a').hash)).toString()).toBe('a');
  });

  it('one that nobody has is damage', async () => {
    dynamodb.on(GetItemCommand).resolves({});
    await expect(pages.get(page('a').hash)).rejects.toMatchObject(damaged);
    expect(dynamodb.calls()).toHaveLength(2);
  });

  it('one that cannot be read now is not called damaged', async () => {
    dynamodb.on(GetItemCommand).rejects(refusal('ThrottlingException'));
    await expect(pages.get(page('a').hash)).rejects.toMatchObject(busy);
  });

  it('of many, only those that were missing are read again', async () => {
    dynamodb
      .on(BatchGetItemCommand)
      .resolvesOnce({ Responses: { pages: [pageItem('a')] } })
      .resolvesOnce({ Responses: { pages: [pageItem('b')] } });
    const found = await pages.getMany([page('b').hash, page('a').hash]);
    expect(found.map(({ hash }) => hash)).toEqual([page('b').hash, page('a').hash]);
    const asked = dynamodb
      .commandCalls(BatchGetItemCommand)
      .map((call) => call.args[0].input.RequestItems!.pages!);
    expect(asked).toEqual([
      { Keys: pageKeys('b', 'a'), ConsistentRead: false },
      { Keys: pageKeys('b'), ConsistentRead: true },
    ]);
  });

  it('that were not taken are sent again, and only those', async () => {
    const requests = (...texts: string[]) => ({
      pages: texts.map((text) => ({ PutRequest: { Item: pageItem(text) } })),
    });
    dynamodb
      .on(BatchWriteItemCommand)
      .resolvesOnce({ UnprocessedItems: requests('b', 'c') })
      .rejectsOnce(lost())
      .resolvesOnce({ UnprocessedItems: requests('c') })
      .resolves({});
    await pages.putMany(['a', 'b', 'c'].map(page));
    const sent = dynamodb.commandCalls(BatchWriteItemCommand).map((call) => call.args[0].input.RequestItems);
    const expected = [['a', 'b', 'c'], ['b', 'c'], ['b', 'c'], ['c']].map((texts) => requests(...texts));
    expect(sent).toEqual(expected);
  });

  it('that are never taken are busy', async () => {
    const UnprocessedItems = { pages: [{ PutRequest: { Item: pageItem('a') } }] };
    dynamodb.on(BatchWriteItemCommand).resolves({ UnprocessedItems });
    await expect(pages.putMany([page('a')])).rejects.toMatchObject(busy);
  });
});

const bytes = Buffer.from('bytes');
const hash = sha256(bytes);
const checksum = Buffer.from(hash, 'hex').toString('base64');
const body = (read: () => Promise<Uint8Array>) => ({ Body: { transformToByteArray: read } as never });
const s3Tries = () => s3.commandCalls(PutObjectCommand).length;

describe('putting blobs', () => {
  it('is conditional, with the checksum that S3 verifies', async () => {
    s3.on(PutObjectCommand).resolves({ VersionId: 'v1' });
    expect(await blobs.put(hash, bytes)).toEqual({ sha256: hash, version: 'v1' });
    const { input } = s3.commandCalls(PutObjectCommand)[0]!.args[0];
    expect(input).toMatchObject({ Key: `blobs/${hash}`, IfNoneMatch: '*', ChecksumSHA256: checksum });
  });

  it('answers the version that is there on 412', async () => {
    s3.on(PutObjectCommand).rejects(refusal('PreconditionFailed', 412));
    s3.on(HeadObjectCommand).resolves({ VersionId: 'v0' });
    expect(await blobs.put(hash, bytes)).toEqual({ sha256: hash, version: 'v0' });
  });

  it('whose answer was lost is not done twice', async () => {
    s3.on(PutObjectCommand).rejectsOnce(lost()).rejects(refusal('PreconditionFailed', 412));
    s3.on(HeadObjectCommand).resolves({ VersionId: 'mine' });
    expect(await blobs.put(hash, bytes)).toEqual({ sha256: hash, version: 'mine' });
    expect(s3Tries()).toBe(2);
  });

  it.each([
    ['409, two at once', refusal('ConditionalRequestConflict', 409)],
    ['503, too fast', refusal('SlowDown', 503)],
    ['500', refusal('InternalError', 500)],
  ])('tries again on %s', async (_, error) => {
    s3.on(PutObjectCommand).rejectsOnce(error).resolves({ VersionId: 'v1' });
    expect(await blobs.put(hash, bytes)).toMatchObject({ version: 'v1' });
  });

  it('is busy when S3 is too busy for long', async () => {
    s3.on(PutObjectCommand).rejects(refusal('SlowDown', 503));
    await expect(blobs.put(hash, bytes)).rejects.toMatchObject(busy);
    expect(s3Tries()).toBe(tries);
  });

  it('puts again what was deleted between the refusal and the question for its version', async () => {
    s3.on(PutObjectCommand).rejectsOnce(refusal('PreconditionFailed', 412)).resolves({ VersionId: 'v2' });
    s3.on(HeadObjectCommand).rejects(refusal('NotFound', 404));
    expect(await blobs.put(hash, bytes)).toMatchObject({ version: 'v2' });
  });

  it('reports bytes that were changed on their way', async () => {
    s3.on(PutObjectCommand).rejects(refusal('BadDigest', 400));
    await expect(blobs.put(hash, bytes)).rejects.toMatchObject({ code: 'checksum-mismatch' });
  });
});

describe('making blobs of uploads', () => {
  const part = { sha256: hash, size: bytes.length };
  const slot = { Key: 'uploads/upl_1/0-0' };
  const sent = { ContentLength: bytes.length, ChecksumSHA256: checksum, VersionId: 'sent' };
  beforeEach(() => {
    s3.on(HeadObjectCommand, slot).resolves(sent);
    s3.on(HeadObjectCommand, { Key: `blobs/${hash}` }).rejects(refusal('NotFound', 404));
  });

  it('copies the version that was looked at, unless the blob is there', async () => {
    s3.on(CopyObjectCommand).resolves({ VersionId: 'v1' });
    expect(await blobs.promote('upl_1/0-0', part)).toEqual({ sha256: hash, version: 'v1' });
    expect(s3.commandCalls(CopyObjectCommand)[0]!.args[0].input).toMatchObject({
      CopySource: 'bucket/uploads/upl_1/0-0?versionId=sent',
      IfNoneMatch: '*',
    });
  });

  it('answers the version of whoever was faster, also when that was its own lost try', async () => {
    s3.on(HeadObjectCommand, { Key: `blobs/${hash}` })
      .rejectsOnce(refusal('NotFound', 404))
      .resolves({ VersionId: 'there' });
    s3.on(CopyObjectCommand)
      .rejectsOnce(refusal('ConditionalRequestConflict', 409))
      .rejectsOnce(lost())
      .rejects(refusal('PreconditionFailed', 412));
    expect(await blobs.promote('upl_1/0-0', part)).toEqual({ sha256: hash, version: 'there' });
  });

  it('does not believe a slot with another checksum, another length, or none', async () => {
    s3.on(HeadObjectCommand, slot).resolves({ ...sent, ChecksumSHA256: 'other' });
    await expect(blobs.promote('upl_1/0-0', part)).rejects.toMatchObject({ code: 'checksum-mismatch' });
    s3.on(HeadObjectCommand, slot).resolves({ ContentLength: bytes.length, VersionId: 'sent' });
    await expect(blobs.promote('upl_1/0-0', part)).rejects.toMatchObject({ code: 'checksum-mismatch' });
    s3.on(HeadObjectCommand, slot).resolves({ ...sent, ContentLength: 1 });
    await expect(blobs.promote('upl_1/0-0', part)).rejects.toMatchObject({ code: 'not-found' });
    expect(s3.commandCalls(CopyObjectCommand)).toHaveLength(0);
  });

  it('does not call a slot empty that S3 cannot look at now', async () => {
    s3.on(HeadObjectCommand, slot).rejects(refusal('SlowDown', 503));
    await expect(blobs.promote('upl_1/0-0', part)).rejects.toMatchObject(busy);
  });
});

describe('reading and deleting blobs', () => {
  const ref = { sha256: hash, version: 'v1' };

  it('reads again what broke off in the middle', async () => {
    s3.on(GetObjectCommand)
      .resolvesOnce(body(() => Promise.reject(lost())))
      .resolves(body(async () => bytes));
    expect(await blobs.get(ref)).toEqual(bytes);
  });

  it('reports bytes that are not what the hash says, and stretches that are too short', async () => {
    s3.on(GetObjectCommand).resolves(body(async () => Buffer.from('bites')));
    await expect(blobs.get(ref)).rejects.toMatchObject(damaged);
    s3.on(GetObjectCommand).resolves(body(async () => Buffer.from('by')));
    await expect(blobs.get(ref, { offset: 0, length: 3 })).rejects.toMatchObject(damaged);
  });

  it.each([
    ['NoSuchKey', 404],
    ['NoSuchVersion', 404],
    ['InvalidArgument', 400],
    ['MethodNotAllowed', 405],
    ['InvalidRange', 416],
  ])('%s is damage when reading, and success when deleting', async (name, status) => {
    s3.on(GetObjectCommand).rejects(refusal(name, status));
    await expect(blobs.get(ref, { offset: 0, length: 1 })).rejects.toMatchObject(damaged);
    s3.on(DeleteObjectCommand).rejects(refusal(name, status));
    await blobs.deleteVersion(ref);
  });

  it.each([
    ['AccessDenied', 403],
    ['ExpiredToken', 400],
  ])('%s is neither', async (name, status) => {
    s3.on(GetObjectCommand).rejects(refusal(name, status));
    await expect(blobs.get(ref)).rejects.toMatchObject({ name });
    s3.on(DeleteObjectCommand).rejects(refusal(name, status));
    await expect(blobs.deleteVersion(ref)).rejects.toMatchObject({ name });
  });

  it('deletes a version by its id alone, and again after a lost answer', async () => {
    s3.on(DeleteObjectCommand).rejectsOnce(lost()).resolves({});
    await blobs.deleteVersion(ref);
    for (const call of s3.commandCalls(DeleteObjectCommand))
      expect(call.args[0].input).toMatchObject({ VersionId: 'v1' });
  });
});

describe('listing blobs', () => {
  const hashes = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(64));
  const versions = (...at: number[]) => at.map((i) => ({ Key: `blobs/${hashes[i]}`, VersionId: `v${i}` }));
  const more = (i: number) => ({
    IsTruncated: true,
    NextKeyMarker: `blobs/${hashes[i]}`,
    NextVersionIdMarker: `v${i}`,
  });

  it('goes on over parts that end early, and tries a part again', async () => {
    s3.on(ListObjectVersionsCommand)
      .resolvesOnce({ Versions: versions(0), ...more(0) })
      .rejectsOnce(refusal('SlowDown', 503))
      .resolvesOnce({ ...more(0) })
      .resolvesOnce({ Versions: versions(1, 2) });
    expect((await blobs.list()).map(({ version }) => version)).toEqual(['v0', 'v1', 'v2']);
    expect(s3.commandCalls(ListObjectVersionsCommand)[2]!.args[0].input).toMatchObject({
      KeyMarker: `blobs/${hashes[0]}`,
      VersionIdMarker: 'v0',
    });
  });

  it('answers nothing twice where a part begins with the marker', async () => {
    s3.on(ListObjectVersionsCommand)
      .resolvesOnce({ Versions: versions(0, 1), ...more(1) })
      .resolvesOnce({ Versions: versions(1, 2), ...more(2) })
      .resolvesOnce({ Versions: versions(2, 3) });
    expect((await blobs.list(hashes[0], 3)).map(({ version }) => version)).toEqual(['v1', 'v2', 'v3']);
  });

  it('fails rather than leave something out', async () => {
    s3.on(ListObjectVersionsCommand)
      .resolvesOnce({ Versions: versions(0), ...more(0) })
      .rejects(refusal('AccessDenied', 403));
    await expect(blobs.list()).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('downloads of several blobs', () => {
  const refs = ['1', '2'].map((digit) => ({ sha256: digit.repeat(64), version: 'v' }));
  const download = { mediaType: 'text/plain', fileName: 'a' };

  it('leave no half upload behind', async () => {
    s3.on(HeadObjectCommand).rejectsOnce(refusal('NotFound', 404)).resolves({ ContentLength: 6_000_000 });
    s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'u' });
    s3.on(UploadPartCopyCommand).rejects(refusal('AccessDenied', 403));
    s3.on(UploadPartCommand).rejects(refusal('AccessDenied', 403));
    s3.on(AbortMultipartUploadCommand).resolves({});
    const signed = blobs.signGet(refs, download, Date.now() + 60_000);
    await expect(signed).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(s3.commandCalls(AbortMultipartUploadCommand)[0]!.args[0].input).toMatchObject({ UploadId: 'u' });
  });

  it('are damaged when a blob is missing', async () => {
    s3.on(HeadObjectCommand).rejects(refusal('NotFound', 404));
    const signed = blobs.signGet(refs, download, Date.now() + 60_000);
    await expect(signed).rejects.toMatchObject(damaged);
  });
});

describe('workflows', () => {
  const executionArn = 'arn:aws:states:us-east-1:111122223333:execution:campus-distribute:dst_1';

  it('the same id again starts nothing, and is success; so is a start whose answer was lost', async () => {
    stepFunctions.on(StartExecutionCommand).rejectsOnce(lost()).rejects(refusal('ExecutionAlreadyExists'));
    await workflows.start('distribute', 'dst_1', { id: 'dst_1' });
    const inputs = stepFunctions.commandCalls(StartExecutionCommand).map((call) => call.args[0].input);
    const input = { stateMachineArn: `${machines}distribute`, name: 'dst_1', input: '{"id":"dst_1"}' };
    expect(inputs).toEqual([input, input]);
  });

  it('a start is tried again when throttled; other refusals are thrown', async () => {
    stepFunctions
      .on(StartExecutionCommand)
      .rejectsOnce(refusal('ThrottlingException'))
      .rejects(refusal('StateMachineDoesNotExist'));
    const started = workflows.start('distribute', 'dst_1', {});
    await expect(started).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
  });

  it('stopping what never was is success', async () => {
    stepFunctions.on(StopExecutionCommand).rejects(refusal('ExecutionDoesNotExist'));
    await workflows.stop('distribute', 'dst_1');
    expect(stepFunctions.commandCalls(StopExecutionCommand)[0]!.args[0].input).toEqual({ executionArn });
  });

  it.each([
    ['RUNNING', 'running'],
    ['PENDING_REDRIVE', 'running'],
    ['SUCCEEDED', 'succeeded'],
    ['FAILED', 'failed'],
    ['TIMED_OUT', 'failed'],
    ['ABORTED', 'stopped'],
  ] as const)('%s is told as %s', async (status, told) => {
    stepFunctions.on(DescribeExecutionCommand, { executionArn }).resolves({ status });
    expect(await workflows.status('distribute', 'dst_1')).toBe(told);
  });

  it('what never was has no status', async () => {
    stepFunctions.on(DescribeExecutionCommand).rejects(refusal('ExecutionDoesNotExist'));
    expect(await workflows.status('distribute', 'dst_1')).toBeUndefined();
  });
});
