// The bucket of a tenant's content: blobs for good, uploads and assembled downloads for days. Versioned, TLS only, closed to the public,
// encrypted with the key that S3 manages. Versions of blobs go by the reclaim role's hand or not at all. Who fetched what
// by signed URL is known to S3 alone, so S3 logs it to a bucket beside this one.

import { Duration } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CorsRule,
  HttpMethods,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { areas, lifeDays } from '../../adapters/aws/schema.ts';
import { namesOf, type Tenant } from '../tenant.ts';

export interface ContentBucketProps {
  readonly tenant: Tenant;
  /** May delete versions of blobs. */
  readonly reclaim: IRole;
}

/** Whatever a bucket holds. */
const closed: BucketProps = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
  encryption: BucketEncryption.S3_MANAGED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
};

/** An area that empties itself: objects after some days, what is left of old versions a day later. */
const passing = (area: 'uploads' | 'assembled'): LifecycleRule => ({
  id: area,
  prefix: areas[area],
  expiration: Duration.days(lifeDays[area]),
  noncurrentVersionExpiration: Duration.days(1),
});

/** No rule touches blobs: what is needed no longer is reclaim's to judge. */
const lifecycle: LifecycleRule[] = [
  { id: 'half-sent', abortIncompleteMultipartUploadAfter: Duration.days(7) },
  passing('uploads'),
  passing('assembled'),
];

/** Browsers send and fetch by signed URLs; a signature is all that lets them, so any header may come along. */
const corsOf = ({ origins }: Tenant): CorsRule => ({
  allowedOrigins: origins,
  allowedMethods: [HttpMethods.PUT, HttpMethods.GET, HttpMethods.HEAD],
  allowedHeaders: ['*'],
  exposedHeaders: ['ETag', 'Content-Range', 'Accept-Ranges', 'x-amz-version-id'],
  maxAge: 86_400,
});

export class ContentBucket extends Construct {
  constructor(scope: Construct, id: string, { tenant, reclaim }: ContentBucketProps) {
    super(scope, id);
    const names = namesOf(tenant);
    const accessLogs = new Bucket(this, 'AccessLogs', {
      ...closed,
      bucketName: names.accessLogs,
      lifecycleRules: [{ id: 'old', expiration: Duration.days(tenant.logRetentionDays) }],
    });
    const bucket = new Bucket(this, 'Bucket', {
      ...closed,
      bucketName: names.bucket,
      versioned: true,
      lifecycleRules: lifecycle,
      cors: [corsOf(tenant)],
      serverAccessLogsBucket: accessLogs as IBucket,
    });
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'OnlyReclaimDeletesBlobs',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
        resources: [bucket.arnForObjects(`${areas.blobs}*`)],
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': reclaim.roleArn } },
      }),
    );
  }
}
