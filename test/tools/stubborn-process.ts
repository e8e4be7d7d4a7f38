/** A process that hears that it is to end, and does not for a minute. Read next: `serving.test.ts`. */
import { aborts, endingSignal } from '../../tools/cli/interrupt.ts'

const signal = endingSignal()
setTimeout(() => undefined, 60_000)
console.log('ready')
await aborts(signal)
console.log('told to end')
// Longer than signals count as one.
await new Promise((resolve) => {
  setTimeout(resolve, 400)
})
console.log('still here')
