/**
 * What is in a guest before its own source: the `ctx` that its functions get, and nothing by which two hosts could
 * differ or a guest could make code of texts.
 *
 * It is part of every image, so a change here is a change of the engine: another number of the ABI. Keeps: E1, E4.
 * Read next: `machine.ts`, which answers `host`.
 */

/** Prelude, marshalling and prices together: what an image means. */
export const ABI = 1

/** What `ctx` asks the host for, by number; with the names of the arguments. */
const asked = [
  'get(key)',
  'set(key, value, options)',
  'delete(key)',
  'list(prefix, limit)',
  'at(key, time)',
  'wait(key)',
  'settle(op, value)',
  'refuse(op, code)',
  'emit(kind, facts)',
  'reject(code, facts)',
  'read(path, table, key)',
  'range(path, table, from, limit)',
  'do(path, op, input)',
  'log(text)',
] as const
/** What is asked for where it is read: it costs only whoever reads it. */
const fields = ['wall', 'ids', 'order'] as const
const nameOf = (call: string): string => call.slice(0, call.indexOf('('))

/** The same as a table: names by number, from 1 on. */
export const asks: ReadonlyMap<number, string> = new Map(
  [...asked.map(nameOf), ...fields].map((name, i) => [i + 1, name]),
)

const methods = asked.map(
  (call, i) => `${call} { return host(${[i + 1, call.slice(nameOf(call).length + 1, -1)].join(', ')}) }`,
)
const getters = fields.map((name, i) => `get ${name}() { return host(${asked.length + i + 1}) }`)

/**
 * Runs before the source; its value is a function of the host, which gives `define` and `call`. What it uses of the
 * globals it takes while they are its own.
 */
export const PRELUDE = `(() => {
  const gone = (object, key) => { if (!delete object[key]) object[key] = undefined }
  for (const f of [function () {}, function* () {}, async function () {}, async function* () {}]) {
    const prototype = Object.getPrototypeOf(f)
    if (prototype) gone(prototype, 'constructor')
  }
  for (const key of ['eval', 'Function', 'Date', 'Promise', 'WeakRef', 'FinalizationRegistry', 'performance',
    'navigator', 'queueMicrotask', 'gc', 'Proxy', 'SharedArrayBuffer', 'Atomics', 'DOMException']) gone(globalThis, key)
  gone(Math, 'random')
  const { keys } = Object
  return (host) => {
    const ctx = { ${[...methods, ...getters].join(', ')} }
    let functions
    return {
      define: (source) => {
        if (typeof source !== 'object' || source === null) throw new TypeError('a source is an object of functions')
        for (const name of keys(source)) {
          if (typeof source[name] !== 'function') throw new TypeError('a source has functions only: ' + name)
        }
        functions = source
        return keys(source)
      },
      call: (name, position, time, session, input) => {
        ctx.position = position
        ctx.time = time
        ctx.session = session
        return functions[name](ctx, input)
      },
    }
  }
})()`
