/**
 * Random histories of a tree against a plain model of ZooKeeper's: outcomes, events, and all that can be read.
 *
 * SIRTAKI_RUNS says how many, 300 unless told. A failure prints its seed.
 */
import { deepStrictEqual } from 'node:assert'
import test from 'ava'
import fc from 'fast-check'
import { textBytes } from '../../../objects/runtime/values.ts'
import { aclOf, childPaths, nodeAt, statOf, subtree } from '../../../objects/tree/stat.ts'
import { TreeDriver, WALL, type Came } from './tree-driver.ts'
import { TreeModel, type ModelOp, type Who } from './tree-model.ts'

const RUNS = Number(process.env['SIRTAKI_RUNS'] ?? 300)
const BASE = 2 ** 33 + 7

const ann = ['digest', 'ann:1'] as const
const bob = ['digest', 'bob:2'] as const
const whos: readonly Who[] = [[], [ann], [bob, ['ip', '10.1.2.3']], [['super', '']], [['ip', '10.9.9.9']]]

const path = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      '/a',
      '/b',
      '/a/b',
      '/a/c',
      '/a/b/c',
      '/b/x',
      '/b/y',
      '/a-',
      '/i',
      '/i/j',
      '/a/n-',
      '/b/',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '/',
      '/zookeeper',
      '/zookeeper/config',
      '/zookeeper/quota',
      '/zookeeper/quota/a',
      '//a',
      'a',
      'a/b',
      '',
      '/a//b',
      '/a/./b',
      '/a/..',
      '/a\u0000',
      '/a/\u0001',
      '/\ue000',
      '/a/.b',
    ),
  },
)
const acl = fc.oneof(
  { weight: 3, arbitrary: fc.constant([[31, 'world', 'anyone']]) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<unknown>(
      [[1, 'world', 'anyone']],
      [
        [31, 'digest', 'ann:1'],
        [1, 'world', 'anyone'],
      ],
      [[31, 'auth', '']],
      [[23, 'digest', 'ann:1']],
      [[31, 'ip', '10.0.0.0/12']],
      [
        [5, 'world', 'anyone'],
        [5, 'world', 'anyone'],
        [8, 'auth', 'x'],
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(
      null,
      [],
      [null],
      [[31, null, 'x']],
      [[31, 'magic', 'x']],
      [[31, 'digest', 'ann']],
      [[31, 'world', 'somebody']],
      [[31, 'ip', '10.0.0.0/33']],
    ),
  },
)
const data = fc.constantFrom(null, new Uint8Array(0), new Uint8Array([0, 255, 128, 65]))
const version = fc.oneof(
  { weight: 3, arbitrary: fc.constant(-1) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, -2, 2 ** 31 - 1, -(2 ** 31)) },
)
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, times = 3) => fc.option(arbitrary, { nil: undefined, freq: times })

const create = fc
  .record({
    path,
    data,
    ephemeral: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    sequential: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    kind: fc.constantFrom('plain' as const, 'plain' as const, 'container' as const, 'ttl' as const),
    ttlMs: fc.constantFrom(1, 1_000, 70_000, 2 ** 40),
    hasTtl: fc.oneof({ weight: 1, arbitrary: fc.boolean() }, { weight: 9, arbitrary: fc.constant(undefined) }),
    acl: sometimes(acl, 1),
  })
  .map(({ kind, ttlMs, hasTtl, acl: list, ephemeral, ...rest }): ModelOp => {
    const isEphemeral = kind === 'plain' ? ephemeral : ephemeral && rest.sequential && hasTtl === true
    const ttl = (hasTtl ?? kind === 'ttl') ? { ttlMs } : {}
    return {
      op: 'create',
      input: { ...rest, kind, ephemeral: isEphemeral, ...ttl, ...(list === undefined ? {} : { acl: list }) },
    }
  })
const imported = fc.constantFrom<ModelOp>(
  {
    op: 'import',
    input: {
      nodes: [
        { path: '/a', data: null, version: 2 ** 31 - 2, creates: 2 ** 31 - 2, czxid: 5, pzxid: 9 },
        { path: '/a/b', data: null, version: -3, czxid: 7 },
        { path: '/a/b/c', data: new Uint8Array(1), ttlMs: 5_000 },
      ],
    },
  },
  { op: 'import', input: { nodes: [{ path: '/b', data: null, container: true, creates: 3 }] } },
  { op: 'import', input: { nodes: [{ path: '/i', data: null, container: true, creates: -2, pzxid: 3 }] } },
  { op: 'import', input: { nodes: [{ path: '/i/j', data: null, pzxid: 4 }] } },
  { op: 'import', input: { nodes: [{ path: '/i/j', data: null, czxid: 2 ** 40 }] } },
)
const op: fc.Arbitrary<ModelOp> = fc.oneof(
  { weight: 14, arbitrary: create },
  { weight: 3, arbitrary: fc.record({ path, version }).map((input): ModelOp => ({ op: 'delete', input })) },
  { weight: 3, arbitrary: fc.record({ path, data, version }).map((input): ModelOp => ({ op: 'set', input })) },
  { weight: 2, arbitrary: fc.record({ path, acl, version }).map((input): ModelOp => ({ op: 'setAcl', input })) },
  { weight: 1, arbitrary: fc.record({ path, version }).map((input): ModelOp => ({ op: 'check', input })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ paths: fc.array(path, { minLength: 1, maxLength: 3 }), subtree: fc.boolean() })
      .map((input): ModelOp => ({ op: 'deleteAll', input })),
  },
  { weight: 1, arbitrary: imported },
)

type Action =
  | { readonly kind: 'open'; readonly who: number }
  | { readonly kind: 'end'; readonly session: number }
  | { readonly kind: 'pass' | 'later'; readonly ms: number }
  | { readonly kind: 'run'; readonly session: number; readonly ops: readonly ModelOp[]; readonly speaks: number }

const session = fc.nat(15)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), who: fc.nat(whos.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), session }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('pass' as const, 'later' as const),
      ms: fc.constantFrom(1, 999, 1_000, 59_999, 60_000, 70_001),
    }),
  },
  {
    weight: 18,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      session,
      ops: fc.oneof(
        { weight: 3, arbitrary: fc.array(op, { minLength: 1, maxLength: 1 }) },
        { weight: 1, arbitrary: fc.array(op, { minLength: 2, maxLength: 5 }) },
      ),
      speaks: fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.nat(whos.length - 1) }),
    }),
  },
)

interface Speaker {
  readonly id: number
  readonly who: Who
  isLive: boolean
}

/** A tree and its model, side by side. */
class Pair {
  readonly driver = new TreeDriver()
  readonly model = new TreeModel()
  readonly sessions: Speaker[] = []

  constructor(base: number) {
    const first = this.open([])
    if (base === 0) return
    this.driver.run(first, 'import', { base, nodes: [] })
    this.model.base = base
  }

  open(who: Who): number {
    const id = this.driver.open(...who)
    this.sessions.push({ id, who, isLive: true })
    this.#entry()
    return id
  }

  /** What came of an action, of the tree and of the model. */
  act(one: Action): readonly [Came | undefined, unknown] {
    switch (one.kind) {
      case 'open':
        this.open(whos[one.who] ?? [])
        return [undefined, undefined]
      case 'pass':
      case 'later':
        this.driver.later(one.ms)
        if (one.kind === 'pass') this.driver.pass(0)
        if (one.kind === 'pass') this.#entry()
        return [undefined, undefined]
      case 'end': {
        const found = this.#session(one.session)
        const isLast = this.sessions.filter(({ isLive }) => isLive).length === 1
        if (found === undefined || (isLast && found.isLive)) return [undefined, undefined]
        this.driver.end(found.id)
        this.#entry(() => {
          if (found.isLive) this.model.end(found.id)
        })
        found.isLive = false
        return [undefined, undefined]
      }
      default:
        return this.#run(one)
    }
  }

  #run({ session: nth, ops, speaks }: Extract<Action, { kind: 'run' }>): readonly [Came | undefined, unknown] {
    const found = this.#session(nth)
    if (found === undefined) return [undefined, undefined]
    const ids = whos[speaks]
    const [first] = ops
    const isOne = first !== undefined && ops.length === 1
    const came = isOne
      ? this.driver.run(found.id, first.op, first.input, ids)
      : this.driver.multi(
          found.id,
          ops.map((each) => [each.op, each.input] as const),
          ids,
        )
    let wanted: unknown = { code: 'unknown', part: undefined }
    this.#entry(() => {
      if (!found.isLive) return
      const results = this.model.step(found.id, ids ?? found.who, ops)
      if (!Array.isArray(results)) wanted = isOne ? { ...results, part: undefined } : results
      else wanted = { value: isOne ? results[0] : results }
    })
    return [came, wanted]
  }

  /** One of the live sessions; now and then one that has ended. */
  #session(nth: number): Speaker | undefined {
    const live = this.sessions.filter(({ isLive }) => isLive)
    const some = nth === 7 || live.length === 0 ? this.sessions : live
    return some[nth % some.length]
  }

  #entry(run?: () => void): void {
    this.model.entry(this.driver.position, this.driver.time, this.driver.time + WALL, run)
  }
}

function treeOf({ tree }: TreeDriver): unknown {
  return Object.fromEntries(
    (subtree(tree, '/') ?? []).map((one) => {
      const node = nodeAt(tree, one)
      if (node === undefined) return [one, undefined]
      const names = childPaths(tree, one).map((child) => child.slice(child.lastIndexOf('/') + 1))
      return [one, { data: textBytes(node.data ?? null), acl: aclOf(tree, node), names, stat: statOf(tree, one, node) }]
    }),
  )
}

function modelTreeOf(model: TreeModel): unknown {
  return Object.fromEntries(
    [...model.nodes].map(([one, node]) => {
      return [one, { data: node.data, acl: node.acl, names: model.children(one), stat: model.stat(one) }]
    }),
  )
}

const born = (at: string, more: object = {}): Action => {
  const ops: ModelOp[] = [{ op: 'create', input: { path: at, data: null, ...more } }]
  return { kind: 'run', session: 0, ops, speaks: -1 }
}
/** What is there before the rest of a history. */
const grown = fc.constantFrom<readonly Action[]>(
  [],
  [born('/a'), born('/b'), born('/a/b'), born('/a/b/c')],
  [born('/a', { kind: 'container' }), born('/b', { kind: 'ttl', ttlMs: 70_000 }), born('/b/x', { ephemeral: true })],
  [born('/a', { acl: [[23, 'digest', 'ann:1']] }), born('/b', { acl: [[9, 'world', 'anyone']] })],
)
const codeOf = (came: Came): string => ('code' in came ? came.code : 'done')

test('O5, O13: random histories of a tree are those of the model', (t) => {
  const history = fc.record({
    base: fc.constantFrom(0, 0, BASE),
    grown,
    actions: fc.array(action, { minLength: 1, maxLength: 80, size: 'max' }),
  })
  const codes = new Map<string, number>()
  fc.assert(
    fc.property(history, ({ base, grown: before, actions }) => {
      const pair = new Pair(base)
      for (const one of [...before, ...actions]) {
        const [came, wanted] = pair.act(one)
        deepStrictEqual(came, wanted)
        deepStrictEqual(pair.driver.events, pair.model.events)
        deepStrictEqual(treeOf(pair.driver), modelTreeOf(pair.model))
        if (came !== undefined) codes.set(codeOf(came), (codes.get(codeOf(came)) ?? 0) + 1)
      }
      deepStrictEqual(treeOf(pair.driver.copy()), treeOf(pair.driver))
    }),
    { numRuns: RUNS },
  )
  t.log(`${RUNS} histories:`, Object.fromEntries(codes))
  t.true(codes.size >= 9)
})
