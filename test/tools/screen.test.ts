/** The terminal of `sirtaki top`: keys, and that it is left as it was found. */
import { EventEmitter } from 'node:events'
import test from 'ava'
import { openScreen } from '../../tools/cli/screen.ts'

/** A terminal of three lines that notes what is done to it. */
class Terminal extends EventEmitter {
  readonly rows = 3
  readonly raw: boolean[] = []
  written = ''
  setRawMode(on: boolean): void {
    this.raw.push(on)
  }
  pause(): void {
    this.raw.push(false)
  }
  write(text: string): void {
    this.written += text
  }
  press(keys: string): void {
    this.emit('data', Buffer.from(keys))
  }
}

const open = (terminal: Terminal, pressed: string[] = []): ReturnType<typeof openScreen> =>
  openScreen(terminal, terminal, {
    quit: () => {
      pressed.push('quit')
    },
    interrupt: () => {
      pressed.push('interrupt')
    },
  })

test('q ends, Ctrl-C interrupts, other keys do nothing', (t) => {
  const terminal = new Terminal()
  const pressed: string[] = []
  const screen = open(terminal, pressed)
  t.teardown(() => {
    screen.close()
  })
  terminal.press('x')
  terminal.press('q')
  terminal.press('\u0003')
  t.deepEqual(pressed, ['quit', 'interrupt'])
})

test('a picture is drawn over the one before, no line more than the terminal has', (t) => {
  const terminal = new Terminal()
  const screen = open(terminal)
  t.teardown(() => {
    screen.close()
  })
  terminal.written = ''
  screen.draw('one\ntwo\nthree\nfour')
  t.is(terminal.written, '\u001b[Hone\u001b[K\r\ntwo\u001b[K\r\nthree\u001b[K\u001b[J')
})

test('close gives the terminal back once: no raw keys, the cursor, the first screen', (t) => {
  const terminal = new Terminal()
  const screen = open(terminal)
  terminal.written = ''
  screen.close()
  screen.close()
  t.deepEqual(terminal.raw, [true, false, false])
  t.is(terminal.written, '\u001b[?7h\u001b[?25h\u001b[?1049l')
  t.is(terminal.listenerCount('data'), 0)
})
