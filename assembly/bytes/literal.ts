/** The ASCII bytes of a literal, made once when the module starts. */
export function literal(text: string): StaticArray<u8> {
  let bytes = new StaticArray<u8>(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = <u8>text.charCodeAt(i);
  return bytes;
}
