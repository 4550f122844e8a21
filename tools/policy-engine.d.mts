export interface PolicyEngine {
  compile(document: object): { code: string; severity: string; path: string; message: string }[];
  authorize(request: Uint8Array): number;
}
export const WAYS_DIFFER: number;
export function loadPolicyEngine(path: string): PolicyEngine;
