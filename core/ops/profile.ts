// Who the actor is: the roles in spaces and instances.

import { partitions, prefixes } from '../model/keys.ts';
import type { InstanceRole, SpaceRole } from '../model/space.ts';
import type { RoleRecord } from './access.ts';
import type { Call } from './call.ts';

export interface Profile {
  readonly user: string;
  readonly manager: boolean;
  readonly spaces: readonly { readonly spaceId: string; readonly role: SpaceRole }[];
  readonly instances: readonly {
    readonly instanceId: string;
    readonly spaceId: string;
    readonly role: InstanceRole;
  }[];
}

export async function profileOf({ ports, actor }: Call): Promise<Profile> {
  const partition = partitions.user(actor.user);
  const [spaces, instances] = await Promise.all([
    ports.records.query<{ role: SpaceRole }>({ partition, prefix: prefixes.space }),
    ports.records.query<RoleRecord>({ partition, prefix: prefixes.instance }),
  ]);
  return {
    ...actor,
    spaces: spaces.map(({ sort, value }) => ({
      spaceId: sort.slice(prefixes.space.length),
      role: value.role,
    })),
    instances: instances.map(({ sort, value }) => ({
      instanceId: sort.slice(prefixes.instance.length),
      spaceId: value.spaceId,
      role: value.role,
    })),
  };
}
