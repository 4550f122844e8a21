import qrcode from 'qrcode-generator';

/** Light modules around it that scanners need (ISO/IEC 18004). */
const QUIET = 4;

/** A QR code to be drawn as a square of `size` modules with this path on it. */
export interface QrCode {
  readonly size: number;
  /** The dark modules: data of an SVG path. */
  readonly path: string;
}

/** @param text in ASCII */
export function qrCode(text: string): QrCode {
  // Nothing soils a screen: less correction makes larger modules.
  const code = qrcode(0, 'L');
  code.addData(text, 'Byte');
  code.make();
  const count = code.getModuleCount();
  let path = '';
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      let width = 0;
      while (column + width < count && code.isDark(row, column + width)) width++;
      if (width === 0) continue;
      path += `M${column + QUIET} ${row + QUIET}h${width}v1h-${width}z`;
      column += width;
    }
  }
  return { size: count + 2 * QUIET, path };
}
