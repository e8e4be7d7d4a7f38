/** Everything that a program needs: `sirtaki`. */
export * from './objects/index.ts'
export { SirtakiError, isError, type Code, type Next } from './log/errors.ts'
