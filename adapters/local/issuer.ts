// The development issuer of one machine: tokens for whoever asks, which is why it serves loopback alone.

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import { AppError } from '../../core/errors.ts';

const issuer = 'urn:handout:development';
const audience = 'handout';

export interface DevelopmentIssuer {
  issue(user: string, manager: boolean): Promise<string>;
  /** The claims of a token that this issuer made and that has not expired. */
  verify(token: string): Promise<Record<string, unknown>>;
}

/**
 * The claims of a token that carries our signature. Done here rather than by jose, which hands the hash of these few bytes
 * to another thread: that took a quarter of a hand-in. Whatever its header says, it is checked as what we issue.
 */
function signedClaims(token: string, key: KeyObject): JWTPayload {
  const [header = '', claims = '', signature = '', ...more] = token.split('.');
  const wanted = createHmac('sha256', key).update(`${header}.${claims}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (more.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new Error('The signature is not ours.');
  return JSON.parse(Buffer.from(claims, 'base64url').toString()) as JWTPayload;
}

export function developmentIssuer(secret: Uint8Array): DevelopmentIssuer {
  const key = createSecretKey(secret);
  return {
    issue: (user, manager) =>
      new SignJWT(manager ? { manager: true } : {})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(user)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('30d')
        .sign(key),
    async verify(token) {
      try {
        const claims = signedClaims(token, key);
        if (claims.iss !== issuer || claims.aud !== audience || !(claims.exp! * 1_000 > Date.now()))
          throw new Error('The claims are not for now and here.');
        return claims;
      } catch (cause) {
        throw new AppError('not-signed-in', 'The token is not valid, or no longer.', { cause });
      }
    },
  };
}
