/**
 * What a session of the load does, one act after the other, as its chance has it.
 *
 * Owns: how likely each act is, and which errors are answers. Read next: `programs.ts`, `client.ts`.
 */
import { setTimeout as rest } from 'node:timers/promises'
import { isError } from '../../../log/errors.ts'
import type { Client } from '../../../objects/connect.ts'
import { Counter } from '../../../objects/counter/type.ts'
import type { Extension } from '../../../objects/extensions/define-extension.ts'
import { registryOf } from '../../../objects/extensions/open-extension.ts'
import { requestOf, targetOf } from '../../../objects/handle.ts'
import type { ObjectSession } from '../../../objects/object-session.ts'
import { Prng } from '../../harness/prng.ts'
import { TREE, burner, counters, hostile, plain, queues, type Program } from './programs.ts'

/** An op ends within this, though a server is killed meanwhile. */
const CALL_MS = 4_000
/** One that waits is given up after at most so long. */
const WAIT_MS = 400
const SESSION_MS = [4_000, 10_000] as const
const OBJECTS = 3
const BURNT_OBJECTS = 14
/** What calls a program that nobody has registered does that first so often, else it is refused. */
const REGISTERS_FIRST = 0.8

/** What a lane is of. `tell` gets each act with its outcome: `ok`, or a code. */
export interface LaneOptions {
  readonly client: Client
  readonly name: string
  readonly seed: string
  /** Milliseconds between two acts. */
  readonly pauseMs: number
  isOver(): boolean
  tell(act: string, outcome: string): void
  failed(act: string, thrown: unknown): void
}

/** An act of a lane, by a session of its own. */
interface At {
  readonly client: Client
  readonly session: ObjectSession
  readonly prng: Prng
}
type Act = (at: At) => Promise<unknown>

/** Acts until it is over; its session is closed and another one opened now and then. */
export async function runLane(options: LaneOptions): Promise<void> {
  const { client, name, seed, pauseMs, isOver, tell, failed } = options
  const prng = new Prng(`${seed}/${name}`)
  while (!isOver()) {
    await using session = await client.session({ name, timeoutMs: prng.integer(...SESSION_MS) })
    const at = { client, session, prng }
    for (let left = prng.integer(20, 200); left > 0 && !isOver(); left--) {
      const act = drawn(prng)
      try {
        await acts[act](at)
        tell(act, 'ok')
      } catch (thrown) {
        if (isError(thrown) && isAnswer(act, thrown.code)) tell(act, thrown.code)
        else failed(act, thrown)
      }
      await rest(pauseMs * prng.between(0.2, 1.8))
    }
  }
}

/** Codes that say what became of an act. Every other one is a mistake of the library, or of this load. */
const answers: ReadonlySet<string> = new Set([
  // Of the runtime and its extensions.
  ...['EXTENSION_DISABLED', 'EXTENSION_LIMIT', 'EXTENSION_THREW', 'EXTENSION_TRAP', 'NOT_REGISTERED'],
  ...['NOT_ACKNOWLEDGED', 'NOT_ACTIVE', 'OLD_CODE', 'EXTENSION_DIFFERS', 'NOT_IN_USES', 'NOT_A_WAIT', 'NESTED'],
  ...['WAIT_IN_TRANSACTION', 'CONFLICT', 'TOO_MANY', 'WRONG_TYPE'],
  // Of programs, and of the types that every client knows: refusals of a program come as `REJECTED`.
  ...['REJECTED', 'NODE_EXISTS', 'NO_NODE', 'NOT_EMPTY', 'OUT_OF_RANGE'],
  // Of a cluster whose servers are killed.
  ...['TIMEOUT', 'ABORTED', 'SESSION_LOST', 'UNREACHABLE', 'OVERLOADED'],
])

/** Of programs that give what is no value, no key and no result. */
const hostileAnswers: ReadonlySet<string> = new Set(['BAD_ARGUMENT', 'OVERSIZE'])
const isAnswer = (act: ActName, code: string): boolean =>
  answers.has(code) || (act === 'call hostile' && hostileAnswers.has(code))

const acts = {
  call: async ({ client, session, prng }) => {
    const program = prng.pick(plain)
    const version = versionOf(client, program)
    const isNew = version === undefined && prng.chance(REGISTERS_FIRST)
    if (isNew) await session.register(program.make(1), { timeoutMs: CALL_MS })
    await called(session, program, { prng, version: version ?? 1 })
  },
  'call hostile': async ({ client, session, prng }) => {
    const program = prng.pick(hostile)
    const version = versionOf(client, program)
    if (version === undefined) await session.register(program.make(1), { timeoutMs: CALL_MS })
    await called(session, program, { prng, version: version ?? 1 })
  },
  register: async ({ client, session, prng }) => {
    const program = prng.pick(plain)
    await session.register(program.make(versionOf(client, program) ?? 1), { timeoutMs: CALL_MS })
  },
  replace: async ({ client, session, prng }) => {
    const program = prng.pick(plain.filter(({ versions }) => versions > 1))
    const version = Math.min(program.versions, (versionOf(client, program) ?? 0) + 1)
    await session.register(program.make(version), { timeoutMs: CALL_MS })
  },
  agree: async ({ client, session, prng }) => {
    const program = prng.pick(plain)
    const extension = program.make(versionOf(client, program) ?? 1)
    await session.agree(extension, { takes: prng.chance(0.5), timeoutMs: CALL_MS })
  },
  remove: async ({ session, prng }) => {
    const { name } = prng.pick(prng.chance(0.8) ? hostile : plain)
    await registryOf(session.port.view).call(session.current(), {
      op: 'remove',
      input: { name },
      options: { timeoutMs: CALL_MS },
    })
  },
  disable: async ({ session, prng }) => {
    const input = { name: prng.pick(plain).name, reason: 'as chance has it' }
    await registryOf(session.port.view).call(session.current(), {
      op: 'disable',
      input,
      options: { timeoutMs: CALL_MS },
    })
  },
  enable: async ({ client, session, prng }) => {
    const disabled = client.extensions().flatMap((one) => (one.disabled === undefined ? [] : [one.name]))
    const name = prng.pick(disabled.length > 0 ? disabled : plain.map((one) => one.name))
    await registryOf(session.port.view).call(session.current(), {
      op: 'enable',
      input: { name },
      options: { timeoutMs: CALL_MS },
    })
  },
  counter: async ({ session, prng }) => {
    const counter = await session.open(Counter, prng.pick(counters))
    await counter.add({ by: prng.integer(-10, 20) }, { timeoutMs: CALL_MS })
  },
  queue: async ({ session, prng }) => {
    const queue = await session.queue(prng.pick(queues))
    if (prng.chance(0.5)) await queue.put({ n: prng.integer(0, 1_000) }, { timeoutMs: CALL_MS })
    else await queue.take({ remove: true, timeoutMs: prng.integer(50, WAIT_MS) })
  },
  tree: async ({ session, prng }) => {
    const tree = await session.tree(TREE)
    const path = `/node-${prng.integer(0, 30)}`
    const options = { timeoutMs: CALL_MS }
    if (prng.chance(0.4)) await tree.create(path, prng.integer(0, 100), { ...options, ephemeral: prng.chance(0.3) })
    else if (prng.chance(0.7)) await tree.set(path, prng.integer(0, 100), options)
    else await tree.delete(path, options)
  },
  transaction: async ({ client, session, prng }) => {
    const program = plain.find(({ name }) => name === 'soak.counter') ?? prng.pick(plain)
    const extension = program.make(versionOf(client, program) ?? 1)
    const parts = [
      { handle: await session.open(extension, pathOf(program.name, prng)), op: 'add', input: { by: 1 } },
      { handle: await session.open(Counter, prng.pick(counters)), op: 'add', input: { by: 1 } },
    ]
    await session.multi(parts, { timeoutMs: CALL_MS })
  },
  burn: async ({ client, session, prng }) => {
    const version = versionOf(client, burner)
    const extension = burner.make(version ?? 1)
    if (version === undefined) await session.register(extension, { timeoutMs: CALL_MS })
    const [op, input] = burner.call(prng)
    const first = prng.integer(0, BURNT_OBJECTS)
    const parts = Array.from({ length: prng.integer(1, BURNT_OBJECTS) }, async (_, nth) => {
      const path = `/soak/objects/${burner.name}/${(first + nth) % BURNT_OBJECTS}`
      return { handle: await session.open(extension, path, { timeoutMs: CALL_MS }), op, input }
    })
    await session.multi(await Promise.all(parts), { timeoutMs: CALL_MS })
  },
} satisfies Record<string, Act>
type ActName = keyof typeof acts

/** How likely each act is, among all. */
const weights: Readonly<Record<ActName, number>> = {
  call: 520,
  'call hostile': 30,
  register: 30,
  replace: 20,
  agree: 30,
  remove: 10,
  disable: 5,
  enable: 15,
  counter: 120,
  queue: 80,
  tree: 80,
  transaction: 50,
  burn: 10,
}
const isActName = (name: string): name is ActName => Object.hasOwn(weights, name)
const bag: readonly ActName[] = Object.entries(weights).flatMap(([name, weight]) =>
  isActName(name) ? Array<ActName>(weight).fill(name) : [],
)
const drawn = (prng: Prng): ActName => prng.pick(bag)

/** The version of a program that this client sees registered. */
const versionOf = (client: Client, { name }: Pick<Program, 'name'>): number | undefined =>
  client.extensions().find((one) => one.name === name)?.version

const pathOf = (name: string, prng: Prng): string => `/soak/objects/${name}/${prng.integer(0, OBJECTS)}`

/** Calls a program in a version that may not be the active one any more. */
async function called(
  session: ObjectSession,
  program: Program,
  { prng, version }: { readonly prng: Prng; readonly version: number },
): Promise<void> {
  const extension: Extension<object> = program.make(version)
  const path = pathOf(program.name, prng)
  const [op, input] = program.call(prng)
  await session.open(extension, path, { timeoutMs: CALL_MS })
  const check = extension.calls.get(op)
  if (check === undefined) throw new Error(`${program.name} has no op ${op}`)
  const timeoutMs = check.waits ? prng.integer(20, WAIT_MS) : CALL_MS
  await session.current().call(requestOf(targetOf(extension, path, op, check), input, { timeoutMs }), { timeoutMs })
}
