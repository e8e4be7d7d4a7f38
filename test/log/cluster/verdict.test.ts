/**
 * The table of what is done at a position, case by case: A is the unit that decides, B and C hold copies.
 *
 * Read next: `../../../log/cluster/verdict.ts`.
 */
import test from 'ava'
import { verdictOf, type Answer, type Rights, type Verdict } from '../../../log/cluster/verdict.ts'
import { KIND_DATA, KIND_JUNK } from '../../../log/entry.ts'
import type { Held } from '../../../log/wire/messages.ts'

const AT = 10
const bytes = new Uint8Array([1])
const other = new Uint8Array([2])

const data: Held = { position: AT, kind: KIND_DATA, decided: false, damaged: false, hash: 7, bytes }
const rival: Held = { ...data, hash: 8, bytes: other }
const junk: Held = { position: AT, kind: KIND_JUNK, decided: false, damaged: false, hash: 0, bytes: undefined }
const decided = (held: Held): Held => ({ ...held, decided: true })
const damaged = (held: Held): Held => ({ ...held, damaged: true, bytes: undefined })

const answer = (held: Held | undefined, marks: Partial<Pick<Answer, 'prefix' | 'trim'>> = {}): Answer => ({
  prefix: 0,
  trim: 0,
  ...marks,
  held: new Map(held === undefined ? [] : [[AT, held]]),
})
const empty = answer(undefined)
const silent = undefined
const passed = answer(undefined, { prefix: AT + 1 })

const fills: Rights = { mayFill: true, fillBelow: AT + 1 }
const waits: Rights = { mayFill: false, fillBelow: AT + 1 }
const writes: Rights = { ...waits, own: { position: AT, bytes } }

type Case = readonly [title: string, answers: readonly (Answer | undefined)[], rights: Rights, verdict: Verdict]

const cases: readonly Case[] = [
  [
    'L8: below a trim mark it is gone, whatever others hold',
    [empty, answer(undefined, { trim: AT + 1 })],
    fills,
    { kind: 'trimmed', untold: undefined },
  ],
  [
    'L11: trimmed, and a unit that was not told still holds it: that one is told',
    [answer(data), answer(undefined, { trim: AT + 1 })],
    fills,
    { kind: 'trimmed', untold: data },
  ],
  [
    'L3: decided at a copy is decided, whatever the first unit holds',
    [answer(rival), answer(decided(data))],
    fills,
    { kind: 'decided', held: decided(data), isTold: false },
  ],
  [
    'L3: decided is decided though the first unit is silent',
    [silent, answer(decided(junk))],
    fills,
    { kind: 'decided', held: decided(junk), isTold: true },
  ],
  [
    'L4: what is decided and damaged is read from another unit',
    [answer(damaged(decided(data))), answer(decided(data))],
    fills,
    { kind: 'decided', held: decided(data), isTold: true },
  ],
  ['L5: the first unit is silent, so nobody decides', [silent, answer(data)], fills, { kind: 'silent' }],
  [
    'L5: what the first unit holds is the value, also against a copy',
    [answer(junk), answer(data)],
    fills,
    { kind: 'held', held: junk },
  ],
  ['L5: the same where another one is silent', [answer(data), silent], fills, { kind: 'held', held: data }],
  [
    'L3: the first unit cannot read what it decided: nobody may decide anew',
    [answer(damaged(data)), answer(data)],
    fills,
    { kind: 'damaged', everywhere: false },
  ],
  [
    'L3: the first unit has lost what it knew decided',
    [passed, answer(data)],
    fills,
    { kind: 'damaged', everywhere: false },
  ],
  [
    'P15: an entry that a copy holds is completed, not filled',
    [empty, answer(data), empty],
    fills,
    { kind: 'offer', offer: { position: AT, bytes } },
  ],
  [
    'P15: data wins over junk where the first unit is empty',
    [empty, answer(junk), answer(data)],
    fills,
    { kind: 'offer', offer: { position: AT, bytes } },
  ],
  [
    "P15: what others hold wins over the writer's own entry",
    [empty, answer(rival)],
    writes,
    { kind: 'offer', offer: { position: AT, bytes: other } },
  ],
  [
    'L2: a writer offers its own entry where nobody holds anything',
    [empty, empty],
    writes,
    { kind: 'offer', offer: { position: AT, bytes } },
  ],
  [
    'L2: and over junk that the first unit has not decided',
    [empty, answer(junk)],
    writes,
    { kind: 'offer', offer: { position: AT, bytes } },
  ],
  [
    'L5: junk that a copy holds is offered to the first unit',
    [empty, answer(junk)],
    waits,
    { kind: 'offer', offer: { position: AT, bytes: undefined } },
  ],
  [
    'a copy that is damaged says nothing: another one counts',
    [empty, answer(damaged(data)), answer(junk)],
    waits,
    { kind: 'offer', offer: { position: AT, bytes: undefined } },
  ],
  ['L3: decided, and nobody who answers has it', [empty, passed], fills, { kind: 'damaged', everywhere: true }],
  ['P16: empty everywhere, and old enough: it is filled', [empty, empty], fills, { kind: 'fill' }],
  ['P16: empty everywhere, and too young: it stays a hole', [empty, empty], waits, { kind: 'hole' }],
  ['L3: who does not answer may hold the entry: a hole stays', [empty, silent], fills, { kind: 'hole' }],
  ['P66: what was never granted is no hole to fill', [empty, empty], { ...fills, fillBelow: AT }, { kind: 'hole' }],
]

for (const [title, answers, rights, verdict] of cases) {
  test(title, (t) => {
    t.deepEqual(verdictOf(AT, answers, rights), verdict)
  })
}
