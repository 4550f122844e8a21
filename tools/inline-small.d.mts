export declare function inlineSmall(bytes: Uint8Array): Promise<Uint8Array>;
