export const DIFFERENCES: readonly { readonly name: string; readonly why: string }[];
