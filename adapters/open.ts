// The one place that picks a side, for a server on this machine. Each side is loaded only when it is picked.

import type { Ports } from '../core/ports.ts';
import type { Config } from './config.ts';
import type { LocalBlobs } from './local/blobs.ts';
import type { WorkflowSource } from './local/machine.ts';
import type { SignedUrls } from './local/signed-urls.ts';
import type { LocalWorkflows } from './local/workflows.ts';

export interface Backend extends AsyncDisposable {
  readonly ports: Ports;
  readonly workflows: LocalWorkflows;
  /** Known to this machine alone: signs development tokens. */
  readonly secret: Uint8Array;
  /** The signed URLs that this machine has to answer; on AWS, S3 answers them. */
  readonly signed?: { readonly blobs: LocalBlobs; readonly urls: SignedUrls };
}

export async function openBackend(
  config: Config,
  workflows: Readonly<Record<string, WorkflowSource>>,
): Promise<Backend> {
  const { directory, historySeconds, graceSeconds } = config;
  const options = { directory, workflows, settings: { historySeconds, graceSeconds } };
  if (config.backend === 'aws') {
    const { openAwsMachine } = await import('./aws/machine.ts');
    return openAwsMachine({ ...options, aws: config.aws });
  }
  const { openLocal } = await import('./local/open.ts');
  const backend = await openLocal(options);
  return { ...backend, signed: { blobs: backend.blobs, urls: backend.urls } };
}
