/**
 * Programs of a small grammar, by a seed: loops, closures, objects, texts, throws, calls of `ctx`, in any mixture.
 *
 * Read next: `engine.test.ts`.
 */
import { Prng } from '../../harness/prng.ts'

const values = [
  '0',
  '1',
  '-7',
  '2.5',
  "'a'",
  "'\u00e9'.repeat(9)",
  'null',
  'true',
  '[1, 2, 3]',
  "({ a: 1, b: 'x' })",
  'input',
]
const names = ['x', 'y', 'z']

/** So many bodies of a function of `ctx` and `input`. */
export function programs(count: number, seed = 'programs'): string[] {
  const prng = new Prng(seed)
  const pick = (all: readonly string[]): string => prng.pick(all)
  const expression = (depth: number): string => {
    if (depth === 0) return prng.chance(0.5) ? pick(values) : pick(names)
    const [a, b] = [expression(depth - 1), expression(depth - 1)]
    return prng.pick([
      `(${a} + ${b})`,
      `(${a} < ${b} ? ${a} : ${b})`,
      `[${a}, ${b}]`,
      `({ k: ${a}, ['n' + ${b}]: 2 })`,
      `String(${a}).slice(0, 20)`,
      `JSON.stringify(${a})`,
      `(() => ${a})()`,
      `[${a}, ${b}].map((v) => [v].concat(${b}))`,
      `Object.keys(Object(${a}))`,
      `ctx.get('k' + ${a})`,
      `String(${a}).replace(/[a-f]+/g, (m) => m + ${b})`,
      `[...new Set([${a}, ${b}])].sort()`,
      `(${a} ?? ${b})`,
      `typeof ${a}`,
    ])
  }
  const statement = (depth: number): string => {
    const value = expression(prng.integer(0, 3))
    if (depth === 0) return `${pick(names)} = ${value};`
    const inner = statement(depth - 1)
    return prng.pick([
      `${pick(names)} = ${value};`,
      `for (let i = 0; i < ${prng.integer(1, 9)}; i++) { ${inner} }`,
      `if (${value}) { ${inner} } else { ${statement(depth - 1)} }`,
      `try { ${inner} throw ${value} } catch (e) { ${pick(names)} = String(e) }`,
      `ctx.set('k' + ${prng.integer(0, 5)}, ${value});`,
      `(function f(n) { if (n > 0) f(n - 1); else { ${inner} } })(${prng.integer(0, 20)});`,
      `for (const v of [${value}].flat(2)) { ${pick(names)} = v; }`,
      `switch (typeof ${value}) { case 'string': ${inner} break; default: ${inner} }`,
    ])
  }
  return Array.from({ length: count }, () => {
    const body = Array.from({ length: prng.integer(1, 6) }, () => statement(prng.integer(0, 4))).join(' ')
    return `let x = 1, y = 'b', z = []; ${body} return [x, y, z]`
  })
}
