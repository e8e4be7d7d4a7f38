/**
 * Where words go: data on stdout, talk on stderr. With `json` data is one JSON object a line.
 *
 * Owns: NO_COLOR, and that a reader who hangs up (`| head`) ends the command quietly. Read next: `main.ts`.
 */

/** How a command speaks. */
export interface Output {
  readonly json: boolean
  /** Tells a result: `value` as JSON, or `text` for people. */
  data(value: object, text: string): void
  /** Tells people what goes on. */
  talk(text: string): void
  readonly dim: (text: string) => string
  readonly bold: (text: string) => string
}

/** Makes the output of this process. */
export function makeOutput(json: boolean): Output {
  const colours = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  const paint = (code: number) => (text: string): string => colours ? `\u001b[${code}m${text}\u001b[0m` : text
  return {
    json,
    data: (value, text) => { process.stdout.write(`${json ? JSON.stringify(value) : text}\n`) },
    talk: (text) => { process.stderr.write(`${text}\n`) },
    dim: paint(2),
    bold: paint(1),
  }
}

/** Lines up rows of cells, the first row as the head. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()).join('\n')
}

/** A size for people. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 1_000 && unit < units.length - 1) { size /= 1_000; unit++ }
  return `${unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

/** A reader that has gone wants no more: that is how `| head` ends us. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => { process.exit(error.code === 'EPIPE' ? 0 : 1) })
}
