/**
 * Words that somebody may have meant.
 *
 * Read next: `../commands/explain.ts`.
 */

/**
 * The words nearest to `text`, the nearest first: those of which it is a part, and those that differ in few letters.
 */
export function nearest(text: string, words: readonly string[], count = 3): string[] {
  const farthest = Math.max(1, Math.floor(text.length / 2))
  const ranked = words.map((word) => ({ word, far: text.length > 2 && word.includes(text) ? 1 : distance(text, word) }))
  return ranked
    .filter(({ far }) => far <= farthest)
    .sort((a, b) => a.far - b.far)
    .slice(0, count)
    .map(({ word }) => word)
}

/** How many letters must be put in, taken out or replaced (Levenshtein). */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 0; i < a.length; i++) {
    const row = [i + 1]
    for (let j = 0; j < b.length; j++) {
      row.push(Math.min((above[j] ?? 0) + (a[i] === b[j] ? 0 : 1), (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1))
    }
    above = row
  }
  return above[b.length] ?? 0
}
