/**
 * Many programs in few instances: nobody sees from a call which instance it ran in.
 *
 * Read next: `../../../objects/extensions/engine/machines.ts`.
 */
import test from 'ava'
import { Machine } from '../../../objects/extensions/engine/machine.ts'
import { Machines, type MachinesBounds } from '../../../objects/extensions/engine/machines.ts'
import { engine } from './corpus-run.ts'
import { callOf, textOf } from './guest-call.ts'

const sourceOf = (nth: number): string => {
  // Of different sizes: what a long image leaves behind a short one would be seen.
  const texts = Array.from({ length: (nth % 5) * 200 }, (_, i) => `'text ${i} of ${nth}'`)
  const body = "this.count = (this.count ?? 0) + 1; return [nth, all.length, all.join('').length, this.count]"
  return `({ run(ctx) { const nth = ${nth}; const all = [${texts.join(', ')}]; ${body} } })`
}

function loaded(machines: Machines, nth: number): Machine {
  const machine = machines.load(sourceOf(nth))
  if (machine instanceof Machine) return machine
  throw new Error(JSON.stringify(machine.outcome))
}

/** What 12 programs come to, in turns. */
function played(bounds: MachinesBounds): { readonly texts: string[]; readonly hashes: string[] } {
  const machines = new Machines(engine, bounds)
  const all = Array.from({ length: 12 }, (_, nth) => loaded(machines, nth))
  const texts = Array.from({ length: 60 }, (_, i) => {
    const machine = all[(i * 7) % 12]
    if (machine === undefined) throw new Error('no machine')
    const text = textOf(callOf(machine))
    machine.restore()
    return machine.isRestored() ? text : `${text}, not restored`
  })
  return { texts, hashes: all.map(({ hash }) => hash) }
}

test('E3: programs that take turns in few instances come to what each comes to in its own', (t) => {
  const own = played({})
  t.false(own.texts.some((text) => text.includes('not restored')))
  t.deepEqual(played({ seatsMax: 1 }), own)
  t.deepEqual(played({ seatsMax: 3 }), own)
})

test('E3: an image that was dropped is built anew, and is the same', (t) => {
  t.deepEqual(played({ seatsMax: 2, imagesMax: 3 }), played({}))
})

test('E3: spaces that load one source have one program', (t) => {
  const machines = new Machines(engine)
  t.is(loaded(machines, 1), loaded(machines, 1))
  t.not(loaded(machines, 1), loaded(machines, 2))
})

test('E3: where the host has trouble of its own, its instance is not used again', (t) => {
  const machines = new Machines(engine, { seatsMax: 1 })
  const machine = loaded(machines, 1)
  const own = textOf(callOf(machine))
  const seat = machines.take(machine)
  Object.defineProperty(seat.guest, 'calls', {
    value: {
      ...seat.guest.calls,
      qjs_call: () => {
        seat.guest.memory.fill(1, 1_200_000, 1_300_000)
        throw new RangeError('Maximum call stack size exceeded')
      },
    },
  })
  t.throws(() => callOf(machine), { instanceOf: RangeError })
  t.not(machines.take(machine), seat)
  t.is(textOf(callOf(machine)), own)
})

test('E3: an instance that was given away is nobody else’s', (t) => {
  const machines = new Machines(engine, { seatsMax: 2 })
  const seats = Array.from({ length: 6 }, (_, nth) => {
    const machine = loaded(machines, nth)
    callOf(machine)
    return machines.take(machine)
  })
  t.is(seats.filter(({ holder }) => holder !== undefined).length, 2)
})
