/* A session, the two sequencers that may end it, and the clients that count on it. What an append does is the other models'
 * matter: here an end is decided at once, if the epoch of its token is still the current one.
 * Time goes in steps, without an end: everything is kept as an age. A sequencer attends some steps only: it pauses, the
 * clock does not.
 * Checked: O5 while a client counts on its session no end of it is applied, over two epochs whose first sequencer does not
 * know that it is deposed, with heartbeats, answers and proofs that take as long as they like.
 *
 *     sent ── heard ── confirmed ── answer counts from its sending, for GIVES_UP steps
 *                └ quiet for more than TIMEOUT attended steps: ending ── confirms no more ── end decided in its epoch
 */
#ifndef TIMEOUT
#define TIMEOUT 3
#endif
#define GIVES_UP (TIMEOUT - 1)   /* 0.8 of it */
#ifndef PROOF
#define PROOF 4                  /* a proof is good for so long after it began: more than what giving up early spares */
#endif
#define NONE 255
/* What is older is of no use to anybody, and forgotten: it may as well have been lost on its way. */
#ifdef BUG_CONFIRMED_FROM_ANSWER
#define BEAT_MAX (GIVES_UP + 3)
#else
#define BEAT_MAX GIVES_UP
#endif
#ifdef BUG_PROVED_FROM_ANSWER
#define PROVING_MAX (TIMEOUT + 2)
#else
#define PROVING_MAX PROOF
#endif

byte epoch = 1;                              /* the one that units serve; sequencer k serves epoch k */
byte incarnation = 1; bit ended;             /* the log: 1 was opened, 2 is a resume by another process */
/* clients, by incarnation: ages of the last confirmed sending, of a heartbeat and of an answer under way */
byte confirmed[3]; bit lost[3]; bit begun[3]; byte beat[3] = NONE; byte answer[3] = NONE;
/* sequencers, by epoch; quiet: attended steps since it heard of an incarnation, and PROOF more */
bit boots[3]; byte quietOne[3]; byte quietTwo[3]; bit knowsTwo[3]; bit endingOne[3]; bit endingTwo[3];
byte proving[3] = NONE; bit isHeld[3]; byte proved[3] = NONE;

#define counts(i) (begun[i] && !lost[i])
#define older(age, max) if :: age != NONE && age + 1 >= max -> age = NONE :: age != NONE && age + 1 < max -> age++ :: else fi
#define quieter(q) if :: q <= PROOF + TIMEOUT -> q++ :: else fi
#define hear(q) if :: q > PROOF -> q = PROOF :: else fi
#define isOver(q) (q > PROOF + TIMEOUT)

#ifdef BUG_NO_GRACE
#define AT_BOOT PROOF
#else
#define AT_BOOT 0
#endif
/* A resume that is played counts as heard, and behind a boot no earlier than when the grace is over: who sent it may have
 * been confirmed since by the sequencer before. quietOne grows with attended time since the boot, and stays at PROOF. */
#ifdef BUG_NO_GRACE_FOR_RESUMED
#define WHEN_PLAYED(k) PROOF
#else
#define WHEN_PLAYED(k) (quietOne[k] < PROOF -> quietOne[k] : PROOF)
#endif
#ifdef BUG_UNPROVED
#define MAY(k) 1
#else
#define MAY(k) (proved[k] != NONE)
#endif
#ifdef BUG_END_WITHOUT_EPOCH
#define IN_EPOCH(k) 1
#else
#define IN_EPOCH(k) (epoch == k)
#endif
#ifdef BUG_END_IGNORES_RESUME
#define IS_ITS(i) (i <= incarnation)
#else
#define IS_ITS(i) (i == incarnation)
#endif
#ifdef BUG_CONFIRMS_WHILE_ENDING
#define MAY_CONFIRM(e) 1
#else
#define MAY_CONFIRM(e) (!(e))
#endif
#ifdef BUG_BEATS_AFTER_LOSS
#define GOES_ON(i) 1
#else
#define GOES_ON(i) (!lost[i])
#endif
#ifdef BUG_CONFIRMED_FROM_ANSWER
#define SENT(age) 0
#else
#define SENT(age) age
#endif
#ifdef BUG_PROVED_FROM_ANSWER
#define BEGAN(age) 0
#else
#define BEGAN(age) age
#endif

inline step(i) {
  if :: begun[i] ->
     older(beat[i], BEAT_MAX); older(answer[i], BEAT_MAX);
     if :: !lost[i] -> confirmed[i]++ :: else fi;
     if :: confirmed[i] >= GIVES_UP -> lost[i] = 1; confirmed[i] = 0 :: else fi;
     if :: !GOES_ON(i) -> beat[i] = NONE; answer[i] = NONE :: else fi
  :: else fi
}
inline attend(k) {
  if
  :: boots[k] -> older(proving[k], PROVING_MAX); older(proved[k], PROOF);
     if :: quieter(quietOne[k]); if :: knowsTwo[k] -> quieter(quietTwo[k]) :: else fi :: skip fi
  :: else fi
}
proctype Clock() {
  do
  :: atomic { !ended -> step(1); step(2); attend(1); attend(2) }
  :: ended -> break
  od
}

proctype Client(byte i) {
  do
  :: atomic { !ended && begun[i] && GOES_ON(i) && beat[i] == NONE -> beat[i] = 0 }
  :: atomic { GOES_ON(i) && answer[i] != NONE ->
       if :: lost[i] || SENT(answer[i]) < confirmed[i] -> confirmed[i] = SENT(answer[i]); lost[i] = 0 :: else fi;
       answer[i] = NONE }
  :: !GOES_ON(i) || ended -> break
  od
}

/* Another process has the ticket. */
proctype Resume() { atomic { !ended -> incarnation = 2; begun[2] = 1 } }

proctype Reconfigure() {
  epoch = 2;
  atomic { boots[2] = 1; quietOne[2] = AT_BOOT; quietTwo[2] = AT_BOOT; knowsTwo[2] = (incarnation == 2) }
}

proctype Sequencer(byte k) {
  do
  :: atomic { !ended && boots[k] && proving[k] == NONE -> proving[k] = 0; isHeld[k] = 0 }
  :: atomic { proving[k] != NONE && !isHeld[k] ->                          /* a majority is asked, at one moment of it */
       if :: epoch == k -> isHeld[k] = 1 :: else -> proving[k] = NONE fi }
  :: atomic { proving[k] != NONE && isHeld[k] -> proved[k] = BEGAN(proving[k]); proving[k] = NONE; isHeld[k] = 0 }
  :: atomic { boots[k] && beat[1] != NONE -> hear(quietOne[k]);
       if :: MAY(k) && MAY_CONFIRM(endingOne[k]) -> answer[1] = beat[1] :: else fi; beat[1] = NONE }
  :: atomic { boots[k] && beat[2] != NONE -> hear(quietTwo[k]);
       if :: MAY(k) && MAY_CONFIRM(endingTwo[k]) -> answer[2] = beat[2] :: else fi; beat[2] = NONE }
  :: atomic { boots[k] && incarnation == 2 && !knowsTwo[k] -> knowsTwo[k] = 1; quietTwo[k] = WHEN_PLAYED(k) }   /* played: heard */
  :: atomic { boots[k] && !endingOne[k] && isOver(quietOne[k]) -> endingOne[k] = 1 }
  :: atomic { boots[k] && knowsTwo[k] && !endingTwo[k] && isOver(quietTwo[k]) -> endingTwo[k] = 1 }
  :: atomic { endingOne[k] && !ended && IN_EPOCH(k) && IS_ITS(1) -> assert(!counts(incarnation)); ended = 1 }      /* O5 */
  :: atomic { endingTwo[k] && !ended && IN_EPOCH(k) && IS_ITS(2) -> assert(!counts(incarnation)); ended = 1 }      /* O5 */
  :: ended -> break
  od
}

init {
  atomic {
    boots[1] = 1; begun[1] = 1; quietOne[1] = PROOF;                       /* opened now: its sending counts */
    run Clock();
#ifndef FIRST_SILENT
    run Client(1);
#endif
    run Sequencer(1); run Sequencer(2); run Reconfigure();
#ifdef RESUME
    run Client(2); run Resume()
#endif
  }
}
