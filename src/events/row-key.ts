/**
 * What stays the same of a row that is drawn again with other numbers: a bar's label, a table's words. Rows with the same key are taken for
 * the same row of a display.
 */
const keyMax = 60;
const lookedAtMax = 240;
/** Blocks, lines and boxes (U+2500 to U+259F), braille (spinners), and what ASCII bars are made of. */
const drawing = /[\u2500-\u259f\u2800-\u28ff]+|[#=>.*-]{3,}/g;
const number = /[\d?]+(?:[.,:][\d?]+)*/g;
/** A percentage, or a count out of a total, tells a bar; what is before it is its label. */
const bar = /[\d.]{1,8} ?%|\d{1,12} ?\/ ?(?:\d{1,12}|\?)/;

export function rowKey(text: string): string {
  const head = text.slice(0, lookedAtMax);
  const found = bar.exec(head);
  const shown = found === null ? head : `${head.slice(0, found.index)}%`;
  return shown.replace(drawing, ' ').replace(number, '0').replace(/\s+/g, ' ').trim().slice(0, keyMax);
}
