/*
 * Between a process and libc: what time it is, and how the disk below one directory behaves. Loaded with LD_PRELOAD.
 * What it does stands in a file that the harness writes and every process maps (see control.ts); zeros change nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONTROL "CHAOS_SHIM"
#define MAX_PATH_BYTES 1024
#define MAX_ENVIRONMENT 512

struct faults {
  volatile int64_t clock_ms;
  volatile int64_t sync_delay_ms;
  volatile int64_t sync_errno;
  volatile int64_t write_errno;
  char below[MAX_PATH_BYTES];
};

static struct faults none;
static struct faults *faults = &none;
static char preload_entry[MAX_PATH_BYTES + 16];
static char control_entry[MAX_PATH_BYTES + 16];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* Looked up at the first use: other libraries' constructors may ask for the time before ours has run. */
#define NEXT(name)                                  \
  static __typeof__(&name) next;                    \
  if (next == NULL) next = REAL(name)

__attribute__((constructor)) static void begin(void) {
  const char *preload = getenv("LD_PRELOAD");
  const char *control = getenv(CONTROL);
  if (preload == NULL || control == NULL) return;
  snprintf(preload_entry, sizeof preload_entry, "LD_PRELOAD=%s", preload);
  snprintf(control_entry, sizeof control_entry, "%s=%s", CONTROL, control);
  int file = open(control, O_RDONLY | O_CLOEXEC);
  void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    fprintf(stderr, "mapping %s: %s\n", control, strerror(errno));
    _exit(99);
  }
  close(file);
  faults = mapped;
  /* Comptroller refuses to run with LD_PRELOAD, rightly: it must not see that it does. */
  unsetenv("LD_PRELOAD");
  unsetenv(CONTROL);
}

/* Comptroller starts itself again without the variables, and its keeper without any: both get ours back. */
static void with_ours(char *const given[], char *all[MAX_ENVIRONMENT]) {
  int count = 0;
  for (; given != NULL && *given != NULL && count < MAX_ENVIRONMENT - 3; given++) {
    if (strncmp(*given, "LD_PRELOAD=", 11) == 0 || strncmp(*given, CONTROL "=", sizeof CONTROL) == 0) continue;
    all[count++] = *given;
  }
  if (preload_entry[0] != 0) {
    all[count++] = preload_entry;
    all[count++] = control_entry;
  }
  all[count] = NULL;
}

int execve(const char *path, char *const argv[], char *const envp[]) {
  NEXT(execve);
  char *all[MAX_ENVIRONMENT];
  with_ours(envp, all);
  return next(path, argv, all);
}

int execvp(const char *file, char *const argv[]) {
  NEXT(execvpe);
  char *all[MAX_ENVIRONMENT];
  with_ours(environ, all);
  return next(file, argv, all);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  NEXT(clock_gettime);
  int failed = next(clock, now);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t by = faults->clock_ms;
    now->tv_sec += by / 1000;
    now->tv_nsec += (by % 1000) * 1000000;
    if (now->tv_nsec >= 1000000000) now->tv_sec++, now->tv_nsec -= 1000000000;
    if (now->tv_nsec < 0) now->tv_sec--, now->tv_nsec += 1000000000;
  }
  return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
  (void)zone;
  struct timespec exact;
  int failed = clock_gettime(CLOCK_REALTIME, &exact);
  if (failed == 0) {
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
  }
  return failed;
}

time_t time(time_t *out) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (out != NULL) *out = exact.tv_sec;
  return exact.tv_sec;
}

/* An end by the shifted clock, for a kernel that does not know of it. */
int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
  NEXT(sem_timedwait);
  struct timespec real = *until;
  real.tv_sec -= faults->clock_ms / 1000;
  return next(semaphore, &real);
}

static int below(int file) {
  char link[32], path[MAX_PATH_BYTES];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path);
  size_t prefix = strnlen(faults->below, sizeof faults->below);
  return length > 0 && prefix > 0 && (size_t)length > prefix && memcmp(path, faults->below, prefix) == 0 &&
         path[prefix] == '/';
}

static int refused(int64_t code, int file) {
  if (code == 0 || !below(file)) return 0;
  errno = (int)code;
  return 1;
}

static int sync_of(int file) {
  if (faults->sync_delay_ms > 0 && below(file)) {
    int64_t delay = faults->sync_delay_ms;
    struct timespec left = {delay / 1000, (delay % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
  }
  return refused(faults->sync_errno, file);
}

int fdatasync(int file) {
  NEXT(fdatasync);
  return sync_of(file) ? -1 : next(file);
}

int fsync(int file) {
  NEXT(fsync);
  return sync_of(file) ? -1 : next(file);
}

ssize_t write(int file, const void *bytes, size_t count) {
  NEXT(write);
  return refused(faults->write_errno, file) ? -1 : next(file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  NEXT(pwrite64);
  return refused(faults->write_errno, file) ? -1 : next(file, bytes, count, at);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  NEXT(writev);
  return refused(faults->write_errno, file) ? -1 : next(file, parts, count);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
  NEXT(pwritev);
  return refused(faults->write_errno, file) ? -1 : next(file, parts, count, at);
}
