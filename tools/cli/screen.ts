/**
 * A terminal that is drawn over and over: the picture stands still, keys end it, and it is left as it was found.
 *
 * Owns: the second screen of the terminal, raw keys, the cursor. Read next: `../commands/top.ts`.
 */

/** The keyboard of a terminal, as `process.stdin` is one. */
export interface Keyboard {
  setRawMode(on: boolean): unknown
  on(event: 'data', listener: (keys: Buffer) => void): unknown
  off(event: 'data', listener: (keys: Buffer) => void): unknown
  pause(): unknown
}
/** The picture of a terminal, as `process.stdout` is one. */
export interface Picture {
  readonly rows: number
  write(text: string): unknown
}
/** An open screen. `close` may be called again. */
export interface Screen {
  draw(text: string): void
  close(): void
}
/** What keys do: q ends, Ctrl-C interrupts. */
export interface Keys {
  quit(): void
  interrupt(): void
}

const ESC = '\u001b['
// The second screen without cursor and without broken lines, and back.
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`

/** Takes the terminal over until `close`, or until the process ends however it ends. */
export function openScreen(keyboard: Keyboard, picture: Picture, { quit, interrupt }: Keys): Screen {
  const onKeys = (keys: Buffer): void => {
    const text = keys.toString()
    // In raw mode the terminal sends no SIGINT for Ctrl-C.
    if (text.includes('\u0003')) interrupt()
    else if (/q/i.test(text)) quit()
  }
  let open = true
  const close = (): void => {
    if (!open) return
    open = false
    process.off('exit', close)
    keyboard.off('data', onKeys)
    keyboard.setRawMode(false)
    keyboard.pause()
    picture.write(LEAVE)
  }
  keyboard.setRawMode(true)
  keyboard.on('data', onKeys)
  process.on('exit', close)
  picture.write(ENTER)
  return {
    draw: (text) => {
      // Some terminals do not tell their size.
      const lines = text.split('\n').slice(0, picture.rows > 0 ? picture.rows : undefined)
      picture.write(`${ESC}H${lines.map((line) => `${line}${ESC}K`).join('\r\n')}${ESC}J`)
    },
    close,
  }
}
