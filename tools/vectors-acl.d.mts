import type { Problem } from '../host/config/problem.ts';
import type { PolicyDocument } from '../host/policy/engine.ts';

export interface AclRequest {
  username?: string;
  groups?: string[];
  client_id?: string;
  ip?: string;
  method?: string;
  url?: string;
}

export interface AclEngine {
  compile(document: PolicyDocument): Problem[];
  authorize(request: Uint8Array): number;
}

export declare const DELIBERATE_REFUSALS: string[];
export declare function encodeRequest(request: AclRequest): Uint8Array;
export declare function runAclVectors(
  lines: Iterable<string>,
  engine: AclEngine,
): { passed: number; failed: number; mismatches: string[] };
