// Lambda code: one entry file and all it imports as one minified ES module, by esbuild, here and now (no Docker). The AWS
// SDK is bundled too (docs/decisions/0006). `test/stacks.test.ts` builds with the same options and weighs the result.

import { join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { type BuildOptions, buildSync } from 'esbuild';

const top = join(import.meta.dirname, '..', '..');

/** `entry` is a path below the repository's top. */
export const bundleOptions = (entry: string) =>
  ({
    absWorkingDir: top,
    entryPoints: { index: entry },
    outdir: join(top, 'cdk.out', 'bundle'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    // Packages that are CommonJS inside still ask for Node's own modules by `require`.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: 'warning',
  }) satisfies BuildOptions;

/** The code of an entry. Tenants share the bundle: what they differ in is in the environment. */
export const codeOf = (entry: string): Code =>
  Code.fromAsset(join(top, entry), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('none'),
      local: {
        tryBundle(outputDirectory) {
          buildSync({ ...bundleOptions(entry), outdir: outputDirectory });
          return true;
        },
      },
    },
  });
