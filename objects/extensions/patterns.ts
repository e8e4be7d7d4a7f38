/**
 * Paths and keys that an extension names: literally, or by their beginning with a `*` behind it.
 *
 * Owns no state. Read next: `shapes.ts`.
 */

/** Whether a pattern names a text. */
export const matches = (pattern: string, text: string): boolean =>
  pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern

/** Whether some text may be named by a pattern and begin so. */
export const mayReach = (pattern: string, beginning: string): boolean => {
  if (!pattern.endsWith('*')) return pattern.startsWith(beginning)
  const prefix = pattern.slice(0, -1)
  return prefix.startsWith(beginning) || beginning.startsWith(prefix)
}
