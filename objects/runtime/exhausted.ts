/**
 * What an op can throw that is no outcome of it: the engine ran out of stack or memory.
 *
 * Stack depths and free memory differ from view to view, so a view that runs out must not go on. Every other error,
 * also every other RangeError (`toFixed(101)`, `repeat(-1)`, an array too long), comes out the same everywhere: it is
 * an outcome, and one user's mistake stops nobody. Keeps: O3, O12, P71. Read next: `space.ts`.
 */
import { isError } from '../../log/errors.ts'

/** Texts of V8 (the first also of JavaScriptCore) for what depends on the process, not on the program. */
const TEXTS =
  /^Maximum call stack size exceeded|^Array buffer allocation failed|^(Zone|Heap|Invalid) allocation|out of memory/i

/** Reports whether an error says that the engine ran out of stack or memory. */
export const isExhausted = (thrown: unknown): boolean =>
  (thrown instanceof RangeError && TEXTS.test(thrown.message)) || isTooMuchRecursion(thrown)

/** SpiderMonkey has a class of its own for it. */
const isTooMuchRecursion = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.name === 'InternalError' && thrown.message.startsWith('too much recursion')

/** Reports whether a view that met this error in a step must not go on. */
export const mustStop = (thrown: unknown): boolean =>
  isExhausted(thrown) || isError(thrown, 'INVARIANT', 'CODE_MISSING')
