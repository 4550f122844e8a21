/**
 * What a failed assertion of the runtime does in the guest. It must not return;
 * a trap is all that is left. No input may lead here: see RATIONALE "Never trap".
 * Replaces `env.abort`, so that the module imports nothing but its two ABIs.
 */
export function abort(_message: usize, _file: usize, _line: u32, _column: u32): void {
  unreachable();
}
