/**
 * Whether a text holds one of many, at little more than a nanosecond a character where it holds none: each is known by three of its
 * characters that are seldom written next to each other, and only a text that has such three is searched.
 */

/** Hashes of three characters; older ones are shifted out. */
const hashBits = 18;
const shift = 6;
const mask = (1 << hashBits) - 1;
const keyLength = 3;

/** `texts` are of three characters at least. */
export function textFilter(texts: readonly string[]): (text: string) => boolean {
  const marked = new Uint8Array(1 << hashBits);
  for (const text of texts) marked[hashOf(rarest(text))] = 1;
  const search = new RegExp(texts.map(escaped).join('|'));
  return (text) => {
    let hash = 0;
    for (let i = 0; i < text.length; i += 1) {
      hash = ((hash << shift) ^ text.charCodeAt(i)) & mask;
      if (marked[hash] === 1) return search.test(text);
    }
    return false;
  };
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

function hashOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i += 1) hash = ((hash << shift) ^ key.charCodeAt(i)) & mask;
  return hash;
}

function rarest(text: string): string {
  let best = text.slice(0, keyLength);
  for (let at = 1; at + keyLength <= text.length; at += 1) {
    const key = text.slice(at, at + keyLength);
    if (rarityOf(key) > rarityOf(best)) best = key;
  }
  return best;
}

/** The commonest letters of English come first; what numbers and names are joined by is common in logs. */
const common = ' 0123456789.,:=-_|/etaoinsrhldcumfpgwybvkxjqz';

function rarityOf(key: string): number {
  let rarity = 0;
  for (const character of key) {
    const at = common.indexOf(character);
    rarity += at < 0 ? common.length : at;
  }
  return rarity;
}
