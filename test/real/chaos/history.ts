/**
 * How a history is written: one operation a line, its words by spaces.
 *
 *     append CALL RETURN VALUE STREAM POSITION      read CALL RETURN POSITION KIND VALUE      tail CALL RETURN TAIL
 *     trim CALL RETURN BEFORE                       count CALL RETURN ROUND BY ANSWER         error AT OPERATION CODE
 *     stream CALL RETURN STREAM FROM TO (POSITION VALUE)...                                   done
 *
 * `-` stands for what was never known. BY is 0 for a look at a counter. What clients of objects say:
 *
 *     begin ID LOAD ROUND CALL INPUT       end ID RETURN TOLD       never ID         TOLD: [answer, place in the log]
 *     alive AT (SESSION NAME)...           digest AT POSITION DIGEST
 *     opened AT POSITION TIMEOUT NAME      ended AT POSITION SESSION EPOCH           as the keeper sees them
 *
 * of which the recorder makes lines `LOAD CALL RETURN ROUND INPUT TOLD`, INPUT and TOLD in JSON without a space. Read
 * next: `client.ts`, `judge.ts`.
 */

/** Streams that the load appends to, each entry to one of them. */
export const STREAMS = [20, 21, 22, 23] as const

/** Each counter is used for so long. */
export const COUNTER_ROUND_MS = 20_000

type Known = number | '-'

/** A line before its words are joined. */
export type HistoryLine =
  | readonly ['append', number, Known, number, number, Known]
  | readonly ['read', number, number, number, string, string]
  | readonly ['tail', number, number, number]
  | readonly ['trim', number, Known, number]
  | readonly ['stream', number, number, number, number, number, ...(number | string)[]]
  | readonly ['count', number, Known, number, number, Known]
  | readonly ['error', number, string, string]
  | readonly ['end', number, Known, string]
  | readonly ['never', number]
  | readonly ['alive', number, ...(number | string)[]]
  | readonly ['digest', number, number, string]
  | readonly ['opened', number, number, number, string]
  | readonly ['ended', number, number, number, number]
  | readonly ['done']

/** An instant of a line; what never came is at infinity. */
export const instantOf = (word: string | undefined): number => (word === '-' ? Infinity : Number(word))
