// What the tables and the bucket are like: read by `provision.ts`, which makes them on a test server, and by `infra/`,
// which makes them on AWS. Data only.

/** Key attributes, all of them strings. */
export const tables = {
  records: { partitionKey: 'partition', sortKey: 'sort' },
  pages: { partitionKey: 'hash' },
} as const;

/** The beginnings of keys in the bucket. */
export const areas = {
  /** Kept until reclaim deletes a version by its id. */
  blobs: 'blobs/',
  /** Emptied after `lifeDays.uploads`, whatever is left of old versions and delete markers too. */
  uploads: 'uploads/',
  /** Emptied after `lifeDays.assembled`. */
  assembled: 'assembled/',
} as const;

/** After how many days the lifecycle of the bucket removes what is in an area: later than any signed URL to it ends. */
export const lifeDays = { uploads: 2, assembled: 9 } as const;

export const blobKey = (sha256: string): string => areas.blobs + sha256;
