/**
 * Which of many texts a text holds, at a nanosecond a character where it holds none. Each of the texts is known by two pairs of its
 * characters, one that begins at an even distance from its start and one at an odd one: wherever it stands, one of them is met when
 * another text is looked at pair by pair. Only where such a pair is met is its text compared.
 */

/** Texts are written here to be looked at as pairs; what is longer is searched for each. */
const characters = Buffer.alloc(64 * 1024);
const pairs = new Uint16Array(characters.buffer, characters.byteOffset, characters.length / 2);
const pairsMax = 0x10000;

const none: ReadonlySet<string> = new Set();

interface Key {
  text: string;
  /** Of the pair in it. */
  at: number;
}

/** `texts` are ASCII, of three characters at least. What is given is those of them that are in the text. */
export function textFinder(texts: readonly string[]): (text: string) => ReadonlySet<string> {
  /** By pair: the number of its keys' list; 0: there are none. */
  const listOf = new Uint16Array(pairsMax);
  const lists: Key[][] = [[]];
  for (const text of texts) {
    for (const at of [rarestPair(text, 0), rarestPair(text, 1)]) {
      const pair = pairAt(text, at);
      if (listOf[pair] === 0) listOf[pair] = lists.push([]) - 1;
      lists[listOf[pair] ?? 0]?.push({ text, at });
    }
  }
  return (text) => {
    if (text.length > characters.length) return new Set(texts.filter((one) => text.includes(one)));
    // Of characters beyond latin1 the low byte is written, which may only cause a comparison.
    const count = characters.write(text, 'latin1') >> 1;
    let found: Set<string> | null = null;
    for (let i = 0; i < count; i += 1) {
      const list = listOf[pairs[i] ?? 0] ?? 0;
      if (list === 0) continue;
      for (const { text: one, at } of lists[list] ?? [])
        if (text.startsWith(one, 2 * i - at)) (found ??= new Set()).add(one);
    }
    return found ?? none;
  };
}

/** As it is read from memory, on this machine. */
function pairAt(text: string, at: number): number {
  characters.write(text.slice(at, at + 2), 'latin1');
  return pairs[0] ?? 0;
}

/** Where a pair of characters begins that are seldom written next to each other, of those at an even distance from `first`. */
function rarestPair(text: string, first: number): number {
  let best = first;
  for (let at = first; at + 2 <= text.length; at += 2)
    if (rarityAt(text, at) > rarityAt(text, best)) best = at;
  return best;
}

/** The commonest letters of English come first; what numbers and names are joined by is common in logs. */
const common = ' 0123456789.,:=-_|/etaoinsrhldcumfpgwybvkxjqz';

function rarityAt(text: string, at: number): number {
  return rarityOf(text.charAt(at)) + rarityOf(text.charAt(at + 1));
}

function rarityOf(character: string): number {
  const at = common.indexOf(character);
  return at < 0 ? common.length : at;
}
