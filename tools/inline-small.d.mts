export declare function inlineSmall(bytes: Uint8Array, names?: boolean): Promise<Uint8Array>;
