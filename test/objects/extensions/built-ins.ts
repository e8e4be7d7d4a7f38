/**
 * A guest that finds every built-in function within its reach and calls any of them with odd receivers and arguments.
 *
 *     globals, values of literals ─ names, symbols, getters, setters, prototypes ─▶ functions, in the order found
 *
 * Each call begins with everything as it was. The source is part of the golden table: one more odd value is another
 * result. Read next: `corpora.ts`.
 */

/** How a function is called, each time with odd arguments: on an odd receiver, on one that it is made for, by `new`. */
export const manners = ['odd', 'apt', 'new'] as const
/** Odd values of the guest. */
export const ODD_VALUES = 26

/** A function of the guest, and the way to it. */
export interface BuiltIn {
  readonly name: string
  readonly way: unknown
}

/** `walk` gives all as `BuiltIn`; `run` calls one by `{ way, first, manner }`, on the odd values from `first` on. */
export const BUILT_INS = `
const { apply, construct, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect
const { freeze, is } = Object

const cyclic = { list: [] }
cyclic.list.push(cyclic)
const sparse = []
sparse[2 ** 32 - 2] = 'last'
const odd = [
  undefined, null, NaN, -0, 2 ** 53, -1.5, '', '\\ud800x', 'ab'.repeat(9000), true, 10n ** 40n, Symbol.iterator,
  [3, , 'x', , -0], sparse, { length: 2 ** 53 - 1, 0: 'a', 7: 'b' },
  { toString() { throw new RangeError('toString') }, valueOf() { throw new TypeError('valueOf') } },
  { [Symbol.toPrimitive](hint) { return String(this) + hint } },
  { get length() { for (;;); }, toString: () => 'endless', [Symbol.iterator]: () => ({ next: () => ({ value: 1 }) }) },
  freeze([2, 1, freeze({ a: 1 })]), cyclic, function (a, b) { return [this === undefined, a, b] },
  class extends Array { static get [Symbol.species]() { return Object } }, /(a*)*b?/gy,
  new Map([[NaN, -0], ['a', {}]]), new Set(['a', NaN, 1]), (function* () { for (;;) yield this })(),
]

// What no global leads to.
const literals = {
  arguments: (function () { return arguments })(), iterator: [].values(), letters: ''[Symbol.iterator](),
  matches: 'a'.matchAll(/a/g), entries: new Map().entries(), values: new Set().values(),
  generator: (function* () {})(), mapped: [1].values().map((one) => one), wrapped: Iterator.from({ next() {} }),
  error: new SuppressedError(1, 2, 'x'), stack: new DisposableStack(), weakMap: new WeakMap(), weakSet: new WeakSet(),
  async: getPrototypeOf(async function () {}), asyncGenerator: getPrototypeOf(async function* () {}),
}
const receivers = [
  ...Object.values(literals), ...odd, ...['a', 1, 1n, true, Symbol('a')].map(Object), new AggregateError([1]), () => 1,
]

// Of an object that has functions, a receiver that they are made for.
const aptFor = new Map()
for (const one of receivers.filter((each) => each !== null && each !== undefined)) {
  for (let at = Object(one); at !== null && !aptFor.has(at); at = getPrototypeOf(at)) aptFor.set(at, one)
}

const roots = [globalThis, ...Object.values(literals)]
// A step goes to a prototype, or to a part of the property of the key of that number.
const follow = (one, [nth, part]) =>
  part === 'prototype' ? getPrototypeOf(one) : getOwnPropertyDescriptor(one, ownKeys(one)[nth])[part]

const walk = () => {
  const found = []
  const seen = new Set()
  const find = (value, name, way) => {
    if ((typeof value !== 'function' && (typeof value !== 'object' || value === null)) || seen.has(value)) return
    seen.add(value)
    found.push({ value, name, way })
  }
  for (const [nth, name] of ['globalThis', ...Object.keys(literals)].entries()) find(roots[nth], name, [nth])
  for (const { value: home, name, way } of found) {
    for (const [nth, key] of ownKeys(home).entries()) {
      for (const [part, value] of Object.entries(getOwnPropertyDescriptor(home, key))) {
        find(value, name + '.' + String(key) + (part === 'value' ? '' : ' ' + part), [...way, [nth, part]])
      }
    }
    find(getPrototypeOf(home), name + '.__proto__', [...way, [0, 'prototype']])
  }
  return found.filter(({ value }) => typeof value === 'function').map(({ name, way }) => ({ name, way }))
}

const plain = [Object.prototype, Array.prototype, null]
const shown = (value) => {
  switch (typeof value) {
    case 'number':
      return is(value, -0) ? '-0' : 'number ' + value
    case 'bigint':
      return 'bigint ' + value.toString(36)
    case 'symbol':
      return value.description
    case 'function':
      return 'function ' + value.name
    case 'object':
      return value === null || plain.includes(getPrototypeOf(value)) ? value : 'object ' + String(value)
    default:
      return value
  }
}

;({
  walk,
  run(ctx, { way: [root, ...steps], first, manner }) {
    const last = steps.pop()
    const home = steps.reduce(follow, roots[root])
    const called = follow(home, last)
    const args = [0, 7, 12, 3].map((step) => odd[(first + step) % odd.length])
    if (manner === 'new') return shown(construct(called, args))
    if (manner === 'apt') return shown(apply(called, aptFor.get(home) ?? home, args))
    return shown(apply(called, args[0], args.slice(1)))
  },
})`
