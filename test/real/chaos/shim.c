/*
 * Loaded before libc into a server (LD_PRELOAD): makes its disk slow and its wall clock wrong, by two numbers in a small
 * file that may change while it runs (CHAOS_SHIM names it). The monotonic clock stays right. Read next: native.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control { volatile int64_t delay_us; volatile int64_t clock_s; };

static struct control none;
static struct control *control = &none;

__attribute__((constructor)) static void open_control(void) {
  const char *path = getenv("CHAOS_SHIM");
  int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  void *found = mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, fd, 0);
  if (found != MAP_FAILED) control = found;
  close(fd);
}

static void wait_for_disk(void) {
  int64_t us = control->delay_us;
  struct timespec left = { us / 1000000, us % 1000000 * 1000 };
  if (us > 0) nanosleep(&left, NULL);
}

int fsync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
  wait_for_disk();
  return real(fd);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
  wait_for_disk();
  return real(fd);
}

int clock_gettime(clockid_t id, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, now);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += control->clock_s;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (real == NULL) real = dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(now, zone);
  if (result == 0) now->tv_sec += control->clock_s;
  return result;
}

time_t time(time_t *at) {
  static time_t (*real)(time_t *);
  if (real == NULL) real = dlsym(RTLD_NEXT, "time");
  time_t now = real(NULL) + control->clock_s;
  if (at != NULL) *at = now;
  return now;
}
