// The development issuer of one machine: tokens for whoever asks, which is why it serves loopback alone.

import { type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { AppError } from '../../core/errors.ts';

const issuer = 'urn:handout:development';
const audience = 'handout';

export interface DevelopmentIssuer {
  issue(user: string, manager: boolean): Promise<string>;
  /** The claims of a token that this issuer made and that has not expired. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/** Tokens that were verified once are known by their text, as API Gateway knows them. */
const knownTokens = 10_000;

export function developmentIssuer(secret: Uint8Array): DevelopmentIssuer {
  const known = new Map<string, JWTPayload>();
  return {
    issue: (user, manager) =>
      new SignJWT(manager ? { manager: true } : {})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(user)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('30d')
        .sign(secret),
    async verify(token) {
      const before = known.get(token);
      if (before?.exp && before.exp * 1_000 > Date.now()) return before;
      try {
        const { payload } = await jwtVerify(token, secret, { issuer, audience, algorithms: ['HS256'] });
        if (known.size >= knownTokens) known.delete(known.keys().next().value!);
        known.set(token, payload);
        return payload;
      } catch (cause) {
        throw new AppError('not-signed-in', 'The token is not valid, or no longer.', { cause });
      }
    },
  };
}
