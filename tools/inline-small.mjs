import { joinSegments } from './join-segments.mjs';

/**
 * Once more through the optimizer, with small functions written into their
 * callers: wazero calls dearly. `asc` inlines either next to nothing or so much
 * that the plugin outgrows its 128 KiB; between the two lies a fifth of the
 * time of a request. `names` keeps the functions' names, for a profiler.
 */
export async function inlineSmall(bytes, names = false) {
  const { default: binaryen } = await import('binaryen');
  const { SIMD128, SignExt, MutableGlobals, NontrappingFPToInt } = binaryen.Features;
  // Not bulk memory: see RATIONALE.
  const features = SIMD128 | SignExt | MutableGlobals | NontrappingFPToInt;
  const module = binaryen.readBinaryWithFeatures(bytes, features);
  binaryen.setDebugInfo(names);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(1);
  binaryen.setAlwaysInlineMaxSize(20);
  binaryen.setFlexibleInlineMaxSize(70);
  binaryen.setOneCallerInlineMaxSize(200);
  module.optimize();
  if (!module.validate()) throw new Error('the optimizer made a module that is not valid');
  return joinSegments(module.emitBinary());
}
