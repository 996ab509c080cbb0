// What the environment may say, and what is said about it when it may not.

import { describe, expect, it } from 'vitest';
import { readConfig } from '../adapters/config.ts';

const aws = {
  HANDOUT_BACKEND: 'aws',
  AWS_REGION: 'eu-central-1',
  HANDOUT_RECORDS_TABLE: 'records',
  HANDOUT_PAGES_TABLE: 'pages',
  HANDOUT_BUCKET: 'bucket',
};

describe('the environment', () => {
  it('that says nothing means one machine', () => {
    expect(readConfig({})).toEqual({
      backend: 'local',
      directory: '.handout',
      port: 8_080,
      historySeconds: 2_592_000,
      graceSeconds: 604_800,
    });
  });

  it('names the tables and the bucket on AWS', () => {
    expect(readConfig(aws)).toMatchObject({
      backend: 'aws',
      aws: { region: 'eu-central-1', recordsTable: 'records', pagesTable: 'pages', bucket: 'bucket' },
    });
  });

  it.each(Object.keys(aws).slice(1))('has to have %s on AWS', (name) => {
    expect(() => readConfig({ ...aws, [name]: '' })).toThrow(name);
  });

  it('may name servers that take the place of AWS, both or neither', () => {
    const dynamodb = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:8000' };
    const s3 = { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' };
    expect(readConfig({ ...aws, ...dynamodb, ...s3 })).toMatchObject({
      aws: { endpoints: { dynamodb: 'http://127.0.0.1:8000', s3: 'http://127.0.0.1:9000' } },
    });
    for (const one of [dynamodb, s3]) expect(() => readConfig({ ...aws, ...one })).toThrow(/both or neither/);
  });

  it('does not take what is not the beginning of state machine ARNs, or a backend of another kind', () => {
    const machines = (text: string) => readConfig({ ...aws, HANDOUT_STATE_MACHINES: text });
    const beginning = 'arn:aws:states:eu-central-1:111122223333:stateMachine:campus-';
    expect(machines(beginning)).toMatchObject({ aws: { stateMachines: beginning } });
    expect(() => machines('campus-')).toThrow('HANDOUT_STATE_MACHINES');
    expect(() => readConfig({ HANDOUT_BACKEND: 'azure' })).toThrow('HANDOUT_BACKEND');
  });
});
